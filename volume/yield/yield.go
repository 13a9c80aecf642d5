// Package yield lets requests go first on a disk that background work uses too:
// a Gate counts them, and a Pace holds sealing and scrubbing back while there
// are any, and below a rate.
package yield

import (
	"context"
	"io"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"strata"
	"strata/volume/pipeline"
)

// Most is how long one piece of background work lets requests on its disk go
// first. They are short; whoever asks without a pause cannot stop sealing.
const Most = 100 * time.Millisecond

// Gate counts the requests that use a disk at this moment. Its zero value is
// ready, and it is safe for concurrent use.
type Gate struct {
	mu   sync.Mutex // guards what follows
	busy int
	idle chan struct{} // closed when busy becomes 0; nil if nobody waits
}

// Serve marks a request, until the returned function is called: background work
// waits meanwhile.
func (g *Gate) Serve() (done func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.busy++
	return g.leave
}

func (g *Gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.busy--; g.busy == 0 && g.idle != nil {
		close(g.idle)
		g.idle = nil
	}
}

// Wait lets the requests of this moment go first, for Most at the longest. Its
// error is ctx's.
func (g *Gate) Wait(ctx context.Context) error {
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
	t := time.NewTimer(Most)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-idle:
	case <-t.C:
	}
	return ctx.Err()
}

// Reader returns r with each read a request.
func (g *Gate) Reader(r io.ReaderAt) io.ReaderAt { return served{r, g} }

type served struct {
	io.ReaderAt
	gate *Gate
}

// ReadAt implements io.ReaderAt.
func (r served) ReadAt(b []byte, off int64) (int, error) {
	defer r.gate.Serve()()
	return r.ReaderAt.ReadAt(b, off)
}

// Pace holds background work on one disk back. It implements pipeline.Pace.
type Pace struct {
	gate        *Gate
	write, read *rate.Limiter
}

// Writing paces work of which rate bounds what it writes.
func (g *Gate) Writing(rate *rate.Limiter) Pace { return Pace{g, rate, unbound} }

// Reading paces work of which rate bounds what it reads.
func (g *Gate) Reading(rate *rate.Limiter) Pace { return Pace{g, unbound, rate} }

// unbound lets everything pass.
var unbound = rate.NewLimiter(rate.Inf, 0)

// Limiter bounds bytes in a second; 0 is no bound.
func Limiter(bytes strata.ByteSize) *rate.Limiter {
	if bytes == 0 {
		return unbound
	}
	return rate.NewLimiter(rate.Limit(bytes), pipeline.Piece)
}

// Write implements pipeline.Pace.
func (p Pace) Write(ctx context.Context, n int) error { return p.wait(ctx, p.write, n) }

// Read implements pipeline.Pace.
func (p Pace) Read(ctx context.Context, n int) error { return p.wait(ctx, p.read, n) }

func (p Pace) wait(ctx context.Context, l *rate.Limiter, n int) error {
	if err := l.WaitN(ctx, n); err != nil {
		return err
	}
	return p.gate.Wait(ctx)
}
