package miner

import (
	"context"
	"slices"
	"time"

	"strata"
	"strata/allocation"
)

// move is sectors taken away from a partition. Moves are kept in memory, so a
// restart lets the daily limit begin anew.
type move struct {
	at        time.Time
	validator strata.Hotkey
	sectors   uint64
}

// reallocate plans anew and applies the plan. A crash or an error in between
// leaves partitions between the old plan and the new; the next plan starts from
// what there is then.
func (m *Miner) reallocate(ctx context.Context) error {
	before := m.partitions()
	plan, err := m.plan(ctx, before)
	if err != nil {
		return err
	}
	err = m.Space.SetTargets(ctx, plan.Targets)
	m.record(before, m.Space.Partitions()) // what was done counts even if not all was
	return err
}

func (m *Miner) plan(ctx context.Context, now []allocation.Partition) (allocation.Plan, error) {
	p := Planner{Chain: m.Chain, Netuid: m.Domain.Netuid, Profile: m.Profile, Self: m.self}
	patience, cancel := context.WithTimeout(ctx, chainPatience)
	defer cancel()
	vs, next, err := p.Validators(patience)
	if err != nil {
		return allocation.Plan{}, err
	}
	if len(vs) == 0 {
		return allocation.Plan{}, strata.E(strata.Unavailable, "no validator has a permit or stake yet: that can change at block %d", next)
	}
	disks, err := m.Space.Disks()
	if err != nil {
		return allocation.Plan{}, err
	}
	return p.Divide(vs, disks, m.Amount, now)
}

// partitions is what there is now, with what was taken away within a day.
func (m *Miner) partitions() []allocation.Partition {
	now := m.Now()
	m.moves = slices.DeleteFunc(m.moves, func(v move) bool { return now.Sub(v.at) >= 24*time.Hour })
	parts := m.Space.Partitions()
	for i := range parts {
		for _, v := range m.moves {
			if v.validator == parts[i].Validator {
				parts[i].Moved += v.sectors
			}
		}
	}
	return parts
}

// record compares what was there with what is there: what was taken away counts
// for the daily limit, what came is there to be sealed.
func (m *Miner) record(before, after []allocation.Partition) {
	had, has := bySector(before), bySector(after)
	grew, changed := false, len(had) != len(has)
	for v, n := range has {
		for volume, sectors := range n.on {
			grew = grew || sectors > had[v].on[volume]
			changed = changed || sectors != had[v].on[volume]
		}
		if had[v].total > n.total {
			m.moves = append(m.moves, move{m.Now(), v, had[v].total - n.total})
		}
	}
	if changed {
		m.Log.Info("allocation changed", "partitions", len(after))
	}
	if !grew {
		return
	}
	select {
	case m.grown <- struct{}{}:
	default: // already told
	}
}

// holding is a partition's sectors, by volume and in all.
type holding struct {
	on    map[string]uint64
	total uint64
}

func bySector(parts []allocation.Partition) map[strata.Hotkey]holding {
	out := make(map[strata.Hotkey]holding, len(parts))
	for _, p := range parts {
		n := holding{on: map[string]uint64{}}
		for _, h := range p.Holdings {
			n.on[h.Volume] += h.Sectors
			n.total += h.Sectors
		}
		out[p.Validator] = n
	}
	return out
}
