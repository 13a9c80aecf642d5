package subtensor

import (
	"time"

	"strata/chain/scale"
)

// blockTimes are the constants of a runtime that tell the time between blocks
// in milliseconds, the first that there is counting. Timestamp's is half of it.
var blockTimes = []struct {
	pallet, constant string
	times            uint64
}{{"Aura", "SlotDuration", 1}, {"Babe", "ExpectedBlockTime", 1}, {"Timestamp", "MinimumPeriod", 2}}

// maxBlockTime bounds what a runtime may claim.
const maxBlockTime = time.Hour

// blockTimeOf returns the time between blocks as a runtime states it, 0 if it
// does not.
func blockTimeOf(meta *scale.Metadata) time.Duration {
	for _, is := range blockTimes {
		p, err := meta.Pallet(is.pallet)
		if err != nil {
			continue
		}
		for _, c := range p.Constants {
			if d := scale.NewDecoder(c.Value); c.Name == is.constant {
				if ms := d.U64(); d.Done() == nil && ms > 0 {
					return time.Duration(min(ms, uint64(maxBlockTime.Milliseconds()))*is.times) * time.Millisecond
				}
			}
		}
	}
	return 0
}
