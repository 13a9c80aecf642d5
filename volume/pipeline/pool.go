package pipeline

import (
	"context"
	"sync"

	"strata"
	"strata/internal/hugepage"
)

// pool holds the buffers of a run. They are had from the system one by one, as
// they are first needed.
type pool struct {
	size  strata.ByteSize
	ready chan []byte   // buffers that nobody uses
	room  chan struct{} // one for each buffer that may still be made

	mu   sync.Mutex // guards made
	made []*hugepage.Memory
}

func newPool(n int, size strata.ByteSize) *pool {
	p := &pool{size: size, ready: make(chan []byte, n), room: make(chan struct{}, n)}
	for range n {
		p.room <- struct{}{}
	}
	return p
}

// get returns a buffer, waiting for one if all are in use.
func (p *pool) get(ctx context.Context) ([]byte, error) {
	select {
	case b := <-p.ready:
		return b, ctx.Err()
	default:
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
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
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p.made = append(p.made, m)
	return m.Bytes(), nil
}

func (p *pool) put(b []byte) { p.ready <- b }

// free gives the memory back; nobody uses a buffer any more.
func (p *pool) free() {
	for _, m := range p.made {
		m.Free()
	}
}
