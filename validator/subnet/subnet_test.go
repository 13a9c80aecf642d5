package subnet_test

import (
	"context"
	"net/netip"
	"slices"
	"testing"

	"strata"
	"strata/chain"
	"strata/validator/subnet"
)

// fixed is a chain that shows what it is set to.
type fixed struct {
	graph  chain.Metagraph
	params chain.Hyperparameters
	down   error
}

func (f *fixed) Metagraph(context.Context, strata.Netuid, strata.BlockHash) (*chain.Metagraph, error) {
	g := f.graph
	g.Neurons = slices.Clone(g.Neurons)
	return &g, f.down
}

func (f *fixed) Hyperparameters(context.Context, strata.Netuid) (chain.Hyperparameters, error) {
	return f.params, nil
}

func refreshed(t *testing.T, s *subnet.Subnet) (changed bool) {
	t.Helper()
	_, changed, err := s.Refresh(t.Context(), strata.BlockHash{})
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

// TestHeads: a metagraph is stale after a few blocks, or where the chain went
// back; the present block never is; and a node that is down changes nothing.
func TestHeads(t *testing.T) {
	c := &fixed{params: chain.Hyperparameters{Tempo: 19}}
	c.graph.Head.Number = 100
	s := subnet.New(c, 7, strata.LocalProfile)
	if refreshed(t, s) {
		t.Error("the first rules are said to have changed")
	}
	for _, step := range []struct {
		block uint64
		stale bool
	}{{101, false}, {104, false}, {105, true}, {99, true}, {100, false}} {
		if got := s.Advance(chain.Head{Number: step.block}); got != step.stale {
			t.Errorf("at block %d the metagraph is stale: %v", step.block, got)
		}
		if _, block := s.Clock(); block != step.block || s.Head().Number != step.block {
			t.Errorf("the clock is at block %d, want %d", block, step.block)
		}
	}
	before, _ := s.Clock()
	c.params.Tempo = 359
	c.down = strata.E(strata.Unavailable, "the node is down")
	if _, changed, err := s.Refresh(t.Context(), strata.BlockHash{}); err == nil || changed {
		t.Errorf("a node that is down: %v, %v", changed, err)
	}
	if now, _ := s.Clock(); now != before || s.Epoch() != 20 {
		t.Errorf("the rules are %+v, they were %+v", now, before)
	}
	c.down = nil
	if !refreshed(t, s) || s.Epoch() != 360 {
		t.Error("another tempo changes no rules")
	}
	if refreshed(t, s) {
		t.Error("the same tempo changes rules")
	}
}

// TestShares: of the stake of those with a permit; one that lost its own keeps
// what its stake is worth beside theirs; who has none has no share.
func TestShares(t *testing.T) {
	self, other, former, miner := strata.Hotkey{1}, strata.Hotkey{2}, strata.Hotkey{3}, strata.Hotkey{4}
	c := &fixed{}
	c.graph.Neurons = []chain.Neuron{
		{UID: 0, Hotkey: self, Permit: true, Stake: 74 * strata.RaoPerTao},
		{UID: 1, Hotkey: other, Permit: true, Stake: 24 * strata.RaoPerTao},
		{UID: 2, Hotkey: former, Stake: 9 * strata.RaoPerTao},
		{UID: 3, Hotkey: miner, Axon: chain.Axon{Addr: netip.MustParseAddrPort("192.0.2.1:8091")}},
	}
	s := subnet.New(c, 7, strata.LocalProfile)
	refreshed(t, s)
	shares := s.Shares()
	if len(shares) != 3 || shares[self] != 750_000 || shares[other] != 250_000 || shares[former] != 100_000 {
		t.Errorf("shares = %v", shares)
	}
	if got := s.Counted(former); !slices.Equal(got, []strata.Hotkey{former, self, other}) {
		t.Errorf("counted are %v", got)
	}
	if got := s.Counted(other); !slices.Equal(got, []strata.Hotkey{other, self}) {
		t.Errorf("counted are %v", got)
	}
	if got := s.Serving(self); !got[miner] || got[other] || len(got) != 4 {
		t.Errorf("serving are %v", got)
	}
}
