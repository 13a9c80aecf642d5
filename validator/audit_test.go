package validator

import (
	"context"
	"slices"
	"testing"
	"time"

	"strata"
	"strata/auditlog"
	"strata/catalog"
	"strata/score"
	"strata/wire"
)

// ask audits one leaf as the ledger has it and returns the verdict.
func (w *world) ask(m *fakeMiner, number uint64, leaf uint32) (void, failed uint64) {
	w.t.Helper()
	self := w.key.Hotkey()
	s, err := w.ledger.Sector(w.t.Context(), catalog.Partition{Miner: m.key.Hotkey(), Validator: self}, number)
	if err != nil {
		w.t.Fatal(err)
	}
	q, ok := w.v.questionAt(s, leaf)
	if !ok {
		w.t.Fatalf("leaf %d of sector %d is not asked for", leaf, number)
	}
	b := w.book(m)
	wrong, answered := w.v.ask(w.t.Context(), b, self, []question{q}, &auditlog.Audit{})
	if !answered {
		return 0, 1
	}
	void, failed, err = w.v.recheck(w.t.Context(), b, self, wrong)
	if err != nil {
		w.t.Fatal(err)
	}
	return void, failed
}

// TestBetweenPullAndAudit changes a sector after it was seen and asks for a leaf
// as it was: the verdict follows from the manifest as it is then.
func TestBetweenPullAndAudit(t *testing.T) {
	validator := newKey(t, "//Validator")
	self := validator.Hotkey()
	old, fresh := junk(3000, 1, 1), junk(3000, 2, 2)
	var live strata.Root
	for name, c := range map[string]struct {
		change       func(*fakeMiner)
		leaf         uint32 // of sector 0, where a shard lies over leaves 0 to 2
		void, failed uint64
	}{
		"nothing": {func(*fakeMiner) {}, 100, 0, 0},
		"an ordered shard was put there": {func(m *fakeMiner) {
			m.put(self, 0, fresh, order(t, validator, m.key.Hotkey(), fresh))
		}, 65, 1, 0},
		"a shard was put there and fills the group in part": {func(m *fakeMiner) {
			m.put(self, 0, fresh, order(t, validator, m.key.Hotkey(), fresh))
		}, 127, 1, 0},
		"a shard was put elsewhere": {func(m *fakeMiner) {
			m.put(self, 0, fresh, order(t, validator, m.key.Hotkey(), fresh))
			m.drop(self, 0)
		}, 128, 0, 1},
		"an unordered shard is said to be there": {func(m *fakeMiner) { m.put(self, 0, fresh, nil) }, 65, 0, 1},
		"the tail moved and nothing lies there": {func(m *fakeMiner) {
			m.alter(self, 0, func(s *sector) { s.entry.Tail = 192 })
		}, 150, 0, 1},
		"the filler is gone":       {func(m *fakeMiner) { m.drop(self, 0) }, 100, 0, 1},
		"the sector was withdrawn": {func(m *fakeMiner) { m.state(self, 0, wire.Withdrawn) }, 100, 0, 1},
		"the sector was released": {func(m *fakeMiner) {
			m.alter(self, 0, func(s *sector) { s.entry.State, s.entry.Tail, s.entry.Shards = wire.Gone, 0, nil })
		}, 100, 0, 1},
		"the shard moved": {func(m *fakeMiner) {
			o := m.take(self, 0, live).Order
			m.put(self, 1, old, o)
		}, 1, 0, 0},
		"the shard moved and is not there either": {func(m *fakeMiner) {
			o := m.take(self, 0, live).Order
			delete(m.parts[self].sectors[1].body, m.put(self, 1, old, o))
		}, 1, 0, 1},
		"the shard moved and the miner falls silent": {func(m *fakeMiner) {
			o := m.take(self, 0, live).Order
			m.put(self, 1, old, o)
			m.asked = func(wire.AuditRequest) { m.late = time.Hour * time.Duration(min(1, m.parts[self].head.Sequence-1)) }
		}, 1, 0, 1},
		"the shard is gone":  {func(m *fakeMiner) { m.take(self, 0, live) }, 1, 0, 1},
		"the shard is lost":  {func(m *fakeMiner) { delete(m.parts[self].sectors[0].body, live) }, 1, 0, 1},
		"the shard is there": {func(*fakeMiner) {}, 2, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			m := w.miner("//Miner")
			m.seal(self, 0, 2)
			live = m.put(self, 0, old, order(t, validator, m.key.Hotkey(), old))
			w.start()
			w.seen(m)
			c.change(m)
			if void, failed := w.ask(m, 0, c.leaf); void != c.void || failed != c.failed {
				t.Errorf("void %d, failed %d, want %d and %d", void, failed, c.void, c.failed)
			}
		})
	}
}

// TestDeletedShard is asked for as long as it is listed and excused when it has
// left the list.
func TestDeletedShard(t *testing.T) {
	w := newWorld(t)
	m := w.miner("//Miner")
	self := w.key.Hotkey()
	m.seal(self, 0, 2)
	body := junk(3000, 1, 1)
	root := m.put(self, 0, body, order(t, w.key, m.key.Hotkey(), body))
	m.alter(self, 0, func(s *sector) { s.entry.Shards[0].Deleted = true })
	w.start()
	w.seen(m)
	delete(m.parts[self].sectors[0].body, root)
	if void, failed := w.ask(m, 0, 1); void != 0 || failed != 1 {
		t.Errorf("a deleted shard that is listed and not there: void %d, failed %d", void, failed)
	}
	m.take(self, 0, root)
	if void, failed := w.ask(m, 0, 1); void != 1 || failed != 0 {
		t.Errorf("a deleted shard that was forgotten since: void %d, failed %d", void, failed)
	}
}

// TestVoidQuestionsDoNotCount: an audit whose wrong answers are all explained
// counts the right ones alone.
func TestVoidQuestionsDoNotCount(t *testing.T) {
	w := newWorld(t)
	m := w.miner("//Miner")
	self := w.key.Hotkey()
	m.seal(self, 0, 2)
	w.start()
	w.seen(m)
	bodies := [][]byte{junk(60_000, 1, 1), junk(60_000, 2, 1), junk(60_000, 3, 1)}
	put := false
	m.asked = func(wire.AuditRequest) {
		for i := 0; !put && i < len(bodies); i++ {
			m.put(self, 0, bodies[i], order(t, w.key, m.key.Hotkey(), bodies[i]))
		}
		put = true
	}
	w.audit(m, 1)
	l := w.leaves(m)
	if l.Failed != 0 || l.Passed == 16 || l.Passed == 0 {
		t.Errorf("leaves = %+v, want fewer than 16 and none failed", l)
	}
	m.drop(self, 1)
	w.audit(m, 10)
	if got := w.leaves(m); got.Failed == 0 || got.Passed+got.Failed != l.Passed+160 {
		t.Errorf("leaves = %+v after a loss", got)
	}
}

// TestQuestionsReachEverything: every leaf that counts is asked for, none that
// does not, each about as often; and a quarter are users' data, however little
// there is of it.
func TestQuestionsReachEverything(t *testing.T) {
	w := newWorld(t)
	m := w.miner("//Miner")
	self := w.key.Hotkey()
	m.seal(self, 0, 3)
	body := junk(3000, 1, 1) // leaves 0 to 2 of sector 0; 3 to 63 prove nothing
	root := m.put(self, 0, body, order(t, w.key, m.key.Hotkey(), body))
	m.state(self, 2, wire.Withdrawn)
	w.start()
	w.seen(m)
	asked, data := map[wire.LeafRef]int{}, 0
	m.asked = func(r wire.AuditRequest) {
		for _, l := range r.Leaves {
			asked[l]++
		}
	}
	w.audit(m, 300)
	w.wantLeaves(m, 4800, 0)
	for ref, n := range asked {
		switch {
		case ref.Shard == root && ref.Sector == 0 && ref.Leaf < 3:
			data += n
			if n < 300 || n > 550 { // a third of 1200 and a few
				t.Errorf("asked %d times for %+v", n, ref)
			}
			continue
		case ref.Shard == strata.Root{} && (ref.Sector == 0 && ref.Leaf >= 64 || ref.Sector == 1):
		default:
			t.Errorf("asked for %+v, which proves nothing", ref)
		}
		if n > 50 { // 3600 / 451 are 8
			t.Errorf("asked %d times for %+v", n, ref)
		}
	}
	if data < 1200 || data > 1300 { // and three in 451 of the rest
		t.Errorf("%d leaves of users' data were asked for", data)
	}
	if len(asked) < 440 { // each of 451 is left out with chance 3 × 10⁻⁴
		t.Errorf("%d leaves were asked for, want all 451", len(asked))
	}
}

func TestNothingToAsk(t *testing.T) {
	w := newWorld(t)
	m := w.miner("//Miner")
	w.start()
	m.asked = func(wire.AuditRequest) { t.Error("a miner that holds nothing is audited") }
	w.audit(m, 1)
	w.wantLeaves(m, 0, 0)
}

// TestThrottledAudits: a validator asks far below what miners publish, so an audit
// that is too many for a miner has failed.
func TestThrottledAudits(t *testing.T) {
	w := newWorld(t)
	m := w.miner("//Miner")
	m.seal(w.key.Hotkey(), 0, 8)
	w.start()
	w.admit(m)
	w.audit(m, 2)
	m.busy = true
	w.audit(m, 3)
	w.wantLeaves(m, 32, 48)
}

func TestExponential(t *testing.T) {
	var sum time.Duration
	v := &Validator{Config: Config{Chance: secret}}
	for range 2000 {
		d := v.exponential(time.Second)
		if d < 0 || d > 10*time.Second {
			t.Fatalf("a wait of %s", d)
		}
		sum += d
	}
	if mean := sum / 2000; mean < 850*time.Millisecond || mean > 1150*time.Millisecond { // ± 7 standard errors
		t.Errorf("the mean wait is %s, want 1 s", mean)
	}
}

func TestMissingShardsAreLost(t *testing.T) {
	w := newWorld(t)
	m := w.miner("//Miner")
	self := w.key.Hotkey()
	m.seal(self, 0, 2)
	kept := junk(3000, 1, 1)
	keptRoot := m.put(self, 0, kept, order(t, w.key, m.key.Hotkey(), kept))
	w.start()
	placed := &placedLedger{Ledger: w.ledger, calls: [][]catalog.Placed{nil}}
	w.v.Ledger = placed
	w.admit(m)
	b := w.book(m)
	reconcile := func(first, second []catalog.Placed, want int) {
		t.Helper()
		placed.calls, w.shards.updates = [][]catalog.Placed{first, second}, nil
		before := w.leaves(m)
		if err := w.v.reconcile(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if len(w.shards.updates) != want {
			t.Errorf("updates = %+v, want %d", w.shards.updates, want)
		}
		for _, u := range w.shards.updates {
			if u.State != catalog.Lost || !u.Miner.IsZero() {
				t.Errorf("update = %+v", u)
			}
		}
		if got := w.leaves(m).Failed - before.Failed; got != uint64(want*score.LeavesPerAudit) {
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
	w.shards.gone = true                            // all were, since
	reconcile(all, all, 0)
	w.shards.gone = false

	m.dead = true
	placed.calls = [][]catalog.Placed{all, all}
	if err := w.v.reconcile(t.Context(), b); strata.CodeOf(err) != strata.Unavailable || len(w.shards.updates) > 0 {
		t.Errorf("a silent miner gave %v and lost %v", err, w.shards.updates)
	}
	m.dead = false
	delete(m.parts, self) // it says itself that it has nothing
	reconcile(all, all, 3)
}

// TestReconcileSettles: what has arrived is stored, what is marked deleted and
// wanted comes back, and what never came is given up without a fault.
func TestReconcileSettles(t *testing.T) {
	w := newWorld(t)
	m := w.miner("//Miner")
	self := w.key.Hotkey()
	m.seal(self, 0, 2)
	kept, flagged := junk(3000, 1, 1), junk(3000, 2, 2)
	keptRoot := m.put(self, 0, kept, order(t, w.key, m.key.Hotkey(), kept))
	flaggedRoot := m.put(self, 1, flagged, order(t, w.key, m.key.Hotkey(), flagged))
	m.alter(self, 1, func(s *sector) { s.entry.Shards[0].Deleted = true })
	w.start()
	placed := &placedLedger{Ledger: w.ledger}
	w.v.Ledger = placed
	w.admit(m)
	all := []catalog.Placed{
		{Index: 0, Root: keptRoot, State: catalog.Sending},
		{Index: 1, Root: flaggedRoot, State: catalog.Stored},
		{Index: 2, Root: strata.Root{9}, State: catalog.Sending},
	}
	reconcile := func(want ...catalog.ShardUpdate) {
		t.Helper()
		placed.calls, w.shards.updates = [][]catalog.Placed{all}, nil
		if err := w.v.reconcile(t.Context(), w.book(m)); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(w.shards.updates, want) {
			t.Errorf("updates = %+v, want %+v", w.shards.updates, want)
		}
	}
	stored := func(i int) catalog.ShardUpdate { return catalog.ShardUpdate{Index: i, State: catalog.Stored} }
	reconcile(stored(0), stored(1))
	if !slices.Equal(m.restored, []strata.Root{flaggedRoot}) {
		t.Errorf("restored %v, want the one marked deleted", m.restored)
	}
	m.forgets = true
	w.now = w.now.Add(unsentFor)
	reconcile(stored(0), catalog.ShardUpdate{Index: 2, State: catalog.Lost})
	if w.leaves(m).Failed != 0 {
		t.Error("the miner paid for what it never signed for")
	}
}

// TestFailedAuditLosesTheShard: a leaf of a shard that is listed and cannot be
// opened is a shard that cannot be counted on.
func TestFailedAuditLosesTheShard(t *testing.T) {
	w := newWorld(t)
	m := w.miner("//Miner")
	self := w.key.Hotkey()
	m.seal(self, 0, 1)
	body := junk(30_000, 1, 1)
	root := m.put(self, 0, body, order(t, w.key, m.key.Hotkey(), body))
	w.start()
	placed := &placedLedger{Ledger: w.ledger, calls: [][]catalog.Placed{
		{{Index: 4, Root: strata.Root{7}, State: catalog.Stored}, {Index: 5, Root: root, State: catalog.Stored}},
	}}
	w.v.Ledger = placed
	w.admit(m)
	q := []question{{ref: wire.LeafRef{Sector: 0, Shard: root, Leaf: 3}, root: root, size: uint64(len(body))}}
	if _, failed, err := w.v.recheck(t.Context(), w.book(m), self, q); err != nil || failed != 1 {
		t.Fatalf("%d failed, %v", failed, err)
	}
	if want := []catalog.ShardUpdate{{Index: 5, State: catalog.Lost}}; !slices.Equal(w.shards.updates, want) {
		t.Errorf("updates = %+v, want %+v", w.shards.updates, want)
	}
}

// placedLedger answers PlacedOn from a script.
type placedLedger struct {
	catalog.Ledger
	calls [][]catalog.Placed
}

func (l *placedLedger) PlacedOn(ctx context.Context, _ strata.Hotkey) ([]catalog.Placed, error) {
	next := l.calls[0]
	l.calls = l.calls[1:]
	return append([]catalog.Placed(nil), next...), ctx.Err()
}
