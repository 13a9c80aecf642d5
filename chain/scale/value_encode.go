package scale

import (
	"math/big"

	"strata"
)

// Encode writes one value of a type; see Value for what fits which type. The
// error, of code Invalid, names the field that does not fit.
func (r *Registry) Encode(id TypeID, v Value) ([]byte, error) {
	var e Encoder
	if err := r.EncodeTo(&e, id, v); err != nil {
		return nil, err
	}
	return e.Bytes(), nil
}

// EncodeTo is Encode into e, which after an error holds part of the value.
func (r *Registry) EncodeTo(e *Encoder, id TypeID, v Value) error {
	return (&valueEncoder{e: e, reg: r}).value(id, v, 0)
}

type valueEncoder struct {
	e   *Encoder
	reg *Registry
}

// misfit says that a value is not of a type.
func misfit(v Value, want string) error {
	return strata.E(strata.Invalid, "scale: a %T does not fit %s", v, want)
}

func (x *valueEncoder) value(id TypeID, v Value, depth int) error {
	t, err := x.reg.Type(id)
	if err != nil {
		return err
	}
	if depth > maxDepth {
		return strata.E(strata.Invalid, "scale: values nest too deeply")
	}
	switch t.Kind {
	case KindComposite:
		return x.fields(t.Fields, t, v, depth)
	case KindVariant:
		return x.variant(t, v, depth)
	case KindSequence:
		return x.sequence(t, v, depth)
	case KindArray:
		return x.array(t, v, depth)
	case KindTuple:
		return x.tuple(t.Tuple, t, v, depth)
	case KindPrimitive:
		return x.primitive(t.Primitive, v)
	case KindCompact:
		return x.compact(t, v)
	default:
		return x.bits(t, v)
	}
}

// fields writes a struct's or a case's fields.
func (x *valueEncoder) fields(fields []Field, of *Type, v Value, depth int) error {
	if len(fields) == 0 || fields[0].Name == "" {
		ids, err := unnamedTypes(fields, of)
		switch {
		case err != nil:
			return err
		case len(ids) == 1:
			return x.value(ids[0], v, depth+1)
		default:
			return x.tuple(ids, of, v, depth)
		}
	}
	s, ok := v.(Struct)
	if !ok {
		return misfit(v, of.String())
	}
	for _, f := range fields {
		fv, ok := s[f.Name]
		if !ok {
			return strata.E(strata.Invalid, "scale: %s needs the field %q", of, f.Name)
		}
		if err := x.value(f.Type, fv, depth+1); err != nil {
			return within(f.Name, err)
		}
	}
	if len(s) > len(fields) {
		return strata.E(strata.Invalid, "scale: %s has %d fields, %d were given", of, len(fields), len(s))
	}
	return nil
}

// within names the field in which an error arose.
func within(field string, err error) error {
	return strata.E(strata.CodeOf(err), "%s: %w", field, err)
}

func (x *valueEncoder) variant(t *Type, v Value, depth int) error {
	if v == nil {
		v = Variant{Name: "None"}
	}
	val, ok := v.(Variant)
	if !ok {
		return misfit(v, t.String())
	}
	c := t.variant(val.Name)
	if c == nil {
		return strata.E(strata.Invalid, "scale: %s has no case %q", t, val.Name)
	}
	x.e.U8(c.Index)
	return x.fields(c.Fields, t, val.Value, depth)
}

func (x *valueEncoder) sequence(t *Type, v Value, depth int) error {
	if x.reg.isByte(t.Elem) {
		b, ok := toBytes(v)
		if !ok {
			return misfit(v, "a vector of bytes")
		}
		x.e.Blob(b)
		return nil
	}
	items, ok := toList(v)
	if !ok {
		return misfit(v, "a vector")
	}
	x.e.Compact(uint64(len(items)))
	return x.items(t.Elem, items, depth)
}

func (x *valueEncoder) array(t *Type, v Value, depth int) error {
	if x.reg.isByte(t.Elem) {
		b, ok := toBytes(v)
		if !ok {
			return misfit(v, "an array of bytes")
		}
		x.e.Raw(b)
		return sameLen(len(b), uint64(t.Len))
	}
	items, ok := toList(v)
	if !ok {
		return misfit(v, "an array")
	}
	if err := sameLen(len(items), uint64(t.Len)); err != nil {
		return err
	}
	return x.items(t.Elem, items, depth)
}

func sameLen(have int, want uint64) error {
	if uint64(have) != want {
		return strata.E(strata.Invalid, "scale: %d elements given where %d belong", have, want)
	}
	return nil
}

func (x *valueEncoder) items(id TypeID, items []Value, depth int) error {
	for _, v := range items {
		if err := x.value(id, v, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (x *valueEncoder) tuple(ids []TypeID, of *Type, v Value, depth int) error {
	if len(ids) == 0 {
		if v != nil {
			return misfit(v, of.String()+", which is empty")
		}
		return nil
	}
	items, ok := toList(v)
	if !ok {
		return misfit(v, of.String())
	}
	if err := sameLen(len(items), uint64(len(ids))); err != nil {
		return err
	}
	for i, id := range ids {
		if err := x.value(id, items[i], depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (x *valueEncoder) primitive(p Primitive, v Value) error {
	switch p {
	case Bool:
		b, ok := v.(bool)
		if !ok {
			return misfit(v, "a bool")
		}
		x.e.Bool(b)
		return nil
	case Str:
		s, ok := v.(string)
		if !ok {
			return misfit(v, "a string")
		}
		x.e.Str(s)
		return nil
	}
	n, ok := toInt(v)
	if !ok {
		return misfit(v, "an integer")
	}
	if p == Char {
		if !n.IsUint64() || !validChar(n.Uint64()) {
			return strata.E(strata.Invalid, "scale: %s is not a character", clipBig(n))
		}
		return x.e.Fixed(n, 4, false)
	}
	return x.e.Fixed(n, p.size(), p.signed())
}

func (x *valueEncoder) compact(t *Type, v Value) error {
	p, unit, err := x.reg.compactOf(t)
	if err != nil {
		return err
	}
	if unit {
		return x.tuple(nil, t, v, 0)
	}
	n, ok := toInt(v)
	if !ok {
		return misfit(v, "an integer")
	}
	if n.BitLen() > 8*p.size() {
		return strata.E(strata.Invalid, "scale: %s does not fit a compact integer of %d bytes", clipBig(n), p.size())
	}
	return x.e.CompactBig(n)
}

func (x *valueEncoder) bits(t *Type, v Value) error {
	store, msb, err := x.reg.bitsOf(t)
	if err != nil {
		return err
	}
	list, ok := v.([]bool)
	if !ok {
		return misfit(v, "a bit sequence")
	}
	x.e.Compact(uint64(len(list)))
	perWord := 8 * store
	for ; len(list) > 0; list = list[min(perWord, len(list)):] {
		var w uint64
		for i, bit := range list[:min(perWord, len(list))] {
			if bit {
				w |= 1 << bitAt(uint64(i), uint64(perWord), msb)
			}
		}
		if err := x.e.Fixed(new(big.Int).SetUint64(w), store, false); err != nil {
			return err
		}
	}
	return nil
}
