package check_test

import (
	"testing"
	"time"

	"strata"
	"strata/score"
	"strata/validator/book"
	"strata/validator/check"
	"strata/validator/validatortest"
	"strata/wire"
)

func TestHonestMinerGetsItsCredit(t *testing.T) {
	w := validatortest.New(t)
	m := w.Miner("//Honest")
	m.Pages = 7
	m.Seal(w.Key.Hotkey(), 0, 40)
	w.Start()
	w.Seen(m)
	if got := w.Check(1); got != 0 {
		t.Errorf("%d checks before there is a cohort", got)
	}
	w.Blocks(2)
	// Thirty on arrival, and one of the trickle, which is due at once.
	checks := w.Check(100)
	if checks != 30 && checks != 31 {
		t.Errorf("%d checks were made on arrival, want 30 and one of the trickle", checks)
	}
	if w.Credit(m) != 0 {
		t.Error("credit without an audited leaf")
	}
	w.Audit(m, 20)
	w.WantLeaves(m, 320, 0)
	w.WantCredit(m, 40*validatortest.SectorSize, float64(w.Score(m).Cohorts[0].Checks), 320, 0)
	w.Consistent(m)

	// What comes later is a cohort of its own: nothing before its own checks.
	before := w.Credit(m)
	m.Seal(w.Key.Hotkey(), 40, 45)
	w.Admit(m)
	if got := w.Credit(m); got != before {
		t.Errorf("unchecked sectors changed the credit from %d to %d", before, got)
	}
	w.Check(100)
	if got := w.Score(m).Cohorts; len(got) != 1 || got[0].Checks < 30 || got[0].Bytes != 45*validatortest.SectorSize {
		t.Errorf("cohorts = %+v, want one of both", got)
	}
	if got := w.Credit(m); got <= before {
		t.Errorf("five more sectors took the credit from %d to %d", before, got)
	}
	w.Consistent(m)
}

func TestFirstCohortIsCollected(t *testing.T) {
	w := validatortest.New(t)
	w.Pace.First = 3
	m := w.Miner("//Honest")
	m.Seal(w.Key.Hotkey(), 0, 1)
	w.Start()
	w.Blocks(10) // a long time without sectors does not count as waiting
	w.Seen(m)
	w.Blocks(1)
	m.Seal(w.Key.Hotkey(), 1, 4)
	w.Seen(m)
	w.Blocks(2)
	if got := w.Score(m).Cohorts; len(got) != 0 {
		t.Errorf("a cohort after two blocks of three: %+v", got)
	}
	w.Blocks(1)
	if got := w.Score(m).Cohorts; len(got) != 1 || got[0].Bytes != 4*validatortest.SectorSize {
		t.Errorf("cohorts = %+v, want one of four sectors", got)
	}
}

func TestAllRootsFalse(t *testing.T) {
	w := validatortest.New(t)
	m := w.Miner("//Liar")
	for n := range uint64(10) {
		m.Fake(w.Key.Hotkey(), n, 1)
	}
	w.Start()
	w.Admit(m)
	w.Audit(m, 10)
	w.WantLeaves(m, 160, 0) // it can open all that it made up
	w.Check(1)
	w.WantStanding(m, score.Suspended)
	w.Check(1)
	w.WantStanding(m, score.Penalised)
	w.Consistent(m)
	if got := w.Book(m).View().Holding(w.Key.Hotkey()).Numbers.Count(); got != 8 {
		t.Errorf("%d sectors count, want the 8 that were not checked", got)
	}
}

// TestFraudAndReturn follows a miner with a false fifth through suspension,
// penalty and probation back to credit.
func TestFraudAndReturn(t *testing.T) {
	w := validatortest.New(t)
	m := w.Miner("//Liar")
	self := w.Key.Hotkey()
	m.Seal(self, 0, 32)
	for n := range uint64(8) {
		m.Fake(self, 32+n, 1)
	}
	w.Start()
	w.Admit(m)
	w.Audit(m, 20)
	for w.Score(m).Standing == score.Good {
		if w.Check(1) == 0 {
			t.Fatal("30 checks of 40 sectors missed 8 false ones")
		}
	}
	w.WantStanding(m, score.Suspended)
	if owed := w.Score(m).Owed; owed != score.SuspensionChecks {
		t.Errorf("owed = %d", owed)
	}
	for w.Score(m).Standing == score.Suspended {
		if w.Check(1) == 0 {
			t.Fatal("a suspended miner gets no checks")
		}
	}
	w.WantStanding(m, score.Penalised) // 100 draws miss the rest with (4/5)^100
	until := w.Score(m).Until
	w.Consistent(m)

	// It gives up what is false, and waits.
	for n := range uint64(8) {
		m.State(self, 32+n, wire.Gone)
	}
	w.Seen(m)
	w.Consistent(m)
	for w.Chain.Graph.Head.Number+1 < until {
		w.Blocks(1)
		w.Now = w.Now.Add(12 * time.Second)
		w.Audit(m, 1)
		w.Check(10) // the trickle, which pays nothing off now
		w.WantStanding(m, score.Penalised)
	}
	w.Blocks(1)
	w.Audit(m, 1)
	w.WantStanding(m, score.Probation)
	if made := w.Check(score.ProbationChecks - 1); made != score.ProbationChecks-1 {
		t.Fatalf("%d checks of a miner on probation", made)
	}
	w.Restart() // what it still owes is not forgotten
	w.WantStanding(m, score.Probation)
	w.Check(1)
	w.WantStanding(m, score.Good)
	c, l := w.Score(m).Cohorts[0], w.Leaves(m)
	if want := score.Credit([]score.Cohort{c}, l); w.Credit(m) != want || want == 0 {
		t.Errorf("credit = %d, want %d", w.Credit(m), want)
	}
}

func TestSecondMismatchNeedsNoPatience(t *testing.T) {
	w := validatortest.New(t)
	bad, good := w.Miner("//Liar"), w.Miner("//Honest")
	bad.Seal(w.Key.Hotkey(), 0, 40)
	bad.Fake(w.Key.Hotkey(), 40, 1)
	good.Seal(w.Key.Hotkey(), 0, 40)
	w.Start()
	w.Seen(bad)
	w.Admit(good)
	b := w.Book(bad)
	buf := make([]byte, validatortest.SectorSize)
	if err := check.Sector(t.Context(), w.Checks, b, book.Place{Validator: w.Key.Hotkey(), Number: 40}, buf); err != nil {
		t.Fatal(err)
	}
	w.WantStanding(bad, score.Suspended)
	// A miner that owes a hundred checks does not keep another's arrival waiting
	// until they are done.
	for i := 0; w.Score(good).Cohorts[0].Checks < 30; i++ {
		if w.Check(1); i > 150 {
			t.Fatalf("after %d checks an honest miner has had %d", i, w.Score(good).Cohorts[0].Checks)
		}
	}
	w.Check(300)
	w.WantStanding(bad, score.Good)
	// The void sector stays out.
	bad.Alter(w.Key.Hotkey(), 40, func(s *validatortest.Sector) { s.Entry.State = wire.Gone })
	w.Seen(bad)
	bad.State(w.Key.Hotkey(), 40, wire.Filler)
	w.Admit(bad)
	if got := w.Score(bad).Cohorts; len(got) != 1 || got[0].Bytes != 40*validatortest.SectorSize {
		t.Errorf("a void sector counts again: %+v", got)
	}
	w.Consistent(bad)
}

// TestFalseRootTakenBackDuringItsCheck: the root was false when it was signed.
func TestFalseRootTakenBackDuringItsCheck(t *testing.T) {
	w := validatortest.New(t)
	m := w.Miner("//Liar")
	self := w.Key.Hotkey()
	m.Seal(self, 0, 4)
	m.Fake(self, 4, 1)
	w.Start()
	w.Admit(m)
	b, at := w.Book(m), book.Place{Validator: self, Number: 4}
	before := w.Sectors(m, self)[4]
	m.State(self, 4, wire.Withdrawn)
	w.Seen(m)
	if err := check.Compare(t.Context(), w.Checks, b, at, before, [32]byte{9}); err != nil {
		t.Fatal(err)
	}
	w.WantStanding(m, score.Suspended)
	// A true one that was withdrawn meanwhile is no matter.
	before = w.Sectors(m, self)[3]
	m.State(self, 3, wire.Withdrawn)
	w.Seen(m)
	checks := w.Score(m).Cohorts[0].Checks
	if err := check.Compare(t.Context(), w.Checks, b, book.Place{Validator: self, Number: 3}, before, before.Entry.Root); err != nil {
		t.Fatal(err)
	}
	if got := w.Score(m).Cohorts[0]; got.Checks != checks || got.Bytes != 3*validatortest.SectorSize {
		t.Errorf("cohort = %+v", got)
	}
	w.Consistent(m)
}

// TestSampleUsedUp: a miner withdraws most of a large cohort; what is left of it
// is checked nevertheless, with bounded memory.
func TestSampleUsedUp(t *testing.T) {
	w := validatortest.New(t)
	m := w.Miner("//Honest")
	self := w.Key.Hotkey()
	const sectors = 320 // five times what waits in memory
	m.Seal(self, 0, 20)
	for n := uint64(20); n < sectors; n++ {
		m.Fake(self, n, 1) // cheaper to make than true ones, and gone before any check
	}
	w.Start()
	w.Admit(m)
	for n := uint64(20); n < sectors; n++ {
		m.Alter(self, n, func(s *validatortest.Sector) { s.Entry.State, s.Entry.Root = wire.Gone, strata.Root{} })
	}
	w.Seen(m)
	w.Check(1000)
	if c := w.Score(m).Cohorts; len(c) != 1 || c[0].Bytes != 20*validatortest.SectorSize || c[0].Checks < 20 || c[0].Failed > 0 {
		t.Errorf("cohorts = %+v", c)
	}
	for _, s := range w.Sectors(m, self) {
		if s.Listed() && !s.Checked {
			t.Errorf("sector %d was never checked", s.Entry.Number)
		}
	}
	w.WantStanding(m, score.Good)
	w.Consistent(m)
}

// TestNewcomersAreNotKeptWaiting: a miner that takes its sectors back and lists them
// anew has checks made for nothing, in a row of its own: not in that of newcomers.
func TestNewcomersAreNotKeptWaiting(t *testing.T) {
	w := validatortest.New(t)
	self := w.Key.Hotkey()
	again, fresh := w.Miner("//Again"), w.Miner("//Fresh")
	again.Seal(self, 0, 3)
	w.Start()
	w.Admit(again)
	if got := w.Book(again).Due(); got != book.First {
		t.Errorf("a newcomer is checked for reason %d", got)
	}
	w.Check(3)
	for round := range 2 {
		for n := range uint64(3) {
			again.State(self, n, wire.Withdrawn)
		}
		w.Seen(again)
		for n := range uint64(3) {
			again.State(self, n, wire.Filler)
		}
		w.Admit(again)
		if got := w.Book(again).Due(); got != book.Arrival {
			t.Errorf("round %d: what came back is checked for reason %d", round, got)
		}
	}
	fresh.Seal(self, 0, 3)
	w.Admit(fresh)
	if got := w.Book(fresh).Due(); got != book.First {
		t.Errorf("a newcomer is checked for reason %d", got)
	}
	if made := w.Check(100); made < 6 { // and some of the trickle
		t.Errorf("%d checks were made", made)
	}
}
