package allocation

import "strata"

// Neuron is what eligibility depends on, of one row of the metagraph.
type Neuron struct {
	Hotkey      strata.Hotkey
	Permit      bool
	Stake       strata.Rao
	StakeBefore strata.Rao
}

// Eligible returns the validators that a miner divides its space among: those
// with a validator permit or, when nobody has one (a new subnet), all with
// stake; never the miner itself. The order is that of the neurons.
func Eligible(neurons []Neuron, self strata.Hotkey) []Validator {
	permits := false
	for _, n := range neurons {
		permits = permits || n.Permit
	}
	var out []Validator
	for _, n := range neurons {
		if n.Hotkey == self || permits && !n.Permit || !permits && n.Stake == 0 {
			continue
		}
		out = append(out, Validator{Hotkey: n.Hotkey, Stake: n.Stake, StakeBefore: n.StakeBefore})
	}
	return out
}

func (in Input) validate() error {
	if in.SectorSize == 0 {
		return strata.E(strata.Invalid, "allocation without a sector size")
	}
	if len(in.Volumes) > MaxVolumes || len(in.Validators) > MaxPartitions || len(in.Partitions) > MaxPartitions {
		return strata.E(strata.Invalid, "allocation of %d volumes to %d validators and %d partitions: at most %d, %d and %d",
			len(in.Volumes), len(in.Validators), len(in.Partitions), MaxVolumes, MaxPartitions, MaxPartitions)
	}
	if err := in.validateVolumes(); err != nil {
		return err
	}
	if err := in.validateValidators(); err != nil {
		return err
	}
	return in.validatePartitions()
}

func (in Input) validateVolumes() error {
	var sum uint64
	seen := map[string]bool{}
	for _, v := range in.Volumes {
		n := uint64(v.Capacity / in.SectorSize)
		if seen[v.ID] {
			return strata.E(strata.Invalid, "volume %s is listed twice", v.ID)
		}
		if n > maxSectors-sum {
			return strata.E(strata.Invalid, "volumes of more than %d sectors of %s", uint64(maxSectors), in.SectorSize)
		}
		seen[v.ID] = true
		sum += n
	}
	return nil
}

func (in Input) validateValidators() error {
	seen := map[strata.Hotkey]bool{}
	for _, v := range in.Validators {
		if seen[v.Hotkey] {
			return strata.E(strata.Invalid, "validator %s is listed twice", v.Hotkey)
		}
		seen[v.Hotkey] = true
	}
	return nil
}

func (in Input) validatePartitions() error {
	var sum uint64
	seen := map[strata.Hotkey]bool{}
	for _, p := range in.Partitions {
		if seen[p.Validator] {
			return strata.E(strata.Invalid, "partition of %s is listed twice", p.Validator)
		}
		seen[p.Validator] = true
		if p.Moved > maxSectors {
			return strata.E(strata.Invalid, "partition of %s: %d sectors moved in a day", p.Validator, p.Moved)
		}
		for _, h := range p.Holdings {
			if h.Live > h.Sectors || h.Sectors > maxSectors-sum {
				return strata.E(strata.Invalid, "partition of %s on %s: %d sectors, %d of them live",
					p.Validator, h.Volume, h.Sectors, h.Live)
			}
			sum += h.Sectors
		}
	}
	return nil
}

// limits is what bounds how much a partition gives.
type limits struct {
	hysteresisPct uint64
	dailyPct      uint64 // 0: no limit
}

// limits lifts the daily limit when a volume that held sectors is gone.
func (in Input) limits(vols []volume) limits {
	l := limits{hysteresisPct: uint64(in.HysteresisPct), dailyPct: uint64(in.DailyMovePct)}
	at := indexOf(vols)
	for _, p := range in.Partitions {
		for _, h := range p.Holdings {
			if _, ok := at[h.Volume]; !ok && h.Sectors > 0 {
				l.dailyPct = 0
			}
		}
	}
	return l
}

// off says whether a partition is further from its ideal than the hysteresis.
func (l limits) off(p *part) bool {
	d := max(p.current, p.ideal) - min(p.current, p.ideal)
	return mulAbove(d, 100, p.ideal, l.hysteresisPct)
}

// least is what the daily limit leaves a partition with: the limit is a
// percentage, rounded up, of what it had before today's moves.
func (l limits) least(p *part) uint64 {
	if l.dailyPct == 0 {
		return 0
	}
	base := p.current + p.moved
	allowed := percentUp(base, l.dailyPct)
	if allowed <= p.moved {
		return p.current
	}
	return p.current - min(p.current, allowed-p.moved)
}
