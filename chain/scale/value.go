package scale

import (
	"math/big"
	"reflect"

	"strata"
)

// Limits of dynamic values: how deeply types may nest, and how many values one
// decoding may make beyond those that its bytes pay for.
const (
	maxDepth       = 256
	freeValues     = 1 << 14
	valuesForAByte = 16
)

// Value is any SCALE value. Decode makes exactly these, and Encode accepts them:
//
//	uint64    u8…u64, char, and compacts of them
//	int64     i8…i64
//	*big.Int  u128, u256, i128, i256, and compacts of them
//	bool      bool
//	string    str
//	[]byte    Vec<u8> and [u8; N]
//	[]bool    a bit sequence
//	[]Value   other vectors, arrays and tuples, and structs of several unnamed fields
//	Struct    structs with named fields
//	Variant   enums, Option included
//	nil       the unit type and structs without fields
//
// A struct with one unnamed field is that field: AccountId32 and H256 are
// []byte, BoundedVec is what it holds. Encode also takes any Go integer for
// any integer type, any array or slice of bytes for []byte, any slice for
// []Value, and nil for None.
type Value any

// Struct holds the named fields of a struct or of a variant's case.
type Struct map[string]Value

// Variant is one case of an enum. Value holds its fields, as those of a struct;
// nil if it has none.
type Variant struct {
	Name  string
	Value Value
}

// Decode reads one value of a type from all of b.
func (r *Registry) Decode(id TypeID, b []byte) (Value, error) {
	d := NewDecoder(b)
	v := r.DecodeFrom(d, id)
	if err := d.Done(); err != nil {
		return nil, err
	}
	return v, nil
}

// DecodeFrom reads one value of a type from d, which holds the error if any.
func (r *Registry) DecodeFrom(d *Decoder, id TypeID) Value {
	v := valueDecoder{d: d, reg: r, left: freeValues + valuesForAByte*d.Remaining()}
	out := v.value(id, 0)
	if d.err != nil {
		return nil
	}
	return out
}

// valueDecoder reads values of types that may be hostile: left is what bounds
// vectors and nests of empty values, which no byte pays for.
type valueDecoder struct {
	d    *Decoder
	reg  *Registry
	left int
}

// open counts a value and returns its type, nil after an error.
func (v *valueDecoder) open(id TypeID, depth int) *Type {
	v.left--
	if v.d.err == nil && (depth > maxDepth || v.left < 0) {
		v.d.fail("values nest too deeply, or too many are empty")
	}
	t, err := v.reg.Type(id)
	if err != nil {
		v.d.fail("%w", err)
	}
	if v.d.err != nil {
		return nil
	}
	return t
}

func (v *valueDecoder) value(id TypeID, depth int) Value {
	t := v.open(id, depth)
	if t == nil {
		return nil
	}
	switch t.Kind {
	case KindComposite:
		return v.fields(t.Fields, t, depth)
	case KindVariant:
		return v.variant(t, depth)
	case KindSequence:
		return v.sequence(t, depth)
	case KindArray:
		return v.elems(t.Elem, uint64(t.Len), depth)
	case KindTuple:
		return v.tuple(t.Tuple, depth)
	case KindPrimitive:
		return v.primitive(t.Primitive)
	case KindCompact:
		return v.compact(t)
	default:
		return v.bits(t)
	}
}

// fields reads a struct's or a case's fields.
func (v *valueDecoder) fields(fields []Field, of *Type, depth int) Value {
	if len(fields) == 0 {
		return nil
	}
	if fields[0].Name == "" {
		ids, err := unnamedTypes(fields, of)
		if err != nil {
			v.d.fail("%w", err)
			return nil
		}
		if len(ids) == 1 {
			return v.value(ids[0], depth+1)
		}
		return v.tuple(ids, depth)
	}
	out := make(Struct, min(len(fields), 64))
	for _, f := range fields {
		if _, twice := out[f.Name]; twice || f.Name == "" {
			v.d.fail("the fields of %s are not all named, each differently", of)
		}
		if v.d.err != nil {
			return nil
		}
		out[f.Name] = v.value(f.Type, depth+1)
	}
	return out
}

// unnamedTypes returns the types of fields, none of which may have a name.
func unnamedTypes(fields []Field, of *Type) ([]TypeID, error) {
	ids := make([]TypeID, len(fields))
	for i, f := range fields {
		if f.Name != "" {
			return nil, strata.E(strata.Invalid, "scale: only some fields of %s are named", of)
		}
		ids[i] = f.Type
	}
	return ids, nil
}

func (v *valueDecoder) variant(t *Type, depth int) Value {
	index := v.d.U8()
	c := t.variantAt(index)
	if c == nil {
		v.d.fail("%s has no case %d", t, index)
		return nil
	}
	return Variant{Name: c.Name, Value: v.fields(c.Fields, t, depth)}
}

// sequence reads a vector; only one of empty values may be longer than its bytes.
func (v *valueDecoder) sequence(t *Type, depth int) Value {
	n := v.d.Compact()
	if n > uint64(v.d.Remaining()) && !v.reg.empty[t.Elem] {
		v.d.fail("a vector of %d elements in %d bytes", n, v.d.Remaining())
	}
	return v.elems(t.Elem, n, depth)
}

// elems reads n values of a type.
func (v *valueDecoder) elems(id TypeID, n uint64, depth int) Value {
	if v.d.err == nil && n > uint64(v.left) {
		v.d.fail("%d elements in %d bytes", n, v.d.Remaining())
	}
	if v.d.err != nil {
		return nil
	}
	if v.reg.isByte(id) {
		return v.d.Raw(int(n))
	}
	out := make([]Value, 0, min(n, 64))
	for ; n > 0 && v.d.err == nil; n-- {
		out = append(out, v.value(id, depth+1))
	}
	return out
}

func (v *valueDecoder) tuple(ids []TypeID, depth int) Value {
	if len(ids) == 0 {
		return nil
	}
	out := make([]Value, 0, min(len(ids), 64))
	for _, id := range ids {
		if v.d.err != nil {
			return nil
		}
		out = append(out, v.value(id, depth+1))
	}
	return out
}

func (v *valueDecoder) primitive(p Primitive) Value {
	switch {
	case p == Bool:
		return v.d.Bool()
	case p == Str:
		return v.d.Str()
	case p == Char:
		c := v.d.U32()
		if !validChar(uint64(c)) {
			v.d.fail("%d is not a character", c)
		}
		return uint64(c)
	case p.size() > 8 && p.signed():
		return v.d.bigInt(p.size())
	case p.size() > 8:
		return v.d.bigUint(p.size())
	case p.signed():
		shift := 64 - 8*p.size()
		return int64(v.d.uint(p.size())) << shift >> shift
	default:
		return v.d.uint(p.size())
	}
}

// compact reads a compact and checks that it fits the integer it stands for.
func (v *valueDecoder) compact(t *Type) Value {
	p, unit, err := v.reg.compactOf(t)
	if err != nil {
		v.d.fail("%w", err)
	}
	if unit || v.d.err != nil {
		return nil
	}
	n := v.d.CompactBig()
	if n.BitLen() > 8*p.size() {
		v.d.fail("compact integer %s does not fit %d bytes", clipBig(n), p.size())
	}
	if p.size() > 8 {
		return n
	}
	return n.Uint64()
}

// bits reads a bit sequence: a compact count of bits, then whole store
// integers. Unused bits must be zero.
func (v *valueDecoder) bits(t *Type) Value {
	store, msb, err := v.reg.bitsOf(t)
	if err != nil {
		v.d.fail("%w", err)
		return nil
	}
	n := v.d.Compact()
	if n > 8*uint64(v.d.Remaining()) {
		v.d.fail("%d bits in %d bytes", n, v.d.Remaining())
		return nil
	}
	perWord := uint64(8 * store)
	words := (n + perWord - 1) / perWord
	out := make([]bool, 0, n)
	for range words {
		w := v.d.uint(store)
		for i := range perWord {
			if bit := w>>bitAt(i, perWord, msb)&1 == 1; uint64(len(out)) < n {
				out = append(out, bit)
			} else if bit {
				v.d.fail("unused bits of a bit sequence are set")
			}
		}
	}
	return out
}

// bitAt returns where bit i of a word stands.
func bitAt(i, perWord uint64, msb bool) uint64 {
	if msb {
		return perWord - 1 - i
	}
	return i
}

func validChar(c uint64) bool { return c < 0xd800 || c > 0xdfff && c <= 0x10ffff }

// isByte says whether a type is u8 itself.
func (r *Registry) isByte(id TypeID) bool {
	t, err := r.Type(id)
	return err == nil && t.Kind == KindPrimitive && t.Primitive == U8
}

// compactOf returns the unsigned integer that a compact stands for, through
// structs of one field; unit says that it stands for nothing.
func (r *Registry) compactOf(t *Type) (p Primitive, unit bool, err error) {
	at := t.Elem
	for range maxDepth {
		e, err := r.Type(at)
		if err != nil {
			return 0, false, err
		}
		switch {
		case e.Kind == KindPrimitive && e.Primitive >= U8 && e.Primitive <= U256:
			return e.Primitive, false, nil
		case r.empty[at]:
			return 0, true, nil
		case e.Kind == KindComposite && len(e.Fields) == 1:
			at = e.Fields[0].Type
		default:
			return 0, false, strata.E(strata.Invalid, "scale: %s cannot be compact", e)
		}
	}
	return 0, false, strata.E(strata.Invalid, "scale: %s nests too deeply", t)
}

// bitsOf returns the bytes of a bit sequence's store and whether bits run from
// the most significant.
func (r *Registry) bitsOf(t *Type) (store int, msb bool, err error) {
	s, err := r.Type(t.Elem)
	if err != nil {
		return 0, false, err
	}
	o, err := r.Type(t.Order)
	if err != nil {
		return 0, false, err
	}
	last := ""
	if len(o.Path) > 0 {
		last = o.Path[len(o.Path)-1]
	}
	if s.Kind != KindPrimitive || s.Primitive < U8 || s.Primitive > U64 || last != "Lsb0" && last != "Msb0" {
		return 0, false, strata.E(strata.Invalid, "scale: bit sequence %s has an unknown store or order", t)
	}
	return s.Primitive.size(), last == "Msb0", nil
}

// toInt takes any Go integer.
func toInt(v Value) (*big.Int, bool) {
	if n, ok := v.(*big.Int); ok {
		return n, n != nil
	}
	switch r := reflect.ValueOf(v); {
	case !r.IsValid():
		return nil, false
	case r.CanInt():
		return big.NewInt(r.Int()), true
	case r.CanUint():
		return new(big.Int).SetUint64(r.Uint()), true
	}
	return nil, false
}

// toBytes takes any slice or array of bytes.
func toBytes(v Value) ([]byte, bool) {
	r := reflect.ValueOf(v)
	if !r.IsValid() || r.Kind() != reflect.Slice && r.Kind() != reflect.Array || r.Type().Elem().Kind() != reflect.Uint8 {
		return nil, false
	}
	out := make([]byte, r.Len())
	reflect.Copy(reflect.ValueOf(out), r)
	return out, true
}

// toList takes any slice.
func toList(v Value) ([]Value, bool) {
	if l, ok := v.([]Value); ok {
		return l, true
	}
	r := reflect.ValueOf(v)
	if !r.IsValid() || r.Kind() != reflect.Slice {
		return nil, false
	}
	out := make([]Value, r.Len())
	for i := range out {
		out[i] = r.Index(i).Interface()
	}
	return out, true
}
