package miner

import (
	"cmp"
	"context"
	"fmt"
	"math/bits"
	"slices"
	"strings"
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
// validators see the same. next is the block at which that can change. Code
// NotFound if the node no longer has the state of a block that it takes.
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
		return nil, stakeError(number, err)
	}
	m, err := p.Chain.Metagraph(ctx, p.Netuid, head.Hash)
	if strata.CodeOf(err) != strata.NotFound {
		return m, stakeError(number, err)
	}
	// A node that dropped the block's state since the call before answers the
	// same as one that has the state and no subnet in it. Taking the one for the
	// other would divide the space as if nobody had stake.
	if _, err := p.Chain.BlockAt(ctx, number); err != nil {
		return nil, stakeError(number, err)
	}
	return &chain.Metagraph{Netuid: p.Netuid, Head: head}, nil
}

func stakeError(number uint64, err error) error {
	switch {
	case err == nil:
		return nil
	case strata.CodeOf(err) == strata.NotFound:
		return strata.E(strata.NotFound, "the chain node does not have the stake at block %d: give one that keeps old state (--subtensor.network archive): %w", number, err)
	default:
		return strata.E(strata.CodeOf(err), "read the stake at block %d: %w", number, err)
	}
}

// Amount is how much of the disks to use: a part of each, or a number of bytes
// in all.
type Amount struct {
	Threshold allocation.Threshold
	// Space counts instead of Threshold unless it is 0. What sectors are there
	// stay on their disks; the rest is divided in proportion to the disks' room,
	// so that it lies on all of them and other programs that come and go on one
	// disk move nothing to another.
	Space strata.ByteSize
}

// Divide applies the rule to what there is now. Code NoSpace if one sector for
// every validator does not fit; the error says what does.
func (p Planner) Divide(vs []allocation.Validator, disks []allocation.Disk, amount Amount, now []allocation.Partition) (allocation.Plan, error) {
	sector := p.Profile.SectorSize()
	volumes := amount.volumes(disks, sector, now)
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

// volumes returns what of each disk to use.
func (a Amount) volumes(disks []allocation.Disk, sector strata.ByteSize, now []allocation.Partition) []allocation.Volume {
	out := make([]allocation.Volume, len(disks))
	for i, d := range disks {
		out[i] = allocation.Volume{ID: d.Path, Capacity: a.Threshold.Capacity(d.Space)}
	}
	if a.Space == 0 {
		return out
	}
	for i, n := range spread(uint64(a.Space/sector), rooms(disks, sector), held(disks, now)) {
		out[i].Capacity = strata.ByteSize(n) * sector
	}
	return out
}

// rooms returns how many sectors each disk holds as a whole.
func rooms(disks []allocation.Disk, sector strata.ByteSize) []uint64 {
	out := make([]uint64, len(disks))
	for i, d := range disks {
		out[i] = uint64(allocation.One.Capacity(d.Space) / sector)
	}
	return out
}

// held returns how many sectors are on each disk.
func held(disks []allocation.Disk, now []allocation.Partition) []uint64 {
	on := map[string]uint64{}
	for _, p := range now {
		for _, h := range p.Holdings {
			on[h.Volume] += h.Sectors
		}
	}
	out := make([]uint64, len(disks))
	for i, d := range disks {
		out[i] = on[d.Path]
	}
	return out
}

// spread divides n sectors, or as many as there is room for, among disks: first
// to those that are there, then in proportion to what room is left.
func spread(n uint64, room, held []uint64) []uint64 {
	stay, left := make([]uint64, len(room)), make([]uint64, len(room))
	for i := range room {
		stay[i] = min(room[i], held[i])
	}
	stay = proportional(n, stay)
	for i := range room {
		left[i] = room[i] - stay[i]
		n -= stay[i]
	}
	for i, more := range proportional(n, left) {
		stay[i] += more
	}
	return stay
}

// proportional divides n in proportion to weights by largest remainder, ties to
// the first; none gets more than its weight.
func proportional(n uint64, weights []uint64) []uint64 {
	var sum uint64
	for _, w := range weights {
		sum += w // of sectors on disks: far below 2⁶⁴
	}
	n = min(n, sum)
	if n == 0 {
		return make([]uint64, len(weights))
	}
	out, rem, order := make([]uint64, len(weights)), make([]uint64, len(weights)), make([]int, len(weights))
	left := n
	for i, w := range weights {
		hi, lo := bits.Mul64(n, w)
		out[i], rem[i] = bits.Div64(hi, lo, sum) // hi < sum, since n ≤ sum
		order[i] = i
		left -= out[i]
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rem[b], rem[a]) })
	for _, i := range order[:left] { // left < the number of remainders that are not 0
		out[i]++
	}
	return out
}

func (a Amount) tooSmall(disks []allocation.Disk, sector strata.ByteSize, validators int) error {
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
		return strata.E(strata.NoSpace, "--space %s does not hold one sector of %s for each of %d validators: give at least %s", exact(a.Space), sector, need, exact(sector*strata.ByteSize(need)))
	default:
		return strata.E(strata.NoSpace, "--threshold %s does not hold one sector of %s for each of %d validators: give at least %s", a.Threshold, sector, need, t)
	}
}

// exact writes a size as it is given to --space, such that it reads back the
// same: what a person is told to give must suffice.
func exact(b strata.ByteSize) string {
	text := strings.ReplaceAll(b.String(), " ", "")
	if back, err := strata.ParseByteSize(text); err == nil && back == b {
		return text
	}
	return fmt.Sprintf("%dB", uint64(b))
}
