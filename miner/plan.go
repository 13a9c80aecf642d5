package miner

import (
	"context"
	"time"

	"strata"
	"strata/allocation"
	"strata/chain"
)

// blockTime of public networks, which the smoothing window is counted in.
const blockTime = 12 * time.Second

// Planner computes how a miner's space is to be divided. Allocate and the miner
// share it.
type Planner struct {
	Chain   Stakes
	Netuid  strata.Netuid
	Profile strata.Profile
	Self    strata.Hotkey
}

// Stakes is what a plan reads from the chain.
type Stakes interface {
	Finalized(ctx context.Context) (chain.Head, error)
	BlockAt(ctx context.Context, number uint64) (chain.Head, error)
	Metagraph(ctx context.Context, n strata.Netuid, at strata.BlockHash) (*chain.Metagraph, error)
}

// Validators returns who is entitled to a partition, by the stake of the last
// finalized block divisible by the profile's grid, so that all miners and
// validators see the same. next is the block at which that can change.
func (p Planner) Validators(ctx context.Context) (vs []allocation.Validator, next uint64, err error) {
	final, err := p.Chain.Finalized(ctx)
	if err != nil {
		return nil, 0, err
	}
	grid := p.Profile.StakeGrid
	at := final.Number - final.Number%grid
	now, err := p.metagraph(ctx, at)
	if err != nil {
		return nil, 0, err
	}
	var before *chain.Metagraph
	if window := uint64(p.Profile.StakeSmoothing / blockTime); window > 0 {
		if before, err = p.metagraph(ctx, at-min(at, window)); err != nil {
			return nil, 0, err
		}
	}
	return allocation.Eligible(neurons(now, before), p.Self), at + grid, nil
}

// metagraph of a block in which the subnet does not exist yet has no neurons.
func (p Planner) metagraph(ctx context.Context, number uint64) (*chain.Metagraph, error) {
	head, err := p.Chain.BlockAt(ctx, number)
	if err != nil {
		return nil, strata.E(strata.CodeOf(err), "read the stake at block %d: %w; a node that keeps old state is needed (--subtensor.network archive)", number, err)
	}
	m, err := p.Chain.Metagraph(ctx, p.Netuid, head.Hash)
	if strata.CodeOf(err) == strata.NotFound {
		return &chain.Metagraph{Netuid: p.Netuid, Head: head}, nil
	}
	return m, err
}

// Disk is the room of one volume.
type Disk struct {
	Path  string // identifies it, as in allocation.Holding.Volume
	Space allocation.Space
}

// Amount is how much of each disk to use: a threshold, or a number of bytes in
// all. Exactly one is set.
type Amount struct {
	Threshold allocation.Threshold
	Space     strata.ByteSize // divided among disks in proportion to their room
}

// Divide applies the rule to what there is now. Code NoSpace if one sector for
// every validator does not fit; the error says what does.
func (p Planner) Divide(vs []allocation.Validator, disks []Disk, amount Amount, now []allocation.Partition) (allocation.Plan, error) {
	volumes := amount.volumes(disks)
	sector := p.Profile.SectorSize()
	room := uint64(0)
	for _, v := range volumes {
		room += uint64(v.Capacity / sector)
	}
	if room < uint64(len(vs)) {
		return allocation.Plan{}, amount.tooSmall(disks, sector, len(vs))
	}
	return allocation.Divide(allocation.Input{
		SectorSize: sector, Volumes: volumes, Validators: vs, Partitions: now,
		HysteresisPct: p.Profile.HysteresisPct, DailyMovePct: p.Profile.DailyMovePct,
	})
}

func (a Amount) volumes(disks []Disk) []allocation.Volume {
	out := make([]allocation.Volume, len(disks))
	left := a.Space
	for i, d := range disks {
		t := a.Threshold
		if a.Space > 0 {
			t = allocation.One
		}
		out[i] = allocation.Volume{ID: d.Path, Capacity: t.Capacity(d.Space)}
		if a.Space > 0 { // fill the disks in the order given
			out[i].Capacity = min(out[i].Capacity, left)
			left -= out[i].Capacity
		}
	}
	return out
}

func (a Amount) tooSmall(disks []Disk, sector strata.ByteSize, validators int) error {
	spaces := make([]allocation.Space, len(disks))
	for i, d := range disks {
		spaces[i] = d.Space
	}
	need := uint64(validators)
	t, err := allocation.SmallestThreshold(spaces, sector, need)
	switch {
	case err != nil:
		return err
	case a.Space > 0:
		return strata.E(strata.NoSpace, "--space %s does not hold one sector of %s for each of %d validators: give at least %s", a.Space, sector, need, sector*strata.ByteSize(need))
	default:
		return strata.E(strata.NoSpace, "--threshold %s does not hold one sector of %s for each of %d validators: give at least %s", a.Threshold, sector, need, t)
	}
}
