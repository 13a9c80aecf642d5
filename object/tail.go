package object

import (
	"context"
	"sync"
	"time"

	"strata"
)

const (
	// tailLeast and tailFactor say when a send that goes on after its segment
	// counts is late: after so many times what the others took, and no sooner.
	tailLeast  = time.Second
	tailFactor = 4
)

// errLate ends a send that others wait for.
var errLate = strata.E(strata.Unavailable, "the miner was slower than the others by far, and their memory was needed")

// tails are the sends that go on after their segments count. They have time, up
// to Timing.SendTail, as long as nobody needs the memory that they hold: while a
// writer waits for it, those that are late are ended. A send to a miner that was
// given up before is late at once. So a hung miner holds no more of the memory than
// what is sent in the time that makes it late. The zero value is ready; it is safe for concurrent use.
type tails struct {
	mu      sync.Mutex
	waiting int // writers that wait for memory; guarded by mu, as sends
	sends   map[*tail]bool
}

// tail is a send of a segment that counts.
type tail struct {
	late bool // guarded by tails.mu
	end  func()
}

// add lets a send go on, which is late after a while. The caller calls remove
// when the segment's sends are over.
func (t *tails) add(after time.Duration, end func()) (remove func()) {
	s := &tail{end: end}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sends == nil {
		t.sends = map[*tail]bool{}
	}
	t.sends[s] = true
	timer := time.AfterFunc(after, func() { t.mature(s) })
	return func() {
		timer.Stop()
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.sends, s)
	}
}

func (t *tails) mature(s *tail) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.late = true
	if t.waiting > 0 && t.sends[s] {
		s.end()
	}
}

// wait says that a writer waits for memory, until done is called.
func (t *tails) wait() (done func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waiting++
	for s := range t.sends {
		if s.late {
			s.end()
		}
	}
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.waiting--
	}
}

// linger lets the sends of a segment that counts, and took so long to, go on: those
// that are left, by index.
func (p *parcel) linger(took time.Duration, left map[int]context.CancelCauseFunc) (remove func()) {
	var removes []func()
	for i, end := range left {
		after := max(tailLeast, tailFactor*took)
		if to := p.sentTo(i); p.w.refused(to) || p.w.s.miners.Shunned(to) {
			after = 0
		}
		removes = append(removes, p.w.s.tails.add(after, func() { end(errLate) }))
	}
	return func() {
		for _, r := range removes {
			r()
		}
	}
}

// acquire takes memory for a segment. While it waits, late sends are ended.
func (s *Store) acquire(ctx context.Context, weight int64) error {
	if s.reserve.TryAcquire(weight) {
		return nil
	}
	defer s.tails.wait()()
	return s.reserve.Acquire(ctx, weight)
}
