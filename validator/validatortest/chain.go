package validatortest

import (
	"context"
	"net/netip"
	"slices"
	"sync"

	"strata"
	"strata/chain"
)

// Chain is one whose heads the test drives.
type Chain struct {
	Mu      sync.Mutex // guards what follows
	Graph   chain.Metagraph
	Params  chain.Hyperparameters
	sets    []Vector // weights that were set
	Reveals int      // calls of RevealWeights
	Refuse  error    // answer to SetWeights
	Down    error    // answer to Metagraph
	// Feed carries the heads to who follows the chain.
	Feed chan chain.Head
}

// Vector is one that was set.
type Vector struct {
	By      strata.Hotkey
	Block   uint64
	Weights []chain.Weight
}

func newChain() *Chain {
	return &Chain{Params: chain.Hyperparameters{Tempo: 19, WeightsVersionKey: 5}, Feed: make(chan chain.Head)}
}

// Neuron registers a hotkey, the next UID for each.
func (c *Chain) Neuron(h strata.Hotkey, permit bool, served bool) {
	c.Mu.Lock()
	defer c.Mu.Unlock()
	n := chain.Neuron{UID: strata.UID(len(c.Graph.Neurons)), Hotkey: h, Permit: permit, Stake: 1000}
	if served {
		n.Axon.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(n.UID)}), 8091)
	}
	c.Graph.Neurons = append(c.Graph.Neurons, n)
}

// Change edits the row of a hotkey.
func (c *Chain) Change(h strata.Hotkey, f func(*chain.Neuron)) {
	c.Mu.Lock()
	defer c.Mu.Unlock()
	i := slices.IndexFunc(c.Graph.Neurons, func(n chain.Neuron) bool { return n.Hotkey == h })
	f(&c.Graph.Neurons[i])
}

// Heads implements validator.Chain.
func (c *Chain) Heads(context.Context) (<-chan chain.Head, error) { return c.Feed, nil }

// Metagraph implements subnet.Chain.
func (c *Chain) Metagraph(context.Context, strata.Netuid, strata.BlockHash) (*chain.Metagraph, error) {
	c.Mu.Lock()
	defer c.Mu.Unlock()
	if c.Down != nil {
		return nil, c.Down
	}
	g := c.Graph
	g.Neurons = slices.Clone(g.Neurons)
	return &g, nil
}

// Hyperparameters implements subnet.Chain.
func (c *Chain) Hyperparameters(context.Context, strata.Netuid) (chain.Hyperparameters, error) {
	c.Mu.Lock()
	defer c.Mu.Unlock()
	return c.Params, nil
}

// SetWeights implements weigh.Chain.
func (c *Chain) SetWeights(_ context.Context, hot chain.Signer, _ strata.Netuid, w []chain.Weight, _ chain.Commits) (chain.WeightsReceipt, error) {
	c.Mu.Lock()
	defer c.Mu.Unlock()
	if c.Refuse != nil {
		return chain.WeightsReceipt{}, c.Refuse
	}
	if err := c.Params.MayWeigh(&c.Graph, hot.PublicKey()); err != nil {
		return chain.WeightsReceipt{}, err
	}
	w, err := c.Params.Fit(w, len(c.Graph.Neurons))
	if err == nil {
		c.sets = append(c.sets, Vector{hot.PublicKey(), c.Graph.Head.Number, w})
	}
	return chain.WeightsReceipt{Block: strata.BlockHash{1}}, err
}

// RevealWeights implements weigh.Chain.
func (c *Chain) RevealWeights(_ context.Context, _ chain.Signer, _ strata.Netuid, kept chain.Commits) (chain.Reveals, error) {
	c.Mu.Lock()
	defer c.Mu.Unlock()
	c.Reveals++
	return chain.Reveals{}, nil
}

// Vectors returns those that were set.
func (c *Chain) Vectors() []Vector {
	c.Mu.Lock()
	defer c.Mu.Unlock()
	return slices.Clone(c.sets)
}

// Advance makes the next block and returns its head.
func (c *Chain) Advance() chain.Head {
	c.Mu.Lock()
	defer c.Mu.Unlock()
	c.Graph.Head.Number++
	return c.Graph.Head
}
