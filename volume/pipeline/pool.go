package pipeline

import (
	"context"
	"errors"
	"sync"

	"strata"
	"strata/internal/hugepage"
)

// errStuck says that every buffer waits for a disk that hangs.
var errStuck = errors.New("all memory for sectors waits for disks that hang")

// pool holds the buffers of a run. They are had from the system one by one, as
// they are first needed.
type pool struct {
	size  strata.ByteSize
	ready chan []byte   // buffers that nobody uses
	room  chan struct{} // one for each buffer that may still be made
	none  chan struct{} // closed when all buffers are stuck

	mu    sync.Mutex // guards what follows
	most  int        // buffers that there can be
	made  map[*byte]*hugepage.Memory
	stuck int  // buffers that did not come back with their job
	over  bool // the run has ended
}

func newPool(n int, size strata.ByteSize) *pool {
	p := &pool{size: size, ready: make(chan []byte, n), room: make(chan struct{}, n), none: make(chan struct{}), most: n, made: map[*byte]*hugepage.Memory{}}
	for range n {
		p.room <- struct{}{}
	}
	return p
}

// get returns a buffer, waiting for one if all are in use. errStuck if waiting
// may be in vain.
func (p *pool) get(ctx context.Context) ([]byte, error) {
	select {
	case b := <-p.ready:
		return b, ctx.Err()
	default:
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-p.none:
		return nil, errStuck
	case b := <-p.ready:
		return b, nil
	case <-p.room:
		if b, err := p.grow(); b != nil || err != nil {
			return b, err
		}
	}
	select { // there is no more memory: the buffers that are there must do
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-p.none:
		return nil, errStuck
	case b := <-p.ready:
		return b, nil
	}
}

// grow has one more buffer. Where the system has no memory left it returns nil
// if there are others to wait for, else the error.
func (p *pool) grow() ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m, err := hugepage.Alloc(p.size)
	if err != nil && len(p.made) > 0 {
		p.most--
		p.check()
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	b := m.Bytes()
	p.made[&b[0]] = m
	return b, nil
}

// loan is a buffer that a job has.
type loan struct {
	p     *pool
	buf   []byte
	back  bool // the pool's mu guards this and the next
	stuck bool
}

// put takes a buffer back, for the next job or, after the run, for the system.
// Once more does nothing.
func (l *loan) put() {
	l.p.mu.Lock()
	defer l.p.mu.Unlock()
	if l.back {
		return
	}
	l.back = true
	if l.stuck {
		l.p.stuck--
	}
	if l.p.over {
		l.p.drop(l.buf)
		return
	}
	l.p.ready <- l.buf // never waits: it has room for all
}

// part ends the job's time with the buffer. One that is not back yet stays with
// it: the disk may still read it.
func (l *loan) part() {
	l.p.mu.Lock()
	defer l.p.mu.Unlock()
	if l.back || l.stuck {
		return
	}
	l.stuck = true
	l.p.stuck++
	l.p.check()
}

// check ends the wait for buffers when all are stuck. The caller holds mu.
func (p *pool) check() {
	if p.stuck < p.most {
		return
	}
	select {
	case <-p.none:
	default:
		close(p.none)
	}
}

// drop gives a buffer's memory back. The caller holds mu.
func (p *pool) drop(b []byte) {
	p.made[&b[0]].Free()
	delete(p.made, &b[0])
}

// free gives the memory back; what is stuck follows when it comes back.
func (p *pool) free() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	for len(p.ready) > 0 {
		p.drop(<-p.ready)
	}
}
