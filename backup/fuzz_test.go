package backup

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"strata"
	"strata/catalog"
)

// sample is an index as a backup makes it.
func sample() index {
	seg := catalog.Segment{Origin: strata.ObjectID{1}, Number: 2, Codec: "rs8", K: 2, Success: 4, Total: 6, Size: 1000, Wrapped: []byte{1, 2}, KeyID: "k"}
	for i := range 6 {
		seg.Shards = append(seg.Shards, catalog.Shard{Index: i, Miner: strata.Hotkey{byte(i)}, Root: strata.Root{byte(i)}, Length: 516, State: catalog.Stored})
	}
	id := strata.ObjectID{9}
	b := blob{ID: id[:], Size: 1000, Records: []record{recordOf(seg)}}
	return index{Version: 7, Created: 1_800_000_000, Snapshot: b, Increments: []blob{b}, Tail: pack([]byte("{}\n"))}
}

// FuzzIndex: whatever an index holds, it is refused or read, and what is read is
// written again as it was.
func FuzzIndex(f *testing.F) {
	if files, err := os.ReadDir(filepath.Join("testdata", "fuzz", f.Name())); err != nil || len(files) == 0 {
		f.Fatalf("no committed seeds for %s: %v", f.Name(), err)
	}
	doc, err := json.Marshal(sample())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(doc)
	f.Fuzz(func(t *testing.T, doc []byte) {
		x, err := decodeIndex(pack(doc))
		if err != nil {
			return
		}
		for _, b := range append([]blob{x.Snapshot}, x.Increments...) {
			segments, err := b.segments()
			if err != nil {
				continue
			}
			for i, s := range segments {
				if got := recordOf(s); !bytes.Equal(got.Shards, b.Records[i].Shards) || got.K != b.Records[i].K {
					t.Errorf("%+v is read as %+v", b.Records[i], got)
				}
			}
		}
	})
}

func TestDamagedIndex(t *testing.T) {
	doc, err := json.Marshal(sample())
	if err != nil {
		t.Fatal(err)
	}
	good := pack(doc)
	if x, err := decodeIndex(good); err != nil || x.Version != 7 || len(x.Increments) != 1 {
		t.Errorf("a good index: %+v, %v", x, err)
	}
	for name, b := range map[string][]byte{
		"nothing": nil, "no gzip": doc, "cut": good[:len(good)/2], "no JSON": pack([]byte("x")), "too large": pack(make([]byte, maxIndex+1)),
	} {
		if _, err := decodeIndex(b); strata.CodeOf(err) != strata.Corrupt {
			t.Errorf("%s: %v", name, err)
		}
	}
}
