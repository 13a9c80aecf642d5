package subnet

import (
	"math/bits"

	"strata"
	"strata/chain"
	"strata/score"
)

// Shares are validators' parts of the stake, in ppm. They are not changed.
type Shares map[strata.Hotkey]uint64

// stakeFloor is added to every stake, in rao, as in the rule of allocation.
const stakeFloor = 1_000_000_000

// sharesOf returns the shares of all that have stake, of the stake of those that
// miners divide their space among. One that lost its permit keeps what its stake
// is worth beside theirs.
func sharesOf(g *chain.Metagraph, eligible []strata.Hotkey) Shares {
	var all uint64 // TAO's supply is 2 × 10¹⁶ rao
	for _, h := range eligible {
		if row, ok := g.Neuron(h); ok {
			all += uint64(row.Stake) + stakeFloor
		}
	}
	out := Shares{}
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
