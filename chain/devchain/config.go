package devchain

import (
	"log/slog"
	"time"

	"strata"
)

// Rules of the local chain that are not settings.
const (
	existentialDeposit  = 500       // rao; an account below it ceases to exist
	transactionFee      = 100_000   // rao for a call that pays: transfers, remarks, stake, registrations
	minStake            = 2_000_000 // rao, the least that add_stake takes
	defaultTempo        = 20        // blocks
	maxCommitmentFields = 3         // as on chain
	commitmentSpace     = 3100      // bytes that a hotkey may commit to a subnet in one tempo, as on chain
	stateHistory        = 512       // blocks whose state can be asked for
	blockHashCount      = 256       // block hashes that the state itself holds
	defaultBlockTime    = 250 * time.Millisecond
	headerHistory       = 4096          // blocks whose header and body can be asked for, genesis besides
	endowment           = 1_000_000_000 // TAO for each development account
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

// Config says how to run a node. The zero value runs in memory.
type Config struct {
	// Dir holds the chain: chain.db and its lock. Empty: in memory only, gone
	// with the node.
	Dir string
	// Listen is the TCP address to serve on ["127.0.0.1:0": a free port].
	Listen string
	// BlockTime is the time between blocks [250 ms]; negative: no block is made
	// but by Step.
	BlockTime time.Duration
	// Accounts are endowed in the genesis block, besides //Alice to //Ferdie.
	Accounts map[strata.Coldkey]strata.Rao
	Params   Params
	// Log takes what the node has to say [discarded].
	Log *slog.Logger
	// Now is the clock of block timestamps [time.Now].
	Now func() time.Time
}

func or[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

func (c Config) withDefaults() Config {
	c.Listen = or(c.Listen, "127.0.0.1:0")
	c.BlockTime = or(c.BlockTime, defaultBlockTime)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Params = c.Params.withDefaults()
	return c
}

func (p Params) withDefaults() Params {
	p.Tempo = or(p.Tempo, defaultTempo)
	p.NetworkLock = or(p.NetworkLock, strata.RaoPerTao)
	p.Burn = or(p.Burn, strata.RaoPerTao/1000)
	p.MinAllowedWeights = or(p.MinAllowedWeights, 1)
	p.MaxUIDs = or(p.MaxUIDs, 256)
	p.MaxValidators = or(p.MaxValidators, 64)
	p.ImmunityPeriod = or(p.ImmunityPeriod, 100)
	p.ActivityCutoff = or(p.ActivityCutoff, 5000)
	p.StakeThreshold = or(p.StakeThreshold, strata.RaoPerTao)
	p.RevealPeriod = or(p.RevealPeriod, 1)
	p.BlockEmission = or(p.BlockEmission, 1000)
	return p
}
