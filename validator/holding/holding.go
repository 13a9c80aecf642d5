// Package holding is what a miner holds for one validator, as its manifest
// lists it: which sectors there are and how many of their bytes are proven. It
// is a value, made from sectors alone, so that what memory has of a partition
// and what the ledger has of it can only be the same.
package holding

import (
	"slices"

	"strata"
	"strata/catalog"
	"strata/merkle"
	"strata/score"
	"strata/wire"
)

// Holding is one. It is made by Add and not changed after that; who has it may
// share it.
type Holding struct {
	Head    wire.Head     // under which it was listed
	Numbers Numbers       // sectors that count
	Pending Numbers       // of these, those in no cohort yet
	Data    Numbers       // of these, those with shards
	Covered uint64        // bytes of these that are proven filler or ordered shards
	Free    uint64        // bytes of filler in them
	Batches []score.Batch // the same by cohort

	filler int // sectors that are all filler
	roomy  int // sectors with shards and room for any other one behind them
}

// Add counts a sector, which must come in order of number.
func (h *Holding) Add(p strata.Profile, s catalog.Sector) {
	if !s.Listed() {
		return
	}
	h.Numbers.Add(s.Entry.Number)
	if s.Cohort == 0 {
		h.Pending.Add(s.Entry.Number)
	}
	if len(s.Entry.Shards) > 0 {
		h.Data.Add(s.Entry.Number)
	}
	covered, free := cover(p, s.Entry)
	h.batch(s.Cohort, func(b *score.Batch) {
		b.Listed += uint64(p.SectorSize())
		b.Covered += covered
		b.Data += covered - min(covered, free)
	})
	h.Covered += covered
	h.Free += free
	h.tally(p, s.Entry, free, 1)
}

// Without returns the holding without a sector that has turned out to be void.
func (h Holding) Without(p strata.Profile, s catalog.Sector) Holding {
	e := s.Entry
	h.Numbers = h.Numbers.Without(e.Number)
	h.Pending = h.Pending.Without(e.Number)
	h.Data = h.Data.Without(e.Number)
	covered, free := cover(p, e)
	h.Batches = slices.Clone(h.Batches)
	h.batch(s.Cohort, func(b *score.Batch) {
		b.Listed -= min(b.Listed, uint64(p.SectorSize()))
		b.Covered -= min(b.Covered, covered)
		b.Data -= min(b.Data, covered-min(covered, free))
	})
	h.Covered -= covered
	h.Free -= free
	h.tally(p, e, free, -1)
	return h
}

// Arrived returns the holding after its pending sectors have become part of a
// cohort of the miner's score.
func (h Holding) Arrived(cohort uint64, m score.Miner) Holding {
	h.Pending = Numbers{}
	h.Batches = m.Fold(score.Arrive(h.Batches, cohort))
	return h
}

// batch changes the batch of a cohort.
func (h *Holding) batch(cohort uint64, change func(*score.Batch)) {
	i := slices.IndexFunc(h.Batches, func(b score.Batch) bool { return b.Cohort == cohort })
	if i < 0 {
		i = len(h.Batches)
		h.Batches = append(h.Batches, score.Batch{Cohort: cohort})
	}
	change(&h.Batches[i])
}

// tally counts a sector, or takes it out, among those in which a shard has room.
func (h *Holding) tally(p strata.Profile, e wire.Entry, free uint64, n int) {
	switch {
	case e.State == wire.Filler:
		h.filler += n
	case free >= uint64(p.MaxShard())+merkle.GroupSize && len(e.Shards) < wire.MaxShards-underWay:
		h.roomy += n
	}
}

// underWay is how many shards may be on their way into a sector and not listed.
const underWay = 256

// Room says whether an honest miner takes a shard of any size into the partition.
// It begins a sector only when none that is begun has room, so that it has few
// of these; with some on each disk it may still refuse, as its partition shrinks.
// Otherwise one shard in each sector would leave all the filler behind them paid
// for and nothing to be asked for.
func (h Holding) Room() bool { return h.filler > 0 || h.roomy > 2+h.Data.count/8 }

// cover returns how many bytes of a sector are proven (filler or shards) and how
// many are filler.
func cover(p strata.Profile, e wire.Entry) (covered, free uint64) {
	free = uint64(e.Intact(p.Blocks))
	covered = free
	for _, s := range e.Shards {
		covered += uint64(s.Length)
	}
	return min(covered, uint64(p.SectorSize())), free
}
