// Package pipeline moves sectors from the processor to the disks: workers fill
// them in memory, and each disk's lane writes them, reads them back from the
// disk and compares, while the workers fill the next. It knows neither indexes
// nor validators; package volume gives it jobs.
//
// A run holds Config.Buffers sectors in memory and no more. Each job is in one
// goroutine at a time.
package pipeline

import (
	"context"
	"errors"
	"sync"

	"strata"
	"strata/internal/background"
)

// Watch is told how far a piece of work is: done of total, in any unit of which
// each takes about as long. It is called by the working goroutine.
type Watch = func(done, total uint64)

// Job is one sector on its way.
type Job interface {
	// Lane is the disk that takes the sector, from 0 to below Config.Lanes.
	Lane() int
	// Fill computes the sector into buf.
	Fill(ctx context.Context, buf []byte, watch Watch) error
	// Store puts the sector on its disk for good. It calls free once it needs buf
	// no longer; after an error that may be later, for a disk that hangs and may
	// still read it.
	Store(ctx context.Context, buf []byte, free func(), watch Watch) error
}

// Source gives jobs. Its methods are called by several workers, one at a time.
type Source interface {
	// Next returns a job. load is how many sectors are under way to each lane.
	// With a nil job, the worker asks again when wait is closed, and ends if
	// wait is nil.
	Next(load []int) (j Job, wait <-chan struct{})
	// Done says that a job is through, nil, or has failed.
	Done(j Job, err error)
}

// Config is the shape of a run.
type Config struct {
	Workers int             // fills at once, at least 1
	Buffers int             // sectors in memory at once, at least 1
	Lanes   int             // disks
	Size    strata.ByteSize // of a sector
	Jobs    int             // how many there will be, for Report
	// Report, unless nil, gets the part of the run's time that has passed, as
	// bytes of the jobs' total. It is never called twice at once and never goes
	// back.
	Report func(done, total strata.ByteSize)
}

// Run works until the source has no more jobs, or until ctx is done, whose
// error it then returns; jobs that are under way fail with it. An error of a
// job is the source's to keep. It ends with jobs left when the memory of all
// sectors is with disks that hang. Code Unavailable if there is no memory for one
// sector.
func Run(ctx context.Context, cfg Config, src Source) error {
	defer background.Room(cfg.Workers)()
	r := &run{cfg: cfg, src: src, pool: newPool(cfg.Buffers, cfg.Size), meter: newMeter(cfg), load: make([]int, cfg.Lanes)}
	defer r.pool.free()
	lanes := make([]chan filled, cfg.Lanes)
	var disks, workers sync.WaitGroup
	for i := range lanes {
		lanes[i] = make(chan filled, cfg.Buffers)
		disks.Go(func() { r.store(ctx, lanes[i]) })
	}
	errs := make([]error, cfg.Workers)
	for i := range errs {
		workers.Go(func() { errs[i] = r.work(ctx, lanes) })
	}
	workers.Wait()
	for _, lane := range lanes {
		close(lane)
	}
	disks.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for _, err := range errs {
		if err != nil {
			return err // all workers lack the same memory
		}
	}
	return nil
}

// run is one call of Run.
type run struct {
	cfg   Config
	src   Source
	pool  *pool
	meter *meter

	mu   sync.Mutex // guards load, and is held while src is asked or told
	load []int
}

// filled is a sector that waits for its disk.
type filled struct {
	job  Job
	loan *loan
}

// work fills sectors until there are none. What it computes can wait, so the
// system gives the processor to whoever serves first.
func (r *run) work(ctx context.Context, lanes []chan filled) error {
	background.Lower()
	for {
		buf, err := r.pool.get(ctx)
		if errors.Is(err, errStuck) {
			return nil // the next run begins with what memory there is then
		}
		if err != nil {
			return err
		}
		l := &loan{p: r.pool, buf: buf}
		j := r.next(ctx)
		if j == nil {
			l.put()
			return nil
		}
		task := r.meter.fills.begin()
		err = j.Fill(ctx, buf, r.meter.watch(task))
		r.meter.fills.end(task, err == nil)
		if err != nil {
			l.put()
			r.done(j, err)
			continue
		}
		lanes[j.Lane()] <- filled{j, l} // never waits: it has room for all buffers
	}
}

// next waits for a job; nil when there are no more, or when ctx is done.
func (r *run) next(ctx context.Context) Job {
	for ctx.Err() == nil {
		r.mu.Lock()
		j, wait := r.src.Next(r.load)
		if j != nil {
			r.load[j.Lane()]++
		}
		r.mu.Unlock()
		if j != nil || wait == nil {
			return j
		}
		select {
		case <-ctx.Done():
		case <-wait:
		}
	}
	return nil
}

// store is the lane of one disk: one sector after the other, since a disk is
// fastest when it writes in one place.
func (r *run) store(ctx context.Context, lane <-chan filled) {
	for f := range lane {
		task := r.meter.stores.begin()
		err := f.job.Store(ctx, f.loan.buf, f.loan.put, r.meter.watch(task))
		r.meter.stores.end(task, err == nil)
		f.loan.part()
		r.done(f.job, err)
	}
}

// done takes a job out of the count and tells its source.
func (r *run) done(j Job, err error) {
	r.mu.Lock()
	r.load[j.Lane()]--
	r.src.Done(j, err)
	r.mu.Unlock()
	r.meter.report(true)
}
