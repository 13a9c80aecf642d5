package scale

import (
	"fmt"
	"math/big"

	"strata"
)

// View reads a decoded Value field by field. The first thing that is not as
// asked sticks, for this View and all taken from it, and Err reports it; after
// it everything reads as zero. So a whole struct is read before looking at the
// error once. Not safe for concurrent use.
type View struct {
	v    Value
	path string
	err  *error
}

// Look returns a View of v; name is what errors call it.
func Look(v Value, name string) View { return View{v: v, path: name, err: new(error)} }

// Err returns the first error, of code Invalid, nil if there was none.
func (w View) Err() error { return *w.err }

// Value returns the value itself.
func (w View) Value() Value { return w.v }

func (w View) fail(want string) {
	if *w.err == nil {
		*w.err = strata.E(strata.Invalid, "scale: %s is a %T, not %s", w.path, w.v, want)
	}
}

// Field returns a field of a struct.
func (w View) Field(name string) View {
	s, ok := w.v.(Struct)
	f, has := s[name]
	if !ok || !has {
		w.fail("a struct with a field " + name)
	}
	return View{v: f, path: w.path + "." + name, err: w.err}
}

// Has says whether the value is a struct with that field.
func (w View) Has(name string) bool {
	s, _ := w.v.(Struct)
	_, ok := s[name]
	return ok
}

// Items returns the elements of a vector, an array or a tuple.
func (w View) Items() []View {
	l, ok := w.v.([]Value)
	if !ok {
		w.fail("a list")
	}
	out := make([]View, len(l))
	for i := range l {
		out[i] = View{v: l[i], path: fmt.Sprintf("%s[%d]", w.path, i), err: w.err}
	}
	return out
}

// Index returns an element of a vector, an array or a tuple.
func (w View) Index(i int) View {
	l, _ := w.v.([]Value)
	if i < 0 || i >= len(l) {
		w.fail(fmt.Sprintf("a list of more than %d", i))
		return View{path: w.path, err: w.err}
	}
	return View{v: l[i], path: fmt.Sprintf("%s[%d]", w.path, i), err: w.err}
}

// Case returns the name of an enum's case and what it holds.
func (w View) Case() (string, View) {
	c, ok := w.v.(Variant)
	if !ok {
		w.fail("an enum")
	}
	return c.Name, View{v: c.Value, path: w.path + "." + c.Name, err: w.err}
}

// Option returns what an Option holds, and whether it holds anything.
func (w View) Option() (View, bool) {
	name, inner := w.Case()
	if name != "Some" && name != "None" {
		w.fail("an option")
	}
	return inner, name == "Some"
}

// Big returns an integer of any size.
func (w View) Big() *big.Int {
	n, ok := toInt(w.v)
	if !ok {
		w.fail("an integer")
		return new(big.Int)
	}
	return n
}

// Uint returns an unsigned integer that fits the given number of bits, at most 64.
func (w View) Uint(bits int) uint64 {
	n := w.Big()
	if n.Sign() < 0 || n.BitLen() > bits {
		w.fail(fmt.Sprintf("an unsigned integer of %d bits", bits))
		return 0
	}
	return n.Uint64()
}

// U8 returns an integer that fits a uint8.
func (w View) U8() uint8 { return uint8(w.Uint(8)) }

// U16 returns an integer that fits a uint16.
func (w View) U16() uint16 { return uint16(w.Uint(16)) }

// U32 returns an integer that fits a uint32.
func (w View) U32() uint32 { return uint32(w.Uint(32)) }

// U64 returns an integer that fits a uint64.
func (w View) U64() uint64 { return w.Uint(64) }

// Bool returns a bool.
func (w View) Bool() bool {
	b, ok := w.v.(bool)
	if !ok {
		w.fail("a bool")
	}
	return b
}

// Str returns a string.
func (w View) Str() string {
	s, ok := w.v.(string)
	if !ok {
		w.fail("a string")
	}
	return s
}

// U16s returns the items of a list, all of which fit a uint16.
func (w View) U16s() []uint16 {
	items := w.Items()
	out := make([]uint16, len(items))
	for i, item := range items {
		out[i] = item.U16()
	}
	return out
}

// Bytes returns the bytes of a Vec<u8> or a [u8; N].
func (w View) Bytes() []byte {
	b, ok := w.v.([]byte)
	if !ok {
		w.fail("bytes")
	}
	return b
}

// Bytes32 returns exactly 32 bytes: a key or a hash.
func (w View) Bytes32() (out [32]byte) {
	if b := w.Bytes(); copy(out[:], b) != 32 || len(b) != 32 {
		w.fail("32 bytes")
		return [32]byte{}
	}
	return out
}
