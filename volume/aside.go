package volume

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"strata"
	"strata/volume/disk"
	"strata/volume/pipeline"
)

// sealing is one call of Seal: what is to be sealed on each disk, and which
// disks are set aside. It is the pipeline's source.
type sealing struct {
	s *Store

	mu    sync.Mutex // guards what follows
	lanes []lane     // by disk
	begun int        // jobs under way
	wake  chan struct{}
}

// lane is the sectors that wait for one disk.
type lane struct {
	disk  *disk.Disk
	jobs  []job
	err   error         // why it is set aside, nil if it is not
	again time.Time     // when it is tried
	after time.Duration // how long that was put off
}

func newSealing(s *Store) *sealing {
	q := &sealing{s: s, lanes: make([]lane, len(s.disks)), wake: make(chan struct{})}
	for i, d := range s.disks {
		q.lanes[i].disk = d
	}
	for _, j := range s.queued() {
		q.lanes[j.c.disk.At()].jobs = append(q.lanes[j.c.disk.At()].jobs, j)
	}
	return q
}

// waiting counts the sectors that wait.
func (q *sealing) waiting() (n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, l := range q.lanes {
		n += len(l.jobs)
	}
	return n
}

// failures returns why sectors are left.
func (q *sealing) failures() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	var errs []error
	for _, l := range q.lanes {
		if len(l.jobs) > 0 {
			errs = append(errs, l.err)
		}
	}
	return errors.Join(errs...)
}

// Next implements pipeline.Source: a sector for the disk that has the least to
// do, of those the one with the lowest number.
func (q *sealing) Next(load []int) (pipeline.Job, <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		l := q.least(load)
		switch {
		case l == nil && q.begun == 0:
			return nil, nil
		case l == nil: // what is under way may fail and wait again, or a disk come back
			return nil, q.wake
		}
		j := l.jobs[0]
		l.jobs = l.jobs[1:]
		if j.p.take(j.c) {
			q.begun++
			return filling{j, q.s}, nil
		}
	}
}

// least returns the lane with the least to do that has a sector waiting, or nil.
func (q *sealing) least(load []int) (best *lane) {
	for i := range q.lanes {
		l := &q.lanes[i]
		if l.err != nil || len(l.jobs) == 0 {
			continue
		}
		if best == nil || cmp.Or(cmp.Compare(load[i], load[best.disk.At()]), l.jobs[0].compare(best.jobs[0])) < 0 {
			best = l
		}
	}
	return best
}

// Done implements pipeline.Source. A sector that failed waits again, and its
// disk is set aside.
func (q *sealing) Done(done pipeline.Job, err error) {
	j := done.(filling).job
	if err == nil {
		j.p.leave(j.c)
	} else {
		// With a disk that hangs, what was given up may still be written: until then
		// the sector is not sealed, so that no shard comes to it that this could hit.
		j.c.disk.Settled(func() { j.p.leave(j.c) })
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.begun--
	l := &q.lanes[j.c.disk.At()]
	switch {
	case err == nil:
		l.after = 0
		l.disk.Note(nil) // it took a sector, whatever a try before that has found
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		l.jobs = append([]job{j}, l.jobs...)
	default:
		l.jobs = append([]job{j}, l.jobs...)
		q.setAside(l, err)
	}
	close(q.wake)
	q.wake = make(chan struct{})
}

// setAside stops sealing on a disk until it works again. The caller holds mu.
func (q *sealing) setAside(l *lane, err error) {
	if l.err == nil {
		l.after = min(max(2*l.after, q.s.cfg.probe), disk.ProbeMost)
		l.again = time.Now().Add(l.after)
		q.s.cfg.Log.Error("disk set aside: nothing is sealed on it until it works again", "dir", l.disk.Dir(), "next_try", l.after.String(), "err", err)
	}
	l.err = err
}

// probe tries the disks that were set aside, when it is time, until ctx is done.
func (q *sealing) probe(ctx context.Context) {
	t := time.NewTicker(q.s.cfg.probe / 2)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-t.C:
			for i := range q.lanes {
				q.retry(&q.lanes[i], now)
			}
		}
	}
}

// retry takes a disk up again if it works.
func (q *sealing) retry(l *lane, now time.Time) {
	q.mu.Lock()
	due := l.err != nil && !now.Before(l.again)
	q.mu.Unlock()
	if !due {
		return
	}
	err := q.s.tryDisk(l.disk) // a disk that hangs keeps nobody else waiting
	if err == nil && l.disk.Unsettled() {
		err = strata.E(strata.Unavailable, "the disk of %s works, and has still to do what was given up before", l.disk.Dir())
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if err != nil {
		l.err = err
		l.after = min(2*l.after, disk.ProbeMost)
		l.again = time.Now().Add(l.after)
		return
	}
	q.s.cfg.Log.Info("disk works again: sealing on it goes on", "dir", l.disk.Dir())
	l.err = nil
	close(q.wake)
	q.wake = make(chan struct{})
}

// tryDisk says whether a sector could be written to a disk now.
func (s *Store) tryDisk(d *disk.Disk) error {
	if err := s.roomFor(d); err != nil {
		return err
	}
	return d.Try(context.Background())
}

// roomFor refuses another sector on a disk that has only its reserve left.
func (s *Store) roomFor(d *disk.Disk) error {
	has, err := d.Space()
	if err != nil {
		return err
	}
	if need := uint64(s.size()) + reserve(has.Total); has.Free < need {
		return strata.E(strata.NoSpace, "disk full: %s has %s free, a sector and the reserve need %s: free some space and run again, it continues where it stopped",
			d.Dir(), strata.ByteSize(has.Free), strata.ByteSize(need))
	}
	return nil
}
