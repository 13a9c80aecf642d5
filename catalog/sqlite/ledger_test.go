package sqlite

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"strata"
	"strata/catalog"
	"strata/score"
	"strata/wire"
)

func ledgerAt(t *testing.T, path string) *DB {
	t.Helper()
	db, err := Open(context.Background(), path, Validator)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func sectorFixture(number uint64) catalog.Sector {
	return catalog.Sector{
		Entry: wire.Entry{Number: number, Root: strata.Root{byte(number)}, State: wire.Data, Tail: 128, Changed: 3,
			Shards: []wire.ShardEntry{{Root: strata.Root{9}, Offset: 2, Length: 70_000, Deleted: true}}},
		Cohort: 4, Checked: true,
	}
}

func TestLedgerSurvivesReopening(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "strata.db")
	p := catalog.Partition{Miner: strata.Hotkey{1}, Validator: strata.Hotkey{2}}
	head := wire.Head{Validator: p.Validator, Sequence: 3, Sectors: 2}
	miner := catalog.MinerRecord{Hotkey: p.Miner, NextCohort: 5, Passed: 10, Failed: 1, LastSeen: time.Unix(7, 0).UTC(),
		Score: score.Miner{Block: 9, Standing: score.Suspended, Owed: 100, Cohorts: []score.Cohort{{ID: 4, Bytes: 8, Checks: 2, Failed: 1}},
			Audits: []score.LeafBucket{{Number: 1, Leaves: score.Leaves{Passed: 10, Failed: 1}}}}}
	weights := []catalog.WeightRecord{{Hotkey: p.Miner, UID: 3, Credit: 1 << 40, Value: 65535}}

	db := ledgerAt(t, path)
	steps := []error{
		db.SavePull(ctx, catalog.MinerRecord{Hotkey: p.Miner}, p, wire.Head{Validator: p.Validator, Sequence: 2}, []catalog.Sector{sectorFixture(1)}),
		db.SavePull(ctx, catalog.MinerRecord{Hotkey: p.Miner}, p, head, []catalog.Sector{sectorFixture(0), sectorFixture(2)}),
		db.SavePull(ctx, catalog.MinerRecord{Hotkey: p.Miner}, catalog.Partition{Miner: p.Miner, Validator: strata.Hotkey{5}}, head, nil),
		db.SaveMiners(ctx, []catalog.MinerRecord{{Hotkey: p.Miner}, {Hotkey: p.Miner, Passed: 1}}),
		db.SaveWeights(ctx, 10, []catalog.WeightRecord{{UID: 1, Value: 1}}),
		db.SaveWeights(ctx, 20, weights),
		db.SaveMarks(ctx, miner, []catalog.Mark{{Validator: p.Validator, Number: 2, Cohort: 6, Void: true}}),
		db.SaveCommit(ctx, [32]byte{1}, []byte("old")),
		db.SaveCommit(ctx, [32]byte{1}, []byte("new")),
		db.SaveCommit(ctx, [32]byte{2}, []byte("gone")),
		db.DeleteCommit(ctx, [32]byte{2}),
		db.DeleteCommit(ctx, [32]byte{3}),
		db.Close(),
	}
	for i, err := range steps {
		if err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}

	db = ledgerAt(t, path)
	defer db.Close()
	var rows int
	if err := db.r.QueryRowContext(ctx, `SELECT COUNT(*) FROM ledger_weights`).Scan(&rows); err != nil || rows != len(weights) {
		t.Errorf("%d weights are kept, want those of the last vector (%v)", rows, err)
	}
	miners, err := db.Miners(ctx)
	if diff := cmp.Diff([]catalog.MinerRecord{miner}, miners); diff != "" || err != nil {
		t.Errorf("miners: %v\n%s", err, diff)
	}
	heads, err := db.Heads(ctx)
	if err != nil || len(heads) != 2 || heads[p] != head {
		t.Errorf("heads = %v, %v", heads, err)
	}
	changed := sectorFixture(2)
	changed.Cohort, changed.Checked, changed.Void = 6, false, true
	var got []catalog.Sector
	err = db.Sectors(ctx, p, func(s catalog.Sector) error { got = append(got, s); return nil })
	if diff := cmp.Diff([]catalog.Sector{sectorFixture(0), sectorFixture(1), changed}, got); diff != "" || err != nil {
		t.Errorf("sectors: %v\n%s", err, diff)
	}
	if one, err := db.Sector(ctx, p, 1); err != nil || !cmp.Equal(one, sectorFixture(1)) {
		t.Errorf("sector 1 = %+v, %v", one, err)
	}
	if _, err := db.Sector(ctx, p, 77); strata.CodeOf(err) != strata.NotFound {
		t.Errorf("an unknown sector gave %v", err)
	}
	if commits, err := db.Commits(ctx); err != nil || len(commits) != 1 || string(commits[[32]byte{1}]) != "new" {
		t.Errorf("commits = %q, %v", commits, err)
	}
	block, last, err := db.LastWeights(ctx)
	if err != nil || block != 20 || !cmp.Equal(last, weights) {
		t.Errorf("weights = %d, %v, %v", block, last, err)
	}
}

// TestLedgerRefusesWhole checks that a write that cannot be leaves nothing of it.
func TestLedgerRefusesWhole(t *testing.T) {
	ctx := context.Background()
	db := ledgerAt(t, filepath.Join(t.TempDir(), "strata.db"))
	defer db.Close()
	p := catalog.Partition{Miner: strata.Hotkey{1}, Validator: strata.Hotkey{2}}
	before := catalog.MinerRecord{Hotkey: p.Miner, NextCohort: 5}
	if err := db.SavePull(ctx, before, p, wire.Head{}, []catalog.Sector{sectorFixture(1)}); err != nil {
		t.Fatal(err)
	}
	after := catalog.MinerRecord{Hotkey: p.Miner, NextCohort: 6}
	err := db.SaveMarks(ctx, after, []catalog.Mark{{Validator: p.Validator, Number: 1, Cohort: 9}, {Validator: p.Validator, Number: 2}})
	if strata.CodeOf(err) != strata.NotFound {
		t.Errorf("a mark of an unknown sector gave %v", err)
	}
	err = db.SavePull(ctx, catalog.MinerRecord{Hotkey: strata.Hotkey{7}}, p, wire.Head{}, nil)
	if strata.CodeOf(err) != strata.Invalid {
		t.Errorf("a pull with another miner's record gave %v", err)
	}
	if miners, err := db.Miners(ctx); err != nil || !cmp.Equal(miners, []catalog.MinerRecord{before}) {
		t.Errorf("miners = %+v, %v", miners, err)
	}
	if s, err := db.Sector(ctx, p, 1); err != nil || !cmp.Equal(s, sectorFixture(1)) {
		t.Errorf("sector = %+v, %v", s, err)
	}
}

func TestPlacedOnAndTotals(t *testing.T) {
	ctx := context.Background()
	db := ledgerAt(t, filepath.Join(t.TempDir(), "strata.db"))
	defer db.Close()
	id := strata.ObjectID{1}
	miner := strata.Hotkey{8}
	shards := []catalog.Shard{
		{Index: 0, Miner: miner, Root: strata.Root{1}, Length: 5, State: catalog.Sending},
		{Index: 1, Miner: miner, Root: strata.Root{2}, Length: 5, State: catalog.Sending},
		{Index: 2, Miner: strata.Hotkey{9}, Root: strata.Root{3}, Length: 5, State: catalog.Sending},
	}
	object := catalog.Object{ID: id, Bucket: "b", Key: "k", Size: 40, Created: time.Unix(1, 0), Modified: time.Unix(1, 0)}
	for i, err := range []error{
		db.CreateBucket(ctx, catalog.Bucket{Name: "b", Created: time.Unix(1, 0)}),
		db.Begin(ctx, object),
		db.AddSegment(ctx, id, 0, catalog.Segment{Origin: id, Codec: "rs8", K: 1, Total: 3, Success: 2, Size: 40, Wrapped: []byte{1}, KeyID: "x", Shards: shards}),
		db.UpdateShards(ctx, id, 0, []catalog.ShardUpdate{{Index: 1, State: catalog.Stored}, {Index: 2, State: catalog.Stored}}),
		db.Commit(ctx, object, catalog.Condition{}),
	} {
		if err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	placed, err := db.PlacedOn(ctx, miner)
	if err != nil || !cmp.Equal(placed, []catalog.Placed{{Origin: id, Root: strata.Root{1}, State: catalog.Sending}, {Origin: id, Index: 1, Root: strata.Root{2}, State: catalog.Stored}}) {
		t.Errorf("placed = %v, %v", placed, err)
	}
	for _, c := range []struct {
		miner strata.Hotkey
		p     catalog.Placed
		want  bool
	}{
		{strata.Hotkey{9}, placed[0], false},                                                    // not there
		{miner, catalog.Placed{Origin: id, Root: strata.Root{1}, State: catalog.Stored}, false}, // not in that state
		{miner, placed[0], true},
		{miner, placed[0], false}, // no more
	} {
		if was, err := db.SettleShard(ctx, c.miner, c.p, catalog.Lost); err != nil || was != c.want {
			t.Errorf("settle %+v: %v, %v", c.p, was, err)
		}
	}
	if placed, err = db.PlacedOn(ctx, miner); err != nil || len(placed) != 1 || placed[0].Index != 1 {
		t.Errorf("placed = %v, %v after one was lost", placed, err)
	}
	if n, bytes, err := db.Totals(ctx); err != nil || n != 1 || bytes != 40 {
		t.Errorf("totals = %d, %d, %v", n, bytes, err)
	}
}
