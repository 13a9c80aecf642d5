package wire

import (
	"encoding/binary"

	"strata"
)

// writer appends fields in wire order.
type writer struct{ b []byte }

func (w *writer) u8(v uint8)      { w.b = append(w.b, v) }
func (w *writer) u16(v uint16)    { w.b = binary.LittleEndian.AppendUint16(w.b, v) }
func (w *writer) u32(v uint32)    { w.b = binary.LittleEndian.AppendUint32(w.b, v) }
func (w *writer) u64(v uint64)    { w.b = binary.LittleEndian.AppendUint64(w.b, v) }
func (w *writer) raw(p []byte)    { w.b = append(w.b, p...) }
func (w *writer) h32(h [32]byte)  { w.b = append(w.b, h[:]...) }
func (w *writer) sig(s Signature) { w.b = append(w.b, s[:]...) }

// reader takes fields in wire order. The first failure sticks: every later
// field reads as zero, so that a decoder checks once, at the end.
type reader struct {
	b    []byte
	what string // names the message in errors
	err  error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = strata.E(strata.Invalid, r.what+": "+format, args...)
	}
	r.b = nil
}

// take returns the next n bytes, or nil after a failure.
func (r *reader) take(n int) []byte {
	if r.err != nil {
		return nil
	}
	if n > len(r.b) {
		r.fail("message ends %d bytes early", n-len(r.b))
		return nil
	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}

func (r *reader) u8() uint8 {
	if p := r.take(1); p != nil {
		return p[0]
	}
	return 0
}

func (r *reader) u16() uint16 {
	if p := r.take(2); p != nil {
		return binary.LittleEndian.Uint16(p)
	}
	return 0
}

func (r *reader) u32() uint32 {
	if p := r.take(4); p != nil {
		return binary.LittleEndian.Uint32(p)
	}
	return 0
}

func (r *reader) u64() uint64 {
	if p := r.take(8); p != nil {
		return binary.LittleEndian.Uint64(p)
	}
	return 0
}

func (r *reader) h32() (h [32]byte) {
	copy(h[:], r.take(32))
	return h
}

func (r *reader) sig() (s Signature) {
	copy(s[:], r.take(len(s)))
	return s
}

// flag reads a byte that must be 0 or 1.
func (r *reader) flag() bool {
	v := r.u8()
	if v > 1 {
		r.fail("flag is %d, it must be 0 or 1", v)
	}
	return v == 1
}

// count checks n against a limit and against the bytes that are left for n
// items of at least size each, so that nothing is allocated for a lie.
func (r *reader) count(n uint32, limit int, size int) int {
	if r.err != nil {
		return 0
	}
	if uint64(n) > uint64(limit) || uint64(n)*uint64(size) > uint64(len(r.b)) {
		r.fail("count %d is more than the message may or does hold", n)
		return 0
	}
	return int(n)
}

// end returns the first failure; bytes left over are one.
func (r *reader) end() error {
	if r.err == nil && len(r.b) > 0 {
		r.fail("%d bytes after the end of the message", len(r.b))
	}
	return r.err
}

// newReader starts decoding; a message over limit is not looked at.
func newReader(b []byte, what string, limit int) *reader {
	r := &reader{b: b, what: what}
	if len(b) > limit {
		r.err = strata.E(strata.TooLarge, "%s: %d bytes, at most %d are allowed", what, len(b), limit)
		r.b = nil
	}
	return r
}
