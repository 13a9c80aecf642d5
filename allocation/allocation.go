// Package allocation divides a miner's space among validators by stake.
//
// The rule, in whole sectors:
//
//	S_v     = the smaller of v's stake now and a smoothing window ago, in rao
//	share_v = (S_v + 10⁹) / Σ (S + 10⁹)
//	ideal_v = share_v × capacity by largest remainder, ties to the lower hotkey;
//	          at least one each while there is room, highest stake first
//
// A partition that is off from its ideal by more than the hysteresis moves to
// it; the others stay. What a move takes away from a partition is at most the
// daily limit, unless a disk was lost; sectors added where nobody's are taken
// away are not limited. Where a partition has to grow and there is no room,
// those above their ideal give it, never below their ideal. Sectors with live
// data are never taken away, and what stays stays on its volume.
//
// Everything here is a pure function of values, in integers.
package allocation

import (
	"bytes"
	"sort"

	"strata"
)

// Bounds of an input; more is an error.
const (
	MaxVolumes    = 1 << 12
	MaxPartitions = 1 << 16
	maxSectors    = 1 << 44 // all volumes together; products with a percentage fit 64 bits
)

// Volume is a disk's part that partitions may use.
type Volume struct {
	ID       string          // the caller's name of it, unique
	Capacity strata.ByteSize // see Threshold.Capacity
}

// Validator is one that is entitled to a partition.
type Validator struct {
	Hotkey      strata.Hotkey
	Stake       strata.Rao // at the last finalized block of the profile's grid
	StakeBefore strata.Rao // a smoothing window earlier; equal to Stake where the profile has none
}

// Effective is the stake that counts: the smaller of the two, so that it pays
// to hold stake and not to borrow it for a day.
func (v Validator) Effective() strata.Rao { return min(v.Stake, v.StakeBefore) }

// Holding is how much of a partition lies on a volume.
type Holding struct {
	Volume  string
	Sectors uint64 // assigned there, sealed or yet to be
	Live    uint64 // of these, sectors that hold live data
}

// Partition is what a validator has now.
type Partition struct {
	Validator strata.Hotkey
	Holdings  []Holding // a volume that the input does not list was lost with its sectors
	Moved     uint64    // sectors already taken away from it within the last day
}

// Input is everything that the rule depends on.
type Input struct {
	SectorSize    strata.ByteSize
	Volumes       []Volume
	Validators    []Validator // the eligible ones, see Eligible
	Partitions    []Partition // what there is, those of validators no longer eligible too
	HysteresisPct uint32      // profile: off by more than this many per cent of the ideal moves
	DailyMovePct  uint32      // profile: most per cent of a partition taken away in a day; 0: no limit
}

// Target is what a validator shall have.
type Target struct {
	Validator strata.Hotkey
	Current   uint64    // sectors it has now, those of lost volumes left out
	Ideal     uint64    // sectors its stake entitles it to; 0 if it is not eligible
	Sectors   uint64    // sectors it shall have
	Holdings  []Holding // where, in the order of Input.Volumes; volumes without any are left out
}

// Plan is the rule's answer: a target for each eligible validator and each that
// has a partition, highest stake first, equal ones by hotkey.
type Plan struct {
	Capacity uint64 // sectors that all volumes hold
	Targets  []Target
}

// Sectors returns the sum of the targets. It is at most Capacity, except where
// live data alone is more.
func (p Plan) Sectors() uint64 {
	var n uint64
	for _, t := range p.Targets {
		n += t.Sectors
	}
	return n
}

// Divide computes the plan. A malformed input (no sector size, duplicates,
// bounds exceeded, more live sectors than sectors) gives code Invalid. Space for
// less than one sector each is no error: see SmallestThreshold.
func Divide(in Input) (Plan, error) {
	if err := in.validate(); err != nil {
		return Plan{}, err
	}
	vols := in.volumes()
	parts := in.parts(vols)
	var capacity, usable uint64
	for _, v := range vols {
		capacity += v.capacity
		usable += max(v.capacity, v.live)
	}
	idealize(parts, usable)
	settle(parts, usable, in.limits(vols))
	place(parts, vols)
	return Plan{Capacity: capacity, Targets: targets(parts, vols)}, nil
}

// part is one partition while it is being planned. Slices are by volume index.
type part struct {
	validator strata.Hotkey
	stake     strata.Rao
	eligible  bool
	moved     uint64
	on, held  []uint64 // sectors, live sectors

	current, live uint64 // sums of on and held as given
	ideal, final  uint64
}

// goal is what a partition may shrink to.
func (p *part) goal() uint64 { return max(p.ideal, p.live) }

type volume struct {
	id       string
	capacity uint64 // sectors
	live     uint64 // live sectors on it
}

func (in Input) volumes() []volume {
	vols := make([]volume, len(in.Volumes))
	for i, v := range in.Volumes {
		vols[i] = volume{id: v.ID, capacity: uint64(v.Capacity / in.SectorSize)}
	}
	return vols
}

// parts joins validators and partitions, highest stake first, and counts the
// live sectors of each volume.
func (in Input) parts(vols []volume) []*part {
	byKey := map[strata.Hotkey]*part{}
	var out []*part
	get := func(h strata.Hotkey) *part {
		p := byKey[h]
		if p == nil {
			p = &part{validator: h, on: make([]uint64, len(vols)), held: make([]uint64, len(vols))}
			byKey[h] = p
			out = append(out, p)
		}
		return p
	}
	for _, v := range in.Validators {
		p := get(v.Hotkey)
		p.stake, p.eligible = v.Effective(), true
	}
	at := indexOf(vols)
	for _, c := range in.Partitions {
		p := get(c.Validator)
		p.moved = c.Moved
		for _, h := range c.Holdings {
			if i, ok := at[h.Volume]; ok {
				p.add(i, h)
				vols[i].live += h.Live
			}
		}
	}
	sort.Slice(out, func(i, j int) bool {
		a, b := out[i], out[j]
		if a.stake != b.stake {
			return a.stake > b.stake
		}
		return bytes.Compare(a.validator[:], b.validator[:]) < 0
	})
	return out
}

func (p *part) add(vol int, h Holding) {
	p.on[vol] += h.Sectors
	p.held[vol] += h.Live
	p.current += h.Sectors
	p.live += h.Live
}

func indexOf(vols []volume) map[string]int {
	at := make(map[string]int, len(vols))
	for i, v := range vols {
		at[v.id] = i
	}
	return at
}

func targets(parts []*part, vols []volume) []Target {
	out := make([]Target, len(parts))
	for i, p := range parts {
		t := Target{Validator: p.validator, Current: p.current, Ideal: p.ideal, Sectors: p.final}
		for v, n := range p.on {
			if n > 0 {
				t.Holdings = append(t.Holdings, Holding{Volume: vols[v].id, Sectors: n, Live: p.held[v]})
			}
		}
		out[i] = t
	}
	return out
}
