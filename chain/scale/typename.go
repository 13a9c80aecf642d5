package scale

import (
	"fmt"
	"strings"
)

// maxNameDepth bounds how deep TypeName looks into a type's parts, which may
// refer to itself; what lies deeper is "…".
const maxNameDepth = 6

var primitiveNames = [...]string{
	"bool", "char", "str", "u8", "u16", "u32", "u64", "u128", "u256", "i8", "i16", "i32", "i64", "i128", "i256",
}

// TypeName writes a type as Rust would, without the modules it comes from:
// "Vec<(u16, u16)>", "Option<AccountId32>". It is for people to read; a type
// that is not in the registry reads "?".
func (r *Registry) TypeName(id TypeID) string { return r.typeName(id, 0) }

func (r *Registry) typeName(id TypeID, depth int) string {
	t, err := r.Type(id)
	if err != nil {
		return "?"
	}
	if depth > maxNameDepth {
		return "…"
	}
	switch t.Kind {
	case KindSequence:
		return "Vec<" + r.typeName(t.Elem, depth+1) + ">"
	case KindArray:
		return fmt.Sprintf("[%s; %d]", r.typeName(t.Elem, depth+1), t.Len)
	case KindTuple:
		return "(" + r.typeNames(t.Tuple, depth+1) + ")"
	case KindCompact:
		return "Compact<" + r.typeName(t.Elem, depth+1) + ">"
	case KindBits:
		return "BitVec<" + r.typeName(t.Elem, depth+1) + ">"
	case KindPrimitive:
		if int(t.Primitive) < len(primitiveNames) {
			return primitiveNames[t.Primitive]
		}
		return "?"
	}
	return r.pathName(t, depth)
}

// pathName names a struct or an enum by the last part of its path and its
// parameters; one without a path by its fields.
func (r *Registry) pathName(t *Type, depth int) string {
	if len(t.Path) == 0 {
		ids := make([]TypeID, len(t.Fields))
		for i, f := range t.Fields {
			ids[i] = f.Type
		}
		return "(" + r.typeNames(ids, depth+1) + ")"
	}
	var params []TypeID
	for _, p := range t.Params {
		if p.Type != nil {
			params = append(params, *p.Type)
		}
	}
	name := t.Path[len(t.Path)-1]
	if len(params) == 0 || isOuter(name) {
		return name
	}
	return name + "<" + r.typeNames(params, depth+1) + ">"
}

// isOuter names the types whose parameters say nothing to a reader.
func isOuter(name string) bool {
	return strings.HasPrefix(name, "Runtime") || name == "UncheckedExtrinsic" || name == "MultiAddress"
}

func (r *Registry) typeNames(ids []TypeID, depth int) string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = r.typeName(id, depth)
	}
	return strings.Join(names, ", ")
}

var hasherNames = [...]string{
	"Blake2_128", "Blake2_256", "Blake2_128Concat", "Twox128", "Twox256", "Twox64Concat", "Identity",
}

// String names a hasher as frame-metadata does.
func (h Hasher) String() string {
	if int(h) < len(hasherNames) {
		return hasherNames[h]
	}
	return fmt.Sprintf("hasher %d", uint8(h))
}

// KeyTypes returns the type of each key of a map, in the order of its Hashers;
// none for a plain item.
func (m *Metadata) KeyTypes(e *StorageEntry) ([]TypeID, error) { return m.keyTypes(e) }

// TypesNamed returns the types whose path ends with a name, such as
// "AxonInfo", or is it, in the registry's order.
func (r *Registry) TypesNamed(name string) []*Type {
	var out []*Type
	for i := range r.types {
		t := &r.types[i]
		if n := len(t.Path); n > 0 && (strings.EqualFold(t.Path[n-1], name) || t.name() == name) {
			out = append(out, t)
		}
	}
	return out
}
