package audit

import (
	"math"

	"strata"
	"strata/score"
	"strata/validator/book"
	"strata/validator/holding"
	"strata/validator/subnet"
)

// partition is one that is to be audited. doubted of data bytes of its shards do
// not count.
type partition struct {
	validator     strata.Hotkey
	held          holding.Holding
	doubted, data uint64
}

// doubted returns for each validator whose orders the miner's shards have how
// many of their bytes do not count.
func doubted(known *book.View, rules score.Rules, stakes subnet.Shares) map[strata.Hotkey]uint64 {
	validators := known.Validators()
	parts := make([]score.Part, len(validators))
	for i, validator := range validators {
		parts[i] = known.Record.Score.Part(known.Holdings[validator].Batches, stakes[validator])
	}
	_, _, counts := score.Trusted(rules, parts)
	out := map[strata.Hotkey]uint64{}
	for i, p := range parts {
		if p.Data > counts[i] {
			out[validators[i]] = p.Data - counts[i]
		}
	}
	return out
}

// drawPartition draws a partition to be audited, in proportion to the bytes that
// count there, by what their checks prove. Otherwise answers for bytes that count
// nothing would outweigh missing ones, and audits of what is not verified stand
// in for those of what is.
func (a *Auditor) drawPartition(known *book.View) (partition, bool) {
	rules, _ := a.Subnet.Clock()
	excess, validators := doubted(known, rules, a.Subnet.Shares()), known.Validators()
	weights, total := make([]uint64, len(validators)), uint64(0)
	worth := map[uint64]uint64{} // by cohort
	for i, v := range validators {
		h, sum := known.Holdings[v], uint64(0)
		for _, x := range h.Batches {
			if _, ok := worth[x.Cohort]; !ok {
				worth[x.Cohort] = known.Record.Score.Weight(x.Cohort)
			}
			sum += x.Listed / strata.BlockSize * worth[x.Cohort] / 1000
		}
		p := known.Record.Score.Part(h.Batches, 0)
		weights[i] = score.Covered(sum, p.Listed-min(p.Listed, excess[v]), p.Listed)
		total += weights[i]
	}
	if total == 0 || total > math.MaxInt {
		return partition{}, false
	}
	at := uint64(a.Chance.Below(int(total)))
	for i, w := range weights {
		if at < w {
			v := validators[i]
			held := known.Holding(v)
			return partition{v, held, excess[v], known.Record.Score.Part(held.Batches, 0).Data}, true
		}
		at -= w
	}
	return partition{}, false
}

// drawSector draws a sector of a partition: one with users' data if that is
// wanted and there is one, which data says, else any.
func (a *Auditor) drawSector(h holding.Holding, wanted bool) (number uint64, data, ok bool) {
	switch {
	case h.Numbers.Count() == 0:
		return 0, false, false
	case wanted && h.Data.Count() > 0:
		return h.Data.At(a.Chance.Below(h.Data.Count())), true, true
	}
	return h.Numbers.At(a.Chance.Below(h.Numbers.Count())), false, true
}

// counts draws whether a sector of a cohort is asked for: with the chance with
// which it counts.
func (a *Auditor) counts(known *book.View, cohort uint64) bool {
	weight := known.Record.Score.Weight(cohort)
	return uint64(a.Chance.Below(score.PPM)) < weight
}
