package book

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"strata"
	"strata/catalog"
	"strata/chain"
	"strata/validator/chance"
	"strata/validator/subnet"
)

// Config is what books are made with. All fields but Journal are needed.
type Config struct {
	Self    strata.Hotkey // the validator
	Profile strata.Profile
	Subnet  *subnet.Subnet
	Ledger  catalog.Ledger
	Journal catalog.Journal // of the ledger; nil: no audit log is kept
	Chance  chance.Source
	Now     func() time.Time
	Log     *slog.Logger
	// Cohort is how many blocks new sectors are collected before they become a
	// cohort; First the same for a miner's first.
	Cohort, First uint64
	// Patience is how long what a manifest has shown proves something after it
	// could last be read.
	Patience time.Duration
	// Fresh is after how long in which looks have not shown our partition a miner
	// is silent: it gets no shards, and its audits fail unasked.
	Fresh time.Duration
}

// Books are those of all miners that the validator has met. They are safe for
// concurrent use.
type Books struct {
	Config

	mu  sync.Mutex // guards what follows
	by  map[strata.Hotkey]*Book
	all []*Book // in order of hotkey; replaced, not changed
}

// Restore reads the ledger's.
func Restore(ctx context.Context, c Config) (*Books, error) {
	s := &Books{Config: c, by: map[strata.Hotkey]*Book{}}
	records, err := c.Ledger.Miners(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		s.add(r)
	}
	heads, err := c.Ledger.Heads(ctx)
	if err != nil {
		return nil, err
	}
	for p, h := range heads {
		b := s.by[p.Miner]
		if b == nil {
			return nil, strata.E(strata.Corrupt, "the ledger has a manifest of miner %s but no record of it: restore strata.db from a backup", p.Miner)
		}
		if err := b.load(ctx, p, h); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// add makes a miner's book. The caller holds mu, or is the only one that knows
// the books.
func (s *Books) add(r catalog.MinerRecord) *Book {
	b := newBook(s, r)
	s.by[r.Hotkey] = b
	at, _ := slices.BinarySearchFunc(s.all, r.Hotkey, func(o *Book, h strata.Hotkey) int { return compareKeys(o.Hotkey, h) })
	s.all = slices.Insert(slices.Clone(s.all), at, b)
	return b
}

// Of returns a miner's book, nil if it was never met.
func (s *Books) Of(miner strata.Hotkey) *Book {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.by[miner]
}

// All returns every book, in order of hotkey. The caller does not change it.
func (s *Books) All() []*Book {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all
}

// Meet takes over the rows of a metagraph. A miner has a book from when it first
// serves.
func (s *Books) Meet(neurons []chain.Neuron) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range neurons {
		b := s.by[n.Hotkey]
		if n.Hotkey == s.Self || b == nil && !n.Axon.Served() {
			continue
		}
		if b == nil {
			b = s.add(catalog.MinerRecord{Hotkey: n.Hotkey})
		}
		b.change(func(v *View) { v.Row = n })
	}
}

// Attend notes which miners are present.
func (s *Books) Attend(serving map[strata.Hotkey]bool) {
	for _, b := range s.All() {
		if b.View().Present != serving[b.Hotkey] {
			b.change(func(v *View) { v.Present = serving[b.Hotkey] })
		}
	}
}

// Save writes the records that changed. A crash before it loses the audits
// since the last one. A miner whose turn is taken is left for the next time, or
// for the write that is being made: it delays nobody.
func (s *Books) Save(ctx context.Context) error {
	var dirty []catalog.MinerRecord
	var from []*Book
	for _, b := range s.All() {
		if !b.Turn.try() {
			continue
		}
		defer b.Turn.Give()
		if r, ok := b.takeDirty(); ok {
			dirty, from = append(dirty, r), append(from, b)
		}
	}
	if len(dirty) == 0 {
		return nil
	}
	err := s.Ledger.SaveMiners(ctx, dirty)
	if err != nil {
		for i, b := range from {
			b.unsaved(dirty[i].Journal)
		}
	}
	return err
}

// FormCohorts makes cohorts of what has been collected long enough.
func (s *Books) FormCohorts(ctx context.Context) {
	for _, b := range s.All() {
		if err := b.formCohort(ctx); err != nil && ctx.Err() == nil {
			s.Log.Error("a cohort was not written", "miner", b.Hotkey, "err", err)
		}
	}
}
