package devnet

import (
	"context"
	"maps"
	"sync"
	"testing"
	"time"

	"strata"
	"strata/chain"
	"strata/chain/scale"
	"strata/chain/subtensor"
	"strata/wallet"
)

// The network of TestCopierLosesDividends. None of the three has half of the
// stake, so that two must agree on a miner.
const (
	largeStake  = 40_000 * strata.RaoPerTao // validator-1
	mediumStake = 35_000 * strata.RaoPerTao // validator-2
	copierStake = 15_000 * strata.RaoPerTao

	firstMiners = 2  // that all three vote for from the beginning
	laterMiners = 6  // that start one an epoch after that
	payDays     = 12 // epochs with dividends that are measured
)

// secrets keeps commits as long as the test runs.
type secrets struct {
	mu sync.Mutex // guards m
	m  map[[32]byte][]byte
}

func (s *secrets) SaveCommit(_ context.Context, hash [32]byte, record []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.m[hash] = record
	return nil
}

func (s *secrets) Commits(context.Context) (map[[32]byte][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.m), nil
}

func (s *secrets) DeleteCommit(_ context.Context, hash [32]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.m, hash)
	return nil
}

// copier is a validator that audits nobody: each epoch it commits to the newest
// weights that the largest validator has revealed, and to the same for every
// miner as long as there are none.
type copier struct {
	chain     *subtensor.Client
	netuid    strata.Netuid
	key       *wallet.Key
	kept      *secrets
	from      strata.UID     // whom it copies
	guess     []chain.Weight // until that one has revealed anything
	committed uint64         // the last epoch in which it has
}

// turn does what is to be done at a block: it reveals as soon as it may, and
// commits once an epoch: in its second half, when the others have revealed, and
// at once as long as there is nothing to copy.
func (c *copier) turn(ctx context.Context, t *testing.T, epochs chain.Schedule, block uint64) {
	t.Helper()
	if _, err := c.chain.RevealWeights(ctx, c.key, c.netuid, c.kept); err != nil {
		t.Logf("block %d: the copier reveals nothing yet: %v", block, err)
	}
	epoch := epochs.Epoch(block)
	if c.committed == epoch {
		return
	}
	w, err := c.chain.Weights(ctx, c.netuid, c.from)
	switch {
	case err != nil:
		t.Fatal(err)
	case len(w) == 0:
		w = c.guess
	case epochs.Left(block) > epochs.Length()/2:
		return
	}
	if _, err := c.chain.SetWeights(ctx, c.key, c.netuid, w, c.kept); err != nil {
		t.Logf("block %d: the copier commits nothing yet: %v", block, err)
		return
	}
	c.committed = epoch
}

// copied is a network of two honest validators and a copier, whose first miners
// are audited and whose other miners have not started. Nobody may set weights yet.
func copied(ctx context.Context, t *testing.T) (*Network, *copier) {
	t.Helper()
	cfg := small(t.TempDir(), firstMiners+laterMiners)
	cfg.Space, cfg.BlockTime, cfg.Weights = 32*strata.MiB, 150*time.Millisecond, "commit-reveal"
	cfg.Validators, cfg.Stakes, cfg.Permits = 2, []strata.Rao{largeStake, mediumStake}, 3
	n := open(t, cfg)
	if err := n.startChain(ctx); err != nil {
		t.Fatal(err)
	}
	if err := n.register(ctx); err != nil {
		t.Fatal(err)
	}
	c := dial(ctx, t, n.ChainURL())
	cp := &copier{chain: c, netuid: n.netuid(), kept: &secrets{m: map[[32]byte][]byte{}}}
	cp.key = registerAs(ctx, t, n, c, "copier")
	addStake(ctx, t, n, c, "copier", copierStake)
	cp.from = neuron(ctx, t, c, n, hotkeyOf(t, n, "validator-1")).UID
	for i := range firstMiners {
		cp.guess = append(cp.guess, chain.Weight{UID: neuron(ctx, t, c, n, hotkeyOf(t, n, name("miner", i))).UID, Value: 65535})
	}
	limitWeights(ctx, t, n, c, 1<<20)
	if err := n.startAll(ctx, "validator", cfg.Validators, n.validatorArgs); err != nil {
		t.Fatal(err)
	}
	if err := n.startAll(ctx, "miner", firstMiners, n.minerArgs); err != nil {
		t.Fatal(err)
	}
	until(ctx, t, "the first miners are audited", func() bool {
		st, err := n.Status(ctx)
		if err != nil {
			return false
		}
		_, _, audited := Totals(st)
		return audited == firstMiners
	})
	pass(ctx, t, c, strata.LocalProfile.StakeGrid) // validator-2 has them soon, too
	return n, cp
}

// limitWeights sets how many blocks lie between two weight vectors of a validator.
func limitWeights(ctx context.Context, t *testing.T, n *Network, c *subtensor.Client, blocks uint64) {
	t.Helper()
	alice, err := wallet.FromURI("//Alice")
	if err != nil {
		t.Fatal(err)
	}
	args := scale.Struct{"netuid": uint16(n.netuid()), "weights_set_rate_limit": blocks}
	if _, err := c.Sudo(ctx, alice, "AdminUtils", "sudo_set_weights_set_rate_limit", args); err != nil {
		t.Fatal(err)
	}
}

// watch lets the copier work, and calls f at the beginning of every epoch, until
// f has seen enough. It goes by blocks alone.
func (c *copier) watch(ctx context.Context, t *testing.T, f func(chain.Head) (enough bool)) {
	t.Helper()
	p, err := c.chain.Hyperparameters(ctx, c.netuid)
	if err != nil {
		t.Fatal(err)
	}
	epochs := p.Epochs(c.netuid)
	ctx, cancel := context.WithCancel(ctx) // ends the subscription
	defer cancel()
	heads, err := c.chain.Heads(ctx)
	if err != nil {
		t.Fatal(err)
	}
	last, begun := (<-heads).Number, false
	for h := range heads {
		if epochs.Epoch(h.Number) != epochs.Epoch(last) {
			begun = true
			if f(h) {
				return
			}
		}
		last = h.Number
		if begun {
			c.turn(ctx, t, epochs, h.Number)
		}
	}
	t.Fatalf("the chain ended, or time did, after block %d", last)
}

// pay returns the last epoch's dividends of validators for each TAO of stake.
func pay(ctx context.Context, t *testing.T, c chain.Reader, n *Network, at strata.BlockHash, who [3]strata.Hotkey) (out [3]float64) {
	t.Helper()
	g, err := c.Metagraph(ctx, n.netuid(), at)
	if err != nil {
		t.Fatal(err)
	}
	for i, h := range who {
		row, ok := g.Neuron(h)
		if !ok {
			t.Fatalf("%s is not registered", h)
		}
		out[i] = float64(row.Dividends) / (float64(row.Stake) / float64(strata.RaoPerTao))
	}
	return out
}

// TestCopierLosesDividends: a validator that copies what the largest one has
// revealed begins with the dividends of an honest one, as all find the same
// miners. Then a miner starts in each epoch. The honest ones see it when it has
// proven something; the copier sees that they did when they reveal it. By then
// the bonds in the miner are theirs, and it gets into them slowly.
func TestCopierLosesDividends(t *testing.T) {
	t.Parallel()
	ctx := within(t)
	n, cp := copied(ctx, t)
	who := [3]strata.Hotkey{hotkeyOf(t, n, "validator-1"), hotkeyOf(t, n, "validator-2"), cp.key.Hotkey()}
	var (
		sum    [3]float64
		paid   int
		epoch  int
		miners = firstMiners
	)
	cp.watch(ctx, t, func(h chain.Head) bool {
		if epoch++; epoch == 1 {
			limitWeights(ctx, t, n, cp.chain, 0) // all three vote in this epoch
			return false
		}
		if miners < firstMiners+laterMiners {
			if _, err := n.start(ctx, "miner", name("miner", miners), append([]string{"miner"}, n.minerArgs(miners)...)...); err != nil {
				t.Fatal(err)
			}
			miners++
		}
		d := pay(ctx, t, cp.chain, n, h.Hash, who)
		if d[0] == 0 {
			return false // what is committed first is not yet revealed
		}
		t.Logf("block %d: %d miners run; dividends for each TAO, validator-1's as 1: validator-2 %.4f, copier %.4f", h.Number, miners, d[1]/d[0], d[2]/d[0])
		if paid++; paid == 1 && d[2] < 0.9*d[0] {
			t.Fatal("the copier has not begun as an honest validator: what follows would show nothing")
		}
		for i := range sum {
			sum[i] += d[i]
		}
		return paid == payDays
	})
	t.Logf("in %d epochs: validator-2 %.4f of validator-1's for each TAO, copier %.4f", paid, sum[1]/sum[0], sum[2]/sum[0])
	if honest := min(sum[0], sum[1]); sum[2] > 0.85*honest {
		t.Errorf("the copier has %.4f of what the honest validators have at least, for each TAO", sum[2]/honest)
	}
}
