package backup

import (
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"strata"
	"strata/catalog"
	"strata/score"
	"strata/wire"
)

var (
	examined = strata.Hotkey{77}
	place    = catalog.Partition{Miner: examined, Validator: strata.Hotkey{78}}
)

// learn has a validator learn something of a miner: its passed leaves count how often.
func (w *world) learn(n uint64) {
	w.t.Helper()
	sector := func(number uint64) catalog.Sector {
		return catalog.Sector{Entry: wire.Entry{Number: number, Root: strata.Root{byte(number), byte(n)}, State: wire.Filler}, Cohort: 1 + number%2, Checked: true}
	}
	var sectors []catalog.Sector
	for i := range 50 + n {
		sectors = append(sectors, sector(i))
	}
	m := catalog.MinerRecord{Hotkey: examined, NextCohort: 3, Passed: n, LastSeen: w.now().UTC(), Score: score.Miner{
		Block: 9, Standing: score.Probation, Owed: n,
		Cohorts: []score.Cohort{{ID: 1, Bytes: 25 * 4 << 20, Checks: 30}, {ID: 2, Bytes: 25 * 4 << 20, Checks: 29, Failed: 1}},
		Audits:  []score.LeafBucket{{Number: 1, Leaves: score.Leaves{Passed: 160 + n}}},
	}, Journal: [][]byte{[]byte("an entry of the audit log")}}
	fraud := catalog.Fraud{Partition: place, Number: n, Kind: 1, Block: 5, Proof: []byte("proof")}
	for _, err := range []error{
		w.db.SavePull(w.t.Context(), m, place, wire.Head{Validator: place.Validator, Sequence: n, Sectors: 50}, sectors),
		w.db.SaveFraud(w.t.Context(), m, fraud, []catalog.Mark{{Validator: place.Validator, Number: 7, Void: true}}),
		w.db.SaveCommit(w.t.Context(), [32]byte{1}, []byte("a secret")),
		w.db.SaveWeights(w.t.Context(), 10*n, []catalog.WeightRecord{{Hotkey: examined, UID: 3, Credit: n, Value: 65535}}),
	} {
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// learned returns the n of the last learn, 0 for an empty ledger.
func (w *world) learned() uint64 {
	w.t.Helper()
	m, err := w.db.Miners(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	if len(m) == 0 {
		return 0
	}
	return m[0].Passed
}

// ledger is all that a validator reads of the ledger when it starts.
func (w *world) ledger() map[string]any {
	w.t.Helper()
	ctx := w.t.Context()
	out := map[string]any{}
	read := func(name string, v any, err error) {
		if err != nil {
			w.t.Fatalf("%s: %v", name, err)
		}
		out[name] = v
	}
	miners, err := w.db.Miners(ctx)
	read("miners", miners, err)
	heads, err := w.db.Heads(ctx)
	read("heads", heads, err)
	var sectors []catalog.Sector
	err = w.db.Sectors(ctx, place, func(s catalog.Sector) error { sectors = append(sectors, s); return nil })
	read("sectors", sectors, err)
	frauds, err := w.db.Frauds(ctx, examined)
	read("frauds", frauds, err)
	commits, err := w.db.Commits(ctx)
	read("commits", commits, err)
	block, weights, err := w.db.LastWeights(ctx)
	read("weights", fmt.Sprint(block, weights), err)
	return out
}

// TestLedgerComesBack: after a recovery the validator knows what it knew, so that
// its credits are those of before, and its audit log's numbers go on.
func TestLedgerComesBack(t *testing.T) {
	w := newWorld(t)
	w.put("a", 100)
	w.flush()
	if w.saved().Ledger.ID != nil {
		t.Error("the ledger of no validator is in the backup")
	}
	w.learn(1)
	w.learn(2)
	w.flush() // though no file has changed
	want := w.ledger()
	journaled, err := w.db.Last(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.learn(3) // lost
	at := w.now()
	r, err := w.lose(w.source())
	if err != nil || !r.Ledger.Equal(at.Truncate(time.Second)) {
		t.Fatalf("recovered %+v, %v", r, err)
	}
	if diff := cmp.Diff(want, w.ledger()); diff != "" {
		t.Error(diff)
	}
	if entries, err := w.db.Entries(t.Context(), 0, 10); err != nil || len(entries) > 1 || len(entries) == 1 && len(entries[0].Entry) > 0 {
		t.Errorf("%d entries wait for the log, %v", len(entries), err)
	}
	if again, err := w.db.Last(t.Context()); err != nil || again <= journaled+3 {
		t.Errorf("the journal goes on at %d, it was at %d (%v)", again, journaled+3, err)
	}
	w.whole(w.files)
	w.flush()
	if w.learn(4); w.learned() != 4 {
		t.Error("the recovered ledger takes nothing")
	}
}

// TestLedgerIsBackedUpNowAndThen: not with every change, a large one more
// seldom; and its troubles are not those of the files.
func TestLedgerIsBackedUpNowAndThen(t *testing.T) {
	w := newWorld(t)
	w.put("a", 100)
	w.learn(1)
	w.flush()
	first := w.saved().Ledger
	round := func(name string, later time.Duration) blob {
		w.t.Helper()
		w.learn(w.learned() + 1)
		w.put(name, 100)
		w.clock.Add(int64(later))
		if err := w.keep.round(t.Context()); err != nil {
			t.Fatal(err)
		}
		return w.saved().Ledger
	}
	if cmp.Diff(first, round("b", time.Second)) != "" {
		t.Error("the ledger is backed up with every file")
	}
	second := round("c", w.keep.Pace.Ledger)
	if cmp.Diff(first, second) == "" {
		t.Error("the ledger is not backed up anew")
	}
	large := saved{index: index{Ledger: blob{Size: 1 << 30}, LedgerAt: w.now().Unix()}}
	for hours, want := range map[time.Duration]bool{30: false, 40: true} {
		w.clock.Store(time.Unix(large.LedgerAt, 0).Add(hours * time.Hour).UnixNano())
		if due, err := w.keep.ledgerDue(t.Context(), large); err != nil || due != want {
			t.Errorf("a GiB of ledger, %d hours later: due %v, %v", hours, due, err)
		}
	}
	w.keep.Catalog = unexportable{w.keep.Catalog}
	if cmp.Diff(second, round("d", time.Hour)) != "" {
		t.Error("a ledger that cannot be written is in the backup")
	}
	if is, err := w.db.BackedUp(t.Context(), w.ids["d"]); err != nil || !is {
		t.Errorf("the file is not backed up, since the ledger is not: %v", err)
	}
	w.forget(second)
	r, err := w.lose(w.source())
	if err != nil || !r.Ledger.IsZero() {
		t.Fatalf("recovered %+v, %v", r, err)
	}
	w.whole(w.files)
	if w.learned() != 0 {
		t.Error("a part of the ledger came back")
	}
}

// forget takes a blob's shards from all miners.
func (w *world) forget(b blob) {
	w.t.Helper()
	segments, err := w.db.Segments(w.t.Context(), b.id())
	if err != nil || len(segments) == 0 {
		w.t.Fatalf("%d segments, %v", len(segments), err)
	}
	for _, s := range segments {
		for _, h := range s.Shards {
			for _, m := range w.fleet.Miners {
				delete(m.Shards, h.Root)
			}
		}
	}
}

type unexportable struct{ Catalog }

func (unexportable) ExportLedger(context.Context, io.Writer) error {
	return strata.E(strata.Corrupt, "the ledger's page of sectors is damaged")
}
