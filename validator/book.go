package validator

import (
	"context"
	"slices"
	"sync"
	"time"

	"strata"
	"strata/catalog"
	"strata/chain"
	"strata/score"
	"strata/wire"
)

// book is what is known of one miner. Its methods are safe for concurrent use.
type book struct {
	v      *Validator
	hotkey strata.Hotkey

	mu       sync.Mutex // guards what follows
	rec      catalog.MinerRecord
	dirty    bool // rec has changed since it was saved
	row      chain.Neuron
	present  bool // in the metagraph with an axon
	holdings map[strata.Hotkey]*holding
	status   wire.Partition // the miner's own words about our partition
	lastErr  string
	rtt      roundTrips
	// formed is the block at which the last cohort was formed.
	formed uint64
	// unchecked are the sectors of each cohort that arrival checks are still
	// drawn from.
	unchecked map[uint64][]place
	trickle   time.Time // when the next check of the trickle is due
}

// place names a sector of a miner.
type place struct {
	validator strata.Hotkey
	number    uint64
}

// holding is what the miner holds for one validator.
type holding struct {
	head    wire.Head
	numbers []uint64 // sectors that count, ascending
	pending []uint64 // of these, those in no cohort yet
	covered uint64   // bytes of these that are proven filler or ordered shards
	free    uint64   // bytes of filler in them
}

func newBook(v *Validator, r catalog.MinerRecord) *book {
	if r.NextCohort == 0 {
		r.NextCohort = 1
	}
	return &book{v: v, hotkey: r.Hotkey, rec: r, holdings: map[strata.Hotkey]*holding{}, unchecked: map[uint64][]place{}}
}

// load rebuilds a holding from the ledger and counts, in members, the sectors
// of each cohort.
func (b *book) load(ctx context.Context, p catalog.Partition, h wire.Head, members map[uint64]uint64) error {
	hold := &holding{head: h}
	known := map[uint64]bool{}
	for _, c := range b.rec.Score.Cohorts {
		known[c.ID] = true
	}
	err := b.v.Ledger.Sectors(ctx, p, func(s catalog.Sector) error {
		if !s.Listed() {
			return nil
		}
		n := s.Entry.Number
		hold.numbers = append(hold.numbers, n)
		switch {
		case !known[s.Cohort]:
			hold.pending = append(hold.pending, n)
		case !s.Checked:
			b.unchecked[s.Cohort] = append(b.unchecked[s.Cohort], place{p.Validator, n})
		}
		members[s.Cohort]++
		covered, free := b.v.cover(s.Entry)
		hold.covered += covered
		hold.free += free
		return nil
	})
	b.holdings[p.Validator] = hold
	return err
}

// settle makes the score agree with the sectors after a crash that came between
// the writes of the two: a cohort has no more bytes than its sectors.
func (b *book) settle(members map[uint64]uint64) {
	size := uint64(b.v.Profile.SectorSize())
	for _, c := range b.rec.Score.Cohorts {
		if have := members[c.ID] * size; have < c.Bytes {
			b.applyLocked(b.v.rules, b.rec.Score.Block, score.Event{Kind: score.Withdrawn, Cohort: c.ID, Bytes: c.Bytes - have})
		}
	}
}

// cover returns how many bytes of a sector are proven (filler or shards) and
// how many are filler.
func (v *Validator) cover(e wire.Entry) (covered, free uint64) {
	free = uint64(e.Intact(v.Profile.Blocks))
	covered = free
	for _, s := range e.Shards {
		covered += uint64(s.Length)
	}
	return min(covered, uint64(v.Profile.SectorSize())), free
}

// apply moves the score. An event that cannot be is a race with another one
// (a cohort gone meanwhile) and changes nothing.
func (b *book) apply(e score.Event) {
	rules, block := b.v.clock()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.applyLocked(rules, block, e)
}

func (b *book) applyLocked(rules score.Rules, block uint64, e score.Event) {
	e.Block = max(block, b.rec.Score.Block)
	next, err := b.rec.Score.Apply(rules, e)
	if err != nil {
		b.v.Log.Debug("score event dropped", "miner", b.hotkey, "err", err)
		return
	}
	if was := b.rec.Score.Standing; was != next.Standing {
		b.v.Log.Warn("standing changed", "miner", b.hotkey, "from", was.String(), "to", next.Standing.String(), "block", e.Block)
	}
	b.rec.Score, b.dirty = next, true
	if e.Kind == score.Audited {
		b.rec.Passed += e.Leaves.Passed
		b.rec.Failed += e.Leaves.Failed
	}
}

// credit returns the proven bytes at the present block: the score's credit for
// the part of the sectors' bytes that filler and ordered shards cover.
func (b *book) credit() uint64 {
	rules, block := b.v.clock()
	b.mu.Lock()
	defer b.mu.Unlock()
	listed, covered := uint64(0), uint64(0)
	for _, h := range b.holdings {
		listed += uint64(len(h.numbers)) * uint64(b.v.Profile.SectorSize())
		covered += h.covered
	}
	return mulDiv(b.rec.Score.Credit(rules, block), covered, listed)
}

// formCohort makes the sectors that arrived since the last one a cohort, once
// they have been collected long enough.
func (b *book) formCohort(ctx context.Context) error {
	rules, block := b.v.clock()
	b.mu.Lock()
	defer b.mu.Unlock()
	every := b.v.Pace.Cohort
	if len(b.rec.Score.Cohorts) == 0 {
		every = b.v.Pace.First
	}
	if block < b.formed+every {
		return nil
	}
	id, members := b.rec.NextCohort, []place{}
	for validator, h := range b.holdings {
		for _, n := range h.pending {
			members = append(members, place{validator, n})
		}
	}
	if len(members) == 0 {
		return nil
	}
	// A crash between these writes leaves a cohort with fewer sectors than its
	// bytes: settle puts that right.
	b.rec.NextCohort++
	b.applyLocked(rules, block, score.Event{Kind: score.Arrived, Cohort: id, Bytes: uint64(len(members)) * uint64(b.v.Profile.SectorSize())})
	if err := b.v.Ledger.SaveMiners(ctx, []catalog.MinerRecord{b.rec}); err != nil {
		return err
	}
	for validator, h := range b.holdings {
		if err := b.v.Ledger.SaveSectors(ctx, catalog.Partition{Miner: b.hotkey, Validator: validator}, inCohort(h.pending, id)); err != nil {
			return err
		}
		h.pending = nil
	}
	b.unchecked[id] = members
	b.formed = block
	return nil
}

func inCohort(numbers []uint64, id uint64) []catalog.Sector {
	out := make([]catalog.Sector, len(numbers))
	for i, n := range numbers {
		out[i] = catalog.Sector{Entry: wire.Entry{Number: n}, Cohort: id}
	}
	return out
}

// seen notes an answer of the miner.
func (b *book) seen(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		b.lastErr = err.Error()
		return
	}
	b.lastErr = ""
	b.rec.LastSeen, b.dirty = b.v.Now(), true
}

func (b *book) takeDirty() (catalog.MinerRecord, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	was := b.dirty
	b.dirty = false
	return b.rec, was
}

func (b *book) markDirty() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dirty = true
}

func (b *book) endpoint() wire.Endpoint {
	b.mu.Lock()
	defer b.mu.Unlock()
	return wire.Endpoint{Hotkey: b.hotkey, Addr: b.row.Axon.Addr}
}

// bytes is what the miner claims to hold, for the rate of audits.
func (b *book) bytes() strata.ByteSize {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, h := range b.holdings {
		n += len(h.numbers)
	}
	return strata.ByteSize(n) * b.v.Profile.SectorSize()
}

// roundTrips keeps connect times of the last day, to take the smallest.
type roundTrips struct {
	at   []time.Time
	took []time.Duration
}

func (r *roundTrips) add(now time.Time, d time.Duration) {
	old := 0
	for old < len(r.at) && now.Sub(r.at[old]) > 24*time.Hour {
		old++
	}
	r.at = append(slices.Delete(r.at, 0, old), now)
	r.took = append(slices.Delete(r.took, 0, old), d)
}

// best is the smallest, at most limit; 0 if none was measured.
func (r *roundTrips) best(limit time.Duration) time.Duration {
	if len(r.took) == 0 {
		return 0
	}
	return min(slices.Min(r.took), limit)
}
