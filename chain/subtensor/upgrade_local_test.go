package subtensor_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"strata"
	"strata/chain"
	"strata/chain/devchain"
	"strata/chain/devchain/devchaintest"
	"strata/chain/scale"
	"strata/chain/subtensor"
)

func (l local) upgrade(c *subtensor.Client, spec uint32) {
	l.t.Helper()
	if _, err := c.Sudo(l.t.Context(), devchaintest.Alice(l.t), "System", "set_code", scale.Struct{"code": devchain.Upgrade(spec)}); err != nil {
		l.t.Fatal(err)
	}
}

// TestUpgradedUnderTheClient: a runtime whose every index is another one, under
// clients that read and submit all the while; then blocks from before it.
func TestUpgradedUnderTheClient(t *testing.T) {
	l := startLocal(t, func(c *devchain.Config) { c.BlockTime = 50 * time.Millisecond })
	l.subnet()
	ctx, root := t.Context(), l.dial()
	before, err := l.client.Metagraph(ctx, netuid, strata.BlockHash{})
	if err != nil {
		t.Fatal(err)
	}
	stop, busy := make(chan struct{}), sync.WaitGroup{}
	for i := range byte(3) {
		busy.Go(func() {
			key := devchaintest.NewKey(t, 1)
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := l.client.Transfer(ctx, key, [32]byte{100 + i}, strata.RaoPerTao/1000); err != nil {
					t.Errorf("transfer %d of %d: %v", n, i, err)
					return
				}
				if _, err := l.client.Hyperparameters(ctx, netuid); err != nil {
					t.Errorf("read %d of %d: %v", n, i, err)
					return
				}
			}
		})
	}
	for spec := uint32(301); spec < 305; spec++ {
		l.upgrade(root, spec)
		l.each("a few blocks", countdown(10))
	}
	close(stop)
	busy.Wait()
	again, err := l.client.Metagraph(ctx, netuid, before.Head.Hash)
	if err != nil || len(again.Neurons) != len(before.Neurons) || again.Neurons[1] != before.Neurons[1] {
		t.Errorf("a block from before the upgrades: %+v, %v", again, err)
	}
	if _, err := root.Sudo(ctx, devchaintest.Alice(t), "System", "set_code", scale.Struct{"code": devchain.Upgrade(302)}); err == nil {
		t.Error("the spec version went back")
	}
	if _, err := root.Sudo(ctx, l.cold, "AdminUtils", "sudo_set_tempo", scale.Struct{"netuid": 1, "tempo": 5}); err == nil {
		t.Error("somebody else has the sudo key")
	}
}

func countdown(blocks int) func(chain.Head) bool {
	return func(chain.Head) bool { blocks--; return blocks < 0 }
}

// TestWeightsOverChanges: a commit survives an upgrade and a restart of the
// node between it and its reveal; a change of tempo, which moves all epochs, leaves it
// to be revealed or, if its epoch is gone, forgotten, and the next one is revealed.
func TestWeightsOverChanges(t *testing.T) {
	dir, addr := t.TempDir(), ""
	start := func(c *devchain.Config) {
		c.Dir, c.BlockTime, c.Params.CommitReveal, c.Params.Tempo = dir, 4*blockTime, devchain.RevealByHand, 20 // two seconds to reveal in
		if addr != "" {
			c.Listen = addr
		}
	}
	l, validator := voting(t, start)
	addr = l.node.URL()[len("ws://"):]
	ctx, kept, c := t.Context(), newMemory(), l.dial()
	commit := func() {
		t.Helper()
		if _, err := c.SetWeights(ctx, validator, netuid, ballot, kept); err != nil {
			t.Fatal(err)
		}
	}
	reveals := func() (total chain.Reveals) {
		l.each("the fate of the commit", func(chain.Head) bool {
			r, err := c.RevealWeights(ctx, validator, netuid, kept)
			if err != nil {
				t.Fatal(err)
			}
			total.Revealed += r.Revealed
			total.Forgotten += r.Forgotten
			return kept.len() == 0
		})
		return total
	}
	commit()
	l.upgrade(c, 301)
	if err := l.node.Close(); err != nil {
		t.Fatal(err)
	}
	cfg := devchain.Config{}
	start(&cfg)
	node, err := devchain.Start(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = node.Close() })
	if r := reveals(); r.Revealed != 1 {
		t.Errorf("over an upgrade and a restart: %+v", r)
	}
	commit()
	if _, err := c.Sudo(ctx, devchaintest.Alice(t), "AdminUtils", "sudo_set_tempo", scale.Struct{"netuid": 1, "tempo": 9}); err != nil {
		t.Fatal(err)
	}
	if r := reveals(); r.Forgotten+r.Revealed != 1 {
		t.Errorf("over a change of tempo: %+v", r)
	}
	commit()
	if r := reveals(); r.Revealed != 1 {
		t.Errorf("after it: %+v", r)
	}
}

// TestHotkeyGone: a hotkey whose uid went to another one while it ran gets a
// clear answer to everything, and reads go on.
func TestHotkeyGone(t *testing.T) {
	l, _ := voting(t, func(c *devchain.Config) { c.Params.MaxUIDs, c.Params.ImmunityPeriod = 4, 1 })
	ctx, gone := t.Context(), devchaintest.NewKey(t, 12)
	for n := byte(20); n < 30; n++ { // newcomers, until its uid is taken
		l.ok(l.client.BurnedRegister(ctx, l.cold, netuid, devchaintest.NewKey(t, n).Hotkey()))
		m, err := l.client.Metagraph(ctx, netuid, strata.BlockHash{})
		if err != nil {
			t.Fatal(err)
		}
		if _, there := m.Neuron(gone.Hotkey()); !there {
			break
		}
	}
	_, err := l.client.SetWeights(ctx, gone, netuid, ballot, nil)
	if strata.CodeOf(err) != strata.Forbidden {
		t.Errorf("weights: %v", err)
	}
	if _, err := l.client.SetCommitment(ctx, gone, netuid, []byte("x")); err == nil {
		t.Error("a commitment was taken")
	}
	if _, err := l.client.Head(context.WithoutCancel(ctx)); err != nil {
		t.Error(err)
	}
}

// TestTooLittleBalance: nothing of it is a dispatch error with a number.
func TestTooLittleBalance(t *testing.T) {
	l := startLocal(t, nil)
	l.subnet()
	ctx, poor := t.Context(), devchaintest.NewKey(t, 66)
	if _, err := l.client.Transfer(ctx, poor, [32]byte{1}, 1); strata.CodeOf(err) != strata.Invalid {
		t.Errorf("no balance at all: %v", err)
	}
	l.ok(l.client.Transfer(ctx, l.cold, poor.PublicKey(), strata.RaoPerTao/10000+1000))
	b, err := l.client.BurnedRegister(ctx, poor, netuid, devchaintest.NewKey(t, 67).Hotkey())
	if err == nil {
		t.Errorf("registered in %s", b)
	}
}
