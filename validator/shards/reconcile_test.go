package shards_test

import (
	"slices"
	"testing"
	"time"

	"strata"
	"strata/catalog"
	"strata/score"
	"strata/validator/validatortest"
)

func TestMissingShardsAreLost(t *testing.T) {
	w := validatortest.New(t)
	m := w.Miner("//Miner")
	self := w.Key.Hotkey()
	m.Seal(self, 0, 2)
	kept := validatortest.Junk(3000, 1, 1)
	keptRoot := m.Put(self, 0, kept, validatortest.Order(t, w.Key, m.Key.Hotkey(), kept))
	w.Start()
	placed := &validatortest.PlacedLedger{Ledger: w.Ledger, Calls: [][]catalog.Placed{nil}}
	w.Shards.Ledger = placed
	w.Admit(m)
	b := w.Book(m)
	reconcile := func(first, second []catalog.Placed, want int) {
		t.Helper()
		placed.Calls, w.Record.Updates = [][]catalog.Placed{first, second}, nil
		before := w.Leaves(m)
		if err := w.Shards.Reconcile(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if len(w.Record.Updates) != want {
			t.Errorf("updates = %+v, want %d", w.Record.Updates, want)
		}
		for _, u := range w.Record.Updates {
			if u.State != catalog.Lost || !u.Miner.IsZero() {
				t.Errorf("update = %+v", u)
			}
		}
		if got := w.Leaves(m).Failed - before.Failed; got != uint64(want*score.LeavesPerAudit) {
			t.Errorf("%d leaves failed", got)
		}
	}
	at := func(index int, root strata.Root) catalog.Placed {
		return catalog.Placed{Index: index, Root: root, State: catalog.Stored}
	}
	here, gone, other := at(0, keptRoot), at(1, strata.Root{9}), at(3, strata.Root{8})
	reconcile(nil, nil, 0)
	reconcile([]catalog.Placed{here}, nil, 0)
	all := []catalog.Placed{here, gone, other}
	reconcile(all, all, 2)
	reconcile(all, []catalog.Placed{here, gone}, 1) // one was moved or deleted meanwhile
	w.Record.Gone = true                            // all were, since
	reconcile(all, all, 0)
	w.Record.Gone = false

	m.Dead = true
	placed.Calls = [][]catalog.Placed{all, all}
	if err := w.Shards.Reconcile(t.Context(), b); strata.CodeOf(err) != strata.Unavailable || len(w.Record.Updates) > 0 {
		t.Errorf("a silent miner gave %v and lost %v", err, w.Record.Updates)
	}
	m.Dead = false
	delete(m.Parts, self) // it says itself that it has nothing
	reconcile(all, all, 3)
}

// TestReconcileSettles: what has arrived is stored, what is marked deleted and
// wanted comes back, and what never came is given up without a fault.
func TestReconcileSettles(t *testing.T) {
	w := validatortest.New(t)
	m := w.Miner("//Miner")
	self := w.Key.Hotkey()
	m.Seal(self, 0, 2)
	kept, flagged := validatortest.Junk(3000, 1, 1), validatortest.Junk(3000, 2, 2)
	keptRoot := m.Put(self, 0, kept, validatortest.Order(t, w.Key, m.Key.Hotkey(), kept))
	flaggedRoot := m.Put(self, 1, flagged, validatortest.Order(t, w.Key, m.Key.Hotkey(), flagged))
	m.Alter(self, 1, func(s *validatortest.Sector) { s.Entry.Shards[0].Deleted = true })
	w.Start()
	placed := &validatortest.PlacedLedger{Ledger: w.Ledger}
	w.Shards.Ledger = placed
	w.Admit(m)
	all := []catalog.Placed{
		{Index: 0, Root: keptRoot, State: catalog.Sending},
		{Index: 1, Root: flaggedRoot, State: catalog.Stored},
		{Index: 2, Root: strata.Root{9}, State: catalog.Sending},
	}
	reconcile := func(want ...catalog.ShardUpdate) {
		t.Helper()
		placed.Calls, w.Record.Updates = [][]catalog.Placed{all}, nil
		if err := w.Shards.Reconcile(t.Context(), w.Book(m)); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(w.Record.Updates, want) {
			t.Errorf("updates = %+v, want %+v", w.Record.Updates, want)
		}
	}
	stored := func(i int) catalog.ShardUpdate { return catalog.ShardUpdate{Index: i, State: catalog.Stored} }
	reconcile(stored(0), stored(1))
	if !slices.Equal(m.Restored, []strata.Root{flaggedRoot}) {
		t.Errorf("restored %v, want the one marked deleted", m.Restored)
	}
	m.Forgets = true
	w.Now = w.Now.Add(2 * time.Minute)
	reconcile(stored(0), catalog.ShardUpdate{Index: 2, State: catalog.Lost})
	if w.Leaves(m).Failed != 0 {
		t.Error("the miner paid for what it never signed for")
	}
}
