package validator

import (
	"context"
	"errors"
	"slices"
	"testing"

	"strata"
	"strata/chain"
	"strata/score"
	"strata/validator/book"
	"strata/validator/validatortest"
	"strata/wire"
)

// life is what happens to one miner with twelve sectors, the last of them
// false: cohorts, checks, audits, sectors that go and come back, a second root.
// It stops at the first error, and may be lived again from any point.
func life(w *world, m *validatortest.Miner) error {
	ctx, self := context.Background(), w.Key.Hotkey()
	written := func() error {
		if w.Ledger.Killed() {
			return validatortest.ErrKilled
		}
		return nil
	}
	cohort := func() error {
		for range 2 { // the waiting begins, and ends
			w.Subnet.Advance(chain.Head{Number: w.Subnet.Head().Number + w.Pace.Cohort + 1})
			w.Books.FormCohorts(ctx)
		}
		return written()
	}
	checks := func() error {
		buf := make([]byte, validatortest.SectorSize)
		for range 4 {
			if _, err := w.Checks.Make(ctx, buf); err != nil {
				return err
			}
		}
		return nil
	}
	for _, step := range []func() error{
		func() error { return w.Look(m) },
		cohort,
		checks,
		func() error { return w.Audits.Audit(ctx, w.Book(m)) },
		func() error { return w.Books.Save(ctx) },
		func() error { m.State(self, 1, wire.Withdrawn); m.State(self, 2, wire.Gone); return w.Look(m) },
		func() error { m.State(self, 1, wire.Filler); return w.Look(m) },
		cohort,
		checks,
		func() error { m.Fake(self, 11, 2); return w.Look(m) },
		func() error { return w.Books.Save(ctx) },
		func() error {
			w.Weigher.Turn(ctx, chain.Head{Number: 100*validatortest.FirstWindow + 6}) // nobody has credit yet
			return written()
		},
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// TestKilledAtEveryWrite kills the validator at each of its writes in turn,
// starts it again from the ledger and lets it go on: nothing is counted twice,
// nothing that does not exist is counted, and what was found out stays known.
func TestKilledAtEveryWrite(t *testing.T) {
	writes := 0
	for done := false; !done; writes++ {
		w := newWorld(t)
		m := w.Miner("//Miner")
		self := w.Key.Hotkey()
		m.Seal(self, 0, 11)
		m.Fake(self, 11, 1)
		w.Start()
		w.Ledger.Dying, w.Ledger.Left = true, writes
		err := life(w, m)
		if done = err == nil; !done && !errors.Is(err, validatortest.ErrKilled) {
			t.Fatalf("killed at write %d: %v", writes, err)
		}
		before := w.Score(m)
		w.Restart()
		w.Consistent(m)
		// What memory had taken over was written before.
		if after := w.Score(m); after.Standing != before.Standing || !slices.Equal(after.Cohorts, before.Cohorts) {
			t.Errorf("write %d: the ledger has %v %+v, memory had %v %+v", writes, after.Standing, after.Cohorts, before.Standing, before.Cohorts)
		}
		if err := life(w, m); err != nil {
			t.Fatalf("after write %d: %v", writes, err)
		}
		w.Consistent(m)
		w.WantStanding(m, score.Penalised)
		bytes := uint64(0)
		for _, c := range w.Score(m).Cohorts {
			bytes += c.Bytes
		}
		if bytes != 10*validatortest.SectorSize {
			t.Errorf("write %d: %d sectors count, want 10", writes, bytes/validatortest.SectorSize)
		}
		w.Kill()
	}
	if writes < 15 {
		t.Errorf("a life has only %d writes: the test has lost its subject", writes)
	}
}

func TestAuditsSurviveRestart(t *testing.T) {
	w := newWorld(t)
	m := w.Miner("//Honest")
	m.Seal(w.Key.Hotkey(), 0, 20)
	w.Start()
	w.Admit(m)
	w.Check(8)
	w.Audit(m, 30)
	if err := w.Books.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	credit, scored := w.Credit(m), w.Score(m)
	w.Restart()
	w.WantLeaves(m, 480, 0)
	if got := w.Credit(m); got != credit || got == 0 {
		t.Errorf("credit %d after a restart, %d before", got, credit)
	}
	if got := w.Score(m).Cohorts; len(got) != 1 || got[0] != scored.Cohorts[0] {
		t.Errorf("cohorts = %+v, want %+v", got, scored.Cohorts)
	}
	// Arrival checks go on with the sectors that had none.
	w.Check(100)
	if w.Book(m).Due() == book.Arrival {
		t.Error("sectors are still to be checked")
	}
	for _, s := range w.Sectors(m, w.Key.Hotkey()) {
		if !s.Checked {
			t.Errorf("sector %d of a small cohort was never checked", s.Entry.Number)
		}
	}
}

// TestFailedWritesAreMadeAgain: an error of the disk loses nothing.
func TestFailedWritesAreMadeAgain(t *testing.T) {
	w := newWorld(t)
	m := w.Miner("//Honest")
	m.Seal(w.Key.Hotkey(), 0, 4)
	w.Start()
	w.Ledger.Dying = true
	if err := w.Look(m); !errors.Is(err, validatortest.ErrKilled) || w.Book(m).View().Sectors() != 0 {
		t.Errorf("a pull that was not written gave %v and counts %d sectors", err, w.Book(m).View().Sectors())
	}
	w.Ledger.Dying = false
	w.Seen(m)
	w.Ledger.Dying = true
	w.Blocks(10)
	if got := w.Score(m).Cohorts; len(got) != 0 {
		t.Errorf("a cohort that was not written counts: %+v", got)
	}
	w.Ledger.Dying = false
	w.Blocks(1)
	w.Ledger.Dying = true
	if _, err := w.Checks.Make(t.Context(), make([]byte, validatortest.SectorSize)); !errors.Is(err, validatortest.ErrKilled) || w.Score(m).Cohorts[0].Checks != 0 {
		t.Errorf("a check that was not written gave %v and counts", err)
	}
	w.Audit(m, 1)
	if err := w.Books.Save(t.Context()); !errors.Is(err, validatortest.ErrKilled) {
		t.Errorf("save gave %v", err)
	}
	w.Ledger.Dying = false
	if got := w.Check(100); got < 4 {
		t.Errorf("%d checks after the disk came back, want all four sectors", got)
	}
	if err := w.Books.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.Restart()
	w.Consistent(m)
	w.WantLeaves(m, 16, 0)
}

func TestMulDiv(t *testing.T) {
	for _, c := range [][4]uint64{{7, 1, 2, 3}, {5, 0, 3, 0}, {5, 3, 0, 0}, {1 << 63, 1 << 62, 1 << 63, 1 << 62}, {9, 4, 3, 9}} {
		if got := score.Covered(c[0], c[1], c[2]); got != c[3] {
			t.Errorf("Covered(%d, %d, %d) = %d, want %d", c[0], c[1], c[2], got, c[3])
		}
	}
}

func TestStartNeedsRegistration(t *testing.T) {
	w := newWorld(t)
	w.Start()
	w.Chain.Graph.Neurons[0] = chain.Neuron{}
	if err := w.v.Start(t.Context()); strata.CodeOf(err) != strata.Forbidden {
		t.Errorf("an unregistered hotkey gave %v", err)
	}
}
