package subtensor

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"strata"
	"strata/chain/scale"
	"strata/internal/recorded"
)

// Every storage item that a subnet's summary is made of is in the recorded
// runtimes as it is read.
func TestSubnetItemsOfRecordedRuntimes(t *testing.T) {
	for _, file := range []string{"spec300_metadata_v15.hex", "finney_metadata_v15_at_version.hex"} {
		raw, err := scale.UnwrapMetadata(recorded.Hex(t, file))
		if err != nil {
			t.Fatal(err)
		}
		meta, err := scale.DecodeMetadata(raw)
		if err != nil {
			t.Fatal(err)
		}
		items := subnetItems(meta)
		if len(items) != 12 {
			t.Errorf("%s has %d of the 12 items", file, len(items))
		}
		for _, f := range items {
			v, err := meta.DecodeStorage(subtensorModule, f.item, nil)
			if err != nil || v == nil { // optional and absent
				continue
			}
			view, s := scale.Look(v, f.item), SubnetSummary{}
			if f.read(&s, view); view.Err() != nil {
				t.Errorf("%s: %s: %v", file, f.item, view.Err())
			}
		}
	}
}

// keysReply makes a stub answer with the keys of a map.
func (s *stub) keysReply(pallet, item, after string, keys []string) {
	s.t.Helper()
	prefix, err := s.meta.StorageKey(pallet, item)
	if err != nil {
		s.t.Fatal(err)
	}
	p, _ := json.Marshal(hexBytes(prefix))
	if after == "" {
		after = string(p)
	}
	raw, err := json.Marshal(keys)
	if err != nil {
		s.t.Fatal(err)
	}
	s.with(func() { s.replies["state_getKeysPaged ["+string(p)+",512,"+after+"]"] = raw })
}

func (s *stub) keyOf(pallet, item string, keys ...scale.Value) string {
	s.t.Helper()
	raw, err := s.meta.StorageKey(pallet, item, keys...)
	if err != nil {
		s.t.Fatal(err)
	}
	text, _ := json.Marshal(hexBytes(raw))
	return strings.Trim(string(text), `"`)
}

func TestSubnetsOfARealRuntime(t *testing.T) {
	s := newStub(t, recordedMeta(t))
	added := func(n int) string { return s.keyOf(subtensorModule, "NetworksAdded", n) }
	s.keysReply(subtensorModule, "NetworksAdded", "", []string{added(0), added(1), added(2), added(300)})
	for n, is := range map[int]bool{0: true, 1: true, 2: false, 300: true} {
		s.set(subtensorModule, "NetworksAdded", is, n)
	}
	s.set(subtensorModule, "TokenSymbol", []byte("β"), 300)
	s.set(subtensorModule, "SubnetworkN", 17, 300)
	s.set(subtensorModule, "Tempo", 360, 300)
	s.set(subtensorModule, "Burn", 500_000_000, 300)
	c, err := Dial(t.Context(), []string{s.url()}, quick)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	list, err := c.Subnets(t.Context())
	if err != nil || len(list) != 3 {
		t.Fatalf("%+v, %v", list, err)
	}
	if got := list[2]; got.Netuid != 300 || got.Name != "β" || got.Neurons != 17 || got.Tempo != 360 || got.Burn.String() != "0.5" || got.MaxNeurons == 0 {
		t.Errorf("subnet 300: %+v", got)
	}
	info, err := c.NodeInfo(t.Context())
	if err != nil || info.Endpoint != s.url() || info.SpecVersion != 300 || info.Metadata != 15 || c.Endpoint() != s.url() {
		t.Errorf("node %+v, %v", info, err)
	}
}

// A node that lists keys badly, or without end, is told so.
func TestKeysOfAHostileNode(t *testing.T) {
	s := newStub(t, recordedMeta(t))
	key := s.keyOf(subtensorModule, "NetworksAdded", 1)
	page := slices.Repeat([]string{key}, maxPage)
	c, err := Dial(t.Context(), []string{s.url()}, quick)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	for name, keys := range map[string][]string{
		"of another map": {s.keyOf(subtensorModule, "Tempo", 1)}, "short": {"0x12"}, "the prefix alone": {s.keyOf(subtensorModule, "NetworksAdded")},
		"the same again": page, "cut": {key[:len(key)-2]},
	} {
		s.keysReply(subtensorModule, "NetworksAdded", "", keys)
		if got, err := c.Netuids(t.Context()); strata.CodeOf(err) != strata.Invalid {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}
