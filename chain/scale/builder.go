package scale

import "strings"

// Builder makes a Registry by hand. Each method returns the id of the type,
// the same id when the same type is made twice. Not safe for concurrent use.
type Builder struct {
	types []Type
	seen  map[string]TypeID // by the encoding without the id
}

// NewBuilder returns an empty Builder.
func NewBuilder() *Builder { return &Builder{seen: map[string]TypeID{}} }

// Add returns the id of t, whose own ID is ignored. The other methods are
// shorter; Add is for docs and generic parameters.
func (b *Builder) Add(t Type) TypeID {
	var e Encoder
	t.encode(&e)
	if id, ok := b.seen[string(e.Bytes())]; ok {
		return id
	}
	t.ID = TypeID(len(b.types))
	b.types = append(b.types, t)
	b.seen[string(e.Bytes())] = t.ID
	return t.ID
}

// Reserve returns the id of a type that refers to itself, directly or through
// others; Define says what it is. A type that stays undefined is the unit type.
func (b *Builder) Reserve() TypeID {
	id := TypeID(len(b.types))
	b.types = append(b.types, Type{ID: id, Kind: KindTuple})
	return id
}

// Define says what a reserved type is.
func (b *Builder) Define(id TypeID, t Type) {
	t.ID = id
	b.types[id] = t
}

// Primitive returns a primitive type.
func (b *Builder) Primitive(p Primitive) TypeID {
	return b.Add(Type{Kind: KindPrimitive, Primitive: p})
}

// Composite returns a struct. Path is like "sp_core::crypto::AccountId32";
// fields have either all a name or none (see Named and Unnamed).
func (b *Builder) Composite(path string, fields ...Field) TypeID {
	return b.Add(Type{Kind: KindComposite, Path: splitPath(path), Fields: fields})
}

// Variant returns an enum.
func (b *Builder) Variant(path string, cases ...VariantOf) TypeID {
	return b.Add(Type{Kind: KindVariant, Path: splitPath(path), Variants: cases})
}

// Sequence returns Vec<elem>.
func (b *Builder) Sequence(elem TypeID) TypeID { return b.Add(Type{Kind: KindSequence, Elem: elem}) }

// Array returns [elem; n].
func (b *Builder) Array(n uint32, elem TypeID) TypeID {
	return b.Add(Type{Kind: KindArray, Len: n, Elem: elem})
}

// Tuple returns (elems…); without elems, the unit type.
func (b *Builder) Tuple(elems ...TypeID) TypeID { return b.Add(Type{Kind: KindTuple, Tuple: elems}) }

// Compact returns Compact<elem>; elem is an unsigned integer or a struct of one.
func (b *Builder) Compact(elem TypeID) TypeID { return b.Add(Type{Kind: KindCompact, Elem: elem}) }

// Option returns Option<elem>.
func (b *Builder) Option(elem TypeID) TypeID {
	return b.Add(Type{
		Kind: KindVariant, Path: []string{"Option"}, Params: []TypeParam{{Name: "T", Type: &elem}},
		Variants: []VariantOf{Case("None", 0), Case("Some", 1, Unnamed(elem))},
	})
}

// Registry returns the types made so far. The Builder may go on; the Registry
// does not change.
func (b *Builder) Registry() (*Registry, error) {
	return newRegistry(append([]Type(nil), b.types...))
}

// Named returns a field with a name.
func Named(name string, id TypeID) Field { return Field{Name: name, Type: id} }

// Unnamed returns a field of a tuple-like struct or variant.
func Unnamed(id TypeID) Field { return Field{Type: id} }

// Case returns one case of an enum.
func Case(name string, index uint8, fields ...Field) VariantOf {
	return VariantOf{Name: name, Index: index, Fields: fields}
}

func splitPath(path string) []string {
	if path == "" {
		return nil
	}
	return strings.Split(path, "::")
}
