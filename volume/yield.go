package volume

import (
	"context"
	"io"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"strata"
	"strata/volume/pipeline"
)

// yieldMost is how long one piece of background work lets requests on its disk
// go first. They are short; whoever asks without a pause cannot stop sealing.
const yieldMost = 100 * time.Millisecond

// gate counts the requests that use a disk at this moment. Its zero value is
// ready, and it is safe for concurrent use.
type gate struct {
	mu   sync.Mutex // guards what follows
	busy int
	idle chan struct{} // closed when busy becomes 0; nil if nobody waits
}

func (g *gate) enter() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.busy++
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.busy--; g.busy == 0 && g.idle != nil {
		close(g.idle)
		g.idle = nil
	}
}

// wait lets the requests of this moment go first, for yieldMost at the longest.
func (g *gate) wait(ctx context.Context) error {
	g.mu.Lock()
	if g.busy == 0 {
		g.mu.Unlock()
		return ctx.Err()
	}
	if g.idle == nil {
		g.idle = make(chan struct{})
	}
	idle := g.idle
	g.mu.Unlock()
	t := time.NewTimer(yieldMost)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-idle:
	case <-t.C:
	}
	return ctx.Err()
}

// served is a file whose reads are requests.
type served struct {
	io.ReaderAt
	gate *gate
}

// ReadAt implements io.ReaderAt.
func (r served) ReadAt(b []byte, off int64) (int, error) {
	r.gate.enter()
	defer r.gate.leave()
	return r.ReaderAt.ReadAt(b, off)
}

// pace holds background work on one disk back.
type pace struct {
	gate  *gate
	write *rate.Limiter
	read  *rate.Limiter
}

// unbound lets everything pass.
var unbound = rate.NewLimiter(rate.Inf, 0)

// limiter bounds bytes in a second; 0 is no bound.
func limiter(bytes strata.ByteSize) *rate.Limiter {
	if bytes == 0 {
		return unbound
	}
	return rate.NewLimiter(rate.Limit(bytes), pipeline.Piece)
}

// Write implements pipeline.Pace.
func (p pace) Write(ctx context.Context, n int) error { return p.wait(ctx, p.write, n) }

// Read implements pipeline.Pace.
func (p pace) Read(ctx context.Context, n int) error { return p.wait(ctx, p.read, n) }

func (p pace) wait(ctx context.Context, l *rate.Limiter, n int) error {
	if err := l.WaitN(ctx, n); err != nil {
		return err
	}
	return p.gate.wait(ctx)
}
