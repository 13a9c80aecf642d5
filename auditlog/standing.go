package auditlog

import (
	"math/bits"
	"slices"

	"strata"
	"strata/score"
)

// Seen counts what a log tells of a miner.
type Seen struct {
	Checks     uint64 `json:"checks"`
	Mismatched uint64 `json:"mismatched"` // of the checks
	Audits     uint64 `json:"audits"`
	Late       uint64 `json:"late"`       // of the audits: answered after the time allowed
	Unanswered uint64 `json:"unanswered"` // of the audits: without an answer
	Slowest    uint64 `json:"slowest_ns"` // answer of those in time
	Missing    uint64 `json:"missing"`    // times that shards were not in its manifest
	Refused    uint64 `json:"refused"`    // times that it refused shards that it had room for
	Proofs     uint64 `json:"proofs"`     // of fraud, by its signatures
}

func (s *Seen) count(e Entry) {
	switch e.Kind {
	case Checked:
		s.Checks++
		if e.Check.Said != e.Check.Is {
			s.Mismatched++
		}
	case Audited:
		s.Audits++
		switch {
		case e.Audit.Answer == nil:
			s.Unanswered++
		case e.Audit.Took > e.Audit.Limit:
			s.Late++
		default:
			s.Slowest = max(s.Slowest, uint64(max(0, e.Audit.Took)))
		}
	case Missed:
		s.Missing++
	case Refused:
		s.Refused++
	case Proven:
		s.Proofs++
	}
}

// Standing is why a miner is paid what it is: the parts of its credit after the
// log's last entry, by the rule of package score. PPM are parts per million.
type Standing struct {
	Miner    strata.Hotkey  `json:"miner"`
	Block    uint64         `json:"block"` // of the last vector
	Standing string         `json:"standing"`
	Owed     uint64         `json:"owed_checks"`   // that must pass before any credit
	Until    uint64         `json:"until_block"`   // of a penalty's end, 0: none
	Leaving  bool           `json:"leaving"`       // or was until less than an epoch ago: filler earns nothing
	Listed   uint64         `json:"listed_bytes"`  // in all partitions
	Covered  uint64         `json:"covered_bytes"` // of these: intact filler and ordered shards
	Shards   uint64         `json:"shard_bytes"`   // of these: users'
	Cohorts  []score.Cohort `json:"cohorts"`
	Proven   uint64         `json:"proven_bytes"` // of the cohorts, by their checks
	Leaves   score.Leaves   `json:"leaves"`       // that count now
	Factor   uint64         `json:"leaf_factor_ppm"`
	Credit   uint64         `json:"credit_bytes"`
	Weight   uint16         `json:"weight"`    // in the last vector
	Share    uint64         `json:"share_ppm"` // of the sum of that vector
	Rank     int            `json:"rank"`      // by weight, from 1; 0 without a weight
	Of       int            `json:"of"`        // miners with a weight
	Seen     Seen           `json:"seen"`      // in all of the log
}

// Standing returns a miner's account at the end of the log; false if the log does
// not speak of it.
func (r Report) Standing(h strata.Hotkey) (Standing, bool) {
	p := r.player
	if p == nil || p.miners[h] == nil {
		return Standing{}, false
	}
	m := p.miners[h]
	s := Standing{Miner: h, Seen: m.seen}
	if n := len(r.Vectors); n > 0 {
		s.weigh(r.Vectors[n-1])
	}
	block := max(s.Block, m.score.Block)
	parts := m.parts(p.stakes)
	for _, part := range parts {
		s.Listed, s.Covered, s.Shards = s.Listed+part.Listed, s.Covered+part.Covered, s.Shards+part.Data
	}
	s.Standing, s.Owed, s.Until, s.Cohorts = m.score.Standing.String(), m.score.Owed, m.score.Until, slices.Clone(m.score.Cohorts)
	s.Leaving = m.score.Leaving || block < m.score.Back
	s.Leaves = m.score.Leaves(p.rules, block)
	s.Factor = max(4*score.LCB(s.Leaves.Passed, s.Leaves.Passed+s.Leaves.Failed), 3*score.PPM) - 3*score.PPM
	for _, c := range s.Cohorts {
		hi, lo := bits.Mul64(c.Bytes, score.LCB(c.Checks-min(c.Checks, c.Failed), c.Checks))
		proven, _ := bits.Div64(hi, lo, score.PPM) // hi < PPM: the second factor is at most that
		s.Proven += proven
	}
	s.Credit = m.score.Earned(p.rules, block, parts)
	return s, true
}

func (s *Standing) weigh(v Vector) {
	s.Block = v.Block
	var sum uint64
	for _, w := range v.Weights {
		sum += uint64(w.Value)
		if w.Value > 0 {
			s.Of++
		}
		if w.Hotkey == s.Miner {
			s.Weight = w.Value
		}
	}
	if s.Weight == 0 {
		return
	}
	s.Rank, s.Share = 1, uint64(s.Weight)*score.PPM/sum
	for _, w := range v.Weights {
		if w.Value > s.Weight {
			s.Rank++
		}
	}
}
