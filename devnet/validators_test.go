package devnet

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"strata"
	"strata/auditlog"
	"strata/chain"
	"strata/chain/subtensor"
	"strata/wallet"
)

const (
	firstStake  = 30_000 * strata.RaoPerTao // validator-1, whose gateway has data
	secondStake = 5_000 * strata.RaoPerTao  // validator-2, without a permit at first
	thirdStake  = 40_000 * strata.RaoPerTao // validator-3
	liarStake   = 10_000 * strata.RaoPerTao // votes for the first miner alone
	moreStake   = 45_000 * strata.RaoPerTao // what validator-2 and the liar add later
)

// several is a network of three validators of different stake and one that lies,
// with permits for three of them.
func several(ctx context.Context, t *testing.T) (*Network, *subtensor.Client, *wallet.Key) {
	t.Helper()
	cfg := small(t.TempDir(), 3)
	cfg.BlockTime = 120 * time.Millisecond
	cfg.Validators, cfg.Stakes, cfg.Permits = 3, []strata.Rao{firstStake, secondStake, thirdStake}, 3
	n := open(t, cfg)
	if err := n.startChain(ctx); err != nil {
		t.Fatal(err)
	}
	if err := n.register(ctx); err != nil {
		t.Fatal(err)
	}
	c := dial(ctx, t, n.ChainURL())
	registerAs(ctx, t, n, c, "liar")
	addStake(ctx, t, n, c, "liar", liarStake)
	if err := n.startRoles(ctx); err != nil {
		t.Fatal(err)
	}
	liar, err := wallet.Open(n.walletPath(), "liar", "default").LoadHotkey()
	if err != nil {
		t.Fatal(err)
	}
	return n, c, liar
}

// addStake gives a hotkey more stake, with money of Alice's.
func addStake(ctx context.Context, t *testing.T, n *Network, c *subtensor.Client, who string, amount strata.Rao) {
	t.Helper()
	w := wallet.Open(n.walletPath(), who, "default")
	cold, err := w.LoadColdkey()
	if err != nil {
		t.Fatal(err)
	}
	hot, err := w.LoadHotkey()
	if err != nil {
		t.Fatal(err)
	}
	alice, err := wallet.FromURI("//Alice")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Transfer(ctx, alice, cold.PublicKey(), amount); err != nil {
		t.Fatal(err)
	}
	if _, err := c.AddStake(ctx, cold, hot.Hotkey(), n.netuid(), amount); err != nil {
		t.Fatal(err)
	}
}

// partitions reads how many sectors a miner has planned for each validator.
func partitions(t *testing.T, n *Network, miner int) map[strata.Hotkey]uint64 {
	t.Helper()
	who := name("miner", miner)
	b, err := os.ReadFile(filepath.Join(n.Dir(), who, who, "default", "partition.json"))
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	var list []struct {
		Validator strata.Hotkey `json:"validator"`
		Sectors   uint64        `json:"n_chunks"`
	}
	if err := json.Unmarshal(b, &list); err != nil {
		t.Fatal(err)
	}
	out := map[strata.Hotkey]uint64{}
	for _, p := range list {
		out[p.Validator] += p.Sectors
	}
	return out
}

// all returns the partitions of the three miners.
func all(t *testing.T, n *Network) (out [3]map[strata.Hotkey]uint64) {
	t.Helper()
	for i := range out {
		out[i] = partitions(t, n, i)
	}
	return out
}

// resealed is how many bytes of sectors were sealed to get from one state of
// the partitions to the next.
func resealed(before, after [3]map[strata.Hotkey]uint64) strata.ByteSize {
	sectors := uint64(0)
	for i := range after {
		for v, n := range after[i] {
			sectors += n - min(n, before[i][v])
		}
	}
	return strata.ByteSize(sectors) * strata.LocalProfile.SectorSize()
}

func neuron(ctx context.Context, t *testing.T, c chain.Reader, n *Network, h strata.Hotkey) chain.Neuron {
	t.Helper()
	g, err := c.Metagraph(ctx, n.netuid(), strata.BlockHash{})
	if err != nil {
		t.Fatal(err)
	}
	row, ok := g.Neuron(h)
	if !ok {
		t.Fatalf("%s is not registered", h)
	}
	return row
}

// TestSeveralValidators: validators of different stake agree, partitions follow
// their stake, one that lies loses dividends, stake that moves a little moves no
// data, and one that loses its permit reads what it has stored.
func TestSeveralValidators(t *testing.T) {
	t.Parallel()
	ctx := within(t)
	n, c, liar := several(ctx, t)
	v1, v2, v3 := hotkeyOf(t, n, "validator-1"), hotkeyOf(t, n, "validator-2"), hotkeyOf(t, n, "validator-3")
	favourite := neuron(ctx, t, c, n, hotkeyOf(t, n, "miner-1")).UID
	lie(ctx, t, n, c, liar, favourite)

	until(ctx, t, "the honest validators agree, and the liar has less for its stake", func() bool {
		a, b, l := neuron(ctx, t, c, n, v1), neuron(ctx, t, c, n, v3), neuron(ctx, t, c, n, liar.Hotkey())
		const agree = 65535 * 98 / 100
		// Dividends for each TAO of stake, at most half of an honest one's.
		return a.ValidatorTrust >= agree && b.ValidatorTrust >= agree && l.Permit && l.ValidatorTrust > 0 &&
			2*uint64(l.Dividends)*uint64(firstStake) < uint64(a.Dividends)*uint64(liarStake)
	})
	a, b, l := neuron(ctx, t, c, n, v1), neuron(ctx, t, c, n, v3), neuron(ctx, t, c, n, liar.Hotkey())
	t.Logf("vtrust %.4f and %.4f, the liar %.4f; dividends %d and %d for 30 and 40 thousand TAO, the liar %d for 10",
		float64(a.ValidatorTrust)/65535, float64(b.ValidatorTrust)/65535, float64(l.ValidatorTrust)/65535, a.Dividends, b.Dividends, l.Dividends)

	// Shares of 80 thousand: 16 sectors are 6, 8 and 2.
	want := map[strata.Hotkey]uint64{v1: 6, v3: 8, liar.Hotkey(): 2}
	until(ctx, t, "partitions follow stake", func() bool { return allAre(all(t, n), want) })
	ready(ctx, t, n)
	stored := storeFiles(ctx, t, n)

	// A little more for one, then for the other: nothing moves.
	before := all(t, n)
	for _, who := range []string{"validator-1", "validator-3", "validator-1"} {
		addStake(ctx, t, n, c, who, 800*strata.RaoPerTao)
		pass(ctx, t, c, 2*strata.LocalProfile.StakeGrid)
	}
	if moved := resealed(before, all(t, n)); moved > 0 {
		t.Errorf("stake that moved by three per cent made miners seal %s", moved)
	}

	// Some epochs have passed. What each has logged leads to the weights that stand
	// on chain, and to heads that were committed before.
	for _, who := range []string{"validator-1", "validator-3"} {
		wantReplay(ctx, t, n, who)
	}

	// Validator-2 gets a permit, and the liar more stake: validator-1 loses its.
	addStake(ctx, t, n, c, "validator-2", moreStake)
	addStake(ctx, t, n, c, "liar", moreStake)
	until(ctx, t, "validator-1 has lost its permit and validator-2 has sectors", func() bool {
		if row := neuron(ctx, t, c, n, v1); row.Permit {
			return false
		}
		for _, p := range all(t, n) {
			if p[v2] < 2 || p[v1] == 0 {
				return false
			}
		}
		return true
	})
	after := all(t, n)
	t.Logf("re-sealed when the permit moved: %s of %s; validator-1, without one, keeps %d, %d and %d sectors",
		resealed(before, after), 3*64*strata.MiB, after[0][v1], after[1][v1], after[2][v1])
	wantFiles(ctx, t, n, stored)
	pass(ctx, t, c, 2*strata.LocalProfile.StakeGrid)
	wantFiles(ctx, t, n, stored)
}

// wantReplay computes a validator's log again, in a process of its own, compares
// it with the chain, and looks at what is public of it.
func wantReplay(ctx context.Context, t *testing.T, n *Network, who string) {
	t.Helper()
	log := filepath.Join(n.Dir(), who, who, "default", "auditlog")
	var out []byte
	// The log is being written: a line or a segment may be on its way.
	until(ctx, t, "the log of "+who+" is replayed", func() bool {
		var err error
		out, err = exec.CommandContext(ctx, command, "replay", log, "--subtensor.chain_endpoint", n.ChainURL()).CombinedOutput()
		return err == nil
	})
	for _, want := range []string{"everything follows", "the weights are those of the log", "is committed", "earlier heads were committed as the log has them"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the replay of %s does not say %q:\n%s", who, want, out)
		}
	}
	p := auditlog.Peer{URL: n.address(who, "auditlog"), Client: http.DefaultClient}
	if frauds, err := p.List(ctx); err != nil || len(frauds) > 0 {
		t.Errorf("%s publishes %v, %v", who, frauds, err)
	}
}

func allAre(got [3]map[strata.Hotkey]uint64, want map[strata.Hotkey]uint64) bool {
	for _, p := range got {
		for v, n := range want {
			if d := int64(p[v]) - int64(n); d < -1 || d > 1 {
				return false
			}
		}
	}
	return true
}

// pass waits for so many blocks.
func pass(ctx context.Context, t *testing.T, c chain.Reader, blocks uint64) {
	t.Helper()
	head, err := c.Head(ctx)
	if err != nil {
		t.Fatal(err)
	}
	until(ctx, t, fmt.Sprintf("%d blocks have passed", blocks), func() bool {
		now, err := c.Head(ctx)
		return err == nil && now.Number >= head.Number+blocks
	})
}

// lie sets weights for one miner alone, at every few blocks until the test ends.
func lie(ctx context.Context, t *testing.T, n *Network, c *subtensor.Client, key *wallet.Key, favourite strata.UID) {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	t.Cleanup(func() {
		cancel()
		<-done
	})
	go func() {
		defer close(done)
		tick := time.NewTicker(2 * time.Second)
		defer tick.Stop()
		for {
			// It fails as long as it has no permit.
			_, _ = c.SetWeights(ctx, key, n.netuid(), []chain.Weight{{UID: favourite, Value: 65535}}, nil)
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
}
