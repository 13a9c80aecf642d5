package validator

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"strata"
	"strata/chain"
	"strata/score"
)

// TestRun runs the whole role in virtual time over nine minutes: beside an
// honest miner there are one that is silent, one that refuses connections, one that
// lies and one that leaves. None of them keeps the honest one from its credit.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.pace = Pace{Pull: 10 * time.Second, Flush: 10 * time.Second, Cohort: 5, First: 2}
		honest, silent, dead, liar, leaver := w.miner("//Honest"), w.miner("//Silent"), w.miner("//Dead"), w.miner("//Liar"), w.miner("//Leaver")
		self := w.key.Hotkey()
		for _, m := range []*fakeMiner{honest, silent, dead, leaver} {
			m.seal(self, 0, 30)
		}
		for n := range uint64(30) {
			liar.fake(self, n, 1)
		}
		silent.hangs, dead.dead = true, true
		w.start()
		w.v.Now = time.Now
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.v.Run(ctx) }()

		for range 25 {
			time.Sleep(12 * time.Second)
			w.tick()
		}
		w.chain.change(leaver.key.Hotkey(), func(n *chain.Neuron) { n.Axon = chain.Axon{} })
		honest.seal(self, 30, 40)
		for range 22 {
			time.Sleep(12 * time.Second)
			w.tick()
		}
		cancel()
		close(w.chain.heads)
		if err := <-done; err != nil {
			t.Errorf("Run ended with %v", err)
		}

		c := w.score(honest).Cohorts
		if len(c) != 1 || c[0].Bytes != 40*sectorSize || c[0].Checks < 40 {
			t.Errorf("the honest miner's cohorts = %+v", c)
		}
		if l := w.leaves(honest); l.Failed != 0 || l.Passed < 2500 { // about eight minutes of 60 audits each
			t.Errorf("the honest miner's leaves = %+v", l)
		}
		w.wantStanding(honest, score.Good)
		w.wantStanding(liar, score.Penalised)
		w.consistent(honest)
		sets := w.chain.set()
		if len(sets) != 3 { // in blocks 6, 26 and 46
			t.Fatalf("weights were set %d times", len(sets))
		}
		last := sets[len(sets)-1].weights
		if len(last) != 1 || last[0] != (chain.Weight{UID: 1, Value: 65535}) {
			t.Errorf("the last weights are %+v, want the honest miner alone", last)
		}
		if got := weightOf(sets[0].weights, 5); got < 60000 {
			t.Errorf("the miner that left had weight %d before", got)
		}
		if w.book(silent).lastErr == "" || w.book(dead).lastErr == "" {
			t.Error("a miner that does not answer shows no error")
		}
		w.restart()
		w.consistent(honest)
		if got := w.score(honest).Cohorts; len(got) != 1 || got[0] != c[0] {
			t.Errorf("the ledger has cohorts %+v, memory had %+v", got, c)
		}
		w.kill()
	})
}

// tick sends the next head to a running validator.
func (w *world) tick() {
	w.chain.mu.Lock()
	w.chain.graph.Head.Number++
	h := w.chain.graph.Head
	w.chain.mu.Unlock()
	w.chain.heads <- h
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
