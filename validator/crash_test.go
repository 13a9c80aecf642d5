package validator

import (
	"context"
	"errors"
	"slices"
	"testing"

	"strata"
	"strata/chain"
	"strata/score"
	"strata/wire"
)

// life is what happens to one miner with twelve sectors, the last of them
// false: cohorts, checks, audits, sectors that go and come back, a second root.
// It stops at the first error, and may be lived again from any point.
func life(w *world, m *fakeMiner) error {
	ctx, self := context.Background(), w.key.Hotkey()
	cohort := func() error {
		w.v.mu.Lock()
		w.v.head.Number += w.pace.Cohort + 1
		w.v.mu.Unlock()
		w.book(m).ready() // the waiting begins
		w.v.mu.Lock()
		w.v.head.Number += w.pace.Cohort + 1
		w.v.mu.Unlock()
		return w.book(m).formCohort(ctx)
	}
	checks := func() error {
		buf := make([]byte, sectorSize)
		for range 4 {
			if b, at, ok := w.v.nextCheck(); ok {
				if err := w.v.checkSector(ctx, b, at, buf); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for _, step := range []func() error{
		func() error { return w.look(m) },
		cohort,
		checks,
		func() error { return w.v.audit(ctx, w.book(m)) },
		func() error { return w.v.save(ctx) },
		func() error { m.state(self, 1, wire.Withdrawn); m.state(self, 2, wire.Gone); return w.look(m) },
		func() error { m.state(self, 1, wire.Filler); return w.look(m) },
		cohort,
		checks,
		func() error { m.fake(self, 11, 2); return w.look(m) },
		func() error { return w.v.save(ctx) },
		func() error {
			if err := w.v.weigh(ctx, w.chain.graph.Head); strata.CodeOf(err) != strata.Invalid { // nobody has credit yet
				return err
			}
			return nil
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
		m := w.miner("//Miner")
		self := w.key.Hotkey()
		m.seal(self, 0, 11)
		m.fake(self, 11, 1)
		w.start()
		w.ledger.dying, w.ledger.left = true, writes
		err := life(w, m)
		if done = err == nil; !done && !errors.Is(err, errKilled) {
			t.Fatalf("killed at write %d: %v", writes, err)
		}
		before := w.score(m)
		w.restart()
		w.consistent(m)
		// What memory had taken over was written before.
		if after := w.score(m); after.Standing != before.Standing || !slices.Equal(after.Cohorts, before.Cohorts) {
			t.Errorf("write %d: the ledger has %v %+v, memory had %v %+v", writes, after.Standing, after.Cohorts, before.Standing, before.Cohorts)
		}
		if err := life(w, m); err != nil {
			t.Fatalf("after write %d: %v", writes, err)
		}
		w.consistent(m)
		w.wantStanding(m, score.Penalised)
		bytes := uint64(0)
		for _, c := range w.score(m).Cohorts {
			bytes += c.Bytes
		}
		if bytes != 10*sectorSize {
			t.Errorf("write %d: %d sectors count, want 10", writes, bytes/sectorSize)
		}
		w.kill()
	}
	if writes < 15 {
		t.Errorf("a life has only %d writes: the test has lost its subject", writes)
	}
}

func TestAuditsSurviveRestart(t *testing.T) {
	w := newWorld(t)
	m := w.miner("//Honest")
	m.seal(w.key.Hotkey(), 0, 20)
	w.start()
	w.admit(m)
	w.check(8)
	w.audit(m, 30)
	if err := w.v.save(t.Context()); err != nil {
		t.Fatal(err)
	}
	credit, scored := w.book(m).credit(), w.score(m)
	w.restart()
	w.wantLeaves(m, 480, 0)
	if got := w.book(m).credit(); got != credit || got == 0 {
		t.Errorf("credit %d after a restart, %d before", got, credit)
	}
	if got := w.score(m).Cohorts; len(got) != 1 || got[0] != scored.Cohorts[0] {
		t.Errorf("cohorts = %+v, want %+v", got, scored.Cohorts)
	}
	// Arrival checks go on with the sectors that had none.
	w.check(100)
	if got := w.book(m).unchecked[1]; got != nil && len(got.places) > 0 {
		t.Errorf("sectors are still to be checked: %v", got.places)
	}
	for _, s := range w.sectors(m, w.key.Hotkey()) {
		if !s.Checked {
			t.Errorf("sector %d of a small cohort was never checked", s.Entry.Number)
		}
	}
}

// TestFailedWritesAreMadeAgain: an error of the disk loses nothing.
func TestFailedWritesAreMadeAgain(t *testing.T) {
	w := newWorld(t)
	m := w.miner("//Honest")
	m.seal(w.key.Hotkey(), 0, 4)
	w.start()
	w.ledger.dying = true
	if err := w.look(m); !errors.Is(err, errKilled) || w.book(m).bytes() != 0 {
		t.Errorf("a pull that was not written gave %v and counts %s", err, w.book(m).bytes())
	}
	w.ledger.dying = false
	w.seen(m)
	w.ledger.dying = true
	w.blocks(10)
	if got := w.score(m).Cohorts; len(got) != 0 {
		t.Errorf("a cohort that was not written counts: %+v", got)
	}
	w.ledger.dying = false
	w.blocks(1)
	w.ledger.dying = true
	b, at, ok := w.v.nextCheck()
	if !ok {
		t.Fatal("no check is due")
	}
	if err := w.v.checkSector(t.Context(), b, at, make([]byte, sectorSize)); !errors.Is(err, errKilled) || w.score(m).Cohorts[0].Checks != 0 {
		t.Errorf("a check that was not written gave %v and counts", err)
	}
	w.audit(m, 1)
	if err := w.v.save(t.Context()); !errors.Is(err, errKilled) {
		t.Errorf("save gave %v", err)
	}
	w.ledger.dying = false
	if got := w.check(100); got < 4 {
		t.Errorf("%d checks after the disk came back, want all four sectors", got)
	}
	if err := w.v.save(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.restart()
	w.consistent(m)
	w.wantLeaves(m, 16, 0)
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
	w.start()
	w.chain.graph.Neurons[0] = chain.Neuron{}
	if err := w.v.Start(t.Context()); strata.CodeOf(err) != strata.Forbidden {
		t.Errorf("an unregistered hotkey gave %v", err)
	}
}
