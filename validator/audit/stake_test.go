package audit_test

import (
	"testing"

	"strata"
	"strata/chain"
	"strata/score"
	"strata/validator/validatortest"
	"strata/wire"
)

// TestLeavingMinerIsPaidForShardsAlone: whichever partition's head says so; and
// the validator that it was told by remembers it over a restart.
func TestLeavingMinerIsPaidForShardsAlone(t *testing.T) {
	w := validatortest.New(t)
	m := w.Miner("//Miner")
	self, other := w.Key.Hotkey(), validatortest.NewKey(t, "//Other").Hotkey()
	w.Chain.Neuron(other, true, false)
	m.Seal(self, 0, 30)
	m.Seal(other, 30, 60)
	body := validatortest.Junk(64<<10, 1, 1)
	m.Put(self, 3, body, validatortest.Order(t, w.Key, m.Key.Hotkey(), body))
	w.Start()
	w.Admit(m)
	w.Check(100)
	w.Audit(m, 20)
	want := func(covered uint64, why string) {
		t.Helper()
		rules, block := w.Subnet.Clock()
		if got, want := w.Credit(m), score.Covered(w.Score(m).Credit(rules, block), covered, 60*validatortest.SectorSize); got != want || want == 0 {
			t.Errorf("%s: %d bytes are paid for, want %d", why, got, want)
		}
	}
	want(60*validatortest.SectorSize, "before")
	m.Leaving = true
	w.Seen(m)
	want(64<<10, "leaving")
	if err := w.Books.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.Restart()
	want(64<<10, "leaving, after a restart")
	// One head of two says so still.
	m.Forge = func(p *wire.ManifestPage) {
		if p.Head.Validator == self {
			p.Head.Sequence, p.Head.Previous, p.Head.Leaving = p.Head.Sequence+1, p.Head.Hash(validatortest.Domain), false
			m.Sign(&p.Head)
		}
	}
	w.Seen(m)
	want(64<<10, "leaving another's partition")
	m.Forge, m.Leaving = nil, false
	m.Part(self).Head.Sequence += 2 // above what was forged
	m.Alter(self, 3, func(*validatortest.Sector) {})
	w.Seen(m)
	want(64<<10, "just back")
	rules, block := w.Subnet.Clock()
	if back := w.Score(m).Back; back != block+rules.Epoch {
		t.Errorf("back at block %d, its filler counts from %d", block, back)
	}
}

// TestOrdersOfLittleStake: what a validator's orders make count is bounded by
// its stake, and answers for the rest outweigh nothing.
func TestOrdersOfLittleStake(t *testing.T) {
	w := validatortest.New(t)
	m := w.Miner("//Miner")
	self, friend := w.Key.Hotkey(), validatortest.NewKey(t, "//Friend")
	w.Chain.Neuron(friend.Hotkey(), true, false)
	w.Chain.Change(self, func(n *chain.Neuron) { n.Stake = 949 * strata.RaoPerTao })
	w.Chain.Change(friend.Hotkey(), func(n *chain.Neuron) { n.Stake = 49 * strata.RaoPerTao })
	m.Seal(self, 0, 30)
	m.Seal(friend.Hotkey(), 30, 120)
	for n := uint64(30); n < 120; n++ {
		for i := range byte(4) {
			body := validatortest.Junk(64<<10, n, i)
			m.Put(friend.Hotkey(), n, body, validatortest.Order(t, friend, m.Key.Hotkey(), body))
		}
	}
	w.Start()
	if got := w.Subnet.Shares()[friend.Hotkey()]; got != 50_000 {
		t.Fatalf("the friend's share is %d ppm, want 50,000", got)
	}
	w.Admit(m)
	w.Check(200)
	w.Audit(m, 20)
	w.WantLeaves(m, 320, 0)
	all := w.Score(m).Credit(w.Subnet.Clock())
	// T = 30 + 0.05625 T + 1, so T = 32.85 of 120 sectors.
	if got, want := w.Credit(m), score.Covered(all, 32848, 120000); got < want-all/1000 || got > want+all/1000 {
		t.Errorf("credit %d, want about %d of %d", got, want, all)
	}
	// Without a byte of its filler nearly all it is asked for is missing.
	for n := range uint64(30) {
		m.Drop(self, n)
	}
	w.Audit(m, 20)
	if l := w.Leaves(m); l.Failed < 220 {
		t.Errorf("%d of 320 leaves failed, want nine tenths", l.Failed)
	}
}

// TestGrowthCannotStandIn: a miner that was proven gives up most of it, and
// lists ten times as much that nobody has checked. It is asked for what was
// proven, and paid for what of that is left.
func TestGrowthCannotStandIn(t *testing.T) {
	w := validatortest.New(t)
	m := w.Proven("//Grower", 40)
	self := w.Key.Hotkey()
	w.Start()
	w.Earn(m)
	before := w.Credit(m)

	// Nine tenths turn into data sectors without data, which nobody asks for.
	for n := range uint64(36) {
		m.Alter(self, n, func(s *validatortest.Sector) { s.Entry.State, s.Entry.Tail = wire.Data, validatortest.Profile.Blocks })
	}
	for n := range uint64(400) {
		m.Fake(self, 40+n, 1) // made up, and answered
	}
	w.Seen(m)
	if got := w.Credit(m); got > before/9 {
		t.Errorf("credit %d for a tenth, it was %d for all", got, before)
	}
	asked := map[uint64]int{}
	m.Asked = func(r wire.AuditRequest) {
		for _, l := range r.Leaves {
			asked[l.Sector]++
		}
	}
	w.Audit(m, 10)
	for n := range asked {
		if n < 36 || n >= 40 {
			t.Errorf("sector %d was asked for", n)
		}
	}
	if len(asked) != 4 {
		t.Errorf("asked for %v, want what was proven and is left", asked)
	}
	w.Consistent(m)
}

// TestGrowingCostsNothing: new sectors, in any number and at any time, never
// lower the credit of what was there, from their listing to their checks.
func TestGrowingCostsNothing(t *testing.T) {
	w := validatortest.New(t)
	m := w.Proven("//Grower", 20)
	self := w.Key.Hotkey()
	w.Start()
	w.Earn(m)
	last, have := w.Credit(m), uint64(20)
	step := func(what string) {
		t.Helper()
		now := w.Credit(m)
		if now < last {
			t.Errorf("%s took the credit from %d to %d, with %d sectors", what, last, now, have)
		}
		last = now
	}
	for _, more := range []uint64{1, 40, 3, 2} {
		m.Seal(self, have, have+more)
		have += more
		w.Seen(m)
		step("a listing")
		for range w.Pace.Cohort + 1 {
			w.Head(w.Chain.Advance())
			w.Books.FormCohorts(t.Context())
		}
		w.Audit(m, 1)
		last = min(last, w.Credit(m)) // leaves come and go with time
		step("an arrival")
		for w.Check(1) == 1 {
			step("a check")
		}
	}
	w.Consistent(m)
}
