package sim

import (
	"strata"
	"strata/score"
	"strata/yuma"
)

const million = 1_000_000

// observe lets every validator see a day of every miner, and vote.
func (s *sim) observe() error {
	for _, v := range s.validators {
		credits := make([]uint64, len(s.miners))
		for slot, m := range s.miners {
			if m == nil {
				continue
			}
			if err := s.see(&v.views[slot], m); err != nil {
				return err
			}
			credits[slot] = v.views[slot].score.Credit(s.rules, s.block())
		}
		v.row = v.row[:0]
		for slot, w := range score.Weights(credits) {
			if w > 0 {
				v.row = append(v.row, yuma.Entry{UID: uint16(len(s.validators) + slot), Value: w})
			}
		}
	}
	for _, m := range s.miners {
		if m != nil {
			m.down = 0
		}
	}
	return nil
}

// apply moves a score by an event now.
func (s *sim) apply(v *view, e score.Event) error {
	e.Block = s.block()
	next, err := v.score.Apply(s.rules, e)
	if err == nil {
		v.score = next
	}
	return err
}

// see counts a day's growth, checks and audits of one miner.
func (s *sim) see(v *view, m *miner) error {
	sector := uint64(s.profile.SectorSize())
	if err := s.apply(v, score.Event{Kind: score.Tick}); err != nil {
		return err
	}
	if err := s.list(v, m, m.claimed()*sector); err != nil {
		return err
	}
	s.audit(v, m)
	return s.check(v, m)
}

// check makes a day's checks, and those that are owed.
func (s *sim) check(v *view, m *miner) error {
	for n := score.TrickleChecks(s.profile, m.claimed()); n > 0 || v.owes(); n -= min(n, 1) {
		id, ok := s.drawCohort(v)
		if !ok {
			return nil
		}
		if err := s.refill(v, m, id); err != nil {
			return err
		}
	}
	return nil
}

// drawCohort draws that of a random sector.
func (s *sim) drawCohort(v *view) (uint64, bool) {
	var all uint64
	for _, c := range v.score.Cohorts {
		all += c.Bytes
	}
	if all == 0 {
		return 0, false
	}
	at := s.luck.Uint64N(all)
	for _, c := range v.score.Cohorts {
		if at < c.Bytes {
			return c.ID, true
		}
		at -= c.Bytes
	}
	return 0, false
}

// owes says whether checks are due at once.
func (v *view) owes() bool {
	return v.score.Standing == score.Suspended || v.score.Standing == score.Probation
}

// list takes over what a miner lists: more of it is a cohort with its arrival
// checks, less was withdrawn.
func (s *sim) list(v *view, m *miner, bytes uint64) error {
	switch sector := uint64(s.profile.SectorSize()); {
	case bytes > v.bytes:
		v.cohort++
		err := s.apply(v, score.Event{Kind: score.Arrived, Cohort: v.cohort, Bytes: bytes - v.bytes})
		if err != nil {
			return err
		}
		for range score.ArrivalChecks((bytes - v.bytes) / sector) {
			if err := s.refill(v, m, v.cohort); err != nil {
				return err
			}
		}
	case bytes < v.bytes:
		for left := v.bytes - bytes; left > 0 && len(v.score.Cohorts) > 0; {
			c := v.score.Cohorts[0]
			n := min(left, c.Bytes)
			if err := s.apply(v, score.Event{Kind: score.Withdrawn, Cohort: c.ID, Bytes: n}); err != nil {
				return err
			}
			left -= n
		}
	}
	v.bytes = bytes
	return nil
}

// refill checks one sector of a cohort.
func (s *sim) refill(v *view, m *miner, cohort uint64) error {
	c, ok := v.score.Cohort(cohort)
	if !ok {
		return nil // all of it is void
	}
	if s.luck.Uint64N(million) >= m.falseRoots() {
		return s.apply(v, score.Event{Kind: score.Matched, Cohort: c.ID})
	}
	sector := min(uint64(s.profile.SectorSize()), c.Bytes)
	v.bytes -= min(v.bytes, sector) // void: what it lists of it does not count again
	return s.apply(v, score.Event{Kind: score.Mismatched, Cohort: c.ID, Bytes: sector})
}

// audit counts a day's snap audits. They are as many as the rule has on average;
// what is left of a leaf is a chance of one.
func (s *sim) audit(v *view, m *miner) {
	bytes := strata.ByteSize(m.claimed()) * s.profile.SectorSize()
	leaves := 24 * score.AuditsPerHour(s.profile, bytes) * score.LeavesPerAudit
	down := uint64(m.down) * million / 24
	failed := s.round(leaves * (down + (million-down)*m.wrong()/million))
	s.count(v, score.Leaves{Passed: leaves - failed, Failed: failed})
}

// round divides by a million, up as often as the rest says.
func (s *sim) round(n uint64) uint64 {
	q := n / million
	if s.luck.Uint64N(million) < n%million {
		q++
	}
	return q
}

// count adds leaves of many audits at once, as so many events of at most 16
// leaves would.
func (s *sim) count(v *view, l score.Leaves) {
	n := s.block() / s.rules.LeafBucket
	if k := len(v.score.Audits); k == 0 || v.score.Audits[k-1].Number != n {
		v.score.Audits = append(v.score.Audits[:k:k], score.LeafBucket{Number: n})
	}
	b := &v.score.Audits[len(v.score.Audits)-1].Leaves
	b.Passed += l.Passed
	b.Failed += l.Failed
}

// pay runs an epoch with a day's emission.
func (s *sim) pay() error {
	in := yuma.Input{
		Params: yuma.Params{
			Kappa: 32767, BondsPenalty: 65535, BondsMovingAverage: 900_000, MaxValidators: 64,
			StakeThreshold: 1, ActivityCutoff: 5 * blocksADay, Tempo: blocksADay,
		},
		Block: s.block(), Emission: s.c.Emission, Owner: -1,
	}
	for _, v := range s.validators {
		in.Neurons = append(in.Neurons, yuma.Neuron{
			Stake: v.stakes[len(v.stakes)-1], Permit: true, LastUpdate: s.block(), Weights: v.row, Bonds: v.bonds,
		})
	}
	for range s.miners {
		in.Neurons = append(in.Neurons, yuma.Neuron{})
	}
	r, err := yuma.Epoch(in)
	if err != nil {
		return err
	}
	s.report.Emission += in.Emission
	for i, v := range s.validators {
		v.bonds = r.Bonds[i]
		v.trust += uint64(r.ValidatorTrust[i])
		s.report.Validating += r.ValidatorEmission[i]
	}
	for slot, m := range s.miners {
		if m == nil {
			continue
		}
		paid := r.ServerEmission[len(s.validators)+slot]
		s.report.Mining += paid
		t := &s.report.Strategies[m.strategy]
		t.Paid += paid
		t.SectorDays += m.held()
	}
	return nil
}
