// Package pipeline measures sealing as a miner does it, beside its two halves
// alone: the fill in memory, and the disk that takes what was filled. It shows
// how close the whole comes to the slower half.
package pipeline

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"strata"
	"strata/allocation"
	"strata/internal/background"
	"strata/internal/hugepage"
	"strata/seal"
	"strata/volume"
	"strata/volume/vfs"
)

// Options say what to measure.
type Options struct {
	Dir     string         // a directory on the disk; a temporary one is made in it and removed
	Profile strata.Profile // whose sectors
	Workers int            // fills at once, at least 1; see pipeline.EffectiveWorkers
	Rounds  int            // how often the three are measured in turn; 0: 3
	// Report, unless nil, gets the figures so far after each round.
	Report func(Figures)
}

// Figures are rates in MB (10⁶ bytes) of sectors in a second.
type Figures struct {
	Sector  strata.ByteSize
	Workers int
	Fill    float64 // filling in memory, all workers together
	Raw     float64 // writing past the cache, syncing, reading back: one file, nothing else
	Seal    float64 // the pipeline: all of that, checked and entered in the index
}

// Ratio returns the pipeline's rate as a part of the slower half's.
func (f Figures) Ratio() float64 { return f.Seal / max(min(f.Fill, f.Raw), 1e-9) }

// Sectors that each worker seals in a round. The first of each are not counted,
// since nothing is written while they are filled, nor are those for which the
// system hands out memory: a virtual machine may wait seconds for that.
const (
	perWorker = 7
	warmUp    = 2
)

// rawPiece is how much the disk alone is given at a time, one after the other.
const rawPiece = 8 << 20

// Measure fills, writes and seals in turn, so that what else the machine does
// meanwhile meets all three. It takes Workers × perWorker sectors of disk and
// one more, and one sector more than Workers of memory, and stops when ctx is done. Code
// NoSpace or Unavailable if there is not so much.
func Measure(ctx context.Context, o Options) (f Figures, err error) {
	if o.Workers < 1 {
		return f, strata.E(strata.Invalid, "no worker to measure with: give at least 1")
	}
	dir, err := os.MkdirTemp(o.Dir, "strata-bench-")
	if err != nil {
		return f, strata.E(strata.Invalid, "measure in %s: %w", o.Dir, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	m := &measuring{Options: o, dir: dir}
	if m.Rounds == 0 {
		m.Rounds = 3
	}
	for range m.Rounds {
		for _, half := range []func(context.Context) error{m.halves, m.whole} {
			if err := half(ctx); err != nil {
				return m.figures(), err
			}
		}
		if o.Report != nil {
			o.Report(m.figures())
		}
	}
	return m.figures(), nil
}

// measuring is one call of Measure.
type measuring struct {
	Options
	dir             string
	fill, raw, seal sum
}

// sum is bytes and the time that they took.
type sum struct {
	bytes int64
	took  time.Duration
}

func (s *sum) add(bytes int64, since time.Time) {
	s.bytes += bytes
	s.took += time.Since(since)
}

func (s sum) rate() float64 { return float64(s.bytes) / 1e6 / max(s.took.Seconds(), 1e-9) }

func (m *measuring) figures() Figures {
	return Figures{Sector: m.Profile.SectorSize(), Workers: m.Workers, Fill: m.fill.rate(), Raw: m.raw.rate(), Seal: m.seal.rate()}
}

// halves measures fill and disk alone.
func (m *measuring) halves(ctx context.Context) error {
	bufs := make([][]byte, m.Workers)
	for i := range bufs {
		mem, err := hugepage.Alloc(m.Profile.SectorSize())
		if err != nil {
			return err
		}
		defer mem.Free()
		bufs[i] = mem.Bytes()
	}
	if err := m.fillAll(ctx, bufs, nil); err != nil { // the system hands out the memory
		return err
	}
	if err := m.fillAll(ctx, bufs, &m.fill); err != nil {
		return err
	}
	return m.disk(ctx, bufs[0])
}

// fillAll fills all buffers at once.
func (m *measuring) fillAll(ctx context.Context, bufs [][]byte, into *sum) error {
	errs := make([]error, len(bufs))
	var wg sync.WaitGroup
	began := time.Now()
	for i, buf := range bufs {
		wg.Go(func() {
			background.Lower() // as in the pipeline, so that other programs meet both alike
			s := seal.Sector{Number: uint64(i), Blocks: m.Profile.Blocks, Passes: m.Profile.Passes}
			errs[i] = s.Fill(ctx, buf)
		})
	}
	wg.Wait()
	if into != nil {
		into.add(int64(len(bufs))*int64(m.Profile.SectorSize()), began)
	}
	return errors.Join(errs...)
}

// disk measures the disk alone: one file, written, synced and read back.
func (m *measuring) disk(ctx context.Context, buf []byte) error {
	path := filepath.Join(m.dir, "raw")
	f, err := vfs.OS{}.Open(path)
	if err != nil {
		return err
	}
	defer os.Remove(path)
	defer f.Close()
	if err := f.Allocate(0, int64(len(buf))); err != nil {
		return err
	}
	for range 2 {
		began := time.Now()
		for _, move := range []func([]byte, int64) (int, error){f.WriteDirect, f.ReadDirect} {
			for at := 0; at < len(buf); at += rawPiece {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if _, err := move(buf[at:min(at+rawPiece, len(buf))], int64(at)); err != nil {
					return err
				}
			}
			if err := f.Sync(); err != nil {
				return err
			}
		}
		m.raw.add(int64(len(buf)), began)
	}
	return nil
}

// whole measures a miner's Seal.
func (m *measuring) whole(ctx context.Context) error {
	dir := filepath.Join(m.dir, "miner")
	cfg := volume.Config{Paths: []string{dir}, Wallet: "w", Hotkey: "h", Miner: strata.Hotkey{1}, Profile: m.Profile}
	store, err := volume.Open(ctx, cfg)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	defer store.Close()
	n := uint64(m.Workers*perWorker + 1)
	target := allocation.Target{Validator: strata.Hotkey{2}, Sectors: n, Holdings: []allocation.Holding{{Volume: dir, Sectors: n}}}
	if err := store.SetTargets(ctx, []allocation.Target{target}); err != nil {
		return err
	}
	var began time.Time
	first := uint64(0)
	err = store.Seal(ctx, m.Workers, func(_, _ strata.ByteSize) {
		if sealed := store.Sealed()[0].Sealed; sealed > uint64(warmUp*m.Workers) && began.IsZero() {
			began, first = time.Now(), sealed
		}
	})
	if err == nil {
		m.seal.add(int64(n-first)*int64(m.Profile.SectorSize()), began)
	}
	return err
}
