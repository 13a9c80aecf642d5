package subtensor_test

import (
	"bytes"
	"context"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"strata"
	"strata/chain"
	"strata/chain/devchain"
	"strata/chain/devchain/devchaintest"
	"strata/chain/subtensor"
)

// These tests run the client against a local chain: every method of
// chain.Client, once over a real connection.

const netuid strata.Netuid = 1

// The chain makes blocks whether the machine is busy or not, and what is signed
// is good for 64 of them. patience is how long a test waits for one.
const (
	blockTime = 25 * time.Millisecond
	patience  = 3 * time.Minute
)

// local is a running chain, a client of it, and a rich coldkey.
type local struct {
	t      *testing.T
	node   *devchain.Node
	client chain.Client
	cold   devchaintest.Key
}

func startLocal(t *testing.T, change func(*devchain.Config)) local {
	t.Helper()
	cold := devchaintest.NewKey(t, 1)
	cfg := devchain.Config{
		BlockTime: blockTime,
		Accounts:  map[strata.Coldkey]strata.Rao{cold.PublicKey(): 1000 * strata.RaoPerTao},
		Params:    devchain.Params{Tempo: 10},
	}
	if change != nil {
		change(&cfg)
	}
	node, err := devchain.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = node.Close() })
	client, err := subtensor.Dial(t.Context(), []string{node.URL()}, subtensor.Options{MinBackoff: 5 * time.Millisecond, MaxBackoff: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return local{t, node, client, cold}
}

// ok fails the test unless a submission went through, and returns its block.
func (l local) ok(b strata.BlockHash, err error) strata.BlockHash {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
	return b
}

// fails checks that an error names what the chain said.
func (l local) fails(b strata.BlockHash, err error, name string) {
	l.t.Helper()
	if err == nil || !strings.Contains(err.Error(), name) {
		l.t.Errorf("got %v in %s, want %s", err, b, name)
	}
}

// until reads metagraphs, block by block, until one is as wanted.
func (l local) until(what string, want func(*chain.Metagraph) bool) *chain.Metagraph {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	defer cancel()
	heads, err := l.client.Heads(ctx)
	if err != nil {
		l.t.Fatal(err)
	}
	for h := range heads {
		m, err := l.client.Metagraph(ctx, netuid, h.Hash)
		if err != nil {
			l.t.Fatal(err)
		}
		if want(m) {
			return m
		}
	}
	l.t.Fatalf("no block with %s came", what)
	return nil
}

// subnet registers the subnet with an owner, a staked validator and two miners.
func (l local) subnet() (validator, minerA, minerB devchaintest.Key) {
	l.t.Helper()
	ctx := l.t.Context()
	owner := devchaintest.NewKey(l.t, 10)
	validator, minerA, minerB = devchaintest.NewKey(l.t, 11), devchaintest.NewKey(l.t, 12), devchaintest.NewKey(l.t, 13)
	l.ok(l.client.RegisterNetwork(ctx, l.cold, owner.Hotkey()))
	for _, k := range []devchaintest.Key{validator, minerA, minerB} {
		l.ok(l.client.BurnedRegister(ctx, l.cold, netuid, k.Hotkey()))
	}
	l.ok(l.client.AddStake(ctx, l.cold, validator.Hotkey(), netuid, 50*strata.RaoPerTao))
	return validator, minerA, minerB
}

func TestLocalChainHeads(t *testing.T) {
	l := startLocal(t, nil)
	ctx := t.Context()
	genesis, err := l.client.Genesis(ctx)
	if err != nil || genesis != l.node.Genesis() {
		t.Errorf("genesis %s, %v", genesis, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	heads, err := l.client.Heads(ctx)
	if err != nil {
		t.Fatal(err)
	}
	first := <-heads
	second := <-heads
	if second.Number <= first.Number || !second.Time.After(first.Time) {
		t.Errorf("after %+v came %+v", first, second)
	}
	cancel()
	for range heads { // it has to close
	}
	at, err := l.client.BlockAt(t.Context(), second.Number)
	if err != nil || at.Hash != second.Hash || !at.Time.Equal(second.Time) {
		t.Errorf("block %d is %+v, %v", second.Number, at, err)
	}
	if _, err := l.client.BlockAt(t.Context(), second.Number+1_000_000); strata.CodeOf(err) != strata.NotFound {
		t.Errorf("a block of the future: %v", err)
	}
	zero, err := l.client.BlockAt(t.Context(), 0)
	if err != nil || strata.GenesisHash(zero.Hash) != genesis || !zero.Time.IsZero() {
		t.Errorf("block 0 is %+v, %v", zero, err)
	}
	head, err := l.client.Head(t.Context())
	if err != nil || head.Number < second.Number {
		t.Errorf("head %+v, %v", head, err)
	}
	if final, err := l.client.Finalized(t.Context()); err != nil || final.Number < head.Number {
		t.Errorf("finalized %+v, %v", final, err)
	}
}

func TestLocalChainRegistersAndServes(t *testing.T) {
	l := startLocal(t, nil)
	ctx := t.Context()
	if _, err := l.client.Metagraph(ctx, netuid, strata.BlockHash{}); strata.CodeOf(err) != strata.NotFound {
		t.Errorf("a subnet that is not: %v", err)
	}
	validator, minerA, _ := l.subnet()
	for i, addr := range []string{"127.0.0.1:8091", "[2001:db8::7]:443"} {
		block := l.ok(l.client.ServeAxon(ctx, minerA, netuid, chain.Axon{Version: 3, Addr: netip.MustParseAddrPort(addr), Protocol: 4}))
		m, err := l.client.Metagraph(ctx, netuid, block)
		if err != nil {
			t.Fatal(err)
		}
		n, found := m.Neuron(minerA.Hotkey())
		if a := n.Axon; !found || a.Addr.String() != addr || a.Version != 3 || a.Protocol != 4 || a.Block != m.Head.Number || !a.Served() {
			t.Errorf("axon %d: %+v at block %d", i, a, m.Head.Number)
		}
	}
	m, err := l.client.Metagraph(ctx, netuid, strata.BlockHash{})
	if err != nil || len(m.Neurons) != 4 {
		t.Fatalf("%d neurons, %v", len(m.Neurons), err)
	}
	n, _ := m.Neuron(validator.Hotkey())
	if n.UID != 1 || n.Coldkey != strata.Coldkey(l.cold.PublicKey()) || n.Stake < 50*strata.RaoPerTao || n.Registered == 0 || n.Axon.Served() {
		t.Errorf("validator %+v", n)
	}
	b, err := l.client.BurnedRegister(ctx, l.cold, netuid, validator.Hotkey())
	l.fails(b, err, "HotKeyAlreadyRegisteredInSubNet")
	b, err = l.client.BurnedRegister(ctx, l.cold, 9, validator.Hotkey())
	l.fails(b, err, "SubnetNotExists")
	b, err = l.client.AddStake(ctx, l.cold, strata.Hotkey{7}, netuid, strata.RaoPerTao)
	l.fails(b, err, "HotKeyAccountNotExists")
	_, err = l.client.ServeAxon(ctx, devchaintest.NewKey(t, 99), netuid, chain.Axon{Addr: netip.MustParseAddrPort("10.0.0.1:1")})
	if err == nil {
		t.Error("a stranger serves")
	}
}

func TestLocalChainWeights(t *testing.T) {
	l := startLocal(t, nil)
	ctx := t.Context()
	validator, _, minerB := l.subnet()
	row := []chain.Weight{{UID: 2, Value: 65535}, {UID: 3, Value: 32768}}
	l.until("a permit", func(m *chain.Metagraph) bool { return len(m.Neurons) > 1 && m.Neurons[1].Permit })
	receipt, err := l.client.SetWeights(ctx, validator, netuid, row, nil)
	block := l.ok(receipt.Block, err)
	if receipt.Scheme != chain.Plain || receipt.Reveal != 0 {
		t.Errorf("receipt %+v", receipt)
	}
	got, err := l.client.Weights(ctx, netuid, 1)
	if err != nil || !slices.Equal(got, row) {
		t.Errorf("weights %v, %v", got, err)
	}
	if got, err := l.client.Weights(ctx, netuid, 2); err != nil || len(got) != 0 {
		t.Errorf("weights of a miner %v, %v", got, err)
	}
	m, err := l.client.Metagraph(ctx, netuid, block)
	if err != nil || m.Neurons[1].LastUpdate != m.Head.Number {
		t.Errorf("last update %d at block %d, %v", m.Neurons[1].LastUpdate, m.Head.Number, err)
	}
	paid := l.until("an epoch with incentives", func(m *chain.Metagraph) bool { return m.Neurons[2].Incentive > 0 })
	a, b, v := paid.Neurons[2], paid.Neurons[3], paid.Neurons[1]
	if a.Incentive < 43680 || a.Incentive > 43700 || b.Incentive < 21840 || b.Incentive > 21855 || v.Dividends < 65533 {
		t.Errorf("incentives %d and %d, dividends %d", a.Incentive, b.Incentive, v.Dividends)
	}
	if a.Emission == 0 || v.Emission == 0 || v.ValidatorTrust < 65530 || !v.Active || a.Permit || b.Consensus == 0 {
		t.Errorf("epoch %+v and %+v", v, a)
	}
	_, err = l.client.SetWeights(ctx, validator, netuid, []chain.Weight{{UID: 77, Value: 1}}, nil)
	l.fails(strata.BlockHash{}, err, "uid 77 is not on the subnet")
	_, err = l.client.SetWeights(ctx, minerB, netuid, []chain.Weight{{UID: 1, Value: 1}}, nil)
	l.fails(strata.BlockHash{}, err, "no validator permit")
}

func TestLocalChainHyperparameters(t *testing.T) {
	want := chain.Hyperparameters{
		Tempo: 17, WeightsRateLimit: 3, WeightsVersionKey: 9, MaxWeightsLimit: 65535, MinAllowedWeights: 2, ServingRateLimit: 4,
		ImmunityPeriod: 5, ActivityCutoff: 600, MaxAllowedUIDs: 7, MaxAllowedValidator: 3, Burn: 12345678,
		RevealPeriod: 1, StakeThreshold: strata.RaoPerTao,
	}
	l := startLocal(t, func(c *devchain.Config) {
		c.Params = devchain.Params{
			Tempo: 17, WeightsRateLimit: 3, WeightsVersionKey: 9, MinAllowedWeights: 2, ServingRateLimit: 4, ImmunityPeriod: 5, ActivityCutoff: 600,
			MaxUIDs: 7, MaxValidators: 3, Burn: 12345678,
		}
	})
	l.ok(l.client.RegisterNetwork(t.Context(), l.cold, strata.Hotkey{5}))
	if got, err := l.client.Hyperparameters(t.Context(), netuid); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestLocalChainMoneyAndCommitments(t *testing.T) {
	l := startLocal(t, nil)
	ctx := t.Context()
	_, miner, _ := l.subnet()
	to := [32]byte{9, 9}
	l.ok(l.client.Transfer(ctx, l.cold, to, 3*strata.RaoPerTao))
	if got, err := l.client.Balance(ctx, to); err != nil || got != 3*strata.RaoPerTao {
		t.Errorf("balance %s, %v", got, err)
	}
	if got, err := l.client.Balance(ctx, [32]byte{1}); err != nil || got != 0 {
		t.Errorf("balance of nobody %s, %v", got, err)
	}
	b, err := l.client.Transfer(ctx, l.cold, to, 1e6*strata.RaoPerTao)
	l.fails(b, err, "FundsUnavailable")

	if got, err := l.client.Commitment(ctx, netuid, miner.Hotkey()); err != nil || got != nil {
		t.Errorf("commitment before: %x, %v", got, err)
	}
	for _, data := range [][]byte{[]byte("x"), bytes.Repeat([]byte{7}, 128)} {
		l.ok(l.client.SetCommitment(ctx, miner, netuid, data))
		if got, err := l.client.Commitment(ctx, netuid, miner.Hotkey()); err != nil || !bytes.Equal(got, data) {
			t.Errorf("commitment %x, %v", got, err)
		}
	}
	b, err = l.client.SetCommitment(ctx, devchaintest.NewKey(t, 99), netuid, []byte("x"))
	l.fails(b, err, "AccountNotAllowedCommit")
}

func TestLocalChainManyInFlight(t *testing.T) {
	l := startLocal(t, nil)
	var wg sync.WaitGroup
	errs := make([]error, 20)
	for i := range errs {
		wg.Go(func() { _, errs[i] = l.client.Transfer(t.Context(), l.cold, [32]byte{8, byte(i)}, strata.RaoPerTao) })
	}
	wg.Wait()
	for i, err := range errs {
		if got, berr := l.client.Balance(t.Context(), [32]byte{8, byte(i)}); err != nil || berr != nil || got != strata.RaoPerTao {
			t.Errorf("transfer %d: %s, %v, %v", i, got, err, berr)
		}
	}
}

// TestLocalChainRestarts: the chain goes away and comes back on the same port
// and directory; the client goes on, and its heads too.
func TestLocalChainRestarts(t *testing.T) {
	var cfg devchain.Config
	l := startLocal(t, func(c *devchain.Config) {
		c.Dir = filepath.Join(t.TempDir(), "chain")
		cfg = *c
	})
	l.ok(l.client.Transfer(t.Context(), l.cold, [32]byte{8}, strata.RaoPerTao))
	heads, err := l.client.Heads(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before := <-heads
	if err := l.node.Close(); err != nil {
		t.Fatal(err)
	}
	cfg.Listen = strings.TrimPrefix(l.node.URL(), "ws://")
	again, err := devchain.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = again.Close() })
	l.ok(l.client.Transfer(t.Context(), l.cold, [32]byte{8}, strata.RaoPerTao))
	if got, err := l.client.Balance(t.Context(), [32]byte{8}); err != nil || got != 2*strata.RaoPerTao {
		t.Errorf("balance %s, %v", got, err)
	}
	for h := range heads {
		if h.Number > before.Number {
			break
		}
	}
}
