package metadata

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"strata/chain/scale"
)

// typist turns type expressions, written as Rust writes them, into types of a
// registry: primitives, Vec<T>, Option<T>, Compact<T>, [T;n], (A,B) and names
// that were declared before. The first error sticks; the runtime's tables are
// constants, so a test that builds the runtime finds every mistake in them.
type typist struct {
	b     *scale.Builder
	named map[string]scale.TypeID
	shift uint8 // see New
	err   error
}

var primitives = map[string]scale.Primitive{
	"bool": scale.Bool, "str": scale.Str, "u8": scale.U8, "u16": scale.U16, "u32": scale.U32,
	"u64": scale.U64, "u128": scale.U128, "i128": scale.I128,
}

func newTypist(spec uint32) *typist {
	t := &typist{b: scale.NewBuilder(), named: map[string]scale.TypeID{}, shift: uint8(spec - FirstSpec)}
	for i := range t.shift {
		t.b.Composite(fmt.Sprintf("node_subtensor_runtime::Spec%d", FirstSpec+uint32(i)))
	}
	for _, name := range slices.Sorted(maps.Keys(primitives)) { // each type has one number always
		t.named[name] = t.b.Primitive(primitives[name])
	}
	return t
}

func (t *typist) fail(format string, args ...any) scale.TypeID {
	if t.err == nil {
		t.err = fmt.Errorf("devchain: type table: "+format, args...)
	}
	return 0
}

// id returns the type that an expression names.
func (t *typist) id(expr string) scale.TypeID {
	expr = strings.TrimSpace(expr)
	switch {
	case strings.HasPrefix(expr, "Vec<"):
		return t.b.Sequence(t.id(inside(expr, "Vec<", ">")))
	case strings.HasPrefix(expr, "Option<"):
		return t.b.Option(t.id(inside(expr, "Option<", ">")))
	case strings.HasPrefix(expr, "Compact<"):
		return t.b.Compact(t.id(inside(expr, "Compact<", ">")))
	case strings.HasPrefix(expr, "("):
		return t.b.Tuple(t.ids(inside(expr, "(", ")"))...)
	case strings.HasPrefix(expr, "["):
		elem, n, _ := strings.Cut(inside(expr, "[", "]"), ";")
		size, err := strconv.ParseUint(n, 10, 32)
		if err != nil {
			return t.fail("%q is not an array", expr)
		}
		return t.b.Array(uint32(size), t.id(elem))
	}
	if id, ok := t.named[expr]; ok {
		return id
	}
	return t.fail("%q is not declared", expr)
}

func inside(s, open, end string) string {
	return strings.TrimSuffix(strings.TrimPrefix(s, open), end)
}

func (t *typist) ids(list string) []scale.TypeID {
	var out []scale.TypeID
	for _, expr := range split(list) {
		out = append(out, t.id(expr))
	}
	return out
}

// fields reads "name type, …", or types alone for a tuple-like struct.
func (t *typist) fields(list string) []scale.Field {
	var out []scale.Field
	for _, f := range split(list) {
		name, expr, named := strings.Cut(f, " ")
		if !named {
			name, expr = "", f
		}
		out = append(out, scale.Field{Name: name, Type: t.id(expr), TypeName: expr})
	}
	return out
}

// split cuts a list at the commas outside brackets.
func split(list string) []string {
	var out []string
	depth, start := 0, 0
	for i, c := range list {
		switch c {
		case '<', '(', '[':
			depth++
		case '>', ')', ']':
			depth--
		case ',':
			if depth == 0 {
				out = append(out, strings.TrimSpace(list[start:i]))
				start = i + 1
			}
		}
	}
	if rest := strings.TrimSpace(list[start:]); rest != "" {
		out = append(out, rest)
	}
	return out
}

// composite declares a struct under a short name.
func (t *typist) composite(name, path, fields string) scale.TypeID {
	return t.declare(name, path, scale.Type{Kind: scale.KindComposite, Fields: t.fields(fields)})
}

// variant declares an enum; a case is "index Name" or "index Name fields".
func (t *typist) variant(name, path string, cases []string) {
	out := scale.Type{Kind: scale.KindVariant}
	for _, c := range cases {
		out.Variants = append(out.Variants, t.caseOf(c))
	}
	t.declare(name, path, out)
}

// declare adds a type with its path and generic parameters.
func (t *typist) declare(name, path string, out scale.Type) scale.TypeID {
	out.Path = strings.Split(path, "::")
	for _, f := range t.fields(genericParams[name]) {
		out.Params = append(out.Params, scale.TypeParam{Name: f.Name, Type: &f.Type})
	}
	t.named[name] = t.b.Add(out)
	return t.named[name]
}

// shifted declares an enum whose indices move with the spec version.
func (t *typist) shifted(name, path string, cases []string) scale.TypeID {
	var out []scale.VariantOf
	for _, c := range cases {
		v := t.caseOf(c)
		v.Index += t.shift
		out = append(out, v)
	}
	t.named[name] = t.b.Variant(path, out...)
	return t.named[name]
}

// caseOf reads one case; what follows "//" is its documentation.
func (t *typist) caseOf(s string) scale.VariantOf {
	s, doc, _ := strings.Cut(s, "//")
	parts := strings.SplitN(strings.TrimSpace(s), " ", 3)
	if len(parts) < 2 {
		t.fail("%q is not a case", s)
		return scale.VariantOf{}
	}
	index, err := strconv.ParseUint(parts[0], 10, 8)
	if err != nil {
		t.fail("%q does not begin with an index", s)
	}
	v := scale.VariantOf{Name: parts[1], Index: uint8(index)}
	if len(parts) == 3 {
		v.Fields = t.fields(parts[2])
	}
	if doc = strings.TrimSpace(doc); doc != "" {
		v.Docs = []string{doc}
	}
	return v
}
