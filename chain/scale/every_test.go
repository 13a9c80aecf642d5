package scale

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// sampler writes bytes that a type could have, from the type alone: not by way
// of values, so that decoding and encoding are both put to the test.
type sampler struct {
	reg   *Registry
	rng   *rand.Rand
	depth int // of types that may still be entered before the shortest way is taken
}

func (s *sampler) sample(t testing.TB, id TypeID, depth int) []byte {
	ty, err := s.reg.Type(id)
	if err != nil {
		t.Fatal(err)
	}
	switch ty.Kind {
	case KindComposite:
		return s.fields(t, ty.Fields, depth)
	case KindVariant:
		return s.variant(t, ty, depth)
	case KindSequence:
		n := s.rng.IntN(3)
		if depth > s.depth || holdsNothing(s.reg, ty.Elem, map[TypeID]bool{}) {
			n = 0
		}
		out := []byte{byte(n << 2)}
		for range n {
			out = append(out, s.sample(t, ty.Elem, depth+1)...)
		}
		return out
	case KindArray:
		var out []byte
		for range ty.Len {
			out = append(out, s.sample(t, ty.Elem, depth+1)...)
		}
		return out
	case KindTuple:
		var out []byte
		for _, f := range ty.Tuple {
			out = append(out, s.sample(t, f, depth+1)...)
		}
		return out
	case KindCompact:
		return s.compact(t, ty)
	case KindPrimitive:
		return s.primitive(ty.Primitive)
	}
	return []byte{0} // no bits
}

func (s *sampler) fields(t testing.TB, fields []Field, depth int) []byte {
	var out []byte
	for _, f := range fields {
		out = append(out, s.sample(t, f.Type, depth+1)...)
	}
	return out
}

// variant takes any case, below the depth one with the fewest fields.
func (s *sampler) variant(t testing.TB, ty *Type, depth int) []byte {
	var cases []VariantOf
	for _, c := range ty.Variants {
		if !holdsNothingIn(s.reg, c.Fields) {
			cases = append(cases, c)
		}
	}
	if len(cases) == 0 {
		return nil // a type that has no value
	}
	c := cases[s.rng.IntN(len(cases))]
	if depth > s.depth {
		for _, other := range cases {
			if len(other.Fields) < len(c.Fields) {
				c = other
			}
		}
	}
	return append([]byte{c.Index}, s.fields(t, c.Fields, depth)...)
}

func (s *sampler) compact(t testing.TB, ty *Type) []byte {
	inner, err := s.reg.Type(ty.Elem)
	for err == nil && inner.Kind == KindComposite && len(inner.Fields) == 1 {
		inner, err = s.reg.Type(inner.Fields[0].Type)
	}
	if err != nil {
		t.Fatal(err)
	}
	if inner.Kind != KindPrimitive {
		return nil // of the unit type
	}
	var e Encoder
	e.Compact(s.rng.Uint64() >> (64 - 8*min(8, inner.Primitive.size())) >> s.rng.IntN(8))
	return e.Bytes()
}

func (s *sampler) primitive(p Primitive) []byte {
	switch p {
	case Bool:
		return []byte{byte(s.rng.IntN(2))}
	case Str:
		return []byte{8, 'o', 'k'}
	case Char:
		return binary.LittleEndian.AppendUint32(nil, 'x')
	}
	out := make([]byte, p.size())
	for i := range out {
		out[i] = byte(s.rng.Uint32())
	}
	return out
}

// holdsNothing says that a type, somewhere, must hold an enum without cases:
// there is no value of it.
func holdsNothing(reg *Registry, id TypeID, seen map[TypeID]bool) bool {
	ty, err := reg.Type(id)
	if err != nil || seen[id] {
		return false
	}
	seen[id] = true
	defer delete(seen, id)
	any := func(fields []Field) bool {
		for _, f := range fields {
			if holdsNothing(reg, f.Type, seen) {
				return true
			}
		}
		return false
	}
	switch ty.Kind {
	case KindVariant:
		for _, v := range ty.Variants {
			if !any(v.Fields) {
				return false
			}
		}
		return true
	case KindComposite:
		return any(ty.Fields)
	case KindTuple:
		for _, f := range ty.Tuple {
			if holdsNothing(reg, f, seen) {
				return true
			}
		}
	}
	return false
}

// TestEverythingRecorded: every call, event and error of every pallet, every
// storage item's key and value, constant, runtime API and signed extension of
// the recorded runtimes decodes and encodes to the same bytes.
func TestEverythingRecorded(t *testing.T) {
	for _, r := range recordings {
		t.Run(r.file, func(t *testing.T) {
			m, _ := recordedMetadata(t, r.file, r.version)
			e := &everything{t: t, m: m, s: &sampler{reg: m.Registry, rng: rand.New(rand.NewPCG(1, 2)), depth: 6}}
			for _, p := range m.Pallets {
				e.pallet(p)
			}
			for _, a := range m.APIs {
				for _, f := range a.Methods {
					for _, in := range f.Inputs {
						e.both(a.Name+"_"+f.Name+" "+in.Name, in.Type)
					}
					e.both(a.Name+"_"+f.Name, f.Output)
				}
			}
			for _, x := range m.Extrinsic.Extensions {
				e.both(x.Identifier, x.Type)
				e.both(x.Identifier+" (signed)", x.Additional)
			}
			if e.count < 1500 || r.version == 15 && len(m.APIs) == 0 {
				t.Errorf("only %d things were tried", e.count)
			}
		})
	}
}

type everything struct {
	t     *testing.T
	m     *Metadata
	s     *sampler
	count int
}

func (e *everything) pallet(p Pallet) {
	for kind, id := range map[string]*TypeID{"call": p.Calls, "event": p.Event, "error": p.Error} {
		if id == nil {
			continue
		}
		ty, err := e.m.Registry.Type(*id)
		if err != nil {
			e.t.Fatal(err)
		}
		for _, v := range ty.Variants {
			raw := append([]byte{v.Index}, e.s.fields(e.t, v.Fields, 0)...)
			if !holdsNothingIn(e.m.Registry, v.Fields) {
				e.same(p.Name+" "+kind+" "+v.Name, *id, raw)
			}
		}
	}
	for _, c := range p.Constants {
		e.same(p.Name+" constant "+c.Name, c.Type, c.Value)
	}
	if p.Storage == nil {
		return
	}
	for _, s := range p.Storage.Entries {
		if s.IsMap() {
			e.both(p.Name+"."+s.Name+" key", s.Key)
		}
		e.both(p.Name+"."+s.Name, s.Value)
		if !s.Optional {
			e.same(p.Name+"."+s.Name+" default", s.Value, s.Default)
		}
	}
}

func holdsNothingIn(reg *Registry, fields []Field) bool {
	for _, f := range fields {
		if holdsNothing(reg, f.Type, map[TypeID]bool{}) {
			return true
		}
	}
	return false
}

// both tries a type with a few samples.
func (e *everything) both(what string, id TypeID) {
	e.t.Helper()
	if holdsNothing(e.m.Registry, id, map[TypeID]bool{}) {
		return
	}
	for range 3 {
		e.same(what, id, e.s.sample(e.t, id, 0))
	}
}

func (e *everything) same(what string, id TypeID, raw []byte) {
	e.t.Helper()
	e.count++
	v, err := e.m.Registry.Decode(id, raw)
	if err != nil {
		e.t.Errorf("%s: %x: %v", what, raw, err)
		return
	}
	again, err := e.m.Registry.Encode(id, v)
	if err != nil || !bytes.Equal(again, raw) {
		e.t.Errorf("%s: %x encodes again to %x, %v", what, raw, again, err)
	}
}
