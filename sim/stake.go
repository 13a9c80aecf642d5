package sim

import (
	"crypto/sha256"
	"encoding/binary"

	"strata"
	"strata/allocation"
	"strata/score"
	"strata/yuma"
)

// validator is one with a permit, and its users.
type validator struct {
	hotkey strata.Hotkey
	stakes []uint64 // in rao, by day
	views  []view   // by slot
	row    []yuma.Entry
	bonds  []yuma.Entry
	trust  uint64 // sum of its validator trust, in 65535ths
}

// view is what a validator knows of a miner.
type view struct {
	score  score.Miner
	cohort uint64 // the next one's id
	bytes  uint64 // that it knows of
}

// partition is a miner's space for one validator.
type partition struct {
	sectors uint64
	data    uint64 // bytes of shards in it
}

// newValidator makes the i-th. The first have most: stake falls as one over the
// rank.
func (s *sim) newValidator(i int) *validator {
	sum := sha256.Sum256(binary.LittleEndian.AppendUint64([]byte("strata simulated validator "), uint64(i)))
	return &validator{
		hotkey: strata.Hotkey(sum), stakes: []uint64{1_000_000 * uint64(strata.RaoPerTao) / uint64(i+1)},
		views: make([]view, s.c.Miners),
	}
}

// moveStake lets a day's stake differ from the last one's by at most the given
// part, up or down.
func (s *sim) moveStake() {
	for _, v := range s.validators {
		last := v.stakes[len(v.stakes)-1]
		most := last / million * uint64(s.c.StakeMove)
		v.stakes = append(v.stakes, last-most+s.market.Uint64N(2*most+1))
	}
}

// smoothing is how many days back the other stake is read that counts.
const smoothing = 7

// allocate lets every miner divide its space anew.
func (s *sim) allocate() error {
	var eligible []allocation.Validator
	for _, v := range s.validators {
		day := len(v.stakes) - 1
		eligible = append(eligible, allocation.Validator{
			Hotkey: v.hotkey, Stake: strata.Rao(v.stakes[day]), StakeBefore: strata.Rao(v.stakes[max(0, day-smoothing)]),
		})
	}
	for _, m := range s.miners {
		if m == nil {
			continue
		}
		if err := s.divide(m, eligible); err != nil {
			return err
		}
	}
	return nil
}

// divide moves one miner's partitions to what the rule says.
func (s *sim) divide(m *miner, eligible []allocation.Validator) error {
	sector := s.profile.SectorSize()
	in := allocation.Input{
		SectorSize: sector, Validators: eligible, HysteresisPct: s.profile.HysteresisPct, DailyMovePct: s.profile.DailyMovePct,
		Volumes: []allocation.Volume{{ID: "disk", Capacity: strata.ByteSize(m.held()) * sector}},
	}
	for i, p := range m.parts {
		if p.sectors == 0 {
			continue
		}
		live := min(p.sectors, (p.data+uint64(sector)-1)/uint64(sector))
		in.Partitions = append(in.Partitions, allocation.Partition{
			Validator: s.validators[i].hotkey, Holdings: []allocation.Holding{{Volume: "disk", Sectors: p.sectors, Live: live}},
		})
	}
	plan, err := allocation.Divide(in)
	if err != nil {
		return err
	}
	for _, t := range plan.Targets {
		p := &m.parts[s.index[t.Validator]]
		if t.Sectors < p.sectors {
			s.report.MovedBytes += (p.sectors - t.Sectors) * uint64(sector)
		}
		p.sectors = t.Sectors
	}
	return nil
}
