package disk

import (
	"sync"
	"time"
)

// prompt is how long one waits for a disk to say how much is free on it if it
// has said so before.
const prompt = time.Second

// Space is how large a disk's file system is and what was free on it, in bytes.
type Space struct {
	Total, Free uint64
	At          time.Time // when the disk said so

	// Device is common to what lies on one file system, if OnDevice: where the
	// system says so.
	Device   uint64
	OnDevice bool
}

// survey asks a disk for its Space, aside: one question at a time.
type survey struct {
	mu      sync.Mutex // guards what follows
	last    Space
	pending *question // nil: nothing is asked
}

type question struct {
	done  chan struct{}
	space Space // set before done is closed, like err
	err   error
}

// Space returns what the disk says, or, if it is slow to answer or hangs, what it
// said last, which is older. Only a disk that has never said so is waited for
// until patience ends.
func (d *Disk) Space() (Space, error) {
	last := d.survey.known()
	within := d.hush.within
	if !last.At.IsZero() {
		within = prompt
		if d.Silent() {
			within = 0
		}
	}
	t := time.NewTimer(within)
	defer t.Stop()
	for {
		q, mine := d.question()
		select {
		case <-q.done:
			if mine { // the answer to an earlier one is from before this call
				return q.space, q.err
			}
		case <-t.C:
			if last.At.IsZero() {
				return last, d.fallSilent()
			}
			return d.survey.known(), nil
		}
	}
}

func (s *survey) known() Space {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// question returns the one that is asked, or asks one.
func (d *Disk) question() (q *question, mine bool) {
	s := &d.survey
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending != nil {
		return s.pending, false
	}
	s.pending = &question{done: make(chan struct{})}
	go d.measure(s.pending)
	return s.pending, true
}

// measure answers a question, whenever the disk does. That it hangs is noticed
// here.
func (d *Disk) measure(q *question) {
	overdue := time.AfterFunc(d.hush.within, func() { _ = d.fallSilent() })
	defer overdue.Stop()
	total, free, err := d.cfg.FS.Space(d.cfg.Dir)
	device, on := d.cfg.FS.Device(d.cfg.Dir)
	d.survey.mu.Lock()
	defer d.survey.mu.Unlock()
	if q.err = err; err == nil {
		q.space = Space{total, free, time.Now(), device, on}
		d.survey.last = q.space
	}
	d.survey.pending = nil
	close(q.done)
}
