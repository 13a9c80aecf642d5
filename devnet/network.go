package devnet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"strata"
	"strata/gateway"
	"strata/internal/durable"
)

// Config says what to run. A later start on the same Dir takes Miners,
// Validators, Space, Tempo, BlockTime and Weights from the first one.
type Config struct {
	Dir        string // everything lies below it
	Binary     string // the strata binary
	Miners     int
	Validators int
	Space      strata.ByteSize // of each miner
	Tempo      uint16          // blocks between two epochs
	BlockTime  time.Duration
	Weights    string // how the subnet takes them: plain (or empty), commit-reveal, timelock
	Port       int    // of the first validator's gateway; 0 = a free one
	// Stakes are what the validators stake, in their order; those beyond its end
	// have all the same. Permits is how many of them get one; 0: all.
	Stakes  []strata.Rao
	Permits int
	Log     *slog.Logger
}

// plan is devnet.json: what a second start on the same directory repeats.
type plan struct {
	Miners     int           `json:"miners"`
	Validators int           `json:"validators"`
	Space      uint64        `json:"space"`
	Tempo      uint16        `json:"tempo"`
	BlockTime  time.Duration `json:"block_time_ns"`
	Weights    string        `json:"weights,omitempty"`
	Netuid     uint16        `json:"netuid"` // 0 until the subnet exists
	Stakes     []strata.Rao  `json:"stakes,omitempty"`
	Permits    int           `json:"permits,omitempty"`
}

// Network is a running devnet. Its methods are safe for concurrent use.
type Network struct {
	cfg    Config
	plan   plan
	unlock func() error

	mu        sync.Mutex // guards what follows
	processes []*Process
}

// Open prepares the directory: it takes its lock (code Locked if another
// devnet has it) and reads or writes devnet.json.
func Open(cfg Config) (*Network, error) {
	for _, d := range []string{"logs", "run", "wallets"} {
		if err := os.MkdirAll(filepath.Join(cfg.Dir, d), 0o700); err != nil {
			return nil, fmt.Errorf("make the devnet's directory: %w", err)
		}
	}
	lock, err := durable.AcquireLock(filepath.Join(cfg.Dir, "devnet.lock"))
	if err != nil {
		return nil, err
	}
	n := &Network{cfg: cfg, unlock: lock.Release}
	if err := n.loadPlan(); err != nil {
		return nil, errors.Join(err, n.unlock())
	}
	return n, nil
}

func (n *Network) loadPlan() error {
	file := filepath.Join(n.cfg.Dir, "devnet.json")
	b, err := os.ReadFile(file)
	switch {
	case errors.Is(err, os.ErrNotExist):
		n.plan = plan{Miners: n.cfg.Miners, Validators: n.cfg.Validators, Space: uint64(n.cfg.Space), Tempo: n.cfg.Tempo, BlockTime: n.cfg.BlockTime, Weights: n.cfg.Weights, Stakes: n.cfg.Stakes, Permits: n.cfg.Permits}
		return n.savePlan()
	case err != nil:
		return fmt.Errorf("read %s: %w", file, err)
	}
	if err := json.Unmarshal(b, &n.plan); err != nil {
		return strata.E(strata.Corrupt, "%s is damaged (%v): remove the directory or restore the file", file, err)
	}
	return nil
}

// savePlan replaces devnet.json in one step: a crash leaves the old or the new.
func (n *Network) savePlan() error { return n.writeJSON("devnet.json", n.plan) }

func (n *Network) writeProcesses() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.writeJSON("processes.json", n.processes)
}

func (n *Network) writeJSON(name string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(n.cfg.Dir, name), append(b, '\n'), 0o600)
}

// Close stops every process within five seconds and gives up the directory.
func (n *Network) Close() error {
	n.stopAll(4500 * time.Millisecond)
	return n.unlock()
}

// Processes returns what runs or has run, in the order of starting.
func (n *Network) Processes() []*Process {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]*Process(nil), n.processes...)
}

func (n *Network) address(process, what string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.processes {
		if p.Name == process {
			return p.Addresses[what]
		}
	}
	return ""
}

// ChainURL returns the websocket URL of the chain.
func (n *Network) ChainURL() string { return n.address("chain", "rpc") }

// GatewayURL returns the http URL of the first validator's gateway.
func (n *Network) GatewayURL() string { return n.address(name("validator", 0), "gateway") }

// Token returns the bearer token of the first validator's gateway.
func (n *Network) Token() (gateway.Token, error) {
	b, err := os.ReadFile(n.address(name("validator", 0), "token_file"))
	if err != nil {
		return gateway.Token{}, fmt.Errorf("read the gateway's token: %w", err)
	}
	return gateway.ParseToken(string(b))
}

// Page returns the address of the first gateway's page, token included.
func (n *Network) Page() (string, error) {
	t, err := n.Token()
	if err != nil {
		return "", err
	}
	url := strings.Replace(n.GatewayURL(), "127.0.0.1", "localhost", 1)
	return url + "/#token=" + t.Reveal(), nil
}

// Up starts the chain, registers everybody and starts every role. It returns
// once all of them serve; Ready tells when they are sealed and audited.
func (n *Network) Up(ctx context.Context) error {
	if err := n.startChain(ctx); err != nil {
		return err
	}
	if err := n.register(ctx); err != nil {
		return err
	}
	return n.startRoles(ctx)
}

func (n *Network) startChain(ctx context.Context) error {
	_, err := n.start(ctx, "chain", "chain", n.chainArgs("127.0.0.1:0")...)
	return err
}

func (n *Network) chainArgs(listen string) []string {
	args := []string{
		"chain", "devchain",
		"--dir", filepath.Join(n.cfg.Dir, "chain"),
		"--listen", listen,
		"--tempo", fmt.Sprint(n.plan.Tempo), "--permits", fmt.Sprint(n.plan.Permits),
		"--block_time", n.plan.BlockTime.String(),
	}
	if n.plan.Weights != "" {
		args = append(args, "--weights", n.plan.Weights)
	}
	return args
}

// startRoles starts validators first: a miner's first manifest is then pulled
// as soon as it serves. Each kind starts together.
func (n *Network) startRoles(ctx context.Context) error {
	if err := n.startAll(ctx, "validator", n.plan.Validators, n.validatorArgs); err != nil {
		return err
	}
	return n.startAll(ctx, "miner", n.plan.Miners, n.minerArgs)
}

func (n *Network) startAll(ctx context.Context, role string, count int, args func(i int) []string) error {
	errs := make([]error, count)
	var wg sync.WaitGroup
	for i := range count {
		wg.Go(func() {
			_, errs[i] = n.start(ctx, role, name(role, i), append([]string{role}, args(i)...)...)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (n *Network) roleArgs(name string) []string {
	return []string{
		"--db_path", filepath.Join(n.cfg.Dir, name),
		"--wallet.path", n.walletPath(), "--wallet.name", name, "--wallet.hotkey", "default",
		"--subtensor.chain_endpoint", n.ChainURL(), "--netuid", fmt.Sprint(n.plan.Netuid),
	}
}

func (n *Network) validatorArgs(i int) []string {
	port := 0
	if i == 0 {
		port = n.cfg.Port
	}
	return append(n.roleArgs(name("validator", i)), "--gateway.listen", fmt.Sprintf("127.0.0.1:%d", port), "--auditlog.listen", "127.0.0.1:0")
}

func (n *Network) minerArgs(i int) []string {
	return append(n.roleArgs(name("miner", i)), "--no_prompt",
		"--space", fmt.Sprint(n.plan.Space), "--workers", "1", "--steps_per_reallocate", "20",
		"--axon.ip", "127.0.0.1", "--axon.port", "0", "--axon.external_ip", "127.0.0.1")
}

func (n *Network) walletPath() string { return filepath.Join(n.cfg.Dir, "wallets") }

func name(role string, i int) string { return fmt.Sprintf("%s-%d", role, i+1) }

// Dir returns the directory that holds everything.
func (n *Network) Dir() string { return n.cfg.Dir }
