package validator

import (
	"testing"
	"time"

	"strata/score"
	"strata/wire"
)

func TestHonestMinerGetsItsCredit(t *testing.T) {
	w := newWorld(t)
	m := w.miner("//Honest")
	m.pages = 7
	m.seal(w.key.Hotkey(), 0, 40)
	w.start()
	w.seen(m)
	if got := w.check(1); got != 0 {
		t.Errorf("%d checks before there is a cohort", got)
	}
	w.blocks(2)
	// Thirty on arrival, and one of the trickle, which is due at once.
	checks := w.check(100)
	if checks != 30 && checks != 31 {
		t.Errorf("%d checks were made on arrival, want 30 and one of the trickle", checks)
	}
	if w.book(m).credit() != 0 {
		t.Error("credit without an audited leaf")
	}
	w.audit(m, 20)
	w.wantLeaves(m, 320, 0)
	w.wantCredit(m, 40*sectorSize, float64(w.score(m).Cohorts[0].Checks), 320, 0)
	w.consistent(m)

	// What comes later is a cohort of its own: nothing before its own checks.
	before := w.book(m).credit()
	m.seal(w.key.Hotkey(), 40, 45)
	w.admit(m)
	if got := w.book(m).credit(); got != before {
		t.Errorf("unchecked sectors changed the credit from %d to %d", before, got)
	}
	w.check(100)
	if got := w.score(m).Cohorts; len(got) != 1 || got[0].Checks < 30 || got[0].Bytes != 45*sectorSize {
		t.Errorf("cohorts = %+v, want one of both", got)
	}
	if got := w.book(m).credit(); got <= before {
		t.Errorf("five more sectors took the credit from %d to %d", before, got)
	}
	w.consistent(m)
}

func TestFirstCohortIsCollected(t *testing.T) {
	w := newWorld(t)
	w.pace.First = 3
	m := w.miner("//Honest")
	m.seal(w.key.Hotkey(), 0, 1)
	w.start()
	w.blocks(10) // a long time without sectors does not count as waiting
	w.seen(m)
	w.blocks(1)
	m.seal(w.key.Hotkey(), 1, 4)
	w.seen(m)
	w.blocks(2)
	if got := w.score(m).Cohorts; len(got) != 0 {
		t.Errorf("a cohort after two blocks of three: %+v", got)
	}
	w.blocks(1)
	if got := w.score(m).Cohorts; len(got) != 1 || got[0].Bytes != 4*sectorSize {
		t.Errorf("cohorts = %+v, want one of four sectors", got)
	}
}

func TestAllRootsFalse(t *testing.T) {
	w := newWorld(t)
	m := w.miner("//Liar")
	for n := range uint64(10) {
		m.fake(w.key.Hotkey(), n, 1)
	}
	w.start()
	w.admit(m)
	w.audit(m, 10)
	w.wantLeaves(m, 160, 0) // it can open all that it made up
	w.check(1)
	w.wantStanding(m, score.Suspended)
	w.check(1)
	w.wantStanding(m, score.Penalised)
	w.consistent(m)
	if got := w.book(m).holdings[w.key.Hotkey()].numbers.count; got != 8 {
		t.Errorf("%d sectors count, want the 8 that were not checked", got)
	}
}

// TestFraudAndReturn follows a miner with a false fifth through suspension,
// penalty and probation back to credit.
func TestFraudAndReturn(t *testing.T) {
	w := newWorld(t)
	m := w.miner("//Liar")
	self := w.key.Hotkey()
	m.seal(self, 0, 32)
	for n := range uint64(8) {
		m.fake(self, 32+n, 1)
	}
	w.start()
	w.admit(m)
	w.audit(m, 20)
	for w.score(m).Standing == score.Good {
		if w.check(1) == 0 {
			t.Fatal("30 checks of 40 sectors missed 8 false ones")
		}
	}
	w.wantStanding(m, score.Suspended)
	if owed := w.score(m).Owed; owed != score.SuspensionChecks {
		t.Errorf("owed = %d", owed)
	}
	for w.score(m).Standing == score.Suspended {
		if w.check(1) == 0 {
			t.Fatal("a suspended miner gets no checks")
		}
	}
	w.wantStanding(m, score.Penalised) // 100 draws miss the rest with (4/5)^100
	until := w.score(m).Until
	w.consistent(m)

	// It gives up what is false, and waits.
	for n := range uint64(8) {
		m.state(self, 32+n, wire.Gone)
	}
	w.seen(m)
	w.consistent(m)
	for w.chain.graph.Head.Number+1 < until {
		w.blocks(1)
		w.now = w.now.Add(12 * time.Second)
		w.audit(m, 1)
		w.check(10) // the trickle, which pays nothing off now
		w.wantStanding(m, score.Penalised)
	}
	w.blocks(1)
	w.audit(m, 1)
	w.wantStanding(m, score.Probation)
	if made := w.check(score.ProbationChecks - 1); made != score.ProbationChecks-1 {
		t.Fatalf("%d checks of a miner on probation", made)
	}
	w.restart() // what it still owes is not forgotten
	w.wantStanding(m, score.Probation)
	w.check(1)
	w.wantStanding(m, score.Good)
	c, l := w.score(m).Cohorts[0], w.leaves(m)
	if want := score.Credit([]score.Cohort{c}, l); w.book(m).credit() != want || want == 0 {
		t.Errorf("credit = %d, want %d", w.book(m).credit(), want)
	}
}

func TestSecondMismatchNeedsNoPatience(t *testing.T) {
	w := newWorld(t)
	bad, good := w.miner("//Liar"), w.miner("//Honest")
	bad.seal(w.key.Hotkey(), 0, 40)
	bad.fake(w.key.Hotkey(), 40, 1)
	good.seal(w.key.Hotkey(), 0, 40)
	w.start()
	w.seen(bad)
	w.admit(good)
	b := w.book(bad)
	buf := make([]byte, sectorSize)
	if err := w.v.checkSector(t.Context(), b, place{w.key.Hotkey(), 40}, buf); err != nil {
		t.Fatal(err)
	}
	w.wantStanding(bad, score.Suspended)
	// A miner that owes a hundred checks does not keep another's arrival waiting
	// until they are done.
	for i := 0; w.score(good).Cohorts[0].Checks < 30; i++ {
		if w.check(1); i > 150 {
			t.Fatalf("after %d checks an honest miner has had %d", i, w.score(good).Cohorts[0].Checks)
		}
	}
	w.check(300)
	w.wantStanding(bad, score.Good)
	// The void sector stays out.
	bad.alter(w.key.Hotkey(), 40, func(s *sector) { s.entry.State = wire.Gone })
	w.seen(bad)
	bad.state(w.key.Hotkey(), 40, wire.Filler)
	w.admit(bad)
	if got := w.score(bad).Cohorts; len(got) != 1 || got[0].Bytes != 40*sectorSize {
		t.Errorf("a void sector counts again: %+v", got)
	}
	w.consistent(bad)
}

// TestFalseRootTakenBackDuringItsCheck: the root was false when it was signed.
func TestFalseRootTakenBackDuringItsCheck(t *testing.T) {
	w := newWorld(t)
	m := w.miner("//Liar")
	self := w.key.Hotkey()
	m.seal(self, 0, 4)
	m.fake(self, 4, 1)
	w.start()
	w.admit(m)
	b, at := w.book(m), place{self, 4}
	before := w.sectors(m, self)[4]
	m.state(self, 4, wire.Withdrawn)
	w.seen(m)
	if err := w.v.compare(t.Context(), b, at, before, [32]byte{9}, nil); err != nil {
		t.Fatal(err)
	}
	w.wantStanding(m, score.Suspended)
	// A true one that was withdrawn meanwhile is no matter.
	before = w.sectors(m, self)[3]
	m.state(self, 3, wire.Withdrawn)
	w.seen(m)
	checks := w.score(m).Cohorts[0].Checks
	if err := w.v.compare(t.Context(), b, place{self, 3}, before, before.Entry.Root, nil); err != nil {
		t.Fatal(err)
	}
	if got := w.score(m).Cohorts[0]; got.Checks != checks || got.Bytes != 3*sectorSize {
		t.Errorf("cohort = %+v", got)
	}
	w.consistent(m)
}

func TestHalfDropped(t *testing.T) {
	w := newWorld(t)
	m := w.miner("//Dropper")
	self := w.key.Hotkey()
	m.seal(self, 0, 40)
	w.start()
	w.admit(m)
	w.check(100)
	for n := range uint64(20) {
		m.drop(self, 2*n)
	}
	w.audit(m, 40)
	l := w.leaves(m)
	if l.Passed+l.Failed != 640 || l.Failed < 200 || l.Failed > 440 {
		t.Errorf("leaves = %+v, want about half of 640 failed", l)
	}
	if got := w.book(m).credit(); got != 0 {
		t.Errorf("credit = %d", got)
	}
}

func TestLateAndMissingAnswers(t *testing.T) {
	w := newWorld(t)
	m := w.miner("//Slow")
	m.seal(w.key.Hotkey(), 0, 3)
	w.start()
	w.admit(m)
	b := w.book(m)
	w.audit(m, 1)
	w.wantLeaves(m, 16, 0)
	// As long as no round trip is known, the cap is allowed for it.
	m.late = prof.Deadline + prof.RTTCap
	w.audit(m, 1)
	w.wantLeaves(m, 32, 0)
	if err := w.v.timeConnect(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	m.late = prof.Deadline + time.Millisecond
	w.audit(m, 1)
	w.wantLeaves(m, 48, 0)
	m.late++
	w.audit(m, 1)
	w.wantLeaves(m, 48, 16)
	if b.lastErr == "" {
		t.Error("a late answer is not shown")
	}
	m.late, m.dead = 0, true
	w.audit(m, 1)
	w.wantLeaves(m, 48, 32)
	m.dead = false
	w.audit(m, 1)
	w.wantLeaves(m, 64, 32)
	if b.lastErr != "" || b.rec.Passed != 64 || b.rec.Failed != 32 {
		t.Errorf("after a good answer: %q, %d passed, %d failed", b.lastErr, b.rec.Passed, b.rec.Failed)
	}
}

func TestRoundTrips(t *testing.T) {
	var r roundTrips
	at := time.Unix(0, 0)
	for _, step := range []struct {
		after time.Duration
		took  time.Duration
		want  time.Duration
	}{
		{0, 40, 40}, {time.Hour, 30, 30}, {time.Hour, 50, 30}, {23 * time.Hour, 45, 30}, {2 * time.Hour, 45, 45}, {25 * time.Hour, 500, 100},
	} {
		at = at.Add(step.after)
		r.add(at, step.took)
		if got := r.best(100); got != step.want {
			t.Errorf("after %d: best = %d, want %d", step.took, got, step.want)
		}
	}
}

// TestGrowthCannotStandIn: a miner that was proven gives up most of it, and
// lists ten times as much that nobody has checked. It is asked for what was
// proven, and paid for what of that is left.
func TestGrowthCannotStandIn(t *testing.T) {
	w := newWorld(t)
	m := w.proven("//Grower", 40)
	self := w.key.Hotkey()
	w.start()
	w.earn(m)
	before := w.book(m).credit()

	// Nine tenths turn into data sectors without data, which nobody asks for.
	for n := range uint64(36) {
		m.alter(self, n, func(s *sector) { s.entry.State, s.entry.Tail = wire.Data, prof.Blocks })
	}
	for n := range uint64(400) {
		m.fake(self, 40+n, 1) // made up, and answered
	}
	w.seen(m)
	if got := w.book(m).credit(); got > before/9 {
		t.Errorf("credit %d for a tenth, it was %d for all", got, before)
	}
	asked := map[uint64]int{}
	m.asked = func(r wire.AuditRequest) {
		for _, l := range r.Leaves {
			asked[l.Sector]++
		}
	}
	w.audit(m, 10)
	for n := range asked {
		if n < 36 || n >= 40 {
			t.Errorf("sector %d was asked for", n)
		}
	}
	if len(asked) != 4 {
		t.Errorf("asked for %v, want what was proven and is left", asked)
	}
	w.consistent(m)
}

// TestGrowingCostsNothing: new sectors, in any number and at any time, never
// lower the credit of what was there, from their listing to their checks.
func TestGrowingCostsNothing(t *testing.T) {
	w := newWorld(t)
	m := w.proven("//Grower", 20)
	self := w.key.Hotkey()
	w.start()
	w.earn(m)
	last, have := w.book(m).credit(), uint64(20)
	step := func(what string) {
		t.Helper()
		now := w.book(m).credit()
		if now < last {
			t.Errorf("%s took the credit from %d to %d, with %d sectors", what, last, now, have)
		}
		last = now
	}
	for _, more := range []uint64{1, 40, 3, 2} {
		m.seal(self, have, have+more)
		have += more
		w.seen(m)
		step("a listing")
		for range w.pace.Cohort + 1 {
			w.chain.mu.Lock()
			w.chain.graph.Head.Number++
			h := w.chain.graph.Head
			w.chain.mu.Unlock()
			w.v.advance(t.Context(), h)
			w.v.formCohorts(t.Context())
		}
		w.audit(m, 1)
		last = min(last, w.book(m).credit()) // leaves come and go with time
		step("an arrival")
		for w.check(1) == 1 {
			step("a check")
		}
	}
	w.consistent(m)
}
