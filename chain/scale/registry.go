package scale

import (
	"fmt"
	"strings"

	"strata"
)

// TypeID names a type in a Registry.
type TypeID uint32

// Kind says what a type is made of.
type Kind uint8

// The kinds, with the numbers that scale-info gives them.
const (
	KindComposite Kind = iota
	KindVariant
	KindSequence
	KindArray
	KindTuple
	KindPrimitive
	KindCompact
	KindBits
)

// Primitive is a primitive type.
type Primitive uint8

// The primitives, with the numbers that scale-info gives them.
const (
	Bool Primitive = iota
	Char
	Str
	U8
	U16
	U32
	U64
	U128
	U256
	I8
	I16
	I32
	I64
	I128
	I256
)

// size returns the bytes of an integer primitive, 0 for the others.
func (p Primitive) size() int {
	switch {
	case p >= U8 && p <= U256:
		return 1 << (p - U8)
	case p >= I8 && p <= I256:
		return 1 << (p - I8)
	}
	return 0
}

// signed says whether an integer primitive has a sign.
func (p Primitive) signed() bool { return p >= I8 }

// Type is one type of a Registry. Only the fields of its Kind are used.
type Type struct {
	ID     TypeID
	Path   []string // as in the source: {"sp_core", "crypto", "AccountId32"}; empty for unnamed types
	Params []TypeParam
	Kind   Kind
	Docs   []string

	Fields    []Field     // KindComposite
	Variants  []VariantOf // KindVariant
	Elem      TypeID      // KindSequence, KindArray, KindCompact; the store of KindBits
	Len       uint32      // KindArray
	Tuple     []TypeID    // KindTuple
	Primitive Primitive   // KindPrimitive
	Order     TypeID      // KindBits: Lsb0 or Msb0, by the last name of its path
}

// TypeParam is a generic parameter of a type. Type is nil where the source
// left it out.
type TypeParam struct {
	Name string
	Type *TypeID
}

// Field is a field of a composite or a variant. Name is empty in a tuple;
// TypeName is how the source writes the type, and may be empty.
type Field struct {
	Name     string
	Type     TypeID
	TypeName string
	Docs     []string
}

// VariantOf is one case of a variant type; Index is its byte on the wire.
type VariantOf struct {
	Name   string
	Fields []Field
	Index  uint8
	Docs   []string
}

// Registry holds the types of a chain. It is not modified after decoding or
// building, so it is safe for concurrent use.
type Registry struct {
	types []Type
	byID  map[TypeID]int
	empty map[TypeID]bool // types whose values encode to no bytes
}

// newRegistry indexes types, which must have distinct ids.
func newRegistry(types []Type) (*Registry, error) {
	r := &Registry{types: types, byID: make(map[TypeID]int, len(types))}
	for i := range types {
		if _, twice := r.byID[types[i].ID]; twice {
			return nil, strata.E(strata.Invalid, "scale: type %d is defined twice", types[i].ID)
		}
		r.byID[types[i].ID] = i
	}
	r.empty = r.findEmpty()
	return r, nil
}

// Type returns a type by id. The error has code Invalid: the id came from the
// same metadata, which is therefore broken.
func (r *Registry) Type(id TypeID) (*Type, error) {
	i, ok := r.byID[id]
	if !ok {
		return nil, strata.E(strata.Invalid, "scale: metadata refers to type %d, which it does not define", id)
	}
	return &r.types[i], nil
}

// Find returns the id of the first type with that path, such as
// "sp_core::crypto::AccountId32". The error has code NotFound.
func (r *Registry) Find(path string) (TypeID, error) {
	for i := range r.types {
		if r.types[i].name() == path && path != "" {
			return r.types[i].ID, nil
		}
	}
	return 0, strata.E(strata.NotFound, "scale: metadata has no type %q", path)
}

// name returns the type's path as the source writes it.
func (t *Type) name() string { return strings.Join(t.Path, "::") }

// String names the type for error messages.
func (t *Type) String() string {
	if len(t.Path) > 0 {
		return t.name()
	}
	return fmt.Sprintf("type %d", t.ID)
}

// variant returns the case with that name, nil if there is none.
func (t *Type) variant(name string) *VariantOf {
	for i := range t.Variants {
		if t.Variants[i].Name == name {
			return &t.Variants[i]
		}
	}
	return nil
}

// variantAt returns the case with that index, nil if there is none.
func (t *Type) variantAt(index uint8) *VariantOf {
	for i := range t.Variants {
		if t.Variants[i].Index == index {
			return &t.Variants[i]
		}
	}
	return nil
}

// findEmpty lists the types all of whose values encode to no bytes. Each type
// is looked at once, however types refer to each other; one that refers to
// itself, or nests too deeply to be decoded, is not empty.
func (r *Registry) findEmpty() map[TypeID]bool {
	known := make(map[TypeID]bool)
	var visit func(id TypeID, depth int) bool
	visit = func(id TypeID, depth int) bool {
		if empty, ok := known[id]; ok || depth > maxDepth {
			return empty
		}
		known[id] = false
		t, err := r.Type(id)
		if err != nil {
			return false
		}
		parts, fixed := t.parts()
		for _, part := range parts {
			fixed = fixed && visit(part, depth+1)
		}
		known[id] = fixed
		return fixed
	}
	for i := range r.types {
		visit(r.types[i].ID, 0)
	}
	return known
}

// parts returns the types whose values, in a row, are a value of this type;
// fixed is false where a value has bytes besides.
func (t *Type) parts() (ids []TypeID, fixed bool) {
	switch t.Kind {
	case KindComposite:
		for _, f := range t.Fields {
			ids = append(ids, f.Type)
		}
		return ids, true
	case KindTuple:
		return t.Tuple, true
	case KindArray:
		if t.Len == 0 {
			return nil, true
		}
		return []TypeID{t.Elem}, true
	}
	return nil, false
}
