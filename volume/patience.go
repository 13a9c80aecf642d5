package volume

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"strata"
	"strata/volume/index"
)

// A disk can hang: what it is asked for neither comes nor fails, for minutes or
// for ever, and the call cannot be taken back. So whoever asks in the place of
// somebody who waits, or holds a lock that other disks' users need, asks in a
// goroutine of its own and leaves it there when patience ends.
const (
	answerWithin = 30 * time.Second // a disk that does not answer for so long is away
	mostAsked    = 256              // requests to one disk that are under way at once
)

// hush is what is known of a disk's answers. Safe for concurrent use.
type hush struct {
	slots  chan struct{} // of mostAsked places
	within time.Duration // answerWithin, but for tests

	silent atomic.Bool  // it has not answered for that long, and not been tried well since
	doubt  atomic.Bool  // since it fell silent: a commit may have been made that nobody knows of
	trying atomic.Int32 // tries that have not come back
	nursed atomic.Bool  // somebody tries it from time to time
}

func newHush(within time.Duration) hush {
	return hush{slots: make(chan struct{}, mostAsked), within: within}
}

// silence is the error of a disk that does not answer.
func (d *disk) silence() error {
	return strata.E(strata.Unavailable, "the disk of %s does not answer for %s; its sectors are reported unavailable: check it, and whatever it is attached to", d.dir, d.hush.within)
}

// fallSilent makes a disk count as away, until it is tried well.
func (d *disk) fallSilent() error {
	err := d.silence()
	d.hush.doubt.Store(true)
	if !d.hush.silent.Swap(true) {
		d.note(err)
		d.log.Error("disk hangs", "dir", d.dir, "err", err)
		go d.nurse()
	}
	return err
}

// nurse tries a disk that hangs until it answers: Compact may hang with it and
// not attend to the disks. It ends with the store.
func (s *Store) nurse(d *disk) {
	if d.hush.nursed.Swap(true) {
		return
	}
	defer d.hush.nursed.Store(false)
	for wait := s.cfg.probe; !d.works(); wait = min(2*wait, probeMost) {
		pause := time.NewTimer(wait)
		select {
		case <-s.closed:
			pause.Stop()
			return
		case <-pause.C:
			s.attendTo(d)
		}
	}
}

// ask runs what a disk is asked for and waits for the answer as long as ctx and
// patience last. What is left behind goes on, so it must touch nothing that its
// caller uses after an error. At most mostAsked are under way on one disk; who
// comes then waits for a place as for an answer.
func ask[T any](ctx context.Context, d *disk, op func() (T, error)) (T, error) {
	type answer struct {
		v   T
		err error
	}
	var none T
	if d.hush.silent.Load() {
		return none, d.silence()
	}
	patience := time.NewTimer(d.hush.within)
	defer patience.Stop()
	select {
	case d.hush.slots <- struct{}{}:
	case <-ctx.Done():
		return none, ctx.Err()
	case <-patience.C:
		return none, d.fallSilent()
	}
	got := make(chan answer, 1)
	go func() {
		defer func() { <-d.hush.slots }()
		// Whoever asks may give up long before: that the disk hangs is noticed here.
		overdue := time.AfterFunc(d.hush.within, func() { _ = d.fallSilent() })
		defer overdue.Stop()
		v, err := op()
		got <- answer{v, err}
	}()
	select {
	case a := <-got:
		return a.v, a.err
	case <-ctx.Done():
		return none, ctx.Err()
	case <-patience.C:
		return none, d.fallSilent()
	}
}

// gaveUp says whether an error is the asker's, not the disk's.
func gaveUp(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// try finds out whether a disk works, see tryOnce. While the last try of one
// that is silent has not come back, it is not tried again.
func (d *disk) try(ctx context.Context) error {
	if d.hush.silent.Load() && d.hush.trying.Load() > 0 {
		return d.silence()
	}
	got := make(chan error, 1)
	d.hush.trying.Add(1)
	go func() {
		defer d.hush.trying.Add(-1)
		got <- d.tries.Do(struct{}{}, func(all []struct{}) []error {
			errs := make([]error, len(all))
			err := d.tryOnce()
			for i := range errs {
				errs[i] = err
			}
			return errs
		})
	}()
	patience := time.NewTimer(d.hush.within)
	defer patience.Stop()
	select {
	case err := <-got:
		return err
	case <-ctx.Done():
		return d.inVain(ctx.Err())
	case <-patience.C:
		return d.fallSilent()
	}
}

// commit adds fn to the next transaction of the index and returns when that is
// on disk. A crash before leaves nothing of fn, a crash after all of it. After an
// error of a disk that hangs it may still happen; fn itself is not begun any
// more then.
func (d *disk) commit(fn index.Change) error {
	var late atomic.Bool
	defer late.Store(true)
	_, err := ask(context.Background(), d, func() (struct{}, error) {
		return struct{}{}, d.ix.Load().Commit(func(tx index.Tx) error {
			if late.Load() {
				return d.silence()
			}
			return fn(tx)
		})
	})
	return err
}

// clear ends the doubt about a disk that hung and answers again: what was under
// way has been done or not, and entries are hashed anew from its index.
func (s *Store) clear(d *disk) {
	if !d.hush.doubt.Load() || d.commit(func(index.Tx) error { return nil }) != nil {
		return
	}
	s.republish(func() {
		s.eachSector(func(p *partition, c *sector) {
			if c.disk == d {
				c.hashed = false
			}
		})
		d.hush.doubt.Store(false)
	})
}

// close gives up a disk's directory. One that hangs is left as it is: the
// process ends, and the next start finds what a crash leaves.
func (d *disk) close() error {
	got := make(chan error, 1)
	go func() { got <- d.closeNow() }()
	within := d.hush.within
	if d.hush.silent.Load() {
		within = 0
	}
	patience := time.NewTimer(within)
	defer patience.Stop()
	select {
	case err := <-got:
		return err
	case <-patience.C:
		return d.silence()
	}
}
