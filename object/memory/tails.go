package memory

import (
	"sync"
	"time"
)

// Linger lets a send go on whose segment counts. It is late after a while: from
// then on end is called, at once, when a writer waits for memory, perhaps more than
// once. The caller calls remove when the send is over.
func (m *Memory) Linger(after time.Duration, end func()) (remove func()) {
	return m.tails.add(after, end)
}

// tails are the sends that go on after their segments count. They have time as long
// as nobody needs the memory that they hold. The zero value is ready; it is safe
// for concurrent use.
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
