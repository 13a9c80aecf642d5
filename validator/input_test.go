package validator

import (
	"net/netip"
	"testing"
	"time"

	"strata"
	"strata/chain"
	"strata/score"
	"strata/validator/validatortest"
)

// TestChangeOfAddress: a miner that moves is asked at its new place, and its
// score goes with its key.
func TestChangeOfAddress(t *testing.T) {
	w := newWorld(t)
	m := w.Proven("//Miner", 20)
	w.Start()
	w.Earn(m)
	before := w.Credit(m)
	to := netip.MustParseAddrPort("192.0.2.7:9999")
	w.Chain.Change(m.Key.Hotkey(), func(n *chain.Neuron) { n.Axon.Addr = to })
	w.Blocks(validatortest.RefreshEach)
	if got := w.Book(m).Endpoint(); got.Addr != to || got.Hotkey != m.Key.Hotkey() {
		t.Errorf("it is asked at %+v", got)
	}
	if got := w.Credit(m); got != before || got == 0 {
		t.Errorf("credit %d, before %d", got, before)
	}
}

// TestChangeOfKey: who comes back with another hotkey is a new miner. The old
// one's punishment stays with the old key, and so does its credit.
func TestChangeOfKey(t *testing.T) {
	w := newWorld(t)
	m := w.Proven("//Miner", 20)
	w.Start()
	w.Earn(m)
	fresh := validatortest.NewMiner(t, "//Fresh")
	w.Net.Miners[fresh.Key.Hotkey()] = fresh
	for n := range uint64(20) {
		fresh.Store(w.Key.Hotkey(), n, m.Filler(w.Key.Hotkey(), n)) // sealed for the old key
	}
	w.Chain.Change(m.Key.Hotkey(), func(n *chain.Neuron) { n.Hotkey = fresh.Key.Hotkey() })
	w.Blocks(validatortest.RefreshEach)
	w.Seen(fresh)
	w.Blocks(3)
	w.Audit(fresh, 5) // it has what it says
	w.Check(40)
	if got := w.Score(fresh); got.Standing != score.Penalised {
		t.Errorf("sectors of another key are taken: %+v", got)
	}
	if got := w.Credit(fresh); got != 0 {
		t.Errorf("the new key has credit %d", got)
	}
	before := len(w.Chain.Vectors())
	w.Blocks(20)
	if got := w.Chain.Vectors()[before:]; len(got) > 0 || w.Credit(m) != 0 {
		t.Errorf("weights %+v, and the old key has credit %d", got, w.Credit(m))
	}
}

// TestClockThatJumps: neither the future nor the past of the wall clock gives or
// takes credit, nor keeps checks and audits from being made.
func TestClockThatJumps(t *testing.T) {
	for name, by := range map[string]time.Duration{"a year on": 365 * 24 * time.Hour, "a year back": -365 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			m := w.Proven("//Miner", 20)
			w.Start()
			w.Earn(m)
			w.Check(10)
			b := w.Book(m)
			if err := w.Audits.TimeConnect(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			credit := w.Credit(m)
			w.Now = w.Now.Add(by)
			if got := w.Credit(m); got != credit || got == 0 {
				t.Errorf("credit %d, before %d", got, credit)
			}
			if w.Check(1) != 1 {
				t.Error("no checks are made any more")
			}
			w.Seen(m)
			w.Audit(m, 1)
			if l := w.Leaves(m); l.Failed > 0 {
				t.Errorf("leaves = %+v", l)
			}
			if err := w.Audits.TimeConnect(t.Context(), b); err != nil || b.RTT(validatortest.Profile.RTTCap) > validatortest.Profile.RTTCap {
				t.Errorf("round trip %s, %v", b.RTT(validatortest.Profile.RTTCap), err)
			}
			w.Blocks(validatortest.FirstWindow)
			if len(w.Chain.Vectors()) != 1 {
				t.Error("no weights")
			}
			w.Restart()
			w.Consistent(m)
		})
	}
}

// TestChainThatStalls: without new blocks nothing ages and nothing is submitted;
// a node that does not answer is asked again; when blocks come again, weights
// are set once.
func TestChainThatStalls(t *testing.T) {
	w := newWorld(t)
	m := w.Proven("//Miner", 20)
	w.Start()
	w.Earn(m)
	w.Chain.Mu.Lock()
	w.Chain.Down = strata.E(strata.Unavailable, "the node is down")
	w.Chain.Mu.Unlock()
	for range 20 { // hours on the wall clock
		w.Now = w.Now.Add(time.Hour)
		w.Seen(m)
		w.Audit(m, 1)
		w.Check(1)
	}
	if l := w.Leaves(m); l.Failed > 0 || l.Passed != 640 {
		t.Errorf("leaves = %+v", l)
	}
	w.Blocks(validatortest.FirstWindow + 2) // blocks, but no metagraph
	if got := len(w.Chain.Vectors()); got != 0 {
		t.Errorf("%d vectors were set with an old metagraph", got)
	}
	credit := w.Credit(m)
	w.Chain.Mu.Lock()
	w.Chain.Down = nil
	w.Chain.Graph.Head.Number += 1000 // the node has caught up
	w.Chain.Mu.Unlock()
	if credit == 0 {
		t.Error("no credit while the chain stalled")
	}
	w.Blocks(20)
	if got := len(w.Chain.Vectors()); got > 1 {
		t.Errorf("%d vectors were set in one epoch", got)
	}
	// The leaves of before the gap no longer count: nothing was proven in it.
	if l := w.Leaves(m); l.Passed != 0 {
		t.Errorf("leaves = %+v", l)
	}
	w.Audit(m, 20)
	w.Blocks(20)
	if got := w.Chain.Vectors(); len(got) == 0 || got[len(got)-1].Weights[0].Value != 65535 {
		t.Errorf("weights = %+v", got)
	}
	w.Consistent(m)
}

// TestHeadThatGoesBack: a reorganisation does not move scores back.
func TestHeadThatGoesBack(t *testing.T) {
	w := newWorld(t)
	m := w.Proven("//Miner", 20)
	w.Start()
	w.Blocks(5)
	w.Earn(m)
	block := w.Score(m).Block
	w.Chain.Mu.Lock()
	w.Chain.Graph.Head.Number -= 4
	w.Chain.Mu.Unlock()
	w.Blocks(1)
	w.Audit(m, 1)
	w.Check(1)
	if got := w.Score(m).Block; got < block {
		t.Errorf("the score is at block %d, it was at %d", got, block)
	}
	if l := w.Leaves(m); l.Passed != 336 {
		t.Errorf("leaves = %+v", l)
	}
	w.Consistent(m)
}
