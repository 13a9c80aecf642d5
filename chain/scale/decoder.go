package scale

import (
	"encoding/binary"
	"math/big"
	"slices"
	"unicode/utf8"

	"strata"
)

// Decoder reads SCALE values from a byte slice. The first error sticks: later
// reads return zero values, and Err or Done reports it. Not safe for
// concurrent use.
type Decoder struct {
	buf []byte
	off int
	err error
}

// NewDecoder returns a Decoder at the start of b, which it does not copy or modify.
func NewDecoder(b []byte) *Decoder { return &Decoder{buf: b} }

// Err returns the first error, nil if there was none. Its code is Invalid.
func (d *Decoder) Err() error { return d.err }

// Remaining returns how many bytes are unread.
func (d *Decoder) Remaining() int { return len(d.buf) - d.off }

// Offset returns how many bytes have been read.
func (d *Decoder) Offset() int { return d.off }

// Done returns Err, or an error if bytes are left over.
func (d *Decoder) Done() error {
	if d.err == nil && d.Remaining() > 0 {
		d.fail("%d bytes left over after the value", d.Remaining())
	}
	return d.err
}

// fail records the first error.
func (d *Decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = strata.E(strata.Invalid, "scale: at byte %d: "+format, append([]any{d.off}, args...)...)
	}
}

// take returns the next n bytes without copying, nil after an error.
func (d *Decoder) take(n int) []byte {
	if d.err != nil {
		return nil
	}
	if n < 0 || n > d.Remaining() {
		d.fail("%d bytes wanted, %d left", n, d.Remaining())
		return nil
	}
	d.off += n
	return d.buf[d.off-n : d.off : d.off]
}

// Raw returns a copy of the next n bytes.
func (d *Decoder) Raw(n int) []byte { return slices.Clone(d.take(n)) }

// Rest returns a copy of all unread bytes.
func (d *Decoder) Rest() []byte { return d.Raw(d.Remaining()) }

// uint reads n ≤ 8 bytes, little endian.
func (d *Decoder) uint(n int) uint64 {
	var b [8]byte
	copy(b[:], d.take(n))
	return binary.LittleEndian.Uint64(b[:])
}

// U8 reads a u8.
func (d *Decoder) U8() uint8 { return uint8(d.uint(1)) }

// U16 reads a u16.
func (d *Decoder) U16() uint16 { return uint16(d.uint(2)) }

// U32 reads a u32.
func (d *Decoder) U32() uint32 { return uint32(d.uint(4)) }

// U64 reads a u64.
func (d *Decoder) U64() uint64 { return d.uint(8) }

// U128 reads a u128.
func (d *Decoder) U128() *big.Int { return d.bigUint(16) }

// U256 reads a u256.
func (d *Decoder) U256() *big.Int { return d.bigUint(32) }

// bigUint reads n bytes, little endian.
func (d *Decoder) bigUint(n int) *big.Int {
	b := d.Raw(n)
	slices.Reverse(b)
	return new(big.Int).SetBytes(b)
}

// bigInt reads n bytes as two's complement, little endian.
func (d *Decoder) bigInt(n int) *big.Int {
	v := d.bigUint(n)
	if v.Bit(8*n-1) == 1 {
		v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(8*n)))
	}
	return v
}

// Bool reads a bool: one byte, 0 or 1.
func (d *Decoder) Bool() bool {
	b := d.U8()
	if b > 1 {
		d.fail("a bool is 0 or 1, not %d", b)
	}
	return b == 1
}

// Option reads the byte before an Option's value and says whether one follows.
func (d *Decoder) Option() bool { return d.Bool() }

// Compact reads a compact integer of at most 64 bits.
func (d *Decoder) Compact() uint64 {
	first := d.U8()
	switch first & 3 {
	case 0:
		return uint64(first >> 2)
	case 1:
		return d.compactTail(first, 1, 1<<6)
	case 2:
		return d.compactTail(first, 3, 1<<14)
	}
	n := int(first>>2) + 4
	if n > 8 {
		d.fail("a compact integer of %d bytes is more than 64 bits", n)
		return 0
	}
	v := d.uint(n)
	if v>>(8*(n-1)) == 0 || v < 1<<30 {
		d.fail("compact integer %d is not in its shortest form", v)
	}
	if d.err != nil {
		return 0
	}
	return v
}

// compactTail reads the n bytes that follow the first of a two- or four-byte
// compact and checks that the value needs them.
func (d *Decoder) compactTail(first uint8, n int, min uint64) uint64 {
	v := (d.uint(n)<<8 | uint64(first)) >> 2
	if v < min {
		d.fail("compact integer %d is not in its shortest form", v)
	}
	if d.err != nil {
		return 0
	}
	return v
}

// CompactBig reads a compact integer of any size SCALE can hold (536 bits).
func (d *Decoder) CompactBig() *big.Int {
	if d.err != nil || d.Remaining() == 0 || d.buf[d.off]&3 != 3 {
		return new(big.Int).SetUint64(d.Compact())
	}
	n := int(d.U8()>>2) + 4
	v := d.bigUint(n)
	if d.err == nil && (v.BitLen() <= 8*(n-1) || v.BitLen() <= 30) {
		d.fail("compact integer %s is not in its shortest form", v)
		return new(big.Int)
	}
	return v
}

// Count reads the length of a vector. Each element is taken to occupy at least
// a byte, so a count above the bytes left is an error. After any error it is 0:
// callers loop over it without looking at Err.
func (d *Decoder) Count() int {
	n := d.Compact()
	if d.err == nil && n > uint64(d.Remaining()) {
		d.fail("a vector of %d elements in %d bytes", n, d.Remaining())
	}
	if d.err != nil {
		return 0
	}
	return int(n)
}

// Blob reads a Vec<u8>.
func (d *Decoder) Blob() []byte { return d.Raw(d.Count()) }

// Str reads a string, which must be UTF-8.
func (d *Decoder) Str() string {
	b := d.take(d.Count())
	if !utf8.Valid(b) {
		d.fail("a string is not UTF-8")
		return ""
	}
	return string(b)
}

// Vec reads a vector whose elements f reads. Elements occupy at least a byte.
func Vec[T any](d *Decoder, f func(*Decoder) T) []T {
	n := d.Count()
	out := make([]T, 0, min(n, 64)) // grows with what is really there
	for ; n > 0 && d.err == nil; n-- {
		out = append(out, f(d))
	}
	return out
}
