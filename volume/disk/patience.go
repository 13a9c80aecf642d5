package disk

import (
	"context"
	"errors"
	"sync"
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
	AnswerWithin = 30 * time.Second // a disk that does not answer for so long is away
	MostAsked    = 256              // requests to one disk that are under way at once
)

// hush is what is known of a disk's answers. Safe for concurrent use.
type hush struct {
	slots  chan struct{} // of MostAsked places
	within time.Duration // AnswerWithin, but for tests

	silent atomic.Bool  // it has not answered for that long, and not been tried well since
	doubt  atomic.Bool  // since it fell silent: a commit may have been made that nobody knows of
	trying atomic.Int32 // tries that have not come back
	nursed atomic.Bool  // somebody tries it from time to time

	mu   sync.Mutex // guards what follows
	left int        // requests that nobody waits for and that have not come back
	due  []func()   // what is done when there are none
}

func newHush(within time.Duration) *hush {
	return &hush{slots: make(chan struct{}, MostAsked), within: within}
}

// Silent says whether the disk hangs, as far as is known.
func (d *Disk) Silent() bool { return d.hush.silent.Load() }

// InDoubt says whether a commit may have been made that nobody knows of.
func (d *Disk) InDoubt() bool { return d.hush.doubt.Load() }

// Sure ends the doubt: all that was under way has come back, and the caller has
// looked what was done.
func (d *Disk) Sure() { d.hush.doubt.Store(false) }

// silence is the error of a disk that does not answer.
func (d *Disk) silence() error {
	return strata.E(strata.Unavailable, "the disk of %s does not answer for %s; its sectors are reported unavailable: check it, and whatever it is attached to", d.cfg.Dir, d.hush.within)
}

// fallSilent makes a disk count as away, until it is tried well.
func (d *Disk) fallSilent() error {
	err := d.silence()
	d.hush.doubt.Store(true)
	if !d.hush.silent.Swap(true) {
		d.Note(err)
		d.cfg.Log.Error("disk hangs", "dir", d.cfg.Dir, "err", err)
		go d.nurse()
	}
	return err
}

// nurse tries a disk that hangs until it answers: whoever attends to the disks may
// hang with it. It ends with the disk's use.
func (d *Disk) nurse() {
	if d.hush.nursed.Swap(true) {
		return
	}
	defer d.hush.nursed.Store(false)
	for wait := d.cfg.Probe; !d.Works(); wait = min(2*wait, ProbeMost) {
		pause := time.NewTimer(wait)
		select {
		case <-d.closed:
			pause.Stop()
			return
		case <-pause.C:
			d.cfg.Attend()
		}
	}
}

// Ask runs what a disk is asked for and waits for the answer as long as ctx and
// patience last. What is left behind goes on, so it must touch nothing that its
// caller uses after an error, or the caller uses it when Settled says so. At most
// MostAsked are under way on one disk; who comes then waits for a place as for an
// answer.
func Ask[T any](ctx context.Context, d *Disk, op func() (T, error)) (T, error) {
	type answer struct {
		v   T
		err error
	}
	var none T
	if d.Silent() {
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
	r := &request{at: d.hush}
	go func() {
		defer func() { <-d.hush.slots }()
		// Whoever asks may give up long before: that the disk hangs is noticed here.
		overdue := time.AfterFunc(d.hush.within, func() { _ = d.fallSilent() })
		defer overdue.Stop()
		v, err := op()
		got <- answer{v, err}
		r.back()
	}()
	select {
	case a := <-got:
		return a.v, a.err
	case <-ctx.Done():
		r.leave()
		return none, ctx.Err()
	case <-patience.C:
		r.leave()
		return none, d.fallSilent()
	}
}

// request is one Ask that is under way.
type request struct {
	at       *hush
	returned bool // the hush's mu guards this and the next
	left     bool // nobody waits for it
}

// leave says that nobody waits for it any more.
func (r *request) leave() {
	r.at.mu.Lock()
	defer r.at.mu.Unlock()
	if !r.returned {
		r.left = true
		r.at.left++
	}
}

// back says that it has returned.
func (r *request) back() {
	r.at.mu.Lock()
	r.returned = true
	var due []func()
	if r.left {
		if r.at.left--; r.at.left == 0 {
			due, r.at.due = r.at.due, nil
		}
	}
	r.at.mu.Unlock()
	for _, do := range due {
		do()
	}
}

// Settled calls do once nothing that was given up is under way on the disk any
// more: at once if nothing is. Whoever got an error of Ask gives back by it what
// the disk may still read or write: the memory, and the place on the disk.
func (d *Disk) Settled(do func()) {
	d.hush.mu.Lock()
	if d.hush.left > 0 {
		d.hush.due = append(d.hush.due, do)
		d.hush.mu.Unlock()
		return
	}
	d.hush.mu.Unlock()
	do()
}

// Unsettled says whether something that was given up is still under way.
func (d *Disk) Unsettled() bool {
	d.hush.mu.Lock()
	defer d.hush.mu.Unlock()
	return d.hush.left > 0
}

// Settle waits until nothing that was given up is under way, as long as ctx and
// patience last.
func (d *Disk) Settle(ctx context.Context) error {
	done := make(chan struct{})
	d.Settled(func() { close(done) })
	patience := time.NewTimer(d.hush.within)
	defer patience.Stop()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-patience.C:
		return d.silence()
	}
}

// Reread reads, and once more with files opened anew if that failed and the
// disk works: what was open may be broken for good though the disk is back. A
// disk that does not work, or does not answer while ctx lasts, gives code
// Unavailable: that damages no sector.
func Reread[T any](ctx context.Context, d *Disk, read func() (T, error)) (T, error) {
	v, err := read()
	switch {
	case err == nil || strata.CodeOf(err) == strata.Corrupt:
		return v, err
	case d.Silent():
		return v, d.silence()
	case gaveUp(err):
		return v, d.inVain(err)
	}
	if away := d.Try(ctx); away != nil {
		return v, strata.E(strata.Unavailable, "the disk does not work: %w", away)
	}
	if v, err = read(); err != nil && gaveUp(err) {
		err = d.inVain(err)
	}
	return v, err
}

// inVain says that whoever asked did not wait for the answer.
func (d *Disk) inVain(err error) error {
	return strata.E(strata.Unavailable, "the disk of %s did not answer in time: %w", d.cfg.Dir, err)
}

// gaveUp says whether an error is the asker's, not the disk's.
func gaveUp(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// Try finds out whether a disk works, and takes it up again if it does. While the
// last try of one that is silent has not come back, it is not tried again.
func (d *Disk) Try(ctx context.Context) error {
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

// Commit adds fn to the next transaction of the index and returns when that is
// on disk. A crash before leaves nothing of fn, a crash after all of it. After an
// error of a disk that hangs it may still happen; fn itself is not begun any
// more then.
func (d *Disk) Commit(fn index.Change) error {
	var late atomic.Bool
	defer late.Store(true)
	_, err := Ask(context.Background(), d, func() (struct{}, error) {
		return struct{}{}, d.Index().Commit(func(tx index.Tx) error {
			if late.Load() {
				return d.silence()
			}
			return fn(tx)
		})
	})
	return err
}
