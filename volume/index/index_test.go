package index

import (
	"bytes"
	"sync"
	"testing"

	"strata"
	"strata/volume/layout"
	"strata/volume/vfs"
)

// One bad change fails alone, whatever batch it shared.
func TestCommitFailsAlone(t *testing.T) {
	x, err := Open(t.Context(), vfs.OS{}, t.TempDir(), layout.Identity{Blocks: 1024, Passes: 4}, false)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	var wg sync.WaitGroup
	errs := make([]error, 20)
	for i := range errs {
		wg.Go(func() {
			errs[i] = x.Commit(func(tx Tx) error {
				if i%5 == 0 {
					return strata.E(strata.Invalid, "refused")
				}
				return tx.SetTarget(strata.Hotkey{byte(i)}, 1)
			})
		})
	}
	wg.Wait()
	for i, err := range errs {
		if want := i%5 == 0; (err != nil) != want {
			t.Errorf("change %d: %v", i, err)
		}
	}
	if parts, err := x.Partitions(t.Context()); err != nil || len(parts) != 16 {
		t.Fatalf("%d of 16 committed, %v", len(parts), err)
	}
}

// Shards come in pages by root, each once, and those of one validator only.
func TestShardsAfter(t *testing.T) {
	x, err := Open(t.Context(), vfs.OS{}, t.TempDir(), layout.Identity{Blocks: 1024, Passes: 4}, false)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	mine, other := strata.Hotkey{1}, strata.Hotkey{2}
	err = x.Commit(func(tx Tx) error {
		for _, first := range []byte{5, 1, 4, 2, 3} {
			for i, v := range []strata.Hotkey{mine, other} {
				if err := tx.InsertShard(v, &Shard{Root: strata.Root{first, byte(i)}, Length: 1}, []byte{}, nil); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []byte
	for last := []byte(nil); ; {
		page, err := x.ShardsAfter(t.Context(), mine, last, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range page {
			got = append(got, s.Root[0])
		}
		if len(page) < 2 {
			break
		}
		last = page[1].Root[:]
	}
	if !bytes.Equal(got, []byte{1, 2, 3, 4, 5}) {
		t.Errorf("%v", got)
	}
}
