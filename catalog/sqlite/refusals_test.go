package sqlite

import (
	"testing"
	"time"

	"strata"
	"strata/catalog"
)

// TestRefusals: what a gateway adds the validator takes once, bounded, over a
// restart of either.
func TestRefusals(t *testing.T) {
	ctx := t.Context()
	path := t.TempDir() + "/strata.db"
	db, err := Open(ctx, path, Gateway)
	if err != nil {
		t.Fatal(err)
	}
	a, b, c := strata.Hotkey{1}, strata.Hotkey{2}, strata.Hotkey{3}
	then := time.Unix(1_800_000_000, 5)
	for i, add := range []map[strata.Hotkey]int{nil, {a: 2, b: catalog.MaxRefusals - 1}, {a: 3, b: 7}, {c: 1 << 40}} {
		if err := db.AddRefusals(ctx, then.Add(time.Duration(i)*time.Second), add); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if db, err = Open(ctx, path, Validator); err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, want := range []struct {
		miner  strata.Hotkey
		shards int
		at     time.Time
	}{
		{a, 5, then.Add(2 * time.Second)}, {b, catalog.MaxRefusals, then.Add(2 * time.Second)}, {c, catalog.MaxRefusals, then.Add(3 * time.Second)},
		{a, 0, time.Time{}}, {strata.Hotkey{9}, 0, time.Time{}},
	} {
		if n, at, err := db.TakeRefusals(ctx, want.miner); n != want.shards || !at.Equal(want.at) || err != nil {
			t.Errorf("took %d of %v, %v; want %+v", n, at, err, want)
		}
	}
}
