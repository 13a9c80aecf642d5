package layout

import (
	"encoding/json"
	"strings"
	"testing"

	"strata"
)

func FuzzDecode(f *testing.F) {
	good, err := json.Marshal([]Entry{OfData(Identity{Miner: strata.Hotkey{1}, Genesis: strata.GenesisHash{9}, Netuid: 7, Blocks: 1024, Passes: 4}, strata.Hotkey{2}, 2)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`[{"n_chunks":4294967295,"size":18446744073709551615}]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := decode(b)
		if err != nil {
			if strata.CodeOf(err) != strata.Corrupt {
				t.Fatalf("code %s", strata.CodeOf(err))
			}
			return
		}
		for _, e := range list {
			if strings.ContainsAny(e.Path, "/\\") {
				t.Fatalf("path %q leaves the directory", e.Path)
			}
		}
	})
}
