package validator

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"strata"
	"strata/chain"
	"strata/score"
	"strata/wallet"
	"strata/wire"
)

// TestRefusedManifests shows forged manifests after a good one: each is refused
// and what was known stays, audited as before; what is honest again is taken.
func TestRefusedManifests(t *testing.T) {
	self := newKey(t, "//Validator").Hotkey()
	stranger := newKey(t, "//Stranger")
	body := junk(3000, 1, 1)
	for name, c := range map[string]struct {
		change func(*fakeMiner)
		says   string
	}{
		"entries that do not hash to the head": {func(m *fakeMiner) {
			m.forge = func(p *wire.ManifestPage) { p.Head.EntriesRoot[0]++; m.sign(&p.Head) }
		}, "does not hash to its own root"},
		"a changed entry is kept back": {func(m *fakeMiner) {
			m.forge = func(p *wire.ManifestPage) { p.Entries = p.Entries[:len(p.Entries)-1] }
		}, "there are"},
		"more sectors than entries": {func(m *fakeMiner) {
			m.forge = func(p *wire.ManifestPage) { p.Head.Sectors++; m.sign(&p.Head) }
		}, "there are"},
		"more shards than entries": {func(m *fakeMiner) {
			m.forge = func(p *wire.ManifestPage) { p.Head.Shards++; m.sign(&p.Head) }
		}, "there are"},
		"a sequence that goes back": {func(m *fakeMiner) {
			m.forge = func(p *wire.ManifestPage) { p.Head.Sequence, p.Entries = 1, nil; m.sign(&p.Head) }
		}, "went back"},
		"two heads of one sequence": {func(m *fakeMiner) {
			m.forge = func(p *wire.ManifestPage) { p.Head.Sequence, p.Entries = 2, nil; m.sign(&p.Head) }
		}, "two manifests"},
		"another previous head": {func(m *fakeMiner) {
			m.forge = func(p *wire.ManifestPage) { p.Head.Previous[3]++; m.sign(&p.Head) }
		}, "does not follow"},
		"entries before the cursor": {func(m *fakeMiner) {
			m.pages = 1
			m.seal(self, 7, 8)
			m.forge = func(p *wire.ManifestPage) {
				if !p.More {
					p.Entries[0].Number = 0
				}
			}
		}, "out of order"},
		"a number beyond all": {func(m *fakeMiner) { m.seal(self, 1<<63, 1<<63+1) }, "out of reach"},
		"a head that changes with every page, for ever": {func(m *fakeMiner) {
			calls := uint64(0)
			m.forge = func(p *wire.ManifestPage) { // always two pages, each with its head
				calls++
				p.Head.Sequence, p.More = 2+calls, calls%2 == 1
				p.Entries = []wire.Entry{{Number: 6 - calls%2, State: wire.Filler, Changed: p.Head.Sequence}}
				m.sign(&p.Head)
			}
		}, "changes faster"},
		"a shard without its order":      {func(m *fakeMiner) { m.put(self, 0, body, nil) }, "without its order"},
		"the order of another validator": {func(m *fakeMiner) { m.put(self, 0, body, order(t, stranger, m.key.Hotkey(), body)) }, "not signed by"},
		"the order to another miner": {func(m *fakeMiner) {
			m.put(self, 0, body, order(t, newKey(t, "//Validator"), stranger.Hotkey(), body))
		}, "not signed by"},
		"a tail beyond the sector": {func(m *fakeMiner) {
			m.alter(self, 0, func(s *sector) { s.entry.State, s.entry.Tail = wire.Data, prof.Blocks+group })
		}, "tail"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			m := w.miner("//Forger")
			m.seal(self, 0, 4)
			w.start()
			w.seen(m)
			m.seal(self, 4, 5)
			w.admit(m) // sequence 2
			known := *w.book(m).holdings[self]
			before := w.sectors(m, self)
			m.seal(self, 5, 7)
			c.change(m)
			err := w.look(m)
			if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want one line with %q", err, c.says)
			}
			if got := *w.book(m).holdings[self]; got.head != known.head || !slices.Equal(slices.Collect(got.numbers.all()), slices.Collect(known.numbers.all())) {
				t.Errorf("a refused manifest changed what is known to %+v", got)
			}
			if got := w.sectors(m, self); len(got) != len(before) {
				t.Errorf("the ledger has %d sectors, want %d", len(got), len(before))
			}
			w.consistent(m)
			m.forge = nil
			w.audit(m, 1)
			if l := w.leaves(m); l.Passed+l.Failed != 16 {
				t.Errorf("leaves = %+v", l)
			}
		})
	}
}

// TestManifestThatMoves: sectors are sealed between the pages of a pull. It ends
// with what the last head says.
func TestManifestThatMoves(t *testing.T) {
	self := newKey(t, "//Validator").Hotkey()
	w := newWorld(t)
	m := w.miner("//Busy")
	m.seal(self, 0, 4)
	w.start()
	m.pages = 2
	next := uint64(4)
	m.forge = func(p *wire.ManifestPage) {
		if p.More && next < 12 { // between this page and the next
			m.mu.Unlock()
			m.seal(self, next, next+1)
			m.mu.Lock()
			next++
		}
	}
	if err := w.look(m); err != nil {
		t.Fatal(err)
	}
	if got, want := w.book(m).holdings[self].numbers.count, int(next); got != want || next < 6 {
		t.Errorf("%d sectors are known, the miner has %d", got, want)
	}
	w.consistent(m)
}

// TestRollbackHeals: a miner that starts over is refused until its sequence is
// above the known one, and then read as a whole, its lost sectors gone.
func TestRollbackHeals(t *testing.T) {
	w := newWorld(t)
	m := w.miner("//Restored")
	self := w.key.Hotkey()
	w.start()
	for n := range uint64(4) {
		m.seal(self, n, n+1)
		w.seen(m)
	}
	w.blocks(6)
	w.check(100)
	m.parts = map[strata.Hotkey]*part{}
	for n := range uint64(3) {
		m.seal(self, n, n+1)
		if _, err := m.manifest(wire.ManifestQuery{Validator: self}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.look(m); strata.CodeOf(err) != strata.Invalid {
		t.Errorf("an old sequence gave %v", err)
	}
	for range 3 {
		m.state(self, 2, wire.Filler)
		if _, err := m.manifest(wire.ManifestQuery{Validator: self}); err != nil {
			t.Fatal(err)
		}
	}
	w.seen(m)
	if got := slices.Collect(w.book(m).holdings[self].numbers.all()); !slices.Equal(got, []uint64{0, 1, 2}) {
		t.Errorf("sectors = %v, want 0 to 2", got)
	}
	if c := w.score(m).Cohorts[0]; c.Bytes != 3*sectorSize || w.score(m).Standing != score.Good {
		t.Errorf("cohort = %+v, standing %v", c, w.score(m).Standing)
	}
	w.consistent(m)
}

func TestSameHeadSignedAgain(t *testing.T) {
	w := newWorld(t)
	m := w.miner("//Honest")
	m.seal(w.key.Hotkey(), 0, 2)
	w.start()
	w.seen(m)
	m.sign(&m.parts[w.key.Hotkey()].head)
	w.seen(m)
}

func TestSecondRootIsFraud(t *testing.T) {
	w := newWorld(t)
	m := w.miner("//Liar")
	self := w.key.Hotkey()
	m.seal(self, 0, 4)
	m.fake(self, 4, 1)
	w.start()
	w.admit(m)
	m.fake(self, 4, 2)
	w.seen(m)
	w.wantStanding(m, score.Penalised)
	w.consistent(m)
	w.restart()
	w.wantStanding(m, score.Penalised)
	w.consistent(m)
	if got := w.score(m).Cohorts[0].Bytes; got != 4*sectorSize {
		t.Errorf("cohort has %d bytes", got)
	}
}

// TestGoneRootProvesNothing: what is gone is not under the head's signature.
func TestGoneRootProvesNothing(t *testing.T) {
	w := newWorld(t)
	m := w.miner("//Honest")
	self := w.key.Hotkey()
	m.seal(self, 0, 2)
	root := m.parts[self].sectors[0].entry.Root
	m.alter(self, 1, func(s *sector) { s.entry.State, s.entry.Root = wire.Gone, strata.Root{5} })
	w.start()
	w.seen(m)
	m.alter(self, 0, func(s *sector) { s.entry.State, s.entry.Root = wire.Gone, strata.Root{} })
	w.seen(m)
	m.alter(self, 0, func(s *sector) { s.entry.State, s.entry.Root = wire.Filler, root })
	m.seal(self, 1, 2)
	w.seen(m)
	w.wantStanding(m, score.Good)
	// But a listed root that differs from the one before it was gone does.
	m.state(self, 0, wire.Gone)
	w.seen(m)
	m.fake(self, 0, 1)
	w.seen(m)
	w.wantStanding(m, score.Penalised)
}

func TestWithdrawnAndBack(t *testing.T) {
	for _, state := range []wire.State{wire.Withdrawn, wire.Gone} {
		w := newWorld(t)
		m := w.miner("//Honest")
		self := w.key.Hotkey()
		m.seal(self, 0, 6)
		w.start()
		w.admit(m)
		w.check(100)
		m.state(self, 2, state)
		w.seen(m)
		if c := w.score(m).Cohorts; len(c) != 1 || c[0].Bytes != 5*sectorSize {
			t.Errorf("state %d: cohorts = %+v", state, c)
		}
		w.consistent(m)
		m.state(self, 2, wire.Filler)
		w.admit(m)
		if c := w.score(m).Cohorts; len(c) != 2 || c[0].Bytes != 5*sectorSize || c[1].Bytes != sectorSize || c[1].Checks != 0 {
			t.Errorf("state %d: after its return cohorts = %+v", state, c)
		}
		w.check(100)
		if c := w.score(m).Cohorts; len(c) != 1 || c[0].Bytes != 6*sectorSize || c[0].Checks < 6 {
			t.Errorf("state %d: what came back is not checked: %+v", state, c)
		}
		w.wantStanding(m, score.Good)
		w.consistent(m)
	}
}

// TestOneOrderFillsSpaceOnce: neither a second listing nor another length of a
// shard counts.
func TestOneOrderFillsSpaceOnce(t *testing.T) {
	w := newWorld(t)
	m := w.miner("//Cheater")
	self := w.key.Hotkey()
	m.seal(self, 0, 2)
	body := junk(50_000, 1, 1)
	o := order(t, w.key, m.key.Hotkey(), body)
	w.start()
	root := m.put(self, 0, body, o)
	w.admit(m)
	h := w.book(m).holdings[self]
	// The rest of its last group is neither filler nor data.
	if want := uint64(2*sectorSize - 64<<10 + 50_000); h.covered != want || h.free != want-50_000 {
		t.Errorf("covered %d, free %d", h.covered, h.free)
	}
	m.put(self, 1, body, o)
	if err := w.look(m); err == nil || !strings.Contains(err.Error(), "listed already") {
		t.Errorf("a second listing gave %v", err)
	}
	m.take(self, 1, root)
	w.seen(m)
	m.alter(self, 0, func(s *sector) { s.entry.Shards[0].Length, s.entry.Shards[0].Order = 60_000, nil })
	if err := w.look(m); err == nil || !strings.Contains(err.Error(), "without its order") {
		t.Errorf("another length gave %v", err)
	}
}

// TestOtherPartitions: those of all permitted validators count, one that is bad
// hides no other, and one whose validator lost its permit is still followed.
func TestOtherPartitions(t *testing.T) {
	w := newWorld(t)
	m := w.miner("//Honest")
	var others []*wallet.Key
	for i := range 3 {
		k := newKey(t, fmt.Sprintf("//Other%d", i))
		others = append(others, k)
		w.chain.neuron(k.Hotkey(), i > 0, false)
		m.seal(k.Hotkey(), 0, 2)
	}
	m.seal(w.key.Hotkey(), 0, 2)
	w.start()
	w.admit(m)
	if got := w.book(m).bytes(); got != 6*sectorSize {
		t.Errorf("%s are known, want those of three validators with a permit", got)
	}
	w.check(100)
	w.audit(m, 30)
	w.wantLeaves(m, 480, 0)

	m.put(others[1].Hotkey(), 0, junk(100, 1, 1), nil)
	m.seal(others[2].Hotkey(), 2, 3)
	m.seal(w.key.Hotkey(), 2, 3)
	if err := w.look(m); strata.CodeOf(err) != strata.Invalid {
		t.Errorf("a bad partition gave %v", err)
	}
	if got := w.book(m).bytes(); got != 8*sectorSize {
		t.Errorf("%s are known: a bad partition hides others", got)
	}
	w.chain.change(others[2].Hotkey(), func(n *chain.Neuron) { n.Permit = false })
	w.blocks(refreshEach)
	m.state(others[2].Hotkey(), 0, wire.Gone)
	_ = w.look(m)
	if got := w.book(m).bytes(); got != 7*sectorSize {
		t.Errorf("%s are known: what was released for a former validator still counts", got)
	}
	w.audit(m, 30)
	if l := w.leaves(m); l.Failed > 0 && l.Passed+l.Failed != 960 {
		t.Errorf("leaves = %+v", l)
	}
	delete(m.parts, others[2].Hotkey())
	if err := w.look(m); err == nil {
		t.Error("a partition that has vanished is no error")
	}
}

// TestOvertakenPull: a pull whose answer is on the way while another one
// finishes starts again, and does not bring back what was before.
func TestOvertakenPull(t *testing.T) {
	w := newWorld(t)
	m := w.miner("//Busy")
	self := w.key.Hotkey()
	m.seal(self, 0, 4)
	w.start()
	w.admit(m)
	m.state(self, 1, wire.Withdrawn)
	w.seen(m)
	m.state(self, 2, wire.Withdrawn)
	m.shown = func() {
		m.state(self, 2, wire.Filler)
		if err := w.v.pull(t.Context(), w.book(m), self); err != nil {
			t.Error(err)
		}
	}
	requests := 0
	m.forge = func(p *wire.ManifestPage) {
		if requests++; requests == 3 && len(p.Entries) != 0 {
			t.Errorf("the third answer has %d entries, want none: all is known", len(p.Entries))
		}
	}
	if err := w.v.pull(t.Context(), w.book(m), self); err != nil {
		t.Error(err)
	}
	if got := w.book(m).head(self).Sequence; got != 4 || requests != 3 {
		t.Errorf("head %d is known after %d answers, want 4 after 3", got, requests)
	}
	if c := w.score(m).Cohorts; len(c) != 1 || c[0].Bytes != 3*sectorSize {
		t.Errorf("cohorts = %+v, want one of three sectors: one never was away", c)
	}
	w.consistent(m)
}

// TestTurns runs what changes one miner's sectors all at once.
func TestTurns(t *testing.T) {
	w := newWorld(t)
	m := w.miner("//Busy")
	self := w.key.Hotkey()
	m.seal(self, 0, 60)
	w.start()
	w.admit(m)
	b, ctx := w.book(m), t.Context()
	var group sync.WaitGroup
	group.Go(func() {
		for n := range uint64(60) {
			m.state(self, n, []wire.State{wire.Withdrawn, wire.Gone, wire.Filler}[n%3])
			if err := w.v.pull(ctx, b, self); err != nil {
				t.Error(err)
			}
		}
	})
	group.Go(func() {
		for range 60 {
			if err := w.v.pull(ctx, b, self); err != nil {
				t.Error(err)
			}
		}
	})
	group.Go(func() {
		buf := make([]byte, sectorSize)
		for n := range uint64(60) {
			if err := w.v.checkSector(ctx, b, place{self, n}, buf); err != nil {
				t.Error(err)
			}
		}
	})
	group.Go(func() { w.audit(m, 60) })
	group.Go(func() { w.blocks(30) })
	group.Go(func() {
		for range 30 {
			if err := w.v.save(ctx); err != nil {
				t.Error(err)
			}
			if _, err := w.v.Candidates(ctx); err != nil {
				t.Error(err)
			}
		}
	})
	group.Wait()
	w.seen(m)
	w.consistent(m)
	w.wantStanding(m, score.Good)
	if err := w.v.save(ctx); err != nil {
		t.Fatal(err)
	}
	w.restart()
	w.consistent(m)
	if got := w.book(m).rec.Passed + w.book(m).rec.Failed; got != 960 {
		t.Errorf("%d leaves counted, want 960", got)
	}
}

// TestHiddenManifest: a miner that answers audits and shows no manifest any more
// could do with new shards what it likes, so its audits fail until it does: after
// ten looks those of another validator's partition, after two minutes all of them
// if it is ours, as it gets no shards from then on.
func TestHiddenManifest(t *testing.T) {
	for name, own := range map[string]bool{"ours": true, "another validator's": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.pace.Pull = time.Minute
			m, of := w.miner("//Miner"), w.key.Hotkey()
			looks := uint64(2)
			if !own {
				other := newKey(t, "//Other").Hotkey()
				w.chain.neuron(other, true, false)
				of, looks = other, patience
			}
			m.seal(of, 0, 3)
			w.start()
			w.admit(m)
			w.audit(m, 1)
			w.wantLeaves(m, 16, 0)
			m.forge = func(p *wire.ManifestPage) { p.Head.Sectors++; m.sign(&p.Head) }
			m.seal(of, 3, 4)
			for range looks {
				if w.look(m) == nil {
					t.Fatal("the forged manifest was believed")
				}
				w.audit(m, 1)
				w.now = w.now.Add(time.Minute)
			}
			w.wantLeaves(m, 16+16*looks, 0)
			w.now = w.now.Add(time.Nanosecond)
			w.audit(m, 1)
			w.wantLeaves(m, 16+16*looks, 16)
			m.forge, m.dead = nil, true
			if w.look(m) == nil {
				t.Fatal("a dead miner was read")
			}
			m.dead = false
			w.audit(m, 1)
			w.wantLeaves(m, 16+16*looks, 32)
			w.seen(m)
			w.audit(m, 1)
			w.wantLeaves(m, 32+16*looks, 32)
			// A look that the validator gave up says nothing about the miner.
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			w.book(m).shown(ctx, ctx.Err(), of)
			w.book(m).looked(ctx, ctx.Err(), ctx.Err())
			if !w.book(m).holdings[of].vain.IsZero() || w.book(m).inVain {
				t.Error("a look that was given up counts")
			}
		})
	}
}

// TestSparedIsUnpaid: whenever a miner that answers audits gets no shards because
// of what looks have shown, its audits fail, and the other way round.
func TestSparedIsUnpaid(t *testing.T) {
	w := newWorld(t)
	w.pace.Pull = time.Minute
	m, other := w.miner("//Miner"), newKey(t, "//Other").Hotkey()
	w.chain.neuron(other, true, false)
	self := w.key.Hotkey()
	m.seal(self, 0, 3)
	m.seal(other, 3, 4)
	w.start()
	w.admit(m)
	b := w.book(m)
	rng := rand.New(rand.NewPCG(1, 2))
	spared := 0
	for range 300 {
		m.forge = nil
		switch rng.IntN(4) {
		case 0:
			m.dead = true // for this look
		case 1:
			m.forge = func(p *wire.ManifestPage) { // of one partition
				if p.Head.Validator == self {
					p.Head.Sequence--
					m.sign(&p.Head)
				}
			}
		case 2:
			m.forge = func(p *wire.ManifestPage) {
				if p.Head.Validator == other {
					p.Head.Sequence--
					m.sign(&p.Head)
				}
			}
		}
		_ = w.look(m)
		m.dead = false
		for range 3 {
			w.now = w.now.Add(20 * time.Second)
			list, err := w.v.Candidates(t.Context())
			if err != nil || len(list) != 1 {
				t.Fatal(list, err)
			}
			if list[0].Free == 0 {
				spared++
			}
			if hidden := b.hidden(self); hidden != (list[0].Free == 0) {
				t.Fatalf("%s free, and its audits fail: %v", list[0].Free, hidden)
			}
			w.audit(m, 1)
		}
	}
	if spared == 0 || spared == 900 {
		t.Errorf("spared %d of 900 times: nothing is shown", spared)
	}
}

// TestDrawnOutLook: a miner that draws a look out is not spared by it.
func TestDrawnOutLook(t *testing.T) {
	w := newWorld(t)
	w.pace.Pull = time.Minute
	m := w.miner("//Miner")
	m.seal(w.key.Hotkey(), 0, 3)
	w.start()
	w.admit(m)
	m.seal(w.key.Hotkey(), 3, 4)
	m.shown = func() {
		for range patience {
			list, err := w.v.Candidates(t.Context())
			if err != nil || len(list) != 1 || list[0].Free == 0 {
				t.Fatalf("candidates = %+v, %v", list, err)
			}
			w.now = w.now.Add(time.Minute)
		}
		if !w.book(m).hidden(w.key.Hotkey()) {
			t.Error("a look of ten minutes costs nothing")
		}
	}
	w.seen(m)
	if w.book(m).hidden(w.key.Hotkey()) {
		t.Error("hidden after a good look")
	}
}

// TestFirstLooksAreSpread: after a start miners that are known are not all
// looked at at once; a new one is, without delay.
func TestFirstLooksAreSpread(t *testing.T) {
	w := newWorld(t)
	w.pace.Pull = time.Minute
	known, fresh := w.proven("//Known", 2), w.miner("//Fresh")
	w.start()
	w.seen(known)
	if got := w.v.spread(w.book(fresh)); got != 0 {
		t.Errorf("a new miner waits %s", got)
	}
	early, late := false, false
	for range 200 {
		d := w.v.spread(w.book(known))
		if d < 0 || d >= time.Minute {
			t.Fatalf("a known miner waits %s", d)
		}
		early, late = early || d < 20*time.Second, late || d > 40*time.Second
	}
	if !early || !late {
		t.Error("first looks are not spread over the minute")
	}
}
