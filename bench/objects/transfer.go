package objects

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"strata"
)

// large sends the file up and down Rounds times, after one round that does not
// count: it makes connections and buffers.
func (r *run) large(ctx context.Context) error {
	var cpuUp, cpuDown CPU
	for i := range r.cfg.Rounds + 1 {
		id, up, cpu, err := r.put(ctx)
		if err != nil {
			return err
		}
		if i > 0 {
			r.res.Upload.Rounds = append(r.res.Upload.Rounds, up)
			cpuUp = cpuUp.plus(cpu)
		}
		down, cpu, err := r.get(ctx, id)
		if err != nil {
			return err
		}
		if i > 0 {
			r.res.Download.Rounds = append(r.res.Download.Rounds, down)
			cpuDown = cpuDown.plus(cpu)
		}
		r.cfg.Log.Info("round", "upload_MB/s", int(up/1e6), "download_MB/s", int(down/1e6))
	}
	r.res.Upload.Median, r.res.Download.Median = median(r.res.Upload.Rounds), median(r.res.Download.Rounds)
	moved := float64(r.cfg.Size) * float64(r.cfg.Rounds)
	r.res.Upload.CPU, r.res.Download.CPU = cpuUp.per(moved), cpuDown.per(moved)
	return nil
}

func (r *run) put(ctx context.Context) (strata.ObjectID, float64, CPU, error) {
	f, err := os.Open(r.in)
	if err != nil {
		return strata.ObjectID{}, 0, CPU{}, err
	}
	defer f.Close()
	before, start := r.cpu(), time.Now()
	id, err := r.api.Put(ctx, "large", int64(r.cfg.Size), f, nil)
	rate := float64(r.cfg.Size) / time.Since(start).Seconds()
	return id, rate, r.cpu().minus(before), err
}

// get reads an object back and compares every byte.
func (r *run) get(ctx context.Context, id strata.ObjectID) (float64, CPU, error) {
	before, start := r.cpu(), time.Now()
	n, err := r.api.Get(ctx, id, &check{noise: newNoise(0)}, 0, nil)
	rate := float64(n) / time.Since(start).Seconds()
	if err == nil && n != int64(r.cfg.Size) {
		err = fmt.Errorf("%d bytes came back of %d", n, r.cfg.Size)
	}
	r.last = id
	return rate, r.cpu().minus(before), err
}

// firstBytes is how many downloads are begun for the first byte's median.
const firstBytes = 50

// firstByte asks for the large object many times and stops at its first byte.
func (r *run) firstByte(ctx context.Context) error {
	o, err := r.api.Stat(ctx, r.last)
	if err != nil {
		return err
	}
	if o.Health != nil {
		r.res.Codec = fmt.Sprintf("%d of %d", o.Health.Needed, o.Health.Total)
	}
	var took []time.Duration
	for range firstBytes {
		cctx, cancel := context.WithCancel(ctx)
		start := time.Now()
		var once sync.Once
		_, err := r.api.Get(cctx, r.last, writer(func(p []byte) (int, error) {
			once.Do(func() { took = append(took, time.Since(start)); cancel() })
			return len(p), nil
		}), 0, nil)
		cancel()
		if err != nil && cctx.Err() == nil {
			return err
		}
	}
	slices.Sort(took)
	r.res.FirstByte = took[len(took)/2]
	return nil
}

// small stores small objects and reads them back, InFlight at once.
func (r *run) small(ctx context.Context) error {
	ids := make([]strata.ObjectID, r.cfg.Small)
	var err error
	r.res.SmallPut, err = r.crowd(ctx, func(ctx context.Context, i int) error {
		body := make([]byte, smallSize)
		_, _ = newNoise(i + 1).Read(body) // never fails
		id, err := r.api.Put(ctx, fmt.Sprintf("small-%06d", i), smallSize, bytes.NewReader(body), nil)
		ids[i] = id
		return err
	})
	if err != nil {
		return err
	}
	r.res.SmallGet, err = r.crowd(ctx, func(ctx context.Context, i int) error {
		n, err := r.api.Get(ctx, ids[i], &check{noise: newNoise(i + 1)}, 0, nil)
		if err == nil && n != smallSize {
			err = fmt.Errorf("%d bytes came back of %d", n, smallSize)
		}
		return err
	})
	return err
}

// crowd runs fn for each small object, InFlight at once.
func (r *run) crowd(ctx context.Context, fn func(context.Context, int) error) (Small, error) {
	took := make([]time.Duration, r.cfg.Small)
	var next atomic.Int64
	before, start := r.cpu(), time.Now()
	g, gctx := errgroup.WithContext(ctx)
	for range r.cfg.InFlight {
		g.Go(func() error {
			for i := int(next.Add(1)) - 1; i < r.cfg.Small; i = int(next.Add(1)) - 1 {
				began := time.Now()
				if err := fn(gctx, i); err != nil {
					return err
				}
				took[i] = time.Since(began)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return Small{}, err
	}
	s := Small{PerSecond: float64(r.cfg.Small) / time.Since(start).Seconds(), CPU: r.cpu().minus(before).per(float64(r.cfg.Small))}
	slices.Sort(took)
	s.P50, s.P99 = took[len(took)/2], took[len(took)*99/100]
	return s, nil
}

// stream sends one object of any size up and down, for the peak of memory.
func (r *run) stream(ctx context.Context) error {
	if r.cfg.Stream == 0 {
		return nil
	}
	r.res.Stream = r.cfg.Stream
	n := int64(r.cfg.Stream)
	id, err := r.api.Put(ctx, "stream", n, io.LimitReader(newNoise(-1), n), nil)
	if err != nil {
		return err
	}
	back, err := r.api.Get(ctx, id, &check{noise: newNoise(-1)}, 0, nil)
	if err == nil && back != n {
		err = fmt.Errorf("%d bytes came back of %d", back, n)
	}
	return err
}

// copy copies the file once, with fsync, as the plainest thing a disk can do.
func (r *run) copy(context.Context) error {
	var rates []float64
	for range r.cfg.Rounds {
		rate, err := copyFile(r.in, filepath.Join(r.cfg.Dir, "copy"))
		if err != nil {
			return err
		}
		rates = append(rates, rate)
	}
	r.res.Copy = median(rates)
	return nil
}

func copyFile(from, to string) (float64, error) {
	in, err := os.Open(from)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return 0, err
	}
	defer os.Remove(to)
	defer out.Close()
	start := time.Now()
	// Through memory, as the network has to: no copy within the file system.
	n, err := io.CopyBuffer(writer(out.Write), reader(in.Read), make([]byte, 1<<20))
	if err == nil {
		err = out.Sync()
	}
	return float64(n) / time.Since(start).Seconds(), err
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

type reader func([]byte) (int, error)

func (r reader) Read(p []byte) (int, error) { return r(p) }

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}
