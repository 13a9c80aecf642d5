package score

import (
	"cmp"
	"slices"
)

// Batch is what a miner lists in one validator's partition of the sectors that
// arrived under one cohort's id, 0 for those in no cohort yet, in bytes.
type Batch struct {
	Cohort  uint64 `json:"cohort"`
	Listed  uint64 `json:"listed"`
	Covered uint64 `json:"covered"`        // by filler and ordered shards
	Data    uint64 `json:"data,omitempty"` // of that, by shards
}

// fresh says that no check was made yet: nothing is known of any sector.
func (m Miner) fresh() bool {
	return !slices.ContainsFunc(m.Cohorts, func(c Cohort) bool { return c.Checks > 0 })
}

// Weight returns how much a sector that arrived under an id counts, in ppm: the
// bound of its cohort's checks. As long as no cohort has a check every sector
// counts alike, those in no cohort too, so that a new miner's leaves are asked
// for from the start.
func (m Miner) Weight(id uint64) uint64 {
	if m.fresh() {
		return PPM
	}
	c, ok := m.Cohort(id)
	if !ok {
		return 0
	}
	return LCB(c.Checks-min(c.Checks, c.Failed), c.Checks)
}

// Part adds up the batches that count: those whose cohorts have had a check, all
// of a miner that has had none. What is not verified adds to neither bytes
// listed nor bytes covered, so that it cannot stand in for what is missing.
func (m Miner) Part(batches []Batch, share uint64) Part {
	p, fresh := Part{Share: share}, m.fresh()
	for _, b := range batches {
		if c, ok := m.Cohort(b.Cohort); fresh || ok && c.Checks > 0 {
			p.Listed += b.Listed
			p.Covered += min(b.Covered, b.Listed)
			p.Data += min(b.Data, b.Covered, b.Listed)
		}
	}
	return p
}

// Fold returns batches under the ids that their cohorts have now, in their
// order, without empty ones. Those of merged cohorts become one.
func (m Miner) Fold(batches []Batch) []Batch {
	var out []Batch
	for _, b := range batches {
		if c, ok := m.Cohort(b.Cohort); ok {
			b.Cohort = c.ID
		}
		if b.Listed == 0 {
			continue
		}
		i, found := slices.BinarySearchFunc(out, b.Cohort, func(o Batch, id uint64) int { return cmp.Compare(o.Cohort, id) })
		if !found {
			out = slices.Insert(out, i, b)
			continue
		}
		out[i].Listed += b.Listed
		out[i].Covered += b.Covered
		out[i].Data += b.Data
	}
	return out
}

// Arrive returns batches after what was in no cohort became one.
func Arrive(batches []Batch, cohort uint64) []Batch {
	out := slices.Clone(batches)
	for i := range out {
		if out[i].Cohort == 0 {
			out[i].Cohort = cohort
		}
	}
	return out
}
