package audit_test

import (
	"slices"
	"testing"
	"time"

	"strata"
	"strata/catalog"
	"strata/merkle"
	"strata/validator/audit"
	"strata/validator/validatortest"
	"strata/wire"
)

// ask audits one leaf as the ledger has it and returns the verdict.
func ask(t *testing.T, w *validatortest.World, m *validatortest.Miner, number uint64, leaf uint32) (void, failed uint64) {
	t.Helper()
	void, failed, err := audit.Leaf(t.Context(), w.Audits, w.Book(m), w.Key.Hotkey(), number, leaf)
	if err != nil {
		t.Fatal(err)
	}
	return void, failed
}

// TestBetweenPullAndAudit changes a sector after it was seen and asks for a leaf
// as it was: the verdict follows from the manifest as it is then.
func TestBetweenPullAndAudit(t *testing.T) {
	validator := validatortest.NewKey(t, "//Validator")
	self := validator.Hotkey()
	old, fresh := validatortest.Junk(3000, 1, 1), validatortest.Junk(3000, 2, 2)
	var live strata.Root
	for name, c := range map[string]struct {
		change       func(*validatortest.Miner)
		leaf         uint32 // of sector 0, where a shard lies over leaves 0 to 2
		void, failed uint64
	}{
		"nothing": {func(*validatortest.Miner) {}, 100, 0, 0},
		"an ordered shard was put there": {func(m *validatortest.Miner) {
			m.Put(self, 0, fresh, validatortest.Order(t, validator, m.Key.Hotkey(), fresh))
		}, 65, 1, 0},
		"a shard was put there and fills the group in part": {func(m *validatortest.Miner) {
			m.Put(self, 0, fresh, validatortest.Order(t, validator, m.Key.Hotkey(), fresh))
		}, 127, 1, 0},
		"a shard was put elsewhere": {func(m *validatortest.Miner) {
			m.Put(self, 0, fresh, validatortest.Order(t, validator, m.Key.Hotkey(), fresh))
			m.Drop(self, 0)
		}, 128, 0, 1},
		"an unordered shard is said to be there": {func(m *validatortest.Miner) { m.Put(self, 0, fresh, nil) }, 65, 0, 1},
		"the tail moved and nothing lies there": {func(m *validatortest.Miner) {
			m.Alter(self, 0, func(s *validatortest.Sector) { s.Entry.Tail = 192 })
		}, 150, 0, 1},
		"the filler is gone":       {func(m *validatortest.Miner) { m.Drop(self, 0) }, 100, 0, 1},
		"the sector was withdrawn": {func(m *validatortest.Miner) { m.State(self, 0, wire.Withdrawn) }, 100, 0, 1},
		"the sector was released": {func(m *validatortest.Miner) {
			m.Alter(self, 0, func(s *validatortest.Sector) { s.Entry.State, s.Entry.Tail, s.Entry.Shards = wire.Gone, 0, nil })
		}, 100, 0, 1},
		"the shard moved": {func(m *validatortest.Miner) {
			o := m.Take(self, 0, live).Order
			m.Put(self, 1, old, o)
		}, 1, 0, 0},
		"the shard moved and is not there either": {func(m *validatortest.Miner) {
			o := m.Take(self, 0, live).Order
			delete(m.Parts[self].Sectors[1].Body, m.Put(self, 1, old, o))
		}, 1, 0, 1},
		"the shard moved and the miner falls silent": {func(m *validatortest.Miner) {
			o := m.Take(self, 0, live).Order
			m.Put(self, 1, old, o)
			m.Asked = func(wire.AuditRequest) { m.Late = time.Hour * time.Duration(min(1, m.Parts[self].Head.Sequence-1)) }
		}, 1, 0, 1},
		"the shard is gone":  {func(m *validatortest.Miner) { m.Take(self, 0, live) }, 1, 0, 1},
		"the shard is lost":  {func(m *validatortest.Miner) { delete(m.Parts[self].Sectors[0].Body, live) }, 1, 0, 1},
		"the shard is there": {func(*validatortest.Miner) {}, 2, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := validatortest.New(t)
			m := w.Miner("//Miner")
			m.Seal(self, 0, 2)
			live = m.Put(self, 0, old, validatortest.Order(t, validator, m.Key.Hotkey(), old))
			w.Start()
			w.Seen(m)
			c.change(m)
			if void, failed := ask(t, w, m, 0, c.leaf); void != c.void || failed != c.failed {
				t.Errorf("void %d, failed %d, want %d and %d", void, failed, c.void, c.failed)
			}
		})
	}
}

// TestDeletedShard is asked for as long as it is listed and excused when it has
// left the list.
func TestDeletedShard(t *testing.T) {
	w := validatortest.New(t)
	m := w.Miner("//Miner")
	self := w.Key.Hotkey()
	m.Seal(self, 0, 2)
	body := validatortest.Junk(3000, 1, 1)
	root := m.Put(self, 0, body, validatortest.Order(t, w.Key, m.Key.Hotkey(), body))
	m.Alter(self, 0, func(s *validatortest.Sector) { s.Entry.Shards[0].Deleted = true })
	w.Start()
	w.Seen(m)
	delete(m.Parts[self].Sectors[0].Body, root)
	if void, failed := ask(t, w, m, 0, 1); void != 0 || failed != 1 {
		t.Errorf("a deleted shard that is listed and not there: void %d, failed %d", void, failed)
	}
	m.Take(self, 0, root)
	if void, failed := ask(t, w, m, 0, 1); void != 1 || failed != 0 {
		t.Errorf("a deleted shard that was forgotten since: void %d, failed %d", void, failed)
	}
}

// TestVoidQuestionsDoNotCount: an audit whose wrong answers are all explained
// counts the right ones alone.
func TestVoidQuestionsDoNotCount(t *testing.T) {
	w := validatortest.New(t)
	m := w.Miner("//Miner")
	self := w.Key.Hotkey()
	m.Seal(self, 0, 2)
	w.Start()
	w.Seen(m)
	bodies := [][]byte{validatortest.Junk(60_000, 1, 1), validatortest.Junk(60_000, 2, 1), validatortest.Junk(60_000, 3, 1)}
	put := false
	m.Asked = func(wire.AuditRequest) {
		for i := 0; !put && i < len(bodies); i++ {
			m.Put(self, 0, bodies[i], validatortest.Order(t, w.Key, m.Key.Hotkey(), bodies[i]))
		}
		put = true
	}
	w.Audit(m, 1)
	l := w.Leaves(m)
	if l.Failed != 0 || l.Passed == 16 || l.Passed == 0 {
		t.Errorf("leaves = %+v, want fewer than 16 and none failed", l)
	}
	m.Drop(self, 1)
	w.Audit(m, 10)
	if got := w.Leaves(m); got.Failed == 0 || got.Passed+got.Failed != l.Passed+160 {
		t.Errorf("leaves = %+v after a loss", got)
	}
}

// TestQuestionsReachEverything: every leaf that counts is asked for, none that
// does not, each about as often; and a quarter are users' data, however little
// there is of it.
func TestQuestionsReachEverything(t *testing.T) {
	w := validatortest.New(t)
	m := w.Miner("//Miner")
	self := w.Key.Hotkey()
	m.Seal(self, 0, 3)
	body := validatortest.Junk(3000, 1, 1) // leaves 0 to 2 of sector 0; 3 to 63 prove nothing
	root := m.Put(self, 0, body, validatortest.Order(t, w.Key, m.Key.Hotkey(), body))
	m.State(self, 2, wire.Withdrawn)
	w.Start()
	w.Seen(m)
	asked, data := map[wire.LeafRef]int{}, 0
	m.Asked = func(r wire.AuditRequest) {
		for _, l := range r.Leaves {
			asked[l]++
		}
	}
	w.Audit(m, 300)
	w.WantLeaves(m, 4800, 0)
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
	w := validatortest.New(t)
	m := w.Miner("//Miner")
	w.Start()
	m.Asked = func(wire.AuditRequest) { t.Error("a miner that holds nothing is audited") }
	w.Audit(m, 1)
	w.WantLeaves(m, 0, 0)
}

// TestThrottledAudits: a validator asks far below what miners publish, so an audit
// that is too many for a miner has failed.
func TestThrottledAudits(t *testing.T) {
	w := validatortest.New(t)
	m := w.Miner("//Miner")
	m.Seal(w.Key.Hotkey(), 0, 8)
	w.Start()
	w.Admit(m)
	w.Audit(m, 2)
	m.Busy = true
	w.Audit(m, 3)
	w.WantLeaves(m, 32, 48)
}

// TestFailedAuditLosesTheShard: a leaf of a shard that is listed and cannot be
// opened is a shard that cannot be counted on.
func TestFailedAuditLosesTheShard(t *testing.T) {
	w := validatortest.New(t)
	m := w.Miner("//Miner")
	self := w.Key.Hotkey()
	m.Seal(self, 0, 1)
	body := validatortest.Junk(30_000, 1, 1)
	root := m.Put(self, 0, body, validatortest.Order(t, w.Key, m.Key.Hotkey(), body))
	w.Start()
	placed := &validatortest.PlacedLedger{Ledger: w.Ledger, Calls: [][]catalog.Placed{
		{{Index: 4, Root: strata.Root{7}, State: catalog.Stored}, {Index: 5, Root: root, State: catalog.Stored}},
	}}
	w.Shards.Ledger = placed
	w.Admit(m)
	delete(m.Parts[self].Sectors[0].Body, root)
	if _, failed, err := audit.Leaf(t.Context(), w.Audits, w.Book(m), self, 0, 3); err != nil || failed != 1 {
		t.Fatalf("%d failed, %v", failed, err)
	}
	if want := []catalog.ShardUpdate{{Index: 5, State: catalog.Lost}}; !slices.Equal(w.Record.Updates, want) {
		t.Errorf("updates = %+v, want %+v", w.Record.Updates, want)
	}
}

func TestHalfDropped(t *testing.T) {
	w := validatortest.New(t)
	m := w.Miner("//Dropper")
	self := w.Key.Hotkey()
	m.Seal(self, 0, 40)
	w.Start()
	w.Admit(m)
	w.Check(100)
	for n := range uint64(20) {
		m.Drop(self, 2*n)
	}
	w.Audit(m, 40)
	l := w.Leaves(m)
	if l.Passed+l.Failed != 640 || l.Failed < 200 || l.Failed > 440 {
		t.Errorf("leaves = %+v, want about half of 640 failed", l)
	}
	if got := w.Credit(m); got != 0 {
		t.Errorf("credit = %d", got)
	}
}

func TestLateAndMissingAnswers(t *testing.T) {
	w := validatortest.New(t)
	m := w.Miner("//Slow")
	m.Seal(w.Key.Hotkey(), 0, 3)
	w.Start()
	w.Admit(m)
	b := w.Book(m)
	w.Audit(m, 1)
	w.WantLeaves(m, 16, 0)
	// As long as no round trip is known, the cap is allowed for it.
	m.Late = validatortest.Profile.Deadline + validatortest.Profile.RTTCap
	w.Audit(m, 1)
	w.WantLeaves(m, 32, 0)
	if err := w.Audits.TimeConnect(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	m.Late = validatortest.Profile.Deadline + time.Millisecond
	w.Audit(m, 1)
	w.WantLeaves(m, 48, 0)
	m.Late++
	w.Audit(m, 1)
	w.WantLeaves(m, 48, 16)
	if b.View().LastErr == "" {
		t.Error("a late answer is not shown")
	}
	m.Late, m.Dead = 0, true
	w.Audit(m, 1)
	w.WantLeaves(m, 48, 32)
	m.Dead = false
	w.Audit(m, 1)
	w.WantLeaves(m, 64, 32)
	if b.View().LastErr != "" || b.View().Record.Passed != 64 || b.View().Record.Failed != 32 {
		t.Errorf("after a good answer: %q, %d passed, %d failed", b.View().LastErr, b.View().Record.Passed, b.View().Record.Failed)
	}
}

// TestBadAnswers: an answer that is not what was asked for fails the leaves that
// it leaves without a proof, and harms nothing else.
func TestBadAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		answer         func(*wire.AuditResponse)
		passed, failed uint64
	}{
		"all is well":          {func(*wire.AuditResponse) {}, 16, 0},
		"no openings":          {func(a *wire.AuditResponse) { a.Openings = nil }, 0, 16},
		"one opening too few":  {func(a *wire.AuditResponse) { a.Openings = a.Openings[:15] }, 15, 1},
		"one opening too many": {func(a *wire.AuditResponse) { a.Openings = append(a.Openings, a.Openings[0]) }, 0, 16},
		"more than are allowed": {func(a *wire.AuditResponse) {
			for len(a.Openings) < 255 {
				a.Openings = append(a.Openings, a.Openings...)
			}
			a.Openings = a.Openings[:255]
		}, 0, 16},
		"a leaf cut short": {func(a *wire.AuditResponse) { a.Openings[3].Block = a.Openings[3].Block[:1000] }, 15, 1},
		"a leaf too long":  {func(a *wire.AuditResponse) { a.Openings[3].Block = append(a.Openings[3].Block, 0) }, 0, 16},
		"a path too long":  {func(a *wire.AuditResponse) { a.Openings[3].Path = append(a.Openings[3].Path, merkle.Hash{}) }, 15, 1},
		"a path cut short": {func(a *wire.AuditResponse) { a.Openings[3].Path = a.Openings[3].Path[1:] }, 15, 1},
		"an endless path":  {func(a *wire.AuditResponse) { a.Openings[3].Path = make([]merkle.Hash, 200) }, 0, 16},
		"a bit of a leaf":  {func(a *wire.AuditResponse) { a.Openings[3].Block[500] ^= 1 }, 15, 1},
		"missing leaves":   {func(a *wire.AuditResponse) { a.Openings[3] = wire.Opening{Missing: true} }, 15, 1},
		"all leaves rotated": {func(a *wire.AuditResponse) {
			a.Openings = append(a.Openings[1:], a.Openings[0])
		}, 0, 16},
		"one leaf for all": {func(a *wire.AuditResponse) {
			for i := range a.Openings {
				a.Openings[i] = a.Openings[0]
			}
		}, 1, 15},
	} {
		t.Run(name, func(t *testing.T) {
			w := validatortest.New(t)
			m := w.Miner("//Miner")
			m.Seal(w.Key.Hotkey(), 0, 40) // 10240 leaves: the same is hardly asked for twice
			w.Start()
			w.Admit(m)
			m.Answer = c.answer
			w.Audit(m, 1)
			got := w.Leaves(m)
			// A leaf drawn twice in one request may pass once more.
			if got.Passed+got.Failed != 16 || got.Passed < c.passed || got.Passed > c.passed+2*min(1, c.failed/15) {
				t.Errorf("leaves = %+v, want %d passed, %d failed", got, c.passed, c.failed)
			}
			m.Answer = nil
			w.Audit(m, 1)
			if after := w.Leaves(m); after.Passed != got.Passed+16 {
				t.Errorf("after an honest answer: %+v", after)
			}
		})
	}
}
