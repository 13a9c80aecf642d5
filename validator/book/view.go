package book

import (
	"bytes"
	"maps"
	"slices"
	"time"

	"strata"
	"strata/catalog"
	"strata/chain"
	"strata/score"
	"strata/validator/chance"
	"strata/validator/holding"
	"strata/validator/subnet"
	"strata/wire"
)

// View is what is known of a miner at one moment. Neither it nor what it points
// to is changed.
type View struct {
	Record   catalog.MinerRecord // without its journal
	Row      chain.Neuron        // of the last metagraph that had it
	Present  bool                // in the metagraph with an axon
	Holdings map[strata.Hotkey]*holding.Holding
	Plan     wire.Partition // the miner's own words about our partition
	LastErr  string         // what was wrong with its last answer
	Sight    Sight          // of our partition
}

// Sight is what looks at a miner have shown of our partition.
type Sight struct {
	Last    time.Time // of the last look that showed it, or when looks began
	InVain  bool      // the last look did not
	Looking bool      // one is under way
}

// Place names a sector of a miner.
type Place struct {
	Validator strata.Hotkey
	Number    uint64
}

// Holding returns what is held for a validator, the zero value for nothing.
func (v *View) Holding(validator strata.Hotkey) holding.Holding {
	if h := v.Holdings[validator]; h != nil {
		return *h
	}
	return holding.Holding{}
}

// Validators returns those that the miner holds something for, in order, so that
// the same chance gives the same draw.
func (v *View) Validators() []strata.Hotkey {
	return slices.SortedFunc(maps.Keys(v.Holdings), compareKeys)
}

// Sectors is how many the miner claims to hold.
func (v *View) Sectors() (n int) {
	for _, h := range v.Holdings {
		n += h.Numbers.Count()
	}
	return n
}

// Leaving says whether any head says that the miner leaves, but for the one of a
// partition.
func (v *View) leaving(but strata.Hotkey) bool {
	for validator, h := range v.Holdings {
		if validator != but && h.Head.Leaving {
			return true
		}
	}
	return false
}

// Credit returns the proven bytes that are paid for at a block: the score's
// credit for the part of the sectors' bytes that filler and ordered shards cover
// (score.Miner.Earned). A miner that serves nowhere cannot be audited, so it has
// none.
func (v *View) Credit(rules score.Rules, block uint64, stakes subnet.Shares) uint64 {
	if !v.Present {
		return 0
	}
	var parts []score.Part
	for validator, h := range v.Holdings {
		parts = append(parts, v.Record.Score.Part(h.Batches, stakes[validator]))
	}
	return v.Record.Score.Earned(rules, block, parts)
}

// drawMember picks a sector that is in a cohort, each with the same chance;
// false if it meets none, because few are.
func (v *View) drawMember(c chance.Source) (Place, bool) {
	for range 64 {
		at, ok := v.drawSector(c)
		if !ok {
			break
		}
		if !v.Holdings[at.Validator].Pending.Has(at.Number) {
			return at, true
		}
	}
	return Place{}, false
}

// drawSector picks any sector that counts, each with the same chance.
func (v *View) drawSector(c chance.Source) (Place, bool) {
	total := v.Sectors()
	if total == 0 {
		return Place{}, false
	}
	i := c.Below(total)
	for _, validator := range v.Validators() {
		h := v.Holdings[validator]
		if i < h.Numbers.Count() {
			return Place{validator, h.Numbers.At(i)}, true
		}
		i -= h.Numbers.Count()
	}
	return Place{}, false
}

func compareKeys(a, b strata.Hotkey) int { return bytes.Compare(a[:], b[:]) }
