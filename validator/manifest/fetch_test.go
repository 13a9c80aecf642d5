package manifest

import (
	"context"
	"testing"
	"testing/synctest"

	"strata"
	"strata/validator/book"
	"strata/wire"
)

// TestHugeManifests: what is over the bound is refused, and of several large
// ones one is held at a time.
func TestHugeManifests(t *testing.T) {
	ep := wire.Endpoint{Hotkey: strata.Hotkey{1}}
	shards := make([]wire.ShardEntry, wire.MaxShards)
	f := &fetching{entries: map[uint64]wire.Entry{}, large: book.NewTurn()}
	page := func(from uint64) wire.ManifestPage {
		return wire.ManifestPage{Entries: []wire.Entry{{Number: from, State: wire.Data, Shards: shards}}}
	}
	number, err := uint64(0), error(nil)
	for err == nil {
		number, err = f.add(ep, page(number), number)
	}
	if strata.CodeOf(err) != strata.TooLarge || f.size > maxPulled+wire.MaxEntry {
		t.Errorf("after %d entries, %d bytes: %v", number, f.size, err)
	}
	synctest.Test(t, func(t *testing.T) {
		large := book.NewTurn()
		first := &fetching{size: largePull + 1, large: large}
		second := &fetching{size: largePull + 1, large: large}
		small := &fetching{size: largePull, large: large}
		ctx := t.Context()
		for _, f := range []*fetching{first, first, small} { // again is no second turn
			if err := f.admit(ctx); err != nil {
				t.Fatal(err)
			}
		}
		done := make(chan error)
		go func() { done <- second.admit(ctx) }()
		synctest.Wait()
		select {
		case <-done:
			t.Error("two large manifests are held at once")
		default:
		}
		first.done()
		if err := <-done; err != nil {
			t.Error(err)
		}
		gone, cancel := context.WithCancel(ctx)
		cancel()
		if first.admit(gone) == nil {
			t.Error("a large manifest waits beyond its time")
		}
		second.done()
		second.done() // again is nothing
	})
}
