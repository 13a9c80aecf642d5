package validator

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"strata"
	"strata/chain"
	"strata/merkle"
	"strata/score"
	"strata/wire"
)

// TestBadAnswers: an answer that is not what was asked for fails the leaves that
// it leaves without a proof, and harms nothing else.
func TestBadAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		answer         func(*wire.AuditResponse)
		passed, failed uint64
	}{
		"all is well":          {func(*wire.AuditResponse) {}, 16, 0},
		"no openings":          {func(a *wire.AuditResponse) { a.Openings = nil }, 0, 16},
		"one opening too few":  {func(a *wire.AuditResponse) { a.Openings = a.Openings[:15] }, 15, 1},
		"one opening too many": {func(a *wire.AuditResponse) { a.Openings = append(a.Openings, a.Openings[0]) }, 0, 16},
		"more than are allowed": {func(a *wire.AuditResponse) {
			for len(a.Openings) < 255 {
				a.Openings = append(a.Openings, a.Openings...)
			}
			a.Openings = a.Openings[:255]
		}, 0, 16},
		"a leaf cut short": {func(a *wire.AuditResponse) { a.Openings[3].Block = a.Openings[3].Block[:1000] }, 15, 1},
		"a leaf too long":  {func(a *wire.AuditResponse) { a.Openings[3].Block = append(a.Openings[3].Block, 0) }, 0, 16},
		"a path too long":  {func(a *wire.AuditResponse) { a.Openings[3].Path = append(a.Openings[3].Path, merkle.Hash{}) }, 15, 1},
		"a path cut short": {func(a *wire.AuditResponse) { a.Openings[3].Path = a.Openings[3].Path[1:] }, 15, 1},
		"an endless path":  {func(a *wire.AuditResponse) { a.Openings[3].Path = make([]merkle.Hash, 200) }, 0, 16},
		"a bit of a leaf":  {func(a *wire.AuditResponse) { a.Openings[3].Block[500] ^= 1 }, 15, 1},
		"missing leaves":   {func(a *wire.AuditResponse) { a.Openings[3] = wire.Opening{Missing: true} }, 15, 1},
		"all leaves rotated": {func(a *wire.AuditResponse) {
			a.Openings = append(a.Openings[1:], a.Openings[0])
		}, 0, 16},
		"one leaf for all": {func(a *wire.AuditResponse) {
			for i := range a.Openings {
				a.Openings[i] = a.Openings[0]
			}
		}, 1, 15},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			m := w.miner("//Miner")
			m.seal(w.key.Hotkey(), 0, 40) // 10240 leaves: the same is hardly asked for twice
			w.start()
			w.admit(m)
			m.answer = c.answer
			w.audit(m, 1)
			got := w.leaves(m)
			// A leaf drawn twice in one request may pass once more.
			if got.Passed+got.Failed != 16 || got.Passed < c.passed || got.Passed > c.passed+2*min(1, c.failed/15) {
				t.Errorf("leaves = %+v, want %d passed, %d failed", got, c.passed, c.failed)
			}
			m.answer = nil
			w.audit(m, 1)
			if after := w.leaves(m); after.Passed != got.Passed+16 {
				t.Errorf("after an honest answer: %+v", after)
			}
		})
	}
}

// TestHugeManifests: what is over the bound is refused, and of several large
// ones one is held at a time.
func TestHugeManifests(t *testing.T) {
	ep := wire.Endpoint{Hotkey: strata.Hotkey{1}}
	shards := make([]wire.ShardEntry, wire.MaxShards)
	f := &fetching{entries: map[uint64]wire.Entry{}, large: make(turn, 1)}
	page := func(from uint64) wire.ManifestPage {
		return wire.ManifestPage{Entries: []wire.Entry{{Number: from, State: wire.Data, Shards: shards}}}
	}
	number, err := uint64(0), error(nil)
	for err == nil {
		number, err = f.add(ep, page(number), number)
	}
	if strata.CodeOf(err) != strata.TooLarge || f.size > maxPulled+wire.MaxEntry {
		t.Errorf("after %d entries, %d bytes: %v", number, f.size, err)
	}
	synctest.Test(t, func(t *testing.T) {
		large := make(turn, 1)
		first := &fetching{size: largePull + 1, large: large}
		second := &fetching{size: largePull + 1, large: large}
		small := &fetching{size: largePull, large: large}
		ctx := t.Context()
		for _, f := range []*fetching{first, first, small} { // again is no second turn
			if err := f.admit(ctx); err != nil {
				t.Fatal(err)
			}
		}
		done := make(chan error)
		go func() { done <- second.admit(ctx) }()
		synctest.Wait()
		select {
		case <-done:
			t.Error("two large manifests are held at once")
		default:
		}
		first.done()
		if err := <-done; err != nil {
			t.Error(err)
		}
		gone, cancel := context.WithCancel(ctx)
		cancel()
		if first.admit(gone) == nil {
			t.Error("a large manifest waits beyond its time")
		}
		second.done()
		second.done() // again is nothing
	})
}

// TestChangeOfAddress: a miner that moves is asked at its new place, and its
// score goes with its key.
func TestChangeOfAddress(t *testing.T) {
	w := newWorld(t)
	m := w.proven("//Miner", 20)
	w.start()
	w.earn(m)
	before := w.book(m).credit()
	to := netip.MustParseAddrPort("192.0.2.7:9999")
	w.chain.change(m.key.Hotkey(), func(n *chain.Neuron) { n.Axon.Addr = to })
	w.blocks(refreshEach)
	if got := w.book(m).endpoint(); got.Addr != to || got.Hotkey != m.key.Hotkey() {
		t.Errorf("it is asked at %+v", got)
	}
	if got := w.book(m).credit(); got != before || got == 0 {
		t.Errorf("credit %d, before %d", got, before)
	}
}

// TestChangeOfKey: who comes back with another hotkey is a new miner. The old
// one's punishment stays with the old key, and so does its credit.
func TestChangeOfKey(t *testing.T) {
	w := newWorld(t)
	m := w.proven("//Miner", 20)
	w.start()
	w.earn(m)
	fresh := newMiner(t, "//Fresh")
	w.net.miners[fresh.key.Hotkey()] = fresh
	for n := range uint64(20) {
		fresh.store(w.key.Hotkey(), n, m.filler(w.key.Hotkey(), n)) // sealed for the old key
	}
	w.chain.change(m.key.Hotkey(), func(n *chain.Neuron) { n.Hotkey = fresh.key.Hotkey() })
	w.blocks(refreshEach)
	w.seen(fresh)
	w.blocks(3)
	w.audit(fresh, 5) // it has what it says
	w.check(40)
	if got := w.score(fresh); got.Standing != score.Penalised {
		t.Errorf("sectors of another key are taken: %+v", got)
	}
	if got := w.book(fresh).credit(); got != 0 {
		t.Errorf("the new key has credit %d", got)
	}
	g, err := w.v.refresh(t.Context(), strata.BlockHash{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range w.v.vector(g) {
		if r.Hotkey == m.key.Hotkey() || r.Value != 0 {
			t.Errorf("weight %+v", r)
		}
	}
}

// TestClockThatJumps: neither the future nor the past of the wall clock gives or
// takes credit, nor keeps checks and audits from being made.
func TestClockThatJumps(t *testing.T) {
	for name, by := range map[string]time.Duration{"a year on": 365 * 24 * time.Hour, "a year back": -365 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			m := w.proven("//Miner", 20)
			w.start()
			w.earn(m)
			w.check(10)
			b := w.book(m)
			if err := w.v.timeConnect(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			credit := b.credit()
			w.now = w.now.Add(by)
			if got := b.credit(); got != credit || got == 0 {
				t.Errorf("credit %d, before %d", got, credit)
			}
			if w.check(1) != 1 {
				t.Error("no checks are made any more")
			}
			w.seen(m)
			w.audit(m, 1)
			if l := w.leaves(m); l.Failed > 0 {
				t.Errorf("leaves = %+v", l)
			}
			if err := w.v.timeConnect(t.Context(), b); err != nil || b.bestRTT(prof.RTTCap) > prof.RTTCap {
				t.Errorf("round trip %s, %v", b.bestRTT(prof.RTTCap), err)
			}
			w.blocks(firstWindow)
			if len(w.chain.set()) != 1 {
				t.Error("no weights")
			}
			w.restart()
			w.consistent(m)
		})
	}
}

// TestChainThatStalls: without new blocks nothing ages and nothing is submitted;
// a node that does not answer is asked again; when blocks come again, weights
// are set once.
func TestChainThatStalls(t *testing.T) {
	w := newWorld(t)
	m := w.proven("//Miner", 20)
	w.start()
	w.earn(m)
	w.chain.mu.Lock()
	w.chain.down = strata.E(strata.Unavailable, "the node is down")
	w.chain.mu.Unlock()
	for range 20 { // hours on the wall clock
		w.now = w.now.Add(time.Hour)
		w.seen(m)
		w.audit(m, 1)
		w.check(1)
	}
	if l := w.leaves(m); l.Failed > 0 || l.Passed != 640 {
		t.Errorf("leaves = %+v", l)
	}
	w.blocks(firstWindow + 2) // blocks, but no metagraph
	if got := len(w.chain.set()); got != 0 {
		t.Errorf("%d vectors were set with an old metagraph", got)
	}
	credit := w.book(m).credit()
	w.chain.mu.Lock()
	w.chain.down = nil
	w.chain.graph.Head.Number += 1000 // the node has caught up
	w.chain.mu.Unlock()
	if credit == 0 {
		t.Error("no credit while the chain stalled")
	}
	w.blocks(20)
	if got := len(w.chain.set()); got > 1 {
		t.Errorf("%d vectors were set in one epoch", got)
	}
	// The leaves of before the gap no longer count: nothing was proven in it.
	if l := w.leaves(m); l.Passed != 0 {
		t.Errorf("leaves = %+v", l)
	}
	w.audit(m, 20)
	w.blocks(20)
	if got := w.chain.set(); len(got) == 0 || got[len(got)-1].weights[0].Value != 65535 {
		t.Errorf("weights = %+v", got)
	}
	w.consistent(m)
}

// TestHeadThatGoesBack: a reorganisation does not move scores back.
func TestHeadThatGoesBack(t *testing.T) {
	w := newWorld(t)
	m := w.proven("//Miner", 20)
	w.start()
	w.blocks(5)
	w.earn(m)
	block := w.score(m).Block
	w.chain.mu.Lock()
	w.chain.graph.Head.Number -= 4
	w.chain.mu.Unlock()
	w.blocks(1)
	w.audit(m, 1)
	w.check(1)
	if got := w.score(m).Block; got < block {
		t.Errorf("the score is at block %d, it was at %d", got, block)
	}
	if l := w.leaves(m); l.Passed != 336 {
		t.Errorf("leaves = %+v", l)
	}
	w.consistent(m)
}

// TestFloodOfProofs: a stranger that sends proofs without end costs a refill
// each, of which a bounded number waits.
func TestFloodOfProofs(t *testing.T) {
	w := newWorld(t)
	m := w.miner("//Honest")
	self := w.key.Hotkey()
	m.seal(self, 0, 80)
	w.start()
	w.admit(m)
	throttled := 0
	for n := range uint64(80) {
		first, err := w.v.show(t.Context(), w.book(m), place{self, n})
		if err != nil {
			t.Fatal(err)
		}
		err = w.v.Accuse(t.Context(), wire.FraudProof{Kind: wire.FalseRoot, Miner: m.key.Hotkey(), First: first}.Encode(), "a flood")
		if strata.CodeOf(err) == strata.Throttled {
			throttled++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if throttled != 80-maxAccusations || len(w.v.accused) != maxAccusations {
		t.Errorf("%d were throttled, %d wait", throttled, len(w.v.accused))
	}
	// The first that is disproved ends it; half of the checks stay ours.
	checks, buf := w.score(m).Cohorts[0].Checks, make([]byte, sectorSize)
	for range 10 {
		if _, err := w.v.makeCheck(t.Context(), buf); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.score(m).Cohorts[0].Checks - checks; got < 5 {
		t.Errorf("%d of ten checks were ours", got)
	}
	w.wantStanding(m, score.Good)
}
