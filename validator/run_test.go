package validator

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"strata"
	"strata/chain"
	"strata/score"
	"strata/validator/validatortest"
)

// TestRun runs the whole role in virtual time over nine minutes: beside an
// honest miner there are one that is silent, one that refuses connections, one that
// lies and one that leaves. None of them keeps the honest one from its credit.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Pace = validatortest.Pace{Pull: 10 * time.Second, Recheck: 2 * time.Second, Fresh: 2 * time.Minute, Cohort: 5, First: 2}
		w.pace.Flush, w.clock = 10*time.Second, time.Now
		honest, silent, dead, liar, leaver := w.Miner("//Honest"), w.Miner("//Silent"), w.Miner("//Dead"), w.Miner("//Liar"), w.Miner("//Leaver")
		self := w.Key.Hotkey()
		for _, m := range []*validatortest.Miner{honest, silent, dead, leaver} {
			m.Seal(self, 0, 30)
		}
		for n := range uint64(30) {
			liar.Fake(self, n, 1)
		}
		silent.Hangs, dead.Dead = true, true
		w.Start()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.v.Run(ctx) }()

		for range 25 {
			time.Sleep(12 * time.Second)
			w.tick()
		}
		w.Chain.Change(leaver.Key.Hotkey(), func(n *chain.Neuron) { n.Axon = chain.Axon{} })
		honest.Seal(self, 30, 40)
		for range 22 {
			time.Sleep(12 * time.Second)
			w.tick()
		}
		cancel()
		close(w.Chain.Feed)
		if err := <-done; err != nil {
			t.Errorf("Run ended with %v", err)
		}

		c := w.Score(honest).Cohorts
		if len(c) != 1 || c[0].Bytes != 40*validatortest.SectorSize || c[0].Checks < 40 {
			t.Errorf("the honest miner's cohorts = %+v", c)
		}
		if l := w.Leaves(honest); l.Failed != 0 || l.Passed < 2500 { // about eight minutes of 60 audits each
			t.Errorf("the honest miner's leaves = %+v", l)
		}
		w.WantStanding(honest, score.Good)
		w.WantStanding(liar, score.Penalised)
		w.Consistent(honest)
		sets := w.Chain.Vectors()
		if len(sets) != 3 { // in blocks 6, 26 and 46
			t.Fatalf("weights were set %d times", len(sets))
		}
		last := sets[len(sets)-1].Weights
		if len(last) != 1 || last[0] != (chain.Weight{UID: 1, Value: 65535}) {
			t.Errorf("the last weights are %+v, want the honest miner alone", last)
		}
		if got := validatortest.WeightOf(sets[0].Weights, 5); got < 60000 {
			t.Errorf("the miner that left had weight %d before", got)
		}
		if w.Book(silent).View().LastErr == "" || w.Book(dead).View().LastErr == "" {
			t.Error("a miner that does not answer shows no error")
		}
		w.Restart()
		w.Consistent(honest)
		if got := w.Score(honest).Cohorts; len(got) != 1 || got[0] != c[0] {
			t.Errorf("the ledger has cohorts %+v, memory had %+v", got, c)
		}
		w.Kill()
	})
}

// tick sends the next head to a running validator.
func (w *world) tick() {
	h := w.Chain.Advance()
	w.Chain.Feed <- h
}

// TestPaceDefaults: what is given stays, what is not comes from the profile.
func TestPaceDefaults(t *testing.T) {
	local, public := Pace{Pull: time.Hour}.withDefaults(strata.LocalProfile), Pace{}.withDefaults(strata.MainProfile)
	if local.Pull != time.Hour || local.Recheck != 2*time.Second || local.CheckShare != 50 {
		t.Errorf("local = %+v", local)
	}
	if public.Pull != time.Minute || public.Cohort != 1800 || public.First != 25 || public.Flush != time.Second {
		t.Errorf("public = %+v", public)
	}
}
