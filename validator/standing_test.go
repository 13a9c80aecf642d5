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
	"strata/wire"
)

// standing returns what is known of a miner's shards; false if it is not listed.
func (w *world) standing(m *fakeMiner) (repair.Miner, bool) {
	w.t.Helper()
	list, err := w.v.Standings(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, x := range list {
		if x.Hotkey == m.key.Hotkey() {
			return x, true
		}
	}
	return repair.Miner{}, false
}

// answers looks at a miner as the loop does.
func (w *world) answers(m *fakeMiner) {
	w.t.Helper()
	w.seen(m)
	w.book(m).seen(nil)
}

func (w *world) wantCondition(m *fakeMiner, want health.Condition, why string) {
	w.t.Helper()
	if got, ok := w.standing(m); !ok || got.Condition != want {
		w.t.Errorf("%s: condition %d (listed: %v), want %d", why, got.Condition, ok, want)
	}
}

func TestStandingFollowsSilence(t *testing.T) {
	w := newWorld(t)
	m, other := w.miner("//Miner"), w.miner("//Other")
	w.start()
	w.answers(m)
	w.answers(other)
	pace := w.v.Pace
	for _, c := range []struct {
		silent time.Duration
		want   health.Condition
	}{{0, health.Safe}, {pace.Doubt, health.Safe}, {pace.Doubt + 1, health.Doubtful}, {pace.Gone, health.Doubtful}, {pace.Gone + 1, health.Missing}} {
		began := w.now
		w.now = began.Add(c.silent)
		w.wantCondition(m, c.want, "after "+c.silent.String())
		w.now = began
	}
	// The validator was down for long: that is not the miners' silence.
	if err := w.v.save(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.kill()
	w.now = w.now.Add(100 * pace.Gone)
	w.start()
	w.wantCondition(m, health.Safe, "after the validator's restart")
	w.now = w.now.Add(pace.Gone + 1)
	w.answers(other)
	w.wantCondition(other, health.Safe, "one that answers")
	w.wantCondition(m, health.Missing, "one that does not")
}

// TestOnlookerJudgesByTheLedger: who reads another process's ledger takes the
// last answer of any miner for the present.
func TestOnlookerJudgesByTheLedger(t *testing.T) {
	w := newWorld(t)
	m, other := w.miner("//Miner"), w.miner("//Other")
	w.start()
	w.answers(m)
	w.now = w.now.Add(w.v.Pace.Doubt + 1)
	w.answers(other)
	if err := w.v.save(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.restart()
	w.now = w.now.Add(100 * w.v.Pace.Gone) // the validator is not running
	if err := w.v.Observe(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.wantCondition(other, health.Safe, "the one seen last")
	w.wantCondition(m, health.Doubtful, "the other")
}

func TestStandingFollowsTheScore(t *testing.T) {
	w := newWorld(t)
	m := w.miner("//Miner")
	m.seal(w.key.Hotkey(), 0, 8)
	w.start()
	w.admit(m)
	w.check(100)
	w.wantCondition(m, health.Safe, "checked")
	b := w.book(m)
	b.apply(score.Event{Kind: score.Audited, Leaves: score.Leaves{Failed: 16}}, auditlog.Entry{Kind: auditlog.Missed})
	w.wantCondition(m, health.Safe, "one audit missed")
	b.apply(score.Event{Kind: score.Audited, Leaves: score.Leaves{Failed: 16}}, auditlog.Entry{Kind: auditlog.Missed})
	w.wantCondition(m, health.Doubtful, "audits failed")
	for range 8 {
		b.apply(score.Event{Kind: score.Audited, Leaves: score.Leaves{Passed: 16}}, auditlog.Entry{Kind: auditlog.Missed})
	}
	w.wantCondition(m, health.Safe, "audits passed again")
	b.rec.Score.Standing = score.Suspended
	w.wantCondition(m, health.Doubtful, "suspended")
	b.apply(score.Event{Kind: score.SecondRoot}, auditlog.Entry{Kind: auditlog.Missed})
	w.wantCondition(m, health.Missing, "fraud")
}

func TestStandingOfALeavingMiner(t *testing.T) {
	w := newWorld(t)
	m := w.miner("//Miner")
	m.seal(w.key.Hotkey(), 0, 8)
	w.start()
	w.admit(m)
	m.leaving = true
	w.seen(m)
	w.wantCondition(m, health.Leaving, "leaving")
	c, err := w.v.Candidates(t.Context())
	if err != nil || len(c) != 1 || c[0].Free != 0 {
		t.Errorf("a leaving miner is offered shards: %+v, %v", c, err)
	}
	if err := w.v.save(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.restart()
	w.wantCondition(m, health.Leaving, "leaving, after a restart")
	m.leaving = false
	w.seen(m)
	w.wantCondition(m, health.Safe, "it stays after all")
}

func TestStandingOfAShrunkenPartition(t *testing.T) {
	w := newWorld(t)
	m := w.miner("//Miner")
	self := w.key.Hotkey()
	m.seal(self, 0, 8)
	body := junk(3000, 1, 1)
	m.put(self, 3, body, order(t, w.key, m.key.Hotkey(), body))
	m.plan = []wire.Partition{{Validator: self, Sealed: 8, Target: 8}}
	w.start()
	w.admit(m)
	if got, _ := w.standing(m); got.Shed != 0 {
		t.Errorf("a partition in its bounds sheds %d bytes", got.Shed)
	}
	m.plan[0].Target = 7
	w.seen(m)
	if got, _ := w.standing(m); got.Condition != health.Safe || got.Shed == 0 || got.Shed > strata.ByteSize(sectorSize) {
		t.Errorf("a partition that shrank by a sector: %+v", got)
	}
}

func TestStandingsWithoutAPermit(t *testing.T) {
	w := newWorld(t)
	m := w.miner("//Miner")
	w.chain.neuron(newKey(t, "//Stranger").Hotkey(), true, false)
	w.start()
	w.seen(m)
	w.chain.change(m.key.Hotkey(), func(n *chain.Neuron) { n.Axon = chain.Axon{} })
	w.blocks(refreshEach)
	if _, ok := w.standing(m); ok {
		t.Error("a miner without an axon is listed")
	}
	w.chain.change(w.key.Hotkey(), func(n *chain.Neuron) { n.Permit = false })
	w.blocks(refreshEach)
	if _, err := w.v.Standings(t.Context()); strata.CodeOf(err) != strata.Unavailable {
		t.Errorf("without a permit: %v", err)
	}
}
