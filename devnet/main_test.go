package devnet

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"strata"
	"strata/chain"
	"strata/chain/subtensor"
	"strata/gateway"
)

// command is the binary under test, built once for all tests.
var command string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "strata-devnet-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	command = filepath.Join(dir, "strata")
	if runtime.GOOS == "windows" {
		command += ".exe"
	}
	if out, err := exec.Command("go", "build", "-o", command, "strata/cmd/strata").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the command: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// lastWords is left of the time for all tests when one that hangs is given up, so
// that it can say why. On an idle machine every wait takes seconds; a busy one
// has all the time that there is, or hanging where there is no end to it.
const (
	lastWords = 45 * time.Second
	hanging   = 10 * time.Minute
)

// small is a network that is sealed and audited in a few seconds.
func small(dir string, miners int) Config {
	return Config{
		Dir: dir, Binary: command, Miners: miners, Validators: 1, Space: 64 * strata.MiB,
		Tempo: 20, BlockTime: 200 * time.Millisecond, Log: slog.New(slog.DiscardHandler),
	}
}

// open prepares a network whose processes end with the test, whatever happens.
func open(t *testing.T, cfg Config) *Network {
	t.Helper()
	n, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			showLogs(t, cfg.Dir)
		}
		if err := n.Close(); err != nil { // again is fine
			t.Error(err)
		}
	})
	return n
}

// start brings a small network up and returns once its miners are audited.
func start(t *testing.T, miners int) *Network {
	t.Helper()
	n := open(t, small(t.TempDir(), miners))
	ctx := within(t)
	if err := n.Up(ctx); err != nil {
		t.Fatal(err)
	}
	ready(ctx, t, n)
	return n
}

func ready(ctx context.Context, t *testing.T, n *Network) {
	t.Helper()
	if err := n.AwaitReady(ctx, func(gateway.NetworkStatus) {}); err != nil {
		t.Fatalf("the miners were not sealed and audited: %v", err)
	}
}

// within returns a context that ends before a hanging test does.
func within(t *testing.T) context.Context {
	t.Helper()
	return limited(t.Context(), t)
}

func limited(ctx context.Context, t *testing.T) context.Context {
	end, ok := t.Deadline()
	if !ok {
		end = time.Now().Add(hanging)
	}
	ctx, cancel := context.WithDeadline(ctx, end.Add(-lastWords))
	t.Cleanup(cancel)
	return ctx
}

// until waits for a condition.
func until(ctx context.Context, t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain until %s: %v", what, ctx.Err())
		case <-tick.C:
		}
	}
}

// showLogs prints the end of each process's log.
func showLogs(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "logs", "*.log"))
	if err != nil {
		t.Error(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Logf("%s: %v", f, err)
			continue
		}
		lines := bytes.Split(bytes.TrimSpace(b), []byte("\n"))
		t.Logf("%s:\n%s", filepath.Base(f), bytes.Join(lines[max(0, len(lines)-25):], []byte("\n")))
	}
}

// dial connects the test itself to a chain.
func dial(ctx context.Context, t *testing.T, url string) *subtensor.Client {
	t.Helper()
	c, err := subtensor.Dial(ctx, []string{url}, subtensor.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func (n *Network) netuid() strata.Netuid { return strata.Netuid(n.plan.Netuid) }

// vote is a weight vector that the validator has set on chain.
type vote struct {
	block   uint64
	weights map[strata.UID]uint16 // without those of weight 0
}

// lastVote reads the only validator's weights from the chain, the zero vote if
// it has set none.
func lastVote(ctx context.Context, t *testing.T, c chain.Reader, n *Network, at strata.BlockHash) vote {
	t.Helper()
	g, err := c.Metagraph(ctx, n.netuid(), at)
	if err != nil {
		t.Fatal(err)
	}
	row := validatorRow(t, n, g)
	ws, err := c.Weights(ctx, n.netuid(), row.UID)
	if err != nil {
		t.Fatal(err)
	}
	v := vote{weights: map[strata.UID]uint16{}}
	for _, w := range ws {
		if w.Value > 0 {
			v.block, v.weights[w.UID] = row.LastUpdate, w.Value
		}
	}
	return v
}

// validatorRow finds validator-1, the only one in these tests.
func validatorRow(t *testing.T, n *Network, g *chain.Metagraph) chain.Neuron {
	t.Helper()
	row, ok := g.Neuron(hotkeyOf(t, n, "validator-1"))
	if !ok {
		t.Fatal("the validator is not registered")
	}
	return row
}

// eachVote calls f for every vote that is set from now on, and for the one that
// stands, until f says that it has seen enough. It goes by blocks alone.
func eachVote(ctx context.Context, t *testing.T, c chain.Reader, n *Network, f func(vote) (enough bool)) {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx) // ends the subscription
	defer cancel()
	heads, err := c.Heads(ctx)
	if err != nil {
		t.Fatal(err)
	}
	last := uint64(0)
	for h := range heads {
		v := lastVote(ctx, t, c, n, h.Hash)
		if v.block == last {
			continue
		}
		last = v.block
		if f(v) {
			return
		}
	}
	t.Fatalf("the chain ended, or time did, before the weights that were waited for; the last were set at block %d", last)
}

// processesFile reads processes.json as another program would.
func processesFile(path string) ([]Process, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var ps []Process
	return ps, json.Unmarshal(b, &ps)
}
