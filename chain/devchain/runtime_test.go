package devchain

import (
	"testing"

	"strata/chain/scale"
)

func TestMetadataDescribesTheTables(t *testing.T) {
	rt, err := newRuntime(firstSpec, 0)
	if err != nil {
		t.Fatal(err)
	}
	for version, raw := range map[uint8][]byte{14: rt.v14, 15: rt.v15} {
		m, err := scale.DecodeMetadata(raw)
		if err != nil || m.Version != version {
			t.Fatalf("version %d: %v, %v", version, m, err)
		}
		for _, p := range pallets {
			for _, e := range p.storage {
				if _, _, err := m.Storage(p.name, e.name); err != nil {
					t.Error(err)
				}
			}
		}
		for name := range callTable {
			pallet := name[:len(name)-len(afterDot(name))-1]
			if _, _, err := m.Call(pallet, afterDot(name)); err != nil {
				t.Error(err)
			}
		}
	}
	for name, f := range apiTable {
		if _, err := rt.meta.API(f.api, f.method); err != nil || name != f.api+"_"+f.method {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStorageKeysAgreeWithMetadata(t *testing.T) {
	rt, err := newRuntime(firstSpec, 0)
	if err != nil {
		t.Fatal(err)
	}
	hot := account{1, 2, 3}
	for _, c := range []struct {
		pallet string
		e      *entry
		keys   []scale.Value
		parts  [][]byte
	}{
		{"System", sysAccount, []scale.Value{hot}, [][]byte{hot[:]}},
		{"System", sysBlockHash, []scale.Value{7}, [][]byte{u32key(7)}},
		{"System", sysEvents, nil, nil},
		{"SubtensorModule", smUids, []scale.Value{3, hot}, [][]byte{u16key(3), hot[:]}},
		{"SubtensorModule", smTotalHotkeyAlpha, []scale.Value{hot, 3}, [][]byte{hot[:], u16key(3)}},
		{"SubtensorModule", smWeights, []scale.Value{3, 9}, [][]byte{u16key(3), u16key(9)}},
		{"Commitments", comCommitmentOf, []scale.Value{3, hot}, [][]byte{u16key(3), hot[:]}},
	} {
		want, err := rt.meta.StorageKey(c.pallet, c.e.name, c.keys...)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.e.key(c.parts...); got != string(want) {
			t.Errorf("%s.%s: %x, want %x", c.pallet, c.e.name, got, want)
		}
	}
}

func TestTypistRefuses(t *testing.T) {
	for _, expr := range []string{"Nothing", "Vec<Nothing>", "[u8;x]", ""} {
		k := newTypist(firstSpec)
		if k.id(expr); k.err == nil {
			t.Errorf("%q is taken", expr)
		}
	}
	for _, c := range []string{"0", "x Name", "0 Name Nothing"} {
		k := newTypist(firstSpec)
		if k.caseOf(c); k.err == nil {
			t.Errorf("case %q is taken", c)
		}
	}
}
