package validator

import (
	"math"
	"math/bits"
	"slices"

	"strata"
	"strata/auditlog"
	"strata/chain"
	"strata/score"
)

// shares are validators' parts of the stake, in ppm. They are not changed.
type shares map[strata.Hotkey]uint64

// stakeFloor is added to every stake, in rao, as in the rule of allocation.
const stakeFloor = 1_000_000_000

// sharesOf returns the shares of all that have stake, of the stake of those that
// miners divide their space among. One that lost its permit keeps what its stake
// is worth beside theirs.
func sharesOf(g *chain.Metagraph, eligible []strata.Hotkey) shares {
	var all uint64 // TAO's supply is 2 × 10¹⁶ rao
	for _, h := range eligible {
		if row, ok := g.Neuron(h); ok {
			all += uint64(row.Stake) + stakeFloor
		}
	}
	out := shares{}
	if all == 0 {
		return out
	}
	for _, n := range g.Neurons {
		if n.Stake == 0 && !n.Permit {
			continue
		}
		hi, lo := bits.Mul64(min(uint64(n.Stake)+stakeFloor, all), score.PPM)
		out[n.Hotkey], _ = bits.Div64(hi, lo, all) // hi < all, because the first factor is at most that
	}
	return out
}

// shares returns those of the last metagraph.
func (v *Validator) shares() shares {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.stakes
}

// logged is the shares as the audit log has them.
func (s shares) logged() []auditlog.Share {
	out := make([]auditlog.Share, 0, len(s))
	for validator, ppm := range s {
		out = append(out, auditlog.Share{Validator: validator, PPM: ppm})
	}
	slices.SortFunc(out, func(a, b auditlog.Share) int { return compareKeys(a.Validator, b.Validator) })
	return out
}

// doubted returns for each validator whose orders the miner's shards have how
// many of their bytes do not count. The caller holds mu.
func (b *book) doubted(rules score.Rules, stakes shares) map[strata.Hotkey]uint64 {
	validators := b.validators()
	parts := make([]score.Part, len(validators))
	for i, validator := range validators {
		parts[i] = b.rec.Score.Part(b.holdings[validator].batches, stakes[validator])
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
// count there, by what their checks prove; doubted of data bytes of its shards do
// not. Otherwise answers for bytes that count nothing would outweigh missing
// ones, and audits of what is not verified stand in for those of what is.
func (b *book) drawPartition(rules score.Rules, stakes shares) (validator strata.Hotkey, doubted, data uint64, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	excess, validators := b.doubted(rules, stakes), b.validators()
	weights, total := make([]uint64, len(validators)), uint64(0)
	worth := map[uint64]uint64{} // by cohort
	for i, v := range validators {
		h, sum := b.holdings[v], uint64(0)
		for _, x := range h.batches {
			if _, ok := worth[x.Cohort]; !ok {
				worth[x.Cohort] = b.rec.Score.Weight(x.Cohort)
			}
			sum += x.Listed / strata.BlockSize * worth[x.Cohort] / 1000
		}
		p := b.rec.Score.Part(h.batches, 0)
		weights[i] = score.Covered(sum, p.Listed-min(p.Listed, excess[v]), p.Listed)
		total += weights[i]
	}
	if total == 0 || total > math.MaxInt {
		return strata.Hotkey{}, 0, 0, false
	}
	at := uint64(b.v.draw(int(total)))
	for i, w := range weights {
		if at < w {
			v := validators[i]
			return v, excess[v], b.rec.Score.Part(b.holdings[v].batches, 0).Data, true
		}
		at -= w
	}
	return strata.Hotkey{}, 0, 0, false
}

// counts draws whether a sector of a cohort is asked for: with the chance with
// which it counts.
func (b *book) counts(cohort uint64) bool {
	b.mu.Lock()
	weight := b.rec.Score.Weight(cohort)
	b.mu.Unlock()
	return uint64(b.v.draw(score.PPM)) < weight
}
