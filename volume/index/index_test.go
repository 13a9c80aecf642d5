package index

import (
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
