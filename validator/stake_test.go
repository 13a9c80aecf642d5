package validator

import (
	"testing"

	"strata"
	"strata/chain"
	"strata/score"
	"strata/wire"
)

// TestLeavingMinerIsPaidForShardsAlone: whichever partition's head says so; and
// the validator that it was told by remembers it over a restart.
func TestLeavingMinerIsPaidForShardsAlone(t *testing.T) {
	w := newWorld(t)
	m := w.miner("//Miner")
	self, other := w.key.Hotkey(), newKey(t, "//Other").Hotkey()
	w.chain.neuron(other, true, false)
	m.seal(self, 0, 30)
	m.seal(other, 30, 60)
	body := junk(64<<10, 1, 1)
	m.put(self, 3, body, order(t, w.key, m.key.Hotkey(), body))
	w.start()
	w.admit(m)
	w.check(100)
	w.audit(m, 20)
	want := func(covered uint64, why string) {
		t.Helper()
		rules, block := w.v.clock()
		if got, want := w.book(m).credit(), score.Covered(w.score(m).Credit(rules, block), covered, 60*sectorSize); got != want || want == 0 {
			t.Errorf("%s: %d bytes are paid for, want %d", why, got, want)
		}
	}
	want(60*sectorSize, "before")
	m.leaving = true
	w.seen(m)
	want(64<<10, "leaving")
	if err := w.v.save(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.restart()
	want(64<<10, "leaving, after a restart")
	// One head of two says so still.
	m.forge = func(p *wire.ManifestPage) {
		if p.Head.Validator == self {
			p.Head.Sequence, p.Head.Previous, p.Head.Leaving = p.Head.Sequence+1, p.Head.Hash(domain), false
			m.sign(&p.Head)
		}
	}
	w.seen(m)
	want(64<<10, "leaving another's partition")
	m.forge, m.leaving = nil, false
	m.part(self).head.Sequence += 2 // above what was forged
	m.alter(self, 3, func(*sector) {})
	w.seen(m)
	want(64<<10, "just back")
	rules, block := w.v.clock()
	if back := w.score(m).Back; back != block+rules.Epoch {
		t.Errorf("back at block %d, its filler counts from %d", block, back)
	}
}

// TestOrdersOfLittleStake: what a validator's orders make count is bounded by
// its stake, and answers for the rest outweigh nothing.
func TestOrdersOfLittleStake(t *testing.T) {
	w := newWorld(t)
	m := w.miner("//Miner")
	self, friend := w.key.Hotkey(), newKey(t, "//Friend")
	w.chain.neuron(friend.Hotkey(), true, false)
	w.chain.change(self, func(n *chain.Neuron) { n.Stake = 949 * strata.RaoPerTao })
	w.chain.change(friend.Hotkey(), func(n *chain.Neuron) { n.Stake = 49 * strata.RaoPerTao })
	m.seal(self, 0, 30)
	m.seal(friend.Hotkey(), 30, 120)
	for n := uint64(30); n < 120; n++ {
		for i := range byte(4) {
			body := junk(64<<10, n, i)
			m.put(friend.Hotkey(), n, body, order(t, friend, m.key.Hotkey(), body))
		}
	}
	w.start()
	if got := w.v.shares()[friend.Hotkey()]; got != 50_000 {
		t.Fatalf("the friend's share is %d ppm, want 50,000", got)
	}
	w.admit(m)
	w.check(200)
	w.audit(m, 20)
	w.wantLeaves(m, 320, 0)
	all := w.score(m).Credit(w.v.rules, w.v.head.Number)
	// T = 30 + 0.05625 T + 1, so T = 32.85 of 120 sectors.
	if got, want := w.book(m).credit(), score.Covered(all, 32848, 120000); got < want-all/1000 || got > want+all/1000 {
		t.Errorf("credit %d, want about %d of %d", got, want, all)
	}
	// Without a byte of its filler nearly all it is asked for is missing.
	for n := range uint64(30) {
		m.drop(self, n)
	}
	w.audit(m, 20)
	if l := w.leaves(m); l.Failed < 220 {
		t.Errorf("%d of 320 leaves failed, want nine tenths", l.Failed)
	}
}
