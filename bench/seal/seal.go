// Package seal measures how fast this machine fills sectors, with each
// instruction set that it has: the permutation alone, which is what a fill
// would take if memory cost nothing, the fill, a miner's whole sealing, and
// what it costs to open and to verify a leaf.
//
// Rates on a shared machine mean little, ratios within one run do: the
// permutation is measured again beside every fill. Of it the fastest look counts,
// and of a fill's short stretches the tenth part that other programs disturb
// least; rates and the time of a sector are those of a whole fill.
package seal

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"strata"
	"strata/bench/pipeline"
	"strata/internal/hugepage"
	rules "strata/seal"
	sealing "strata/volume/pipeline"
)

// Config says what to measure.
type Config struct {
	Sizes   []strata.ByteSize // of sectors: powers of two from 16 KiB
	Passes  uint32
	ISAs    []rules.ISA // nil: all that this processor has, plain Go in the first size only if there are others
	Workers int         // fills at once in the last row; 0: one for each core, and as many as a miner uses on the disk
	Dir     string      // where the pipeline writes; a temporary directory is made in it
	Disk    bool        // measure the pipeline too
}

// Row is the measurement of one instruction set, size and number of workers.
// Figures that were not measured are 0.
type Row struct {
	ISA         rules.ISA `json:"isa"`
	SectorBytes int64     `json:"sector_bytes"`
	Passes      uint32    `json:"passes"`
	Workers     int       `json:"workers"`           // fills at once
	Perm        float64   `json:"perm_ns"`           // one permutation and its feed-forward, in the first cache
	BlockPass   float64   `json:"block_pass_ns"`     // one block in one pass, of one worker: in the calmer stretches of the fill
	Fill        float64   `json:"fill_mb_s"`         // 10⁶ bytes of sectors in a second, all workers together
	Sector      float64   `json:"sector_s"`          // one sector
	Pipeline    maybe     `json:"pipeline_mb_s"`     // sealed: filled, written, read back, entered in the index
	Raw         maybe     `json:"raw_mb_s"`          // writing and reading back alone
	Ratio       maybe     `json:"pipeline_ratio"`    // of the pipeline to the slower of raw and the fills measured in turn with it, at a miner's priority
	Opening     int       `json:"opening_bytes"`     // a leaf and its path
	Open        float64   `json:"open_us"`           // making it from 64 KiB of the sector and the kept nodes
	Verify      float64   `json:"verify_us"`         // checking it against the root
	Gather      float64   `json:"gather_ns"`         // the lines that one block reads from all over the sector in one pass, read as fast as this machine can and nothing else done
	Latency     float64   `json:"latency_ns"`        // one read of a random line of the sector, each waiting for the one before
	Clock       float64   `json:"clock_ghz"`         // of the core, while the permutation was measured
	Machine     string    `json:"machine,omitempty"` // set by whoever prints
}

// maybe is a figure that is null in JSON where it was not measured.
type maybe float64

// MarshalJSON implements json.Marshaler.
func (m maybe) MarshalJSON() ([]byte, error) {
	if m == 0 {
		return []byte("null"), nil
	}
	return json.Marshal(float64(m))
}

// Result is all rows, and what could not be measured.
type Result struct {
	Rows    []Row
	Skipped []string // one line each, for people
}

// plan is one row to be measured.
type plan struct {
	isa     rules.ISA
	sector  rules.Sector
	workers int
	open    bool // measure openings; the others of the size take over what was found
	disk    bool // measure the pipeline
}

// Run measures. A size that this machine has no memory for is skipped, and
// said so in the result; if that is every size, code Unavailable says how much
// is needed. report, if not nil, is told how many rows of how many are done.
func Run(ctx context.Context, cfg Config, report func(done, total int)) (Result, error) {
	plans, err := cfg.plans()
	if err != nil {
		return Result{}, err
	}
	var res Result
	var lack error
	for i, p := range plans {
		row, err := p.measure(ctx)
		switch {
		case err == nil:
			row = p.seal(ctx, cfg.Dir, row, &res)
			row.share(res.Rows)
			res.Rows = append(res.Rows, row)
		case strata.CodeOf(err) == strata.Unavailable:
			lack = cmp.Or(lack, err)
			res.Skipped = append(res.Skipped, fmt.Sprintf("%s × %d with %s: %v", strata.ByteSize(p.sector.Size()), p.workers, p.isa, err))
		default:
			return res, err
		}
		if ctx.Err() != nil {
			return res, ctx.Err()
		}
		if report != nil {
			report(i+1, len(plans))
		}
	}
	if len(res.Rows) == 0 {
		return res, lack
	}
	return res, nil
}

// plans are, for each size, a row of one worker for each instruction set; then,
// in the smallest size that is larger than the caches, one of the fastest with all
// workers, and before it, unless a number was given, one with as many as a miner uses.
// Both seal onto the disk.
func (c Config) plans() ([]plan, error) {
	var list, crowd []plan
	for i, size := range c.Sizes {
		s, err := sector(size, c.Passes)
		if err != nil {
			return nil, err
		}
		isas := c.isas(i)
		for _, isa := range isas {
			list = append(list, plan{isa: isa, sector: s, workers: 1, open: isa == isas[0]})
		}
		if i == c.crowded() {
			crowd = c.crowd(isas[0], s)
		}
	}
	if len(list) == 0 {
		return nil, strata.E(strata.Invalid, "no size of a sector to measure: give at least one")
	}
	return append(list, crowd...), nil
}

// crowd returns the rows with all workers.
func (c Config) crowd(isa rules.ISA, s rules.Sector) []plan {
	all := plan{isa: isa, sector: s, workers: cmp.Or(c.Workers, runtime.GOMAXPROCS(0)), disk: c.Disk}
	usual, _, err := sealing.EffectiveWorkers(all.workers+1, strata.ByteSize(s.Size()))
	if c.Workers > 0 || err != nil || usual < 1 || usual == all.workers {
		return []plan{all}
	}
	fewer := all
	fewer.workers = usual
	return []plan{fewer, all}
}

// isas returns what the size at that place is filled with.
func (c Config) isas(size int) []rules.ISA {
	all := rules.ISAs()
	switch {
	case len(c.ISAs) > 0:
		return c.ISAs
	case size > 0 && len(all) > 1: // plain Go would take most of the time
		return all[:len(all)-1]
	}
	return all
}

// beyondCaches is larger than what processors keep near.
const beyondCaches = strata.GiB

// crowded returns which size several workers are measured with.
func (c Config) crowded() int {
	if i := slices.IndexFunc(c.Sizes, func(s strata.ByteSize) bool { return s >= beyondCaches }); i >= 0 {
		return i
	}
	return len(c.Sizes) - 1
}

// sector returns a sector of that size.
func sector(size strata.ByteSize, passes uint32) (rules.Sector, error) {
	if size%strata.BlockSize != 0 || size/strata.BlockSize > 1<<31 {
		return rules.Sector{}, strata.E(strata.Invalid, "no sector has %d bytes: give a power of two of at least 16 KiB", size)
	}
	s := rules.Sector{Blocks: uint32(size / strata.BlockSize), Passes: passes}
	return s, s.Validate()
}

// A fill is repeated until fillTime has passed or fillTimes were made, and the
// fastest counts: what slows one down is other programs.
const (
	fillTime  = 3 * time.Second
	fillTimes = 3
)

// measure fills, and opens leaves of what was filled.
func (p plan) measure(ctx context.Context) (Row, error) {
	bufs, free, err := p.memory()
	if err != nil {
		return Row{}, err
	}
	defer free()
	row := Row{ISA: p.isa, SectorBytes: p.sector.Size(), Passes: p.sector.Passes, Workers: p.workers}
	c := core{isa: p.isa}
	if err := c.look(); err != nil {
		return row, err
	}
	m := &stretches{blockPasses: float64(p.sector.Blocks) * float64(p.sector.Passes)}
	best := time.Duration(0)
	for i, began := 0, time.Now(); i == 0 || i < fillTimes && time.Since(began) < fillTime; i++ {
		took, err := p.fill(ctx, bufs, m)
		if err != nil {
			return row, err
		}
		if best == 0 || took < best {
			best = took
		}
		if err := c.look(); err != nil {
			return row, err
		}
	}
	row.Perm, row.Clock = c.perm, c.clock
	row.Sector = best.Seconds()
	row.BlockPass = m.calm()
	row.Fill = float64(p.workers) * float64(p.sector.Size()) / 1e6 / best.Seconds()
	if !p.open {
		return row, nil
	}
	row.Latency = latency(bufs[0])
	if row.Gather, err = gather(p.sector, bufs[0]); err != nil {
		return row, err
	}
	return row, row.openings(bufs[0])
}

// share takes over from the rows before what does not hang on the instruction
// set.
func (r *Row) share(before []Row) {
	for _, x := range before {
		if x.SectorBytes == r.SectorBytes && r.Opening == 0 {
			r.Gather, r.Latency, r.Opening, r.Open, r.Verify = x.Gather, x.Latency, x.Opening, x.Open, x.Verify
		}
	}
}

// memory returns a buffer for each worker, all of which the system has handed
// out: a worker uses its buffer again and again.
func (p plan) memory() (bufs [][]byte, free func(), err error) {
	all, err := hugepage.Alloc(strata.ByteSize(p.sector.Size()) * strata.ByteSize(p.workers))
	if err != nil {
		return nil, nil, err
	}
	touch(all.Bytes())
	return slices.Collect(slices.Chunk(all.Bytes(), int(p.sector.Size()))), all.Free, nil
}

// fill fills all buffers at once and returns how long that took.
func (p plan) fill(ctx context.Context, bufs [][]byte, m *stretches) (time.Duration, error) {
	errs := make([]error, len(bufs))
	var wg sync.WaitGroup
	began := time.Now()
	for i, buf := range bufs {
		wg.Go(func() {
			s, w := p.sector, &watch{Context: ctx}
			s.Number = uint64(i)
			errs[i] = s.FillWith(w, p.isa, buf)
			m.add(w.seen)
		})
	}
	wg.Wait()
	return time.Since(began), errors.Join(errs...)
}

// seal measures the pipeline into the row, where it is wanted and fits.
func (p plan) seal(ctx context.Context, dir string, row Row, res *Result) Row {
	if !p.disk {
		return row
	}
	profile := strata.Profile{Name: "bench", Blocks: p.sector.Blocks, Passes: p.sector.Passes}
	f, err := pipeline.Measure(ctx, pipeline.Options{Dir: dir, Profile: profile, Workers: p.workers})
	if err != nil {
		res.Skipped = append(res.Skipped, fmt.Sprintf("pipeline: %v", err))
		return row
	}
	row.Pipeline, row.Raw, row.Ratio = maybe(f.Seal), maybe(f.Raw), maybe(f.Ratio())
	return row
}
