package validator

import (
	"testing"
	"time"

	"strata"
	"strata/auditlog"
	"strata/chain"
	"strata/health"
	"strata/repair"
	"strata/score"
	"strata/validator/validatortest"
	"strata/wire"
)

// standing returns what is known of a miner's shards; false if it is not listed.
func (w *world) standing(m *validatortest.Miner) (repair.Miner, bool) {
	w.t.Helper()
	list, err := w.v.Standings(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, x := range list {
		if x.Hotkey == m.Key.Hotkey() {
			return x, true
		}
	}
	return repair.Miner{}, false
}

// answers looks at a miner as the loop does.
func (w *world) answers(m *validatortest.Miner) {
	w.t.Helper()
	w.Seen(m)
	w.Book(m).Seen(nil)
}

func (w *world) wantCondition(m *validatortest.Miner, want health.Condition, why string) {
	w.t.Helper()
	if got, ok := w.standing(m); !ok || got.Condition != want {
		w.t.Errorf("%s: condition %d (listed: %v), want %d", why, got.Condition, ok, want)
	}
}

func TestStandingFollowsSilence(t *testing.T) {
	w := newWorld(t)
	m, other := w.Miner("//Miner"), w.Miner("//Other")
	w.Start()
	w.answers(m)
	w.answers(other)
	pace := w.v.Pace
	for _, c := range []struct {
		silent time.Duration
		want   health.Condition
	}{{0, health.Safe}, {pace.Doubt, health.Safe}, {pace.Doubt + 1, health.Doubtful}, {pace.Gone, health.Doubtful}, {pace.Gone + 1, health.Missing}} {
		began := w.Now
		w.Now = began.Add(c.silent)
		w.wantCondition(m, c.want, "after "+c.silent.String())
		w.Now = began
	}
	// The validator was down for long: that is not the miners' silence.
	if err := w.Books.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.Kill()
	w.Now = w.Now.Add(100 * pace.Gone)
	w.Start()
	w.wantCondition(m, health.Safe, "after the validator's restart")
	w.Now = w.Now.Add(pace.Gone + 1)
	w.answers(other)
	w.wantCondition(other, health.Safe, "one that answers")
	w.wantCondition(m, health.Missing, "one that does not")
}

// TestOnlookerJudgesByTheLedger: who reads another process's ledger takes the
// last answer of any miner for the present.
func TestOnlookerJudgesByTheLedger(t *testing.T) {
	w := newWorld(t)
	m, other := w.Miner("//Miner"), w.Miner("//Other")
	w.Start()
	w.answers(m)
	w.Now = w.Now.Add(w.v.Pace.Doubt + 1)
	w.answers(other)
	if err := w.Books.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.Restart()
	w.Now = w.Now.Add(100 * w.v.Pace.Gone) // the validator is not running
	if err := w.v.Observe(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.wantCondition(other, health.Safe, "the one seen last")
	w.wantCondition(m, health.Doubtful, "the other")
}

func TestStandingFollowsTheScore(t *testing.T) {
	w := newWorld(t)
	m := w.Miner("//Miner")
	m.Seal(w.Key.Hotkey(), 0, 8)
	w.Start()
	w.Admit(m)
	w.Check(100)
	w.wantCondition(m, health.Safe, "checked")
	b := w.Book(m)
	b.Note(auditlog.Entry{Kind: auditlog.Missed}, score.Event{Kind: score.Audited, Leaves: score.Leaves{Failed: 16}})
	w.wantCondition(m, health.Safe, "one audit missed")
	b.Note(auditlog.Entry{Kind: auditlog.Missed}, score.Event{Kind: score.Audited, Leaves: score.Leaves{Failed: 16}})
	w.wantCondition(m, health.Doubtful, "audits failed")
	for range 8 {
		b.Note(auditlog.Entry{Kind: auditlog.Missed}, score.Event{Kind: score.Audited, Leaves: score.Leaves{Passed: 16}})
	}
	w.wantCondition(m, health.Safe, "audits passed again")
	b.Note(auditlog.Entry{Kind: auditlog.Missed}, score.Event{Kind: score.Mismatched})
	w.wantCondition(m, health.Doubtful, "suspended")
	b.Note(auditlog.Entry{Kind: auditlog.Missed}, score.Event{Kind: score.SecondRoot})
	w.wantCondition(m, health.Missing, "fraud")
}

func TestStandingOfALeavingMiner(t *testing.T) {
	w := newWorld(t)
	m := w.Miner("//Miner")
	m.Seal(w.Key.Hotkey(), 0, 8)
	w.Start()
	w.Admit(m)
	m.Leaving = true
	w.Seen(m)
	w.wantCondition(m, health.Leaving, "leaving")
	c, err := w.v.Candidates(t.Context())
	if err != nil || len(c) != 1 || c[0].Free != 0 {
		t.Errorf("a leaving miner is offered shards: %+v, %v", c, err)
	}
	if err := w.Books.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.Restart()
	w.wantCondition(m, health.Leaving, "leaving, after a restart")
	m.Leaving = false
	w.Seen(m)
	w.wantCondition(m, health.Safe, "it stays after all")
}

func TestStandingOfAShrunkenPartition(t *testing.T) {
	w := newWorld(t)
	m := w.Miner("//Miner")
	self := w.Key.Hotkey()
	m.Seal(self, 0, 8)
	body := validatortest.Junk(3000, 1, 1)
	m.Put(self, 3, body, validatortest.Order(t, w.Key, m.Key.Hotkey(), body))
	m.Plan = []wire.Partition{{Validator: self, Sealed: 8, Target: 8}}
	w.Start()
	w.Admit(m)
	if got, _ := w.standing(m); got.Shed != 0 {
		t.Errorf("a partition in its bounds sheds %d bytes", got.Shed)
	}
	m.Plan[0].Target = 7
	w.Seen(m)
	if got, _ := w.standing(m); got.Condition != health.Safe || got.Shed == 0 || got.Shed > strata.ByteSize(validatortest.SectorSize) {
		t.Errorf("a partition that shrank by a sector: %+v", got)
	}
}

func TestStandingsWithoutAPermit(t *testing.T) {
	w := newWorld(t)
	m := w.Miner("//Miner")
	w.Chain.Neuron(validatortest.NewKey(t, "//Stranger").Hotkey(), true, false)
	w.Start()
	w.Seen(m)
	w.Chain.Change(m.Key.Hotkey(), func(n *chain.Neuron) { n.Axon = chain.Axon{} })
	w.Blocks(validatortest.RefreshEach)
	if _, ok := w.standing(m); ok {
		t.Error("a miner without an axon is listed")
	}
	w.Chain.Change(w.Key.Hotkey(), func(n *chain.Neuron) { n.Permit = false })
	w.Blocks(validatortest.RefreshEach)
	if _, err := w.v.Standings(t.Context()); strata.CodeOf(err) != strata.Unavailable {
		t.Errorf("without a permit: %v", err)
	}
}
