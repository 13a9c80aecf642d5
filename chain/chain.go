// Package chain is the contract between Strata and a Bittensor chain: what the
// roles read from it and submit to it. chain/subtensor implements it against
// any subtensor node, chain/devchain included.
package chain

import (
	"context"
	"net/netip"
	"time"

	"strata"
)

// Signer signs as one sr25519 key. Package wallet implements it; key bytes
// never leave it.
type Signer interface {
	// PublicKey returns the sr25519 public key.
	PublicKey() [32]byte
	// Sign returns the sr25519 signature of msg in context "substrate".
	Sign(msg []byte) ([64]byte, error)
}

// Head is a block as clients see it.
type Head struct {
	Number uint64
	Hash   strata.BlockHash
	Time   time.Time // Timestamp.Now after this block; zero in block 0
}

// Axon is where a neuron serves. The zero value means that it serves nowhere.
type Axon struct {
	Block    uint64 // when it was set
	Version  uint32
	Addr     netip.AddrPort
	Protocol uint8
	// Certificate is what serve_axon_tls takes besides: an algorithm's byte and
	// a public key of at most 64 bytes; "" for none. A metagraph leaves it out.
	Certificate string
}

// Served says whether the neuron has published an address.
func (a Axon) Served() bool { return a.Addr.IsValid() && a.Addr.Port() != 0 }

// Neuron is one row of a metagraph.
type Neuron struct {
	UID        strata.UID
	Hotkey     strata.Hotkey
	Coldkey    strata.Coldkey
	Axon       Axon
	Active     bool
	Permit     bool       // validator permit
	Stake      strata.Rao // total_stake: alpha plus weighted root TAO
	LastUpdate uint64     // block at which it last set weights
	Registered uint64     // block at which it registered

	// Results of the last epoch, each normalised to 65535.
	Incentive      uint16
	Dividends      uint16
	Consensus      uint16
	ValidatorTrust uint16
	// Emission is the last epoch's emission to the neuron, in rao of alpha.
	Emission strata.Rao
}

// Metagraph is a subnet at one block. Neurons are in UID order.
type Metagraph struct {
	Netuid  strata.Netuid
	Head    Head
	Neurons []Neuron
	// PartStake says that the node could tell only a part of each neuron's
	// stake: what it has of the subnet's own, nothing inherited, no root TAO.
	PartStake bool
}

// Neuron returns the row of a hotkey.
func (m *Metagraph) Neuron(h strata.Hotkey) (Neuron, bool) {
	for _, n := range m.Neurons {
		if n.Hotkey == h {
			return n, true
		}
	}
	return Neuron{}, false
}

// Registered returns the row of a hotkey that needs one, else code Forbidden
// with the way out.
func (m *Metagraph) Registered(h strata.Hotkey) (Neuron, error) {
	row, ok := m.Neuron(h)
	if !ok {
		return row, strata.E(strata.Forbidden, "hotkey %s is not registered on subnet %d: run strata register --netuid %d", h, m.Netuid, m.Netuid)
	}
	return row, nil
}

// Hyperparameters are a subnet's settings that a client needs.
type Hyperparameters struct {
	Tempo               uint16 // an epoch runs every Tempo+1 blocks
	WeightsRateLimit    uint64 // blocks between two weight settings
	WeightsVersionKey   uint64
	MaxWeightsLimit     uint16
	MinAllowedWeights   uint16
	CommitReveal        bool   // weights are committed first and revealed RevealPeriod epochs later
	RevealPeriod        uint64 // epochs, at least 1
	ServingRateLimit    uint64 // blocks between two serve_axon
	ImmunityPeriod      uint16
	ActivityCutoff      uint16
	MaxAllowedUIDs      uint16
	MaxAllowedValidator uint16
	Burn                strata.Rao // price of a registration
	StakeThreshold      strata.Rao // stake without which no weights are taken
	Scheme              Scheme     // how the subnet takes weights
	Schedule            Schedule   // what the runtime counts of epochs; see Epochs
}

// Epochs says when the subnet's epochs are.
func (p Hyperparameters) Epochs(n strata.Netuid) Schedule {
	s := p.Schedule
	s.Netuid, s.Tempo = n, p.Tempo
	return s
}

// Weight is one entry of a validator's weight vector.
type Weight struct {
	UID   strata.UID
	Value uint16
}

// Reader reads the chain. Implementations are safe for concurrent use. An
// unreachable node gives code Unavailable.
type Reader interface {
	// Genesis returns the hash of block 0.
	Genesis(ctx context.Context) (strata.GenesisHash, error)
	// Head returns the best block.
	Head(ctx context.Context) (Head, error)
	// Finalized returns the last finalized block.
	Finalized(ctx context.Context) (Head, error)
	// Heads sends every new best block until ctx is done, then closes the
	// channel. It survives reconnections; a slow receiver misses heads, never
	// the last one.
	Heads(ctx context.Context) (<-chan Head, error)
	// BlockAt returns the block with that number (code NotFound if the node
	// has pruned or not yet made it).
	BlockAt(ctx context.Context, number uint64) (Head, error)
	// Metagraph returns the subnet at a block; the zero hash means the best
	// block. Code NotFound if the subnet does not exist.
	Metagraph(ctx context.Context, n strata.Netuid, at strata.BlockHash) (*Metagraph, error)
	// Hyperparameters returns the subnet's settings at the best block.
	Hyperparameters(ctx context.Context, n strata.Netuid) (Hyperparameters, error)
	// Weights returns what a validator has set, in UID order.
	Weights(ctx context.Context, n strata.Netuid, v strata.UID) ([]Weight, error)
	// Balance returns an account's free balance.
	Balance(ctx context.Context, account [32]byte) (strata.Rao, error)
	// Commitment returns what a hotkey has committed on a subnet, nil if nothing.
	Commitment(ctx context.Context, n strata.Netuid, h strata.Hotkey) ([]byte, error)
}

// Submitter sends signed extrinsics. Each call returns when the extrinsic is
// in a block and has succeeded there, with that block's hash; a dispatch error
// comes back decoded to the pallet's error name and documentation.
// Implementations are safe for concurrent use, several in flight for one
// signer included.
type Submitter interface {
	Transfer(ctx context.Context, cold Signer, to [32]byte, amount strata.Rao) (strata.BlockHash, error)
	RegisterNetwork(ctx context.Context, cold Signer, hot strata.Hotkey) (strata.BlockHash, error)
	BurnedRegister(ctx context.Context, cold Signer, n strata.Netuid, hot strata.Hotkey) (strata.BlockHash, error)
	AddStake(ctx context.Context, cold Signer, hot strata.Hotkey, n strata.Netuid, amount strata.Rao) (strata.BlockHash, error)
	ServeAxon(ctx context.Context, hot Signer, n strata.Netuid, a Axon) (strata.BlockHash, error)
	// SetWeights gives a subnet a weight vector in the way that it asks for.
	// What the subnet would refuse is refused before anything is sent: codes
	// Forbidden (not registered, no permit, too little stake), Throttled (the
	// rate limit) and Invalid (the vector). Where weights are revealed by hand,
	// the commit's secret is durable in kept before the commit is sent, and
	// RevealWeights does the rest.
	SetWeights(ctx context.Context, hot Signer, n strata.Netuid, w []Weight, kept Commits) (WeightsReceipt, error)
	// RevealWeights reveals those of the commits in kept whose time has come
	// and forgets those that can no longer be. It does nothing, and asks the
	// chain nothing, while kept is empty. Call it at every head. An error is of
	// one reveal or more: the others were done.
	RevealWeights(ctx context.Context, hot Signer, n strata.Netuid, kept Commits) (Reveals, error)
	SetCommitment(ctx context.Context, hot Signer, n strata.Netuid, data []byte) (strata.BlockHash, error)
}

// Client is a whole chain connection.
type Client interface {
	Reader
	Submitter
	Close() error
}
