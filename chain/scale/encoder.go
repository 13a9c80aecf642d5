package scale

import (
	"encoding/binary"
	"math/big"
	"math/bits"
	"slices"

	"strata"
)

// maxCompactBytes is the most bytes that the big form of a compact integer holds.
const maxCompactBytes = 67

// Encoder appends SCALE values to a byte slice. The zero value is ready. Not
// safe for concurrent use.
type Encoder struct {
	buf []byte
}

// NewEncoder returns an Encoder that appends to dst.
func NewEncoder(dst []byte) *Encoder { return &Encoder{buf: dst} }

// Bytes returns what has been written, which later writes may extend.
func (e *Encoder) Bytes() []byte { return e.buf }

// Raw appends b as it is.
func (e *Encoder) Raw(b []byte) { e.buf = append(e.buf, b...) }

// U8 appends a u8.
func (e *Encoder) U8(v uint8) { e.buf = append(e.buf, v) }

// U16 appends a u16.
func (e *Encoder) U16(v uint16) { e.buf = binary.LittleEndian.AppendUint16(e.buf, v) }

// U32 appends a u32.
func (e *Encoder) U32(v uint32) { e.buf = binary.LittleEndian.AppendUint32(e.buf, v) }

// U64 appends a u64.
func (e *Encoder) U64(v uint64) { e.buf = binary.LittleEndian.AppendUint64(e.buf, v) }

// Fixed appends an integer of n bytes, in two's complement if signed. The
// error has code Invalid if v is out of range.
func (e *Encoder) Fixed(v *big.Int, n int, signed bool) error {
	lo, hi := new(big.Int), new(big.Int).Lsh(big.NewInt(1), uint(8*n))
	span := new(big.Int).Set(hi)
	if signed {
		hi.Rsh(hi, 1)
		lo.Neg(hi)
	}
	if v.Cmp(lo) < 0 || v.Cmp(hi) >= 0 {
		return strata.E(strata.Invalid, "scale: %s does not fit an integer of %d bytes", clipBig(v), n)
	}
	if v.Sign() < 0 {
		v = span.Add(span, v)
	}
	b := v.FillBytes(make([]byte, n))
	slices.Reverse(b)
	e.Raw(b)
	return nil
}

// Bool appends a bool.
func (e *Encoder) Bool(v bool) {
	if v {
		e.U8(1)
	} else {
		e.U8(0)
	}
}

// Option appends the byte before an Option's value.
func (e *Encoder) Option(some bool) { e.Bool(some) }

// Compact appends a compact integer.
func (e *Encoder) Compact(v uint64) {
	switch {
	case v < 1<<6:
		e.U8(uint8(v << 2))
	case v < 1<<14:
		e.U16(uint16(v<<2 | 1))
	case v < 1<<30:
		e.U32(uint32(v<<2 | 2))
	default:
		n := max(4, (bits.Len64(v)+7)/8)
		e.U8(uint8((n-4)<<2 | 3))
		e.buf = append(e.buf, binary.LittleEndian.AppendUint64(nil, v)[:n]...)
	}
}

// CompactBig appends a compact integer of any size SCALE can hold. The error
// has code Invalid if v is negative or above 536 bits.
func (e *Encoder) CompactBig(v *big.Int) error {
	if v.Sign() < 0 || v.BitLen() > 8*maxCompactBytes {
		return strata.E(strata.Invalid, "scale: %s does not fit a compact integer", clipBig(v))
	}
	if v.IsUint64() {
		e.Compact(v.Uint64())
		return nil
	}
	b := v.Bytes()
	slices.Reverse(b)
	e.U8(uint8((len(b)-4)<<2 | 3))
	e.Raw(b)
	return nil
}

// Blob appends a Vec<u8>.
func (e *Encoder) Blob(b []byte) {
	e.Compact(uint64(len(b)))
	e.Raw(b)
}

// Str appends a string.
func (e *Encoder) Str(s string) {
	e.Compact(uint64(len(s)))
	e.buf = append(e.buf, s...)
}

// PutVec appends a vector whose elements f appends.
func PutVec[T any](e *Encoder, items []T, f func(*Encoder, T)) {
	e.Compact(uint64(len(items)))
	for _, v := range items {
		f(e, v)
	}
}

// clipBig bounds what an error quotes of a number.
func clipBig(v *big.Int) string {
	if v.BitLen() > 512 {
		return "a number above 512 bits"
	}
	return v.String()
}
