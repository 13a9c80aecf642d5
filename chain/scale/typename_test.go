package scale

import (
	"strings"
	"testing"
)

func TestTypeName(t *testing.T) {
	m, _ := recordedMetadata(t, "finney_metadata_v14.hex", 14)
	for _, c := range []struct{ call, arg, want string }{
		{"SubtensorModule.set_weights", "dests", "Vec<u16>"},
		{"SubtensorModule.set_weights", "version_key", "u64"},
		{"SubtensorModule.serve_axon", "ip", "u128"},
		{"Balances.transfer_keep_alive", "dest", "MultiAddress"},
		{"Balances.transfer_keep_alive", "value", "Compact<u64>"},
		{"Utility.batch", "calls", "Vec<RuntimeCall>"},
	} {
		pallet, name, _ := strings.Cut(c.call, ".")
		def, _, err := m.Call(pallet, name)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, f := range def.Fields {
			if f.Name == c.arg {
				got = m.Registry.TypeName(f.Type)
			}
		}
		if got != c.want {
			t.Errorf("%s %s is a %q, want %q", c.call, c.arg, got, c.want)
		}
	}
}

// A type that contains itself has a name of bounded length; one that does not
// exist has one too.
func TestTypeNameOfHostileTypes(t *testing.T) {
	self := TypeID(0)
	r, err := newRegistry([]Type{{ID: 0, Kind: KindTuple, Tuple: []TypeID{self, self}}, {ID: 1, Kind: KindPrimitive, Primitive: 200}})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.TypeName(0); len(got) > 4096 || !strings.Contains(got, "…") {
		t.Errorf("a tuple of itself is called %q", got)
	}
	for _, id := range []TypeID{1, 2} {
		if got := r.TypeName(id); got != "?" {
			t.Errorf("type %d is called %q", id, got)
		}
	}
	if got := Hasher(9).String(); got != "hasher 9" {
		t.Errorf("an unknown hasher is called %q", got)
	}
}
