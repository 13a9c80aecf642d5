package check_test

import (
	"testing"

	"strata/score"
	"strata/validator/book"
	"strata/validator/check"
	"strata/validator/validatortest"
	"strata/wire"
)

// accuse hands a proof in and makes the refill that it may ask for.
func accuse(t *testing.T, w *validatortest.World, proof []byte) error {
	t.Helper()
	err := w.Frauds.Accuse(t.Context(), proof, "a test")
	if err := check.Accused(t.Context(), w.Checks, make([]byte, validatortest.SectorSize)); err != nil {
		t.Fatal(err)
	}
	return err
}

// TestFalseRootIsShownToOthers: one validator's check finds a false root; its
// proof, one refill later, costs the miner its credit with another one too.
func TestFalseRootIsShownToOthers(t *testing.T) {
	w := validatortest.New(t)
	o := w.Neighbour("//Other")
	m := w.Miner("//Liar")
	self := w.Key.Hotkey()
	m.Seal(self, 0, 40)
	m.Fake(self, 40, 1)
	m.Fake(self, 41, 1)
	w.Start()
	o.Start()
	w.Admit(m)
	o.Seen(m)
	o.Blocks(o.Pace.Cohort + 1)
	buf := make([]byte, validatortest.SectorSize)
	if err := check.Sector(t.Context(), w.Checks, w.Book(m), book.Place{Validator: self, Number: 40}, buf); err != nil {
		t.Fatal(err)
	}
	w.WantStanding(m, score.Suspended)
	shown := w.Proofs()
	if len(shown) != 1 {
		t.Fatalf("%d proofs were published", len(shown))
	}
	f, err := wire.DecodeFraudProof(shown[0])
	if err != nil || f.Verify(validatortest.Domain) != nil || f.Kind != wire.FalseRoot || f.First.Entry.Number != 40 {
		t.Fatalf("the proof is %+v, %v", f, err)
	}

	o.WantStanding(m, score.Good)
	if err := accuse(t, o, shown[0]); err != nil {
		t.Fatal(err)
	}
	o.WantStanding(m, score.Suspended)
	o.Consistent(m)
	if got := o.Score(m).Cohorts[0]; got.Bytes != 41*validatortest.SectorSize || got.Failed != 1 {
		t.Errorf("cohort = %+v", got)
	}
	list, err := o.DB.Frauds(t.Context(), m.Key.Hotkey())
	if err != nil || len(list) != 1 || list[0].Number != 40 || list[0].Kind != wire.FalseRoot {
		t.Errorf("recorded are %+v, %v", list, err)
	}
	if got := o.Proofs(); len(got) != 1 {
		t.Errorf("%d proofs are passed on", len(got))
	}
	// Again, and over a restart, it changes nothing.
	for range 2 {
		if err := accuse(t, o, shown[0]); err != nil {
			t.Error(err)
		}
		o.WantStanding(m, score.Suspended)
		o.Restart()
	}
	// Another false root of the same miner is fraud there.
	if err := check.Sector(t.Context(), w.Checks, w.Book(m), book.Place{Validator: self, Number: 41}, buf); err != nil {
		t.Fatal(err)
	}
	w.WantStanding(m, score.Penalised)
	for _, p := range w.Proofs() {
		if err := accuse(t, o, p); err != nil {
			t.Error(err)
		}
	}
	o.WantStanding(m, score.Penalised)
	o.Consistent(m)
}
