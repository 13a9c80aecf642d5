package subnet

import (
	"context"
	"slices"
	"sync"
	"time"

	"strata"
	"strata/allocation"
	"strata/chain"
	"strata/score"
)

const (
	// refreshEach is how many blocks a metagraph may be old.
	refreshEach = 5
	// Limit is how long a node may take for an answer, or to get weights into a
	// block: new heads wait for it.
	Limit = 2 * time.Minute
)

// Chain is where a subnet is read.
type Chain interface {
	Metagraph(ctx context.Context, n strata.Netuid, at strata.BlockHash) (*chain.Metagraph, error)
	Hyperparameters(ctx context.Context, n strata.Netuid) (chain.Hyperparameters, error)
}

// Subnet is one at the present block. Before the first Refresh it has no
// metagraph, and only Clock may be asked. It is safe for concurrent use.
type Subnet struct {
	chain   Chain
	netuid  strata.Netuid
	profile strata.Profile

	mu     sync.Mutex // guards what follows
	graph  *chain.Metagraph
	params chain.Hyperparameters
	rules  score.Rules
	shares Shares
	head   chain.Head
}

// New returns a subnet of which nothing was read yet.
func New(c Chain, n strata.Netuid, p strata.Profile) *Subnet {
	return &Subnet{chain: c, netuid: n, profile: p}
}

// Refresh reads the metagraph and the settings at a block, and says whether the
// rules have changed with them.
func (s *Subnet) Refresh(ctx context.Context, at strata.BlockHash) (g *chain.Metagraph, changed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, Limit)
	defer cancel()
	if g, err = s.chain.Metagraph(ctx, s.netuid, at); err != nil {
		return nil, false, err
	}
	params, err := s.chain.Hyperparameters(ctx, s.netuid)
	if err != nil {
		return nil, false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.rules
	s.graph, s.params, s.rules = g, params, score.RulesFor(s.profile, params.Tempo)
	s.shares = sharesOf(g, eligible(g))
	if g.Head.Number > s.head.Number {
		s.head = g.Head
	}
	return g, before != score.Rules{} && before != s.rules, nil
}

// Advance takes over a head and says whether the metagraph is stale with it.
func (s *Subnet) Advance(h chain.Head) (stale bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.head = h
	return h.Number >= s.graph.Head.Number+refreshEach || h.Number < s.graph.Head.Number
}

// Head returns the present one.
func (s *Subnet) Head() chain.Head {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.head
}

// Clock returns what scores are computed with: the rules and the present block.
func (s *Subnet) Clock() (score.Rules, uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rules, s.head.Number
}

// Shares returns the validators' parts of the stake.
func (s *Subnet) Shares() Shares {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shares
}

// Graph returns the last metagraph, which is not changed.
func (s *Subnet) Graph() *chain.Metagraph {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.graph
}

// Params returns the last settings.
func (s *Subnet) Params() chain.Hyperparameters {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.params
}

// Epoch returns how many blocks one has.
func (s *Subnet) Epoch() uint64 { return uint64(s.Params().Tempo) + 1 }

// Serving returns the miners with an address; with false, those without.
func (s *Subnet) Serving(self strata.Hotkey) map[strata.Hotkey]bool {
	out := map[strata.Hotkey]bool{}
	for _, n := range s.Graph().Neurons {
		out[n.Hotkey] = n.Hotkey != self && n.Axon.Served()
	}
	return out
}

// Eligible returns the validators for which miners keep partitions.
func (s *Subnet) Eligible() []strata.Hotkey { return eligible(s.Graph()) }

// Counted returns the validators whose partitions count: self, and all that are
// eligible.
func (s *Subnet) Counted(self strata.Hotkey) []strata.Hotkey {
	all := s.Eligible()
	return append([]strata.Hotkey{self}, slices.DeleteFunc(all, func(h strata.Hotkey) bool { return h == self })...)
}

func eligible(g *chain.Metagraph) (out []strata.Hotkey) {
	rows := make([]allocation.Neuron, len(g.Neurons))
	for i, n := range g.Neurons {
		rows[i] = allocation.Neuron{Hotkey: n.Hotkey, Permit: n.Permit, Stake: n.Stake, StakeBefore: n.Stake}
	}
	for _, e := range allocation.Eligible(rows, strata.Hotkey{}) {
		out = append(out, e.Hotkey)
	}
	return out
}
