// Package yuma computes one epoch of Bittensor's Yuma consensus: from stakes,
// weights and bonds to incentives, dividends, emission and validator permits.
//
// It follows the epoch of subtensor's pallet (docs/consensus.md and
// pallets/subtensor/src/epoch of opentensor/subtensor at runtime spec 300) in
// the pallet's own fixed point, so results agree with a chain's within one
// unit of the last place.
//
// Supported: plain Yuma and Yuma3, both with one bonds moving average for all
// (liquid alpha off). Not supported, and refused with code Invalid: liquid
// alpha. Commit–reveal affects which weights are visible, not the arithmetic;
// the caller passes those that are.
//
// Everything here is a pure function of values: no clock, I/O, goroutine or
// floating point.
package yuma

import (
	"math/bits"
	"slices"

	"strata"
)

// MaxNeurons bounds a subnet's size. It keeps sums of 16-bit weights within
// the 31 integer bits of the arithmetic.
const MaxNeurons = 16384

// million is the denominator of BondsMovingAverage.
const million = 1_000_000

// Params are the subnet's settings that an epoch needs, in the chain's units.
type Params struct {
	Kappa              uint16 // majority share, 65535 = 1
	BondsPenalty       uint16 // 65535: bonds grow by clipped weights only, 0: by weights as set
	BondsMovingAverage uint64 // share of the old bonds that stays, in millionths
	MaxValidators      uint16 // how many permits there are
	StakeThreshold     uint64 // stake below it counts as none
	ActivityCutoff     uint64 // blocks without an update after which a neuron is inactive
	Tempo              uint64 // blocks; bonds in neurons registered since the last epoch are void
	Yuma3              bool   // bonds as in Yuma3
	LiquidAlpha        bool   // not supported: Epoch refuses it
}

// Entry is one cell of a sparse row: weights are as set on chain, bonds as
// stored there.
type Entry struct {
	UID   uint16
	Value uint16
}

// Neuron is what an epoch reads of one neuron; its place in the slice is its UID.
type Neuron struct {
	Stake      uint64 // total stake in rao
	Permit     bool   // permit of the previous epoch
	LastUpdate uint64 // block of the last weights
	Registered uint64 // block of registration
	Weights    []Entry
	Bonds      []Entry
}

// Input is everything an epoch depends on. Entries that name a UID beyond the
// neurons are ignored, as on chain.
type Input struct {
	Params   Params
	Block    uint64
	Emission uint64 // rao to share out
	Owner    int    // UID of the subnet's owner, whose weight on itself counts; -1: none
	Neurons  []Neuron
}

// Result is an epoch's outcome, each slice in UID order. Values of type uint16
// are shares with 65535 = 1.
type Result struct {
	Active            []bool
	Permit            []bool // permits until the next epoch
	StakeWeight       []uint16
	Rank              []uint16
	Trust             []uint16
	Consensus         []uint16
	Incentive         []uint16
	Dividends         []uint16
	ValidatorTrust    []uint16
	ServerEmission    []uint64 // rao for mining
	ValidatorEmission []uint64 // rao for validating
	Emission          []uint64 // what the chain shows: both, normalised together
	// Bonds are the rows to store: those of neurons with a new permit. Rows of
	// others are nil; StoreBonds says which of those the chain empties and
	// which it leaves as they were.
	Bonds      [][]Entry
	StoreBonds []bool
}

// Epoch computes one epoch. The error has code Invalid and names the setting
// that is not supported or out of bounds.
func Epoch(in Input) (Result, error) {
	if err := in.validate(); err != nil {
		return Result{}, err
	}
	e := newEpoch(in)
	e.weigh()
	e.agree()
	if in.Params.Yuma3 {
		e.bondYuma3()
	} else {
		e.bondPlain()
	}
	return e.result(), nil
}

func (in Input) validate() error {
	switch {
	case in.Params.LiquidAlpha:
		return strata.E(strata.Invalid, "an epoch with liquid alpha is not supported: switch it off for the subnet")
	case len(in.Neurons) > MaxNeurons:
		return strata.E(strata.Invalid, "an epoch of %d neurons is over the limit of %d", len(in.Neurons), MaxNeurons)
	case in.Params.BondsMovingAverage > million:
		return strata.E(strata.Invalid, "a bonds moving average of %d millionths is over 1", in.Params.BondsMovingAverage)
	case in.Owner >= len(in.Neurons):
		return strata.E(strata.Invalid, "owner uid %d is not among %d neurons", in.Owner, len(in.Neurons))
	}
	if _, ok := totalStake(in.Neurons); !ok {
		return strata.E(strata.Invalid, "the neurons' stakes sum to more than 64 bits")
	}
	return nil
}

func totalStake(neurons []Neuron) (total uint64, ok bool) {
	for _, n := range neurons {
		var carry uint64
		if total, carry = bits.Add64(total, n.Stake, 0); carry != 0 {
			return 0, false
		}
	}
	return total, true
}

// epoch is one computation under way.
type epoch struct {
	in          Input
	active      []bool
	stake       []fixed // normalised over all
	activeStake []fixed // normalised over active validators
	weights     matrix  // rows of validators, normalised
	clipped     matrix
	rank        []fixed
	trust       []fixed
	consensus   []fixed
	vtrust      []fixed
	dividends   []fixed
	bonds       matrix // as stored, 1 = 65535
}

func newEpoch(in Input) *epoch {
	e := &epoch{in: in, active: make([]bool, len(in.Neurons))}
	for i, n := range in.Neurons {
		e.active[i] = n.LastUpdate >= in.Block || in.Block-n.LastUpdate <= in.Params.ActivityCutoff
	}
	e.stake = stakes(in)
	e.activeStake = slices.Clone(e.stake)
	for i, n := range in.Neurons {
		if !e.active[i] || !n.Permit {
			e.activeStake[i] = 0
		}
	}
	normalize(e.activeStake)
	return e
}

// stakes returns each neuron's share of the stake above the threshold.
func stakes(in Input) []fixed {
	counted := slices.Clone(in.Neurons)
	for i := range counted {
		if counted[i].Stake < in.Params.StakeThreshold {
			counted[i].Stake = 0
		}
	}
	out := make([]fixed, len(counted))
	total, _ := totalStake(counted)
	if total == 0 {
		return out
	}
	for i, n := range counted {
		out[i] = ratio(n.Stake, total)
	}
	return out
}

// read turns rows of entries into a matrix.
func (e *epoch) read(row func(Neuron) []Entry) matrix {
	m := make(matrix, len(e.in.Neurons))
	for i, n := range e.in.Neurons {
		for _, x := range row(n) {
			if int(x.UID) < len(m) {
				m[i] = append(m[i], cell{int(x.UID), fromInt(x.Value)})
			}
		}
	}
	return m
}

// weigh reads the weights that count: of validators, not on themselves, not on
// a neuron registered since they were set.
func (e *epoch) weigh() {
	all := e.read(func(n Neuron) []Entry { return n.Weights })
	e.weights = all.filter(func(i int, c cell) bool {
		by, on := e.in.Neurons[i], e.in.Neurons[c.col]
		return by.Permit && (c.col != i || i == e.in.Owner) && by.LastUpdate > on.Registered
	}).normalizeRows()
}

// agree computes consensus, trusts and ranks. Rank is the incentive.
func (e *epoch) agree() {
	kappa := fromInt(e.in.Params.Kappa).div(fromInt(u16Max))
	e.consensus = medians(e.activeStake, e.weights, kappa)
	e.clipped = e.weights.clip(e.consensus)
	e.vtrust = e.clipped.rowSums()
	before := e.weights.columns(e.activeStake)
	e.rank = e.clipped.columns(e.activeStake)
	e.trust = make([]fixed, len(e.rank))
	for i := range e.rank {
		e.trust[i] = e.rank[i].div(before[i])
	}
	normalize(e.rank)
}

// oldBonds returns the stored bonds without those in neurons registered since
// the last epoch.
func (e *epoch) oldBonds() matrix {
	last := uint64(0)
	if e.in.Block > e.in.Params.Tempo {
		last = e.in.Block - e.in.Params.Tempo
	}
	stored := e.read(func(n Neuron) []Entry { return n.Bonds })
	return stored.filter(func(_ int, c cell) bool { return last > e.in.Neurons[c.col].Registered })
}

func (e *epoch) bondWeights() matrix {
	return interpolate(e.weights, e.clipped, fromInt(e.in.Params.BondsPenalty).div(fromInt(u16Max)))
}

// alpha is the share of the new bonds in the moving average.
func (e *epoch) alpha() fixed {
	return one.sub(ratio(e.in.Params.BondsMovingAverage, million))
}

func (e *epoch) bondPlain() {
	delta := e.bondWeights().apply(func(i int, c cell) fixed { return c.v.mul(e.activeStake[i]) })
	bonds := ema(delta.normalizeColumns(), e.oldBonds().normalizeColumns(), e.alpha()).normalizeColumns()
	e.dividends = bonds.rows(e.rank)
	normalize(e.dividends)
	e.bonds = bonds.upscaleColumns()
}

func (e *epoch) bondYuma3() {
	old := e.oldBonds().apply(func(_ int, c cell) fixed { return c.v.div(fromInt(u16Max)) })
	e.bonds = ema(e.bondWeights(), old, e.alpha())
	e.dividends = e.bonds.normalizeColumns().rows(e.rank)
	for i := range e.dividends {
		e.dividends[i] = e.dividends[i].mul(e.activeStake[i])
	}
	normalize(e.dividends)
}
