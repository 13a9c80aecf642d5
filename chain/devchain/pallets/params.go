package pallets

import (
	"cmp"

	"strata"
	"strata/chain/devchain/metadata"
)

// Params are what a new subnet and the genesis block start with. Zero values
// mean the defaults in brackets. A subnet and a chain keep what they were made
// with; BlockEmission alone follows the running node.
type Params struct {
	// Tempo is the number of blocks between epochs, less one [20].
	Tempo uint16
	// NetworkLock is the price of a subnet [1 TAO], Burn that of a registration
	// [0.001 TAO].
	NetworkLock, Burn strata.Rao
	// WeightsRateLimit and ServingRateLimit are blocks between two set_weights
	// and two serve_axon of one neuron [0: no limit].
	WeightsRateLimit, ServingRateLimit uint64
	// WeightsVersionKey is the least version_key that set_weights takes [0].
	WeightsVersionKey uint64
	// MinAllowedWeights is the least length of a weight vector [1].
	MinAllowedWeights uint16
	// MaxUIDs is how many neurons a subnet holds [256].
	MaxUIDs uint16
	// MaxValidators is how many permits there are [64].
	MaxValidators uint16
	// ImmunityPeriod is for how many blocks a new neuron is not pruned while
	// others can be [100].
	ImmunityPeriod uint16
	// ActivityCutoff is after how many blocks without weights a validator
	// counts as inactive [5000].
	ActivityCutoff uint16
	// StakeThreshold is the stake without which nobody gets a permit [1 TAO].
	// It keeps miners, whose emission is stake too, from becoming validators.
	StakeThreshold strata.Rao
	// BlockEmission is what each block adds to a subnet's next epoch, in rao of
	// alpha [1000]. It is small, so that stakes, and the partitions that follow
	// them, stay put: 0.35 alpha a day at a block each 250 ms.
	BlockEmission strata.Rao
	// CommitReveal is how new subnets want weights: 0 as they are, RevealByHand
	// or RevealByTimelock. It is the whole chain's version of commit–reveal too.
	CommitReveal uint16
	// RevealPeriod is after how many epochs committed weights are revealed [1].
	RevealPeriod uint64
	// Yuma3 switches new subnets to Yuma3 bonds.
	Yuma3 bool
}

// WithDefaults fills in what is zero.
func (p Params) WithDefaults() Params {
	p.Tempo = cmp.Or(p.Tempo, metadata.DefaultTempo)
	p.NetworkLock = cmp.Or(p.NetworkLock, strata.RaoPerTao)
	p.Burn = cmp.Or(p.Burn, strata.RaoPerTao/1000)
	p.MinAllowedWeights = cmp.Or(p.MinAllowedWeights, 1)
	p.MaxUIDs = cmp.Or(p.MaxUIDs, 256)
	p.MaxValidators = cmp.Or(p.MaxValidators, 64)
	p.ImmunityPeriod = cmp.Or(p.ImmunityPeriod, 100)
	p.ActivityCutoff = cmp.Or(p.ActivityCutoff, 5000)
	p.StakeThreshold = cmp.Or(p.StakeThreshold, strata.RaoPerTao)
	p.RevealPeriod = cmp.Or(p.RevealPeriod, 1)
	p.BlockEmission = cmp.Or(p.BlockEmission, 1000)
	return p
}
