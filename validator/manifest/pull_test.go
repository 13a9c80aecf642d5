package manifest_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"strata"
	"strata/chain"
	"strata/score"
	"strata/validator/validatortest"
	"strata/wallet"
	"strata/wire"
)

// TestRefusedManifests shows forged manifests after a good one: each is refused
// and what was known stays, audited as before; what is honest again is taken.
func TestRefusedManifests(t *testing.T) {
	self := validatortest.NewKey(t, "//Validator").Hotkey()
	stranger := validatortest.NewKey(t, "//Stranger")
	body := validatortest.Junk(3000, 1, 1)
	for name, c := range map[string]struct {
		change func(*validatortest.Miner)
		says   string
	}{
		"entries that do not hash to the head": {func(m *validatortest.Miner) {
			m.Forge = func(p *wire.ManifestPage) { p.Head.EntriesRoot[0]++; m.Sign(&p.Head) }
		}, "does not hash to its own root"},
		"a changed entry is kept back": {func(m *validatortest.Miner) {
			m.Forge = func(p *wire.ManifestPage) { p.Entries = p.Entries[:len(p.Entries)-1] }
		}, "there are"},
		"more sectors than entries": {func(m *validatortest.Miner) {
			m.Forge = func(p *wire.ManifestPage) { p.Head.Sectors++; m.Sign(&p.Head) }
		}, "there are"},
		"more shards than entries": {func(m *validatortest.Miner) {
			m.Forge = func(p *wire.ManifestPage) { p.Head.Shards++; m.Sign(&p.Head) }
		}, "there are"},
		"a sequence that goes back": {func(m *validatortest.Miner) {
			m.Forge = func(p *wire.ManifestPage) { p.Head.Sequence, p.Entries = 1, nil; m.Sign(&p.Head) }
		}, "went back"},
		"two heads of one sequence": {func(m *validatortest.Miner) {
			m.Forge = func(p *wire.ManifestPage) { p.Head.Sequence, p.Entries = 2, nil; m.Sign(&p.Head) }
		}, "two manifests"},
		"another previous head": {func(m *validatortest.Miner) {
			m.Forge = func(p *wire.ManifestPage) { p.Head.Previous[3]++; m.Sign(&p.Head) }
		}, "does not follow"},
		"entries before the cursor": {func(m *validatortest.Miner) {
			m.Pages = 1
			m.Seal(self, 7, 8)
			m.Forge = func(p *wire.ManifestPage) {
				if !p.More {
					p.Entries[0].Number = 0
				}
			}
		}, "out of order"},
		"a number beyond all": {func(m *validatortest.Miner) { m.Seal(self, 1<<63, 1<<63+1) }, "out of reach"},
		"a head that changes with every page, for ever": {func(m *validatortest.Miner) {
			calls := uint64(0)
			m.Forge = func(p *wire.ManifestPage) { // always two pages, each with its head
				calls++
				p.Head.Sequence, p.More = 2+calls, calls%2 == 1
				p.Entries = []wire.Entry{{Number: 6 - calls%2, State: wire.Filler, Changed: p.Head.Sequence}}
				m.Sign(&p.Head)
			}
		}, "changes faster"},
		"a shard without its order": {func(m *validatortest.Miner) { m.Put(self, 0, body, nil) }, "without its order"},
		"the order of another validator": {func(m *validatortest.Miner) {
			m.Put(self, 0, body, validatortest.Order(t, stranger, m.Key.Hotkey(), body))
		}, "not signed by"},
		"the order to another miner": {func(m *validatortest.Miner) {
			m.Put(self, 0, body, validatortest.Order(t, validatortest.NewKey(t, "//Validator"), stranger.Hotkey(), body))
		}, "not signed by"},
		"a tail beyond the sector": {func(m *validatortest.Miner) {
			m.Alter(self, 0, func(s *validatortest.Sector) {
				s.Entry.State, s.Entry.Tail = wire.Data, validatortest.Profile.Blocks+validatortest.Group
			})
		}, "tail"},
	} {
		t.Run(name, func(t *testing.T) {
			w := validatortest.New(t)
			m := w.Miner("//Forger")
			m.Seal(self, 0, 4)
			w.Start()
			w.Seen(m)
			m.Seal(self, 4, 5)
			w.Admit(m) // sequence 2
			known := w.Book(m).View().Holding(self)
			before := w.Sectors(m, self)
			m.Seal(self, 5, 7)
			c.change(m)
			err := w.Look(m)
			if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want one line with %q", err, c.says)
			}
			if got := w.Book(m).View().Holding(self); got.Head != known.Head || !slices.Equal(slices.Collect(got.Numbers.All()), slices.Collect(known.Numbers.All())) {
				t.Errorf("a refused manifest changed what is known to %+v", got)
			}
			if got := w.Sectors(m, self); len(got) != len(before) {
				t.Errorf("the ledger has %d sectors, want %d", len(got), len(before))
			}
			w.Consistent(m)
			m.Forge = nil
			w.Audit(m, 1)
			if l := w.Leaves(m); l.Passed+l.Failed != 16 {
				t.Errorf("leaves = %+v", l)
			}
		})
	}
}

// TestManifestThatMoves: sectors are sealed between the pages of a pull. It ends
// with what the last head says.
func TestManifestThatMoves(t *testing.T) {
	self := validatortest.NewKey(t, "//Validator").Hotkey()
	w := validatortest.New(t)
	m := w.Miner("//Busy")
	m.Seal(self, 0, 4)
	w.Start()
	m.Pages = 2
	next := uint64(4)
	m.Forge = func(p *wire.ManifestPage) {
		if p.More && next < 12 { // between this page and the next
			m.Mu.Unlock()
			m.Seal(self, next, next+1)
			m.Mu.Lock()
			next++
		}
	}
	if err := w.Look(m); err != nil {
		t.Fatal(err)
	}
	if got, want := w.Book(m).View().Holding(self).Numbers.Count(), int(next); got != want || next < 6 {
		t.Errorf("%d sectors are known, the miner has %d", got, want)
	}
	w.Consistent(m)
}

// TestRollbackHeals: a miner that starts over is refused until its sequence is
// above the known one, and then read as a whole, its lost sectors gone.
func TestRollbackHeals(t *testing.T) {
	w := validatortest.New(t)
	m := w.Miner("//Restored")
	self := w.Key.Hotkey()
	w.Start()
	for n := range uint64(4) {
		m.Seal(self, n, n+1)
		w.Seen(m)
	}
	w.Blocks(6)
	w.Check(100)
	m.Parts = map[strata.Hotkey]*validatortest.Part{}
	for n := range uint64(3) {
		m.Seal(self, n, n+1)
		if _, err := m.Manifest(wire.ManifestQuery{Validator: self}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Look(m); strata.CodeOf(err) != strata.Invalid {
		t.Errorf("an old sequence gave %v", err)
	}
	for range 3 {
		m.State(self, 2, wire.Filler)
		if _, err := m.Manifest(wire.ManifestQuery{Validator: self}); err != nil {
			t.Fatal(err)
		}
	}
	w.Seen(m)
	if got := slices.Collect(w.Book(m).View().Holding(self).Numbers.All()); !slices.Equal(got, []uint64{0, 1, 2}) {
		t.Errorf("sectors = %v, want 0 to 2", got)
	}
	if c := w.Score(m).Cohorts[0]; c.Bytes != 3*validatortest.SectorSize || w.Score(m).Standing != score.Good {
		t.Errorf("cohort = %+v, standing %v", c, w.Score(m).Standing)
	}
	w.Consistent(m)
}

func TestSameHeadSignedAgain(t *testing.T) {
	w := validatortest.New(t)
	m := w.Miner("//Honest")
	m.Seal(w.Key.Hotkey(), 0, 2)
	w.Start()
	w.Seen(m)
	m.Sign(&m.Parts[w.Key.Hotkey()].Head)
	w.Seen(m)
}

func TestSecondRootIsFraud(t *testing.T) {
	w := validatortest.New(t)
	m := w.Miner("//Liar")
	self := w.Key.Hotkey()
	m.Seal(self, 0, 4)
	m.Fake(self, 4, 1)
	w.Start()
	w.Admit(m)
	m.Fake(self, 4, 2)
	w.Seen(m)
	w.WantStanding(m, score.Penalised)
	w.Consistent(m)
	w.Restart()
	w.WantStanding(m, score.Penalised)
	w.Consistent(m)
	if got := w.Score(m).Cohorts[0].Bytes; got != 4*validatortest.SectorSize {
		t.Errorf("cohort has %d bytes", got)
	}
}

// TestGoneRootProvesNothing: what is gone is not under the head's signature.
func TestGoneRootProvesNothing(t *testing.T) {
	w := validatortest.New(t)
	m := w.Miner("//Honest")
	self := w.Key.Hotkey()
	m.Seal(self, 0, 2)
	root := m.Parts[self].Sectors[0].Entry.Root
	m.Alter(self, 1, func(s *validatortest.Sector) { s.Entry.State, s.Entry.Root = wire.Gone, strata.Root{5} })
	w.Start()
	w.Seen(m)
	m.Alter(self, 0, func(s *validatortest.Sector) { s.Entry.State, s.Entry.Root = wire.Gone, strata.Root{} })
	w.Seen(m)
	m.Alter(self, 0, func(s *validatortest.Sector) { s.Entry.State, s.Entry.Root = wire.Filler, root })
	m.Seal(self, 1, 2)
	w.Seen(m)
	w.WantStanding(m, score.Good)
	// But a listed root that differs from the one before it was gone does.
	m.State(self, 0, wire.Gone)
	w.Seen(m)
	m.Fake(self, 0, 1)
	w.Seen(m)
	w.WantStanding(m, score.Penalised)
}

func TestWithdrawnAndBack(t *testing.T) {
	for _, state := range []wire.State{wire.Withdrawn, wire.Gone} {
		w := validatortest.New(t)
		m := w.Miner("//Honest")
		self := w.Key.Hotkey()
		m.Seal(self, 0, 6)
		w.Start()
		w.Admit(m)
		w.Check(100)
		m.State(self, 2, state)
		w.Seen(m)
		if c := w.Score(m).Cohorts; len(c) != 1 || c[0].Bytes != 5*validatortest.SectorSize {
			t.Errorf("state %d: cohorts = %+v", state, c)
		}
		w.Consistent(m)
		m.State(self, 2, wire.Filler)
		w.Admit(m)
		if c := w.Score(m).Cohorts; len(c) != 2 || c[0].Bytes != 5*validatortest.SectorSize || c[1].Bytes != validatortest.SectorSize || c[1].Checks != 0 {
			t.Errorf("state %d: after its return cohorts = %+v", state, c)
		}
		w.Check(100)
		if c := w.Score(m).Cohorts; len(c) != 1 || c[0].Bytes != 6*validatortest.SectorSize || c[0].Checks < 6 {
			t.Errorf("state %d: what came back is not checked: %+v", state, c)
		}
		w.WantStanding(m, score.Good)
		w.Consistent(m)
	}
}

// TestOneOrderFillsSpaceOnce: neither a second listing nor another length of a
// shard counts.
func TestOneOrderFillsSpaceOnce(t *testing.T) {
	w := validatortest.New(t)
	m := w.Miner("//Cheater")
	self := w.Key.Hotkey()
	m.Seal(self, 0, 2)
	body := validatortest.Junk(50_000, 1, 1)
	o := validatortest.Order(t, w.Key, m.Key.Hotkey(), body)
	w.Start()
	root := m.Put(self, 0, body, o)
	w.Admit(m)
	h := w.Book(m).View().Holding(self)
	// The rest of its last group is neither filler nor data.
	if want := uint64(2*validatortest.SectorSize - 64<<10 + 50_000); h.Covered != want || h.Free != want-50_000 {
		t.Errorf("covered %d, free %d", h.Covered, h.Free)
	}
	m.Put(self, 1, body, o)
	if err := w.Look(m); err == nil || !strings.Contains(err.Error(), "listed already") {
		t.Errorf("a second listing gave %v", err)
	}
	m.Take(self, 1, root)
	w.Seen(m)
	m.Alter(self, 0, func(s *validatortest.Sector) { s.Entry.Shards[0].Length, s.Entry.Shards[0].Order = 60_000, nil })
	if err := w.Look(m); err == nil || !strings.Contains(err.Error(), "without its order") {
		t.Errorf("another length gave %v", err)
	}
}

// TestOtherPartitions: those of all permitted validators count, one that is bad
// hides no other, and one whose validator lost its permit is still followed.
func TestOtherPartitions(t *testing.T) {
	w := validatortest.New(t)
	m := w.Miner("//Honest")
	var others []*wallet.Key
	for i := range 3 {
		k := validatortest.NewKey(t, fmt.Sprintf("//Other%d", i))
		others = append(others, k)
		w.Chain.Neuron(k.Hotkey(), i > 0, false)
		m.Seal(k.Hotkey(), 0, 2)
	}
	m.Seal(w.Key.Hotkey(), 0, 2)
	w.Start()
	w.Admit(m)
	if got := w.Book(m).View().Sectors(); got != 6 {
		t.Errorf("%d are known, want those of three validators with a permit", got)
	}
	w.Check(100)
	w.Audit(m, 30)
	w.WantLeaves(m, 480, 0)

	m.Put(others[1].Hotkey(), 0, validatortest.Junk(100, 1, 1), nil)
	m.Seal(others[2].Hotkey(), 2, 3)
	m.Seal(w.Key.Hotkey(), 2, 3)
	if err := w.Look(m); strata.CodeOf(err) != strata.Invalid {
		t.Errorf("a bad partition gave %v", err)
	}
	if got := w.Book(m).View().Sectors(); got != 8 {
		t.Errorf("%d are known: a bad partition hides others", got)
	}
	w.Chain.Change(others[2].Hotkey(), func(n *chain.Neuron) { n.Permit = false })
	w.Blocks(validatortest.RefreshEach)
	m.State(others[2].Hotkey(), 0, wire.Gone)
	_ = w.Look(m)
	if got := w.Book(m).View().Sectors(); got != 7 {
		t.Errorf("%d are known: what was released for a former validator still counts", got)
	}
	w.Audit(m, 30)
	if l := w.Leaves(m); l.Failed > 0 && l.Passed+l.Failed != 960 {
		t.Errorf("leaves = %+v", l)
	}
	delete(m.Parts, others[2].Hotkey())
	if err := w.Look(m); err == nil {
		t.Error("a partition that has vanished is no error")
	}
}

// TestOvertakenPull: a pull whose answer is on the way while another one
// finishes starts again, and does not bring back what was before.
func TestOvertakenPull(t *testing.T) {
	w := validatortest.New(t)
	m := w.Miner("//Busy")
	self := w.Key.Hotkey()
	m.Seal(self, 0, 4)
	w.Start()
	w.Admit(m)
	m.State(self, 1, wire.Withdrawn)
	w.Seen(m)
	m.State(self, 2, wire.Withdrawn)
	m.Shown = func() {
		m.State(self, 2, wire.Filler)
		if err := w.Manifests.Pull(t.Context(), w.Book(m), self); err != nil {
			t.Error(err)
		}
	}
	requests := 0
	m.Forge = func(p *wire.ManifestPage) {
		if requests++; requests == 3 && len(p.Entries) != 0 {
			t.Errorf("the third answer has %d entries, want none: all is known", len(p.Entries))
		}
	}
	if err := w.Manifests.Pull(t.Context(), w.Book(m), self); err != nil {
		t.Error(err)
	}
	if got := w.Book(m).Head(self).Sequence; got != 4 || requests != 3 {
		t.Errorf("head %d is known after %d answers, want 4 after 3", got, requests)
	}
	if c := w.Score(m).Cohorts; len(c) != 1 || c[0].Bytes != 3*validatortest.SectorSize {
		t.Errorf("cohorts = %+v, want one of three sectors: one never was away", c)
	}
	w.Consistent(m)
}

// TestTurns runs what changes one miner's sectors all at once.
func TestTurns(t *testing.T) {
	w := validatortest.New(t)
	m := w.Miner("//Busy")
	self := w.Key.Hotkey()
	m.Seal(self, 0, 60)
	w.Start()
	w.Admit(m)
	b, ctx := w.Book(m), t.Context()
	var group sync.WaitGroup
	group.Go(func() {
		for n := range uint64(60) {
			m.State(self, n, []wire.State{wire.Withdrawn, wire.Gone, wire.Filler}[n%3])
			if err := w.Manifests.Pull(ctx, b, self); err != nil {
				t.Error(err)
			}
		}
	})
	group.Go(func() {
		for range 60 {
			if err := w.Manifests.Pull(ctx, b, self); err != nil {
				t.Error(err)
			}
		}
	})
	group.Go(func() {
		buf := make([]byte, validatortest.SectorSize)
		for range 60 {
			if _, err := w.Checks.Make(ctx, buf); err != nil {
				t.Error(err)
			}
		}
	})
	group.Go(func() { w.Audit(m, 60) })
	group.Go(func() { w.Blocks(30) })
	group.Go(func() {
		for range 30 {
			if err := w.Books.Save(ctx); err != nil {
				t.Error(err)
			}
			if v := b.View(); !v.Present || v.Sectors() > 60 {
				t.Errorf("a view of %d sectors", v.Sectors())
			}
		}
	})
	group.Wait()
	w.Seen(m)
	w.Consistent(m)
	w.WantStanding(m, score.Good)
	if err := w.Books.Save(ctx); err != nil {
		t.Fatal(err)
	}
	w.Restart()
	w.Consistent(m)
	if got := w.Book(m).View().Record.Passed + w.Book(m).View().Record.Failed; got != 960 {
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
			w := validatortest.New(t)
			w.Pace.Pull = time.Minute
			m, of := w.Miner("//Miner"), w.Key.Hotkey()
			looks := uint64(2)
			if !own {
				other := validatortest.NewKey(t, "//Other").Hotkey()
				w.Chain.Neuron(other, true, false)
				of, looks = other, 10
			}
			m.Seal(of, 0, 3)
			w.Start()
			w.Admit(m)
			w.Audit(m, 1)
			w.WantLeaves(m, 16, 0)
			m.Forge = func(p *wire.ManifestPage) { p.Head.Sectors++; m.Sign(&p.Head) }
			m.Seal(of, 3, 4)
			for range looks {
				if w.Look(m) == nil {
					t.Fatal("the forged manifest was believed")
				}
				w.Audit(m, 1)
				w.Now = w.Now.Add(time.Minute)
			}
			w.WantLeaves(m, 16+16*looks, 0)
			w.Now = w.Now.Add(time.Nanosecond)
			w.Audit(m, 1)
			w.WantLeaves(m, 16+16*looks, 16)
			m.Forge, m.Dead = nil, true
			if w.Look(m) == nil {
				t.Fatal("a dead miner was read")
			}
			m.Dead = false
			w.Audit(m, 1)
			w.WantLeaves(m, 16+16*looks, 32)
			w.Seen(m)
			w.Audit(m, 1)
			w.WantLeaves(m, 32+16*looks, 32)
			// A look that the validator gave up says nothing about the miner.
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			w.Book(m).Shown(ctx, ctx.Err(), of)
			w.Book(m).Looked(ctx, ctx.Err(), ctx.Err())
			w.Now = w.Now.Add(time.Hour)
			if w.Book(m).Hidden(of) || w.Book(m).View().Sight.InVain {
				t.Error("a look that was given up counts")
			}
		})
	}
}
