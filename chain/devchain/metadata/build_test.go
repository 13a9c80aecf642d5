package metadata

import (
	"bytes"
	"encoding/hex"
	"testing"

	"strata/chain/devchain/state"
	"strata/chain/devchain/storage"
	"strata/chain/scale"
)

func TestMetadataDescribesTheTables(t *testing.T) {
	rt, err := New(FirstSpec, 0)
	if err != nil {
		t.Fatal(err)
	}
	for version, raw := range map[uint8][]byte{14: rt.V14, 15: rt.V15} {
		m, err := scale.DecodeMetadata(raw)
		if err != nil || m.Version != version {
			t.Fatalf("version %d: %v, %v", version, m, err)
		}
		for _, p := range palletTable {
			for _, e := range p.storage {
				if _, _, err := m.Storage(p.name, e.Name); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

func TestStorageKeysAgreeWithMetadata(t *testing.T) {
	rt, err := New(FirstSpec, 0)
	if err != nil {
		t.Fatal(err)
	}
	hot := state.Account{1, 2, 3}
	for _, c := range []struct {
		pallet string
		e      *storage.Item
		keys   []scale.Value
		parts  [][]byte
	}{
		{"System", storage.SystemAccount, []scale.Value{hot}, [][]byte{hot[:]}},
		{"System", storage.SystemBlockHash, []scale.Value{7}, [][]byte{state.U32Key(7)}},
		{"System", storage.SystemEvents, nil, nil},
		{"SubtensorModule", storage.Uids, []scale.Value{3, hot}, [][]byte{state.U16Key(3), hot[:]}},
		{"SubtensorModule", storage.TotalHotkeyAlpha, []scale.Value{hot, 3}, [][]byte{hot[:], state.U16Key(3)}},
		{"SubtensorModule", storage.Weights, []scale.Value{3, 9}, [][]byte{state.U16Key(3), state.U16Key(9)}},
		{"Commitments", storage.CommitmentOf, []scale.Value{3, hot}, [][]byte{state.U16Key(3), hot[:]}},
	} {
		want, err := rt.Meta.StorageKey(c.pallet, c.e.Name, c.keys...)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.e.Key(c.parts...); got != string(want) {
			t.Errorf("%s.%s: %x, want %x", c.pallet, c.e.Name, got, want)
		}
	}
}

func TestTypistRefuses(t *testing.T) {
	for _, expr := range []string{"Nothing", "Vec<Nothing>", "[u8;x]", ""} {
		k := newTypist(FirstSpec)
		if k.id(expr); k.err == nil {
			t.Errorf("%q is taken", expr)
		}
	}
	for _, c := range []string{"0", "x Name", "0 Name Nothing"} {
		k := newTypist(FirstSpec)
		if k.caseOf(c); k.err == nil {
			t.Errorf("case %q is taken", c)
		}
	}
}

// A known id: that of Core on every Substrate chain.
func TestAPIID(t *testing.T) {
	if got := hex.EncodeToString(apiID("Core")); got != "df6acb689907609b" {
		t.Errorf("the id of Core is %s", got)
	}
}

// Each node that describes a spec version does so with the same bytes: clients
// keep metadata by its version.
func TestMetadataIsTheSameEachTime(t *testing.T) {
	first, err := New(FirstSpec, 0)
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		again, err := New(FirstSpec, 0)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again.V14, first.V14) || !bytes.Equal(again.V15, first.V15) {
			t.Fatal("the metadata of one version differs")
		}
	}
}
