package sim

import "math/big"

// Report is what came of a network. Amounts are whole rao and bytes.
type Report struct {
	Seed       uint64 `json:"seed"`
	Miners     int    `json:"miners"`
	Validators int    `json:"validators"`
	Days       int    `json:"days"`

	Strategies []StrategyReport `json:"strategies"` // those that were played

	Emission   uint64 `json:"emission"`     // rao, of all days
	Mining     uint64 `json:"mining"`       // of it, to miners
	Validating uint64 `json:"validating"`   // of it, to validators
	LeastTrust uint64 `json:"least_vtrust"` // the lowest mean validator trust, in 65535ths

	Segments      int    `json:"segments"`       // stored
	Refused       int    `json:"refused"`        // for which there was no room
	Lost          int    `json:"lost"`           // of those stored
	SegmentSize   uint64 `json:"segment_size"`   // bytes that each stands for
	Repairs       int    `json:"repairs"`        // of segments
	RepairRead    uint64 `json:"repair_read"`    // bytes
	RepairWritten uint64 `json:"repair_written"` // bytes
	MissingShards int    `json:"missing_shards"` // that were found to be lost

	Outages     int    `json:"outages"`
	FailedDisks int    `json:"failed_disks"`
	Left        int    `json:"left"`        // miners
	MovedBytes  uint64 `json:"moved_bytes"` // taken from one validator's partition for another's
}

// StrategyReport is what came of one strategy's miners.
type StrategyReport struct {
	Strategy   string `json:"strategy"`
	Miners     int    `json:"miners"`      // that ever followed it
	SectorDays uint64 `json:"sector_days"` // of space that they really had
	Paid       uint64 `json:"paid"`        // rao
	// Relative is the reward for space, in millionths of the honest miners'.
	Relative uint64 `json:"relative"`
}

func newReport(c Config) *Report {
	r := &Report{Seed: c.Seed, Miners: c.Miners, Validators: c.Validators, Days: c.Days, Strategies: make([]StrategyReport, strategies)}
	for i := range r.Strategies {
		r.Strategies[i].Strategy = Strategy(i).String()
	}
	return r
}

// finish computes what rests on everything.
func (s *sim) finish() {
	r := s.report
	r.SegmentSize = s.segmentSize
	honest := r.Strategies[Honest]
	var played []StrategyReport
	for _, t := range r.Strategies {
		if t.Miners == 0 {
			continue
		}
		t.Relative = t.relative(honest)
		played = append(played, t)
	}
	r.Strategies = played
	r.LeastTrust = ^uint64(0)
	for _, v := range s.validators {
		r.LeastTrust = min(r.LeastTrust, v.trust/uint64(s.c.Days))
	}
}

// relative returns how much more the strategy is paid for its space than another,
// in millionths.
func (t StrategyReport) relative(other StrategyReport) uint64 {
	if t.SectorDays == 0 || other.Paid == 0 {
		return 0
	}
	n := func(x uint64) *big.Int { return new(big.Int).SetUint64(x) }
	up := n(t.Paid)
	up.Mul(up, n(other.SectorDays)).Mul(up, n(million))
	down := n(t.SectorDays)
	return up.Quo(up, down.Mul(down, n(other.Paid))).Uint64()
}
