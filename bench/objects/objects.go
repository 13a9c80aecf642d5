// Package objects measures the data path as a user sees it: files of one size
// up and down through the gateway of a whole network of processes on this
// machine, with TLS, signatures, fsync and audits as in production. A copy of
// the same bytes and the codec alone, in the same run, say what the machine
// gives.
package objects

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"strata"
	"strata/devnet"
	"strata/gateway"
	"strata/gateway/client"
)

// Config says what to measure. All fields but Stream are needed.
type Config struct {
	Dir      string // everything lies below it; removed by the caller
	Binary   string // the strata binary
	Miners   int
	Size     strata.ByteSize // of the large object
	Rounds   int             // how often it goes up and down; the median counts
	Small    int             // how many small objects
	InFlight int             // of them under way at once
	Stream   strata.ByteSize // of one object for the peak of memory; 0: none
	Log      *slog.Logger
}

// smallSize is the size of a small object in bytes.
const smallSize = 10 << 10

// Result is what was measured. Rates are in bytes a second, MB being 10⁶ of
// them; times are in nanoseconds.
type Result struct {
	Machine string          `json:"machine"`
	Codec   string          `json:"codec"` // k of total, as the gateway chose
	Size    strata.ByteSize `json:"size_bytes"`

	Copy   float64 `json:"copy_bytes_per_s"`   // file to file with fsync
	Encode float64 `json:"encode_bytes_per_s"` // erasure code, encryption and hash of all shards, nothing sent
	Decode float64 `json:"decode_bytes_per_s"` // k shards with parity: check, decryption, erasure code

	// Bare is the floor of an upload on these cores: encoded, hashed, through
	// TLS, hashed and synced, in one process and with nothing else.
	Bare    float64 `json:"bare_bytes_per_s"`
	BareCPU float64 `json:"bare_cpu_ns_per_byte"`

	Upload    Rate          `json:"upload"`
	Download  Rate          `json:"download"`
	FirstByte time.Duration `json:"first_byte_ns"` // median, of a download

	SmallPut Small `json:"small_put"`
	SmallGet Small `json:"small_get"`

	Stream     strata.ByteSize `json:"stream_bytes,omitempty"`
	PeakMemory strata.ByteSize `json:"gateway_peak_bytes"` // of the gateway's process; 0 where the system does not tell
	Audits     uint64          `json:"audited_leaves"`     // answered right while all this went on
}

// Rate is the rate of a transfer and what it cost.
type Rate struct {
	Median float64   `json:"bytes_per_s"`
	Rounds []float64 `json:"rounds_bytes_per_s"`
	CPU    CPU       `json:"cpu"`
}

// Small is the rate of small objects.
type Small struct {
	PerSecond float64       `json:"per_s"`
	P50       time.Duration `json:"p50_ns"`
	P99       time.Duration `json:"p99_ns"`
	CPU       CPU           `json:"cpu"`
}

// run is a measurement under way.
type run struct {
	cfg  Config
	net  *devnet.Network
	api  *client.Client
	in   string          // the file that goes up
	last strata.ObjectID // the large object read last
	res  Result
}

// Run brings a network up, measures and stops it. Progress goes to cfg.Log.
func Run(ctx context.Context, cfg Config) (res Result, err error) {
	net, err := devnet.Open(cfg.devnet())
	if err != nil {
		return Result{}, err
	}
	defer func() {
		if cerr := net.Close(); err == nil {
			err = cerr
		}
	}()
	r := &run{cfg: cfg, net: net, in: filepath.Join(cfg.Dir, "in"), res: Result{Size: cfg.Size}}
	if err := r.begin(ctx); err != nil {
		return Result{}, err
	}
	defer r.api.Close()
	for _, step := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"copy", r.copy}, {"codec", r.codec}, {"bare", r.bare}, {"large", r.large}, {"first byte", r.firstByte},
		{"small", r.small}, {"stream", r.stream}, {"end", r.finish},
	} {
		cfg.Log.Info("measuring", "what", step.name)
		if err := step.run(ctx); err != nil {
			return Result{}, fmt.Errorf("measure %s: %w", step.name, err)
		}
	}
	return r.res, nil
}

// devnet sizes the miners: three times the bytes and a quarter more, and the small
// objects if they came one by one.
func (c Config) devnet() devnet.Config {
	bytes := uint64(c.Size)*uint64(c.Rounds+1) + uint64(c.Stream)
	space := bytes*3/uint64(c.Miners)*5/4 + uint64(c.Small)*(64<<10)/uint64(c.Miners) + uint64(64*strata.MiB)
	return devnet.Config{
		Dir: filepath.Join(c.Dir, "net"), Binary: c.Binary, Miners: c.Miners, Validators: 1,
		Space: strata.ByteSize(space) / strata.MiB * strata.MiB, Tempo: 20, BlockTime: time.Second, Log: c.Log,
	}
}

// begin brings the network up, waits until it is audited and its arrival checks
// are over, and makes the file.
func (r *run) begin(ctx context.Context) error {
	r.cfg.Log.Info("starting a network", "miners", r.cfg.Miners, "space_each", r.cfg.devnet().Space)
	if err := r.net.Up(ctx); err != nil {
		return err
	}
	if err := r.net.AwaitReady(ctx, func(gateway.NetworkStatus) {}); err != nil {
		return err
	}
	token, err := r.net.Token()
	if err != nil {
		return err
	}
	if r.api, err = client.New(r.net.GatewayURL(), token); err != nil {
		return err
	}
	r.cfg.Log.Info("sealed; waiting for the first checks to end")
	if err := r.settle(ctx); err != nil {
		return err
	}
	st, err := r.net.Status(ctx)
	if err != nil {
		return err
	}
	r.res.Audits = audited(st)
	f, err := os.Create(r.in)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := newNoise(0).writeN(f, int64(r.cfg.Size)); err != nil {
		return err
	}
	return f.Sync()
}

const (
	settleEach = 2 * time.Second
	settleMost = 3 * time.Minute
	settleBusy = 0.25 // of a core
)

// settle waits until the validator has made the checks that new sectors bring:
// a network at work does not have that burst. Audits go on.
func (r *run) settle(ctx context.Context) error {
	pid := r.pids("validator")[0]
	for start := time.Now(); time.Since(start) < settleMost; {
		before := used(pid)
		if err := pause(ctx, settleEach); err != nil {
			return err
		}
		if used(pid)-before < settleBusy*settleEach.Seconds() {
			return nil
		}
	}
	return nil
}

// audited counts the leaves answered right so far.
func audited(st gateway.NetworkStatus) (n uint64) {
	for _, m := range st.Miners {
		n += m.AuditsPassed
	}
	return n
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// finish reads what is left to know.
func (r *run) finish(ctx context.Context) error {
	st, err := r.net.Status(ctx)
	if err != nil {
		return err
	}
	r.res.Audits = audited(st) - r.res.Audits
	r.res.PeakMemory = peak(r.pids("validator")[0])
	return nil
}

// pids returns the processes of a role.
func (r *run) pids(role string) (out []int) {
	for _, p := range r.net.Processes() {
		if p.Role == role {
			out = append(out, p.PID)
		}
	}
	return out
}
