package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"strata"
	"strata/auditlog"
	"strata/bench"
	"strata/catalog"
	"strata/catalog/sqlite"
	"strata/chain"
	"strata/internal/lifecycle"
	"strata/peer"
	"strata/score"
	"strata/seal"
	"strata/validator"
	"strata/wire"
)

// Config is what is measured and how long.
type Config struct {
	Fleet
	Dir     string
	Command []string      // starts the fleet's process; its arguments follow
	Steady  time.Duration // at the rates of the profile
	Flood   time.Duration // as fast as it goes
	Log     *slog.Logger
	Stage   func(string) // told what begins; nil tells nobody
}

// Result is what was measured.
type Result struct {
	Machine string `json:"machine"`
	Fleet
	Bytes strata.ByteSize `json:"bytes_each"`

	LoadTime      float64 `json:"load_s"` // all manifests read, verified and written, cohorts formed
	DiskPerSector float64 `json:"disk_bytes_per_sector"`
	HeapPerSector float64 `json:"heap_bytes_per_sector"`
	Resident      int64   `json:"resident_bytes"`
	LogPerHour    float64 `json:"audit_log_bytes_per_hour"`

	NeedAudits   float64 `json:"audits_per_s_scheduled"`
	SteadyAudits float64 `json:"audits_per_s_made"`
	Failed       uint64  `json:"leaves_failed"`
	SteadyCPU    float64 `json:"cpu_cores_steady"` // of it, everything included
	MostAudits   float64 `json:"audits_per_s_most"`
	MostBytes    float64 `json:"bytes_per_s_most"` // of openings verified
	MostCPU      float64 `json:"cpu_cores_most"`
	PerAudit     float64 `json:"cpu_ms_per_audit"`

	Detection []Detection `json:"detection"`
}

// Run starts the fleet, a validator on it, and measures.
func Run(ctx context.Context, c Config) (*Result, error) {
	p, err := c.profile()
	if err != nil {
		return nil, err
	}
	if c.Stage == nil {
		c.Stage = func(string) {}
	}
	r := &Result{Fleet: c.Fleet, Bytes: p.SectorSize() * strata.ByteSize(c.Sectors)}
	r.NeedAudits = float64(c.Miners) * float64(score.AuditsPerHour(p, r.Bytes)) / 3600
	r.Detection = detect(p, r.Bytes)
	c.Stage("starting the miners")
	up, stop, err := c.start(ctx)
	if err != nil {
		return nil, err
	}
	defer stop()
	w, err := c.world(ctx, p, up)
	if err != nil {
		return nil, err
	}
	defer w.close()
	c.Stage("reading the manifests")
	if err := w.load(ctx, r); err != nil {
		return nil, err
	}
	c.Stage("auditing at the profile's rate")
	if err := w.steady(ctx, r); err != nil {
		return nil, err
	}
	c.Stage("auditing as fast as it goes")
	return r, w.flood(ctx, r)
}

// start runs the fleet's process.
func (c Config) start(ctx context.Context) (Up, func(), error) {
	args := append(c.Command[1:len(c.Command):len(c.Command)], "--miners", strconv.Itoa(c.Miners), "--partitions", strconv.Itoa(c.Partitions),
		"--sectors", strconv.Itoa(c.Sectors), "--profile", c.Profile)
	cmd := exec.CommandContext(ctx, c.Command[0], args...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return Up{}, nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return Up{}, nil, err
	}
	if err := cmd.Start(); err != nil {
		return Up{}, nil, fmt.Errorf("start the miners: %w", err)
	}
	stop := func() {
		in.Close()
		_ = cmd.Wait() // how it ends does not matter
	}
	var up Up
	if err := json.NewDecoder(out).Decode(&up); err != nil {
		stop()
		return Up{}, nil, fmt.Errorf("the miners did not start: %w", err)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }() // ends with the process
	return up, stop, nil
}

// world is the validator under measurement.
type world struct {
	c     Config
	p     strata.Profile
	db    *sqlite.DB
	log   *auditlog.Log
	peers *peer.Client
	calls *counting
	chain *stillChain
	v     *validator.Validator
}

// fillTime is about what a core needs for a sector, at 0.9 GB a second.
func fillTime(s seal.Sector) time.Duration {
	return time.Duration(uint64(s.Blocks)*strata.BlockSize*uint64(s.Passes)*10/9) * time.Nanosecond
}

// counting counts answered audits.
type counting struct {
	validator.Miners
	audits, bytes atomic.Int64
}

func (m *counting) Audit(ctx context.Context, ep wire.Endpoint, r wire.AuditRequest) (wire.AuditResponse, time.Duration, error) {
	a, took, err := m.Miners.Audit(ctx, ep, r)
	if err == nil {
		m.audits.Add(1)
		for _, o := range a.Openings {
			m.bytes.Add(int64(len(o.Block) + 32*len(o.Path)))
		}
	}
	return a, took, err
}

func (c Config) world(ctx context.Context, p strata.Profile, up Up) (*world, error) {
	w := &world{c: c, p: p}
	key, err := validatorKey(0)
	if err != nil {
		return nil, err
	}
	if w.chain, err = newStillChain(c.Fleet, up); err != nil {
		return nil, err
	}
	if w.db, err = sqlite.Open(ctx, filepath.Join(c.Dir, "strata.db"), sqlite.Validator); err != nil {
		return nil, err
	}
	if w.log, err = auditlog.Open(filepath.Join(c.Dir, "auditlog"), domain, key.Hotkey(), c.Log); err != nil {
		return nil, err
	}
	w.peers = peer.NewClient(peer.ClientConfig{Hotkey: key.Hotkey(), Signer: key, Domain: domain})
	w.calls = &counting{Miners: w.peers}
	w.v, err = validator.New(ctx, validator.Config{
		Chain: w.chain, Key: key, Miners: w.calls, Ledger: w.db, Shards: noShards{}, Domain: domain, Profile: p, Log: c.Log,
		Pace:    validator.Pace{Cohort: 2, First: 2},
		Account: &validator.Account{Log: w.log, Journal: w.db, Frauds: w.db, Version: "bench"},
		// A refill is bench seal's to measure. Here it takes its time and nothing else.
		Fill: func(ctx context.Context, s seal.Sector, _ []byte) (strata.Root, error) {
			return up.Root, lifecycle.Sleep(ctx, fillTime(s))
		},
	})
	if err == nil {
		err = w.v.Start(ctx)
	}
	return w, err
}

func (w *world) close() {
	_ = w.peers.Close() // measured is all there was to do
	_ = w.log.Close()
	_ = w.db.Close()
}

// load reads every manifest, and has the first cohort formed.
func (w *world) load(ctx context.Context, r *Result) error {
	before := heap()
	began := time.Now()
	d := w.v.Drive()
	var group sync.WaitGroup
	var failed atomic.Value
	next := make(chan strata.Hotkey)
	for range 2 * runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for m := range next {
				if err := w.v.Look(ctx, m); err != nil {
					failed.Store(err)
				}
			}
		})
	}
	for _, m := range w.chain.miners {
		next <- m
	}
	close(next)
	group.Wait()
	if err, ok := failed.Load().(error); ok {
		return err
	}
	for range 6 {
		d.Block(ctx, w.chain.advance())
	}
	r.LoadTime = time.Since(began).Seconds()
	sectors := float64(w.c.Miners) * float64(w.c.Sectors)
	r.HeapPerSector = max(0, float64(heap())-float64(before)) / sectors
	size, err := fileSizes(filepath.Join(w.c.Dir, "strata.db"))
	r.DiskPerSector = float64(size) / sectors
	return err
}

// warmUp is how long the validator runs before it is measured.
const warmUp = 3 * time.Second

// steady lets the validator run by itself.
func (w *world) steady(ctx context.Context, r *Result) error {
	// What the load has left to the log is not what an hour of audits writes.
	warm, done := context.WithTimeout(ctx, warmUp)
	defer done()
	if err := w.v.Run(warm); err != nil && warm.Err() == nil {
		return err
	}
	run, cancel := context.WithTimeout(ctx, w.c.Steady)
	defer cancel()
	logged, err := fileSizes(filepath.Join(w.c.Dir, "auditlog"))
	if err != nil {
		return err
	}
	cpu, audits, began := processorTime(), w.calls.audits.Load(), time.Now()
	if err := w.v.Run(run); err != nil && run.Err() == nil {
		return err
	}
	took := time.Since(began).Seconds()
	r.SteadyCPU = (processorTime() - cpu).Seconds() / took
	r.SteadyAudits = float64(w.calls.audits.Load()-audits) / took
	after, err := fileSizes(filepath.Join(w.c.Dir, "auditlog"))
	if err != nil {
		return err
	}
	r.LogPerHour = float64(after-logged) / took * 3600
	r.Resident = resident()
	r.Failed, err = w.failed(ctx)
	return err
}

// failed is how many leaves have failed so far. Beyond what a machine can do,
// answers are late: those of the flood say nothing.
func (w *world) failed(ctx context.Context) (sum uint64, err error) {
	st, err := w.v.Status(ctx)
	for _, m := range st.Miners {
		sum += m.AuditsFailed
	}
	return sum, err
}

// flood audits all miners in turn, several at once.
func (w *world) flood(ctx context.Context, r *Result) error {
	fctx, cancel := context.WithTimeout(ctx, w.c.Flood)
	defer cancel()
	d := w.v.Drive()
	cpu, audits, bytes, began := processorTime(), w.calls.audits.Load(), w.calls.bytes.Load(), time.Now()
	var group sync.WaitGroup
	var turn atomic.Int64
	for range 4 * runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for fctx.Err() == nil {
				m := w.chain.miners[int(turn.Add(1))%len(w.chain.miners)]
				if err := d.Audit(fctx, m); err != nil {
					return
				}
			}
		})
	}
	group.Wait()
	took := time.Since(began).Seconds()
	made := float64(w.calls.audits.Load() - audits)
	r.MostAudits, r.MostBytes = made/took, float64(w.calls.bytes.Load()-bytes)/took
	spent := (processorTime() - cpu).Seconds()
	r.MostCPU, r.PerAudit = spent/took, 1000*spent/max(1, made)
	return nil
}

// heap returns the bytes of live objects.
func heap() uint64 {
	runtime.GC()
	runtime.GC() // pools keep what they hold for one more
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// fileSizes adds up a file with what SQLite keeps beside it, or a directory.
func fileSizes(path string) (sum int64, err error) {
	files, err := filepath.Glob(path + "*")
	if err != nil {
		return 0, err
	}
	if st, err := os.Stat(path); err == nil && st.IsDir() {
		if files, err = filepath.Glob(filepath.Join(path, "*.log")); err != nil {
			return 0, err
		}
	}
	for _, f := range files {
		if strings.HasSuffix(f, ".lock") {
			continue
		}
		if st, err := os.Stat(f); err == nil {
			sum += st.Size()
		}
	}
	return sum, nil
}

// Tables are the result for people.
func (r *Result) Tables() []bench.Table {
	f := func(format string, v ...any) string { return fmt.Sprintf(format, v...) }
	sectors := float64(r.Miners) * float64(r.Sectors)
	costs := bench.Table{Head: []string{"one validator", ""}, Rows: [][]string{
		{"miners", f("%d of %s, %d partitions each", r.Miners, r.Bytes, r.Partitions)},
		{"sectors", f("%.0f", sectors)},
		{"manifests read, verified, written", f("%.0f s, %.0f sectors/s", r.LoadTime, sectors/r.LoadTime)},
		{"disk a sector, root included", f("%.1f B", r.DiskPerSector)},
		{"memory a sector (heap)", f("%.1f B", r.HeapPerSector)},
		{"resident memory, a sector to refill in included", strata.ByteSize(r.Resident).String()},
		{"audits scheduled", f("%.2f/s", r.NeedAudits)},
		{"audits made", f("%.2f/s", r.SteadyAudits)},
		{"processor for that, manifests polled", f("%.2f cores", r.SteadyCPU)},
		{"audits, at most", f("%.0f/s with %.2f cores", r.MostAudits, r.MostCPU)},
		{"openings verified, at most", f("%s/s", strata.ByteSize(r.MostBytes))},
		{"processor an audit of 16 leaves", f("%.2f ms", r.PerAudit)},
		{"audit log", f("%s/h", strata.ByteSize(r.LogPerHour))},
		{"leaves failed", f("%d", r.Failed)},
	}}
	noticed := bench.Table{Head: []string{"missing of a miner", "noticed within an hour", "a day"}}
	for _, d := range r.Detection {
		noticed.Rows = append(noticed.Rows, []string{f("%g %%", d.Missing*100), f("%.4f", d.Hour), f("%.4f", d.Day)})
	}
	return []bench.Table{costs, noticed}
}

// stillChain is a chain on which nothing happens but blocks.
type stillChain struct {
	miners []strata.Hotkey

	mu    sync.Mutex // guards what follows
	graph chain.Metagraph
}

func newStillChain(f Fleet, up Up) (*stillChain, error) {
	c := &stillChain{}
	add := func(h strata.Hotkey, permit bool, a chain.Axon) {
		c.graph.Neurons = append(c.graph.Neurons, chain.Neuron{UID: strata.UID(len(c.graph.Neurons)), Hotkey: h, Permit: permit, Stake: strata.RaoPerTao, Axon: a})
	}
	for i := range f.Partitions {
		k, err := validatorKey(i)
		if err != nil {
			return nil, err
		}
		add(k.Hotkey(), true, chain.Axon{})
	}
	for i, at := range up.Miners {
		k, err := minerKey(i)
		if err != nil {
			return nil, err
		}
		add(k.Hotkey(), false, chain.Axon{Addr: at})
		c.miners = append(c.miners, k.Hotkey())
	}
	return c, nil
}

// advance makes a block.
func (c *stillChain) advance() chain.Head {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.graph.Head.Number++
	c.graph.Head.Time = time.Now()
	return c.graph.Head
}

// Heads makes a block each twelve seconds.
func (c *stillChain) Heads(ctx context.Context) (<-chan chain.Head, error) {
	out := make(chan chain.Head)
	go func() {
		defer close(out)
		tick := time.NewTicker(12 * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			select {
			case <-ctx.Done():
				return
			case out <- c.advance():
			}
		}
	}()
	return out, nil
}

func (c *stillChain) Metagraph(context.Context, strata.Netuid, strata.BlockHash) (*chain.Metagraph, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := c.graph
	return &g, nil
}

func (c *stillChain) Hyperparameters(context.Context, strata.Netuid) (chain.Hyperparameters, error) {
	return chain.Hyperparameters{Tempo: 360}, nil
}

func (c *stillChain) SetWeights(context.Context, chain.Signer, strata.Netuid, []chain.Weight, chain.Commits) (chain.WeightsReceipt, error) {
	return chain.WeightsReceipt{}, nil
}

func (c *stillChain) RevealWeights(context.Context, chain.Signer, strata.Netuid, chain.Commits) (chain.Reveals, error) {
	return chain.Reveals{}, nil
}

type noShards struct{}

func (noShards) SettleShard(context.Context, strata.Hotkey, catalog.Placed, catalog.ShardState) (bool, error) {
	return false, nil
}
