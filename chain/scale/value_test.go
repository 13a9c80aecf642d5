package scale

import (
	"bytes"
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"strata"
)

// TestRecordedDefaults: every storage default and constant of a real chain
// decodes by its own metadata and encodes to the same bytes.
func TestRecordedDefaults(t *testing.T) {
	for _, r := range recordings {
		t.Run(r.file, func(t *testing.T) {
			m, _ := recordedMetadata(t, r.file, r.version)
			checked := 0
			check := func(what string, id TypeID, raw []byte) {
				v, err := m.Registry.Decode(id, raw)
				if err != nil {
					t.Errorf("%s: %v", what, err)
					return
				}
				again, err := m.Registry.Encode(id, v)
				if err != nil || !bytes.Equal(again, raw) {
					t.Errorf("%s: %x encodes again to %x, %v", what, raw, again, err)
				}
				checked++
			}
			for _, p := range m.Pallets {
				for _, c := range p.Constants {
					check(p.Name+"."+c.Name, c.Type, c.Value)
				}
				if p.Storage == nil {
					continue
				}
				for _, s := range p.Storage.Entries {
					if !s.Optional {
						check(p.Name+"."+s.Name, s.Value, s.Default)
					}
				}
			}
			if checked < 200 {
				t.Errorf("only %d values were there to check", checked)
			}
		})
	}
}

// drawn is a type with a value of it.
type drawn struct {
	id TypeID
	v  Value
}

// draw makes a type in b, nested at most depth deep, and a value of it.
func draw(t *rapid.T, b *Builder, depth int) drawn {
	kinds := 4
	if depth > 0 {
		kinds = 11
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return drawInt(t, b)
	case 1:
		return drawn{b.Primitive(Bool), rapid.Bool().Draw(t, "bool")}
	case 2:
		return drawn{b.Primitive(Str), rapid.String().Draw(t, "str")}
	case 3:
		return drawn{b.Sequence(b.Primitive(U8)), rapid.SliceOfN(rapid.Byte(), 0, 5).Draw(t, "blob")}
	case 4:
		n := draw(t, b, 0)
		return drawn{b.Tuple(n.id, b.Tuple()), []Value{n.v, nil}}
	case 5:
		x, y := draw(t, b, depth-1), draw(t, b, depth-1)
		return drawn{b.Composite("test::Named", Named("x", x.id), Named("y", y.id)), Struct{"x": x.v, "y": y.v}}
	case 6:
		x := draw(t, b, depth-1)
		return drawn{b.Composite("test::Newtype", Unnamed(x.id)), x.v}
	case 7:
		x := draw(t, b, depth-1)
		some := Variant{Name: "Some", Value: x.v}
		return drawn{b.Option(x.id), rapid.SampledFrom([]Value{some, Variant{Name: "None"}}).Draw(t, "option")}
	case 8:
		x, y := draw(t, b, depth-1), draw(t, b, depth-1)
		id := b.Variant("test::Enum", Case("A", 3), Case("B", 9, Unnamed(x.id), Unnamed(y.id)), Case("C", 200, Named("x", x.id)))
		return drawn{id, rapid.SampledFrom([]Value{
			Variant{Name: "A"}, Variant{Name: "B", Value: []Value{x.v, y.v}}, Variant{Name: "C", Value: Struct{"x": x.v}},
		}).Draw(t, "enum")}
	case 9:
		return drawn{bitSequence(b, U16, "Msb0"), rapid.SliceOf(rapid.Bool()).Draw(t, "bits")}
	default:
		x := draw(t, b, depth-1)
		if b.types[x.id].Primitive == U8 && b.types[x.id].Kind == KindPrimitive {
			return drawn{b.Array(2, x.id), []byte{1, 2}}
		}
		return drawn{b.Array(2, x.id), []Value{x.v, x.v}}
	}
}

func bitSequence(b *Builder, store Primitive, order string) TypeID {
	return b.Add(Type{Kind: KindBits, Elem: b.Primitive(store), Order: b.Composite("bitvec::order::" + order)})
}

func drawInt(t *rapid.T, b *Builder) drawn {
	p := Primitive(rapid.IntRange(int(U8), int(I256)).Draw(t, "primitive"))
	n := new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), p.size(), p.size()).Draw(t, "int"))
	id := b.Primitive(p)
	if p.signed() {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*p.size()-1)))
	} else if rapid.Bool().Draw(t, "compact") {
		id = b.Compact(id)
	}
	switch {
	case p.size() > 8:
		return drawn{id, n}
	case p.signed():
		return drawn{id, n.Int64()}
	default:
		return drawn{id, n.Uint64()}
	}
}

// TestValueRoundTrip: what is encoded decodes to the same value, from exactly
// its bytes and not from fewer.
func TestValueRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := NewBuilder()
		want := draw(t, b, 3)
		reg, err := b.Registry()
		if err != nil {
			t.Fatal(err)
		}
		raw, err := reg.Encode(want.id, want.v)
		if err != nil {
			t.Fatal(err)
		}
		got, err := reg.Decode(want.id, raw)
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(got) != fmt.Sprint(want.v) {
			t.Fatalf("%v decodes to %v", want.v, got)
		}
		again, err := reg.Encode(want.id, got)
		if err != nil || !bytes.Equal(again, raw) {
			t.Fatalf("%x encodes again to %x, %v", raw, again, err)
		}
		if len(raw) > 0 {
			if v, err := reg.Decode(want.id, raw[:len(raw)-1]); err == nil {
				t.Fatalf("%x without its last byte decodes to %v", raw, v)
			}
		}
	})
}

type (
	newInt   uint16
	newBytes [4]byte
)

func TestEncodeConveniences(t *testing.T) {
	b := NewBuilder()
	u16, bytes4 := b.Primitive(U16), b.Array(4, b.Primitive(U8))
	for _, c := range []struct {
		id   TypeID
		v    Value
		want []byte
	}{
		{u16, newInt(258), []byte{2, 1}},
		{u16, 258, []byte{2, 1}},
		{bytes4, newBytes{1, 2, 3, 4}, []byte{1, 2, 3, 4}},
		{b.Sequence(u16), []newInt{1, 2}, []byte{8, 1, 0, 2, 0}},
		{b.Option(u16), nil, []byte{0}},
		{b.Primitive(Char), 'A', []byte{65, 0, 0, 0}},
		{b.Compact(b.Tuple()), nil, nil},
		{bitSequence(b, U8, "Lsb0"), []bool{true, false, false, false, false, false, false, false, true}, []byte{36, 1, 1}},
		{bitSequence(b, U8, "Msb0"), []bool{true}, []byte{4, 0x80}},
		{b.Compact(b.Composite("test::Perbill", Unnamed(b.Primitive(U32)))), 5, []byte{20}},
	} {
		reg, err := b.Registry()
		if err != nil {
			t.Fatal(err)
		}
		got, err := reg.Encode(c.id, c.v)
		if err != nil || !bytes.Equal(got, c.want) {
			t.Errorf("%T %v encodes to %x, %v; want %x", c.v, c.v, got, err, c.want)
		}
	}
}

func TestEncodeRejects(t *testing.T) {
	b := NewBuilder()
	u8 := b.Primitive(U8)
	point := b.Composite("test::Point", Named("x", u8), Named("y", u8))
	for name, c := range map[string]struct {
		id TypeID
		v  Value
	}{
		"too large":        {u8, 256},
		"negative":         {u8, -1},
		"no integer":       {u8, "1"},
		"nil integer":      {u8, nil},
		"nil big integer":  {u8, (*big.Int)(nil)},
		"no bool":          {b.Primitive(Bool), 1},
		"no string":        {b.Primitive(Str), 1},
		"surrogate":        {b.Primitive(Char), 0xd800},
		"field missing":    {point, Struct{"x": 1}},
		"field too many":   {point, Struct{"x": 1, "y": 2, "z": 3}},
		"no struct":        {point, 1},
		"short array":      {b.Array(3, u8), []byte{1}},
		"short list":       {b.Array(3, point), []Value{}},
		"no list":          {b.Sequence(point), 5},
		"no bytes":         {b.Sequence(u8), 5},
		"tuple too short":  {b.Tuple(u8, u8), []Value{1}},
		"unit with value":  {b.Tuple(), 1},
		"unknown case":     {b.Option(u8), Variant{Name: "Perhaps"}},
		"no variant":       {b.Option(u8), 1},
		"None impossible":  {b.Variant("test::E", Case("A", 0)), nil},
		"compact of bool":  {b.Compact(b.Primitive(Bool)), 1},
		"compact too big":  {b.Compact(u8), 256},
		"no bits":          {bitSequence(b, U8, "Lsb0"), []byte{1}},
		"unknown order":    {bitSequence(b, U8, "Middle0"), []bool{}},
		"undefined type":   {9999, 1},
		"half named":       {b.Composite("test::Half", Unnamed(u8), Named("y", u8)), []Value{1, 2}},
		"named then blank": {b.Composite("test::Half2", Named("y", u8), Unnamed(u8)), Struct{"y": 1}},
	} {
		reg, err := b.Registry()
		if err != nil {
			t.Fatal(err)
		}
		if raw, err := reg.Encode(c.id, c.v); strata.CodeOf(err) != strata.Invalid {
			t.Errorf("%s: encoded to %x, %v", name, raw, err)
		}
	}
}

// TestHostileTypes: types that nest without end, or hold endless values in no
// bytes, are errors and not a lack of time or memory.
func TestHostileTypes(t *testing.T) {
	types := []Type{
		{ID: 0, Kind: KindComposite, Fields: []Field{{Type: 0}}}, // holds itself
		{ID: 1, Kind: KindTuple},                                 // unit
		{ID: 2, Kind: KindArray, Len: 1<<32 - 1, Elem: 1},        // endless units
		{ID: 3, Kind: KindSequence, Elem: 1},                     // as many units as asked for
		{ID: 4, Kind: KindArray, Len: 1<<32 - 1, Elem: 2},        // of endless units
		{ID: 5, Kind: KindArray, Len: 1<<32 - 1, Elem: 6},        // more bytes than there are
		{ID: 6, Kind: KindPrimitive, Primitive: U8},              //
		{ID: 7, Kind: KindCompact, Elem: 0},                      //
		{ID: 8, Kind: KindComposite, Fields: []Field{{Name: "a", Type: 1}, {Name: "a", Type: 1}}},
	}
	for i := range TypeID(60) { // each twice the one before
		types = append(types, Type{ID: 100 + i, Kind: KindTuple, Tuple: []TypeID{99 + i, 99 + i}})
	}
	types = append(types, Type{ID: 99, Kind: KindTuple})
	reg, err := newRegistry(types)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []TypeID{0, 2, 3, 4, 5, 7, 8, 159, 12345} {
		raw := []byte{3, 0xff, 0xff, 0xff, 0xff}
		if _, err := reg.Decode(id, raw); strata.CodeOf(err) != strata.Invalid {
			t.Errorf("type %d: %v", id, err)
		}
	}
	if _, err := newRegistry([]Type{{ID: 1}, {ID: 1}}); err == nil {
		t.Error("a type may be defined twice")
	}
}

func TestDecodeRejects(t *testing.T) {
	b := NewBuilder()
	for name, c := range map[string]struct {
		id  TypeID
		raw string
	}{
		"unknown case":       {b.Option(b.Primitive(U8)), "02"},
		"surrogate":          {b.Primitive(Char), "00d80000"},
		"compact above type": {b.Compact(b.Primitive(U8)), "0104"},
		"unused bits":        {bitSequence(b, U8, "Lsb0"), "0402"},
		"too many bits":      {bitSequence(b, U8, "Lsb0"), "feffffff00"},
		"left over":          {b.Primitive(U8), "0101"},
	} {
		reg, err := b.Registry()
		if err != nil {
			t.Fatal(err)
		}
		if v, err := reg.Decode(c.id, unhex(t, c.raw)); strata.CodeOf(err) != strata.Invalid {
			t.Errorf("%s: decoded to %v, %v", name, v, err)
		}
	}
}

func TestBuilderDeduplicates(t *testing.T) {
	b := NewBuilder()
	if x, y := b.Option(b.Primitive(U8)), b.Option(b.Primitive(U8)); x != y {
		t.Errorf("the same type has ids %d and %d", x, y)
	}
	if x, y := b.Composite("a::X"), b.Composite("a::Y"); x == y {
		t.Error("different types have the same id")
	}
	reg, err := b.Registry()
	if err != nil || len(reg.types) != 4 {
		t.Fatalf("%d types, %v", len(b.types), err)
	}
	if id, err := reg.Find("a::Y"); err != nil || id != 3 {
		t.Errorf("a::Y is %d, %v", id, err)
	}
	for _, path := range []string{"a::Z", ""} {
		if _, err := reg.Find(path); strata.CodeOf(err) != strata.NotFound {
			t.Errorf("%q: %v", path, err)
		}
	}
}

func TestView(t *testing.T) {
	w := Look(Struct{
		"n": uint64(300), "big": new(big.Int).Lsh(big.NewInt(1), 100), "neg": int64(-1), "ok": true, "s": "text",
		"b": make([]byte, 32), "l": []Value{uint64(1), uint64(2)},
		"some": Variant{Name: "Some", Value: uint64(7)}, "none": Variant{Name: "None"},
	}, "it")
	inner, some := w.Field("some").Option()
	_, none := w.Field("none").Option()
	got := []any{
		w.Field("n").U16(), w.Field("n").U32(), w.Field("n").U64(), w.Field("big").Big().BitLen(), w.Field("ok").Bool(),
		w.Field("s").Str(), w.Field("b").Bytes32() == [32]byte{}, len(w.Field("l").Items()), w.Field("l").Index(1).U8(),
		some, inner.U8(), none, w.Has("n"), w.Has("m"),
	}
	want := []any{uint16(300), uint32(300), uint64(300), 101, true, "text", true, 2, uint8(2), true, uint8(7), false, true, false}
	if !reflect.DeepEqual(got, want) || w.Err() != nil {
		t.Errorf("read %v, %v", got, w.Err())
	}
	for name, read := range map[string]func(View){
		"it.m":    func(w View) { w.Field("m") },
		"it.n":    func(w View) { w.Field("n").U8() },
		"it.big":  func(w View) { w.Field("big").U64() },
		"it.neg":  func(w View) { w.Field("neg").U64() },
		"it.s":    func(w View) { w.Field("s").Big() },
		"it.b":    func(w View) { w.Field("b").Str() },
		"it.ok":   func(w View) { w.Field("ok").Bytes32() },
		"it.l":    func(w View) { w.Field("l").Index(2) },
		"it.l[0]": func(w View) { w.Field("l").Index(0).Bool() },
		"it.none": func(w View) { w.Field("none").Items() },
		"it":      func(w View) { w.Option() },
	} {
		w := Look(w.Value(), "it")
		read(w)
		if err := w.Err(); strata.CodeOf(err) != strata.Invalid || !strings.Contains(err.Error(), strings.TrimSuffix(name, ".m")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
