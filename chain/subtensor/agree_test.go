package subtensor

import (
	"net/netip"
	"reflect"
	"testing"
	"time"

	"strata"
	"strata/chain"
	"strata/chain/devchain"
	"strata/chain/devchain/devchaintest"
)

// TestPathsAgree: the runtime API, the smaller one with storage, and storage
// alone give the same metagraph of the same block.
func TestPathsAgree(t *testing.T) {
	cold := devchaintest.NewKey(t, 1)
	node, err := devchain.Start(t.Context(), devchain.Config{
		BlockTime: 25 * time.Millisecond, Params: devchain.Params{Tempo: 5},
		Accounts: map[strata.Coldkey]strata.Rao{cold.PublicKey(): 100 * strata.RaoPerTao},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = node.Close() })
	c, err := Dial(t.Context(), []string{node.URL()}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	ctx, hot := t.Context(), devchaintest.NewKey(t, 2)
	steps := []func() (strata.BlockHash, error){
		func() (strata.BlockHash, error) { return c.RegisterNetwork(ctx, cold, strata.Hotkey{9}) },
		func() (strata.BlockHash, error) { return c.BurnedRegister(ctx, cold, 1, hot.PublicKey()) },
		func() (strata.BlockHash, error) { return c.BurnedRegister(ctx, cold, 1, strata.Hotkey{8}) },
		func() (strata.BlockHash, error) {
			return c.AddStake(ctx, cold, hot.PublicKey(), 1, 5*strata.RaoPerTao)
		},
		func() (strata.BlockHash, error) {
			return c.ServeAxon(ctx, hot, 1, chain.Axon{Version: 1, Protocol: 4, Addr: netip.MustParseAddrPort("127.0.0.1:8091")})
		},
	}
	for _, step := range steps {
		if _, err := step(); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, "a permit", func() bool {
		m, err := c.Metagraph(ctx, 1, strata.BlockHash{})
		return err == nil && m.Neurons[1].Permit
	})
	if _, err := c.SetWeights(ctx, hot, 1, []chain.Weight{{UID: 2, Value: 9}}, nil); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "an epoch with incentive", func() bool {
		m, err := c.Metagraph(ctx, 1, strata.BlockHash{})
		return err == nil && m.Neurons[2].Incentive > 0
	})
	head, err := c.Head(ctx)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := c.Metagraph(ctx, 1, head.Hash)
	if err != nil {
		t.Fatal(err)
	}
	v, err := c.apiCall(ctx, head.Hash, subnetAPI, "get_subnet_state", uint16(1))
	if err != nil {
		t.Fatal(err)
	}
	inner, _ := v.Option()
	small, err := c.fromAPI(ctx, 1, head, inner)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := c.fromStorage(ctx, 1, head)
	if err != nil {
		t.Fatal(err)
	}
	for name, m := range map[string]*chain.Metagraph{"get_subnet_state": small, "storage": stored} {
		if !reflect.DeepEqual(m.Neurons, whole.Neurons) || m.Head != whole.Head {
			t.Errorf("%s: %+v\nget_metagraph: %+v", name, m.Neurons, whole.Neurons)
		}
	}
	if n := whole.Neurons[1]; !n.Permit || n.Stake == 0 || n.LastUpdate == 0 || !n.Axon.Served() || whole.Neurons[2].Incentive == 0 {
		t.Errorf("the metagraph shows too little to compare: %+v", n)
	}
}
