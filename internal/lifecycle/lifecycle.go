// Package lifecycle starts the parts of a process together, and ends them in
// order: servers are stopped, parts end, then what they used is closed, the last
// opened first. It says what hangs when one does not end.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"
)

// Group runs the long-lived parts of a process. The first part to fail stops
// the others. Make one with New; its methods are safe for concurrent use until
// Wait is called.
type Group struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	log    *slog.Logger
	grace  time.Duration

	wg sync.WaitGroup

	mu      sync.Mutex // guards what follows
	running map[string]int
	stops   []closer
	closers []closer
}

type closer struct {
	name  string
	close func() error
}

// New returns a group whose parts are stopped when ctx is done. After that
// they have grace to end before Wait dumps the stacks and gives up.
func New(ctx context.Context, log *slog.Logger, grace time.Duration) *Group {
	ctx, cancel := context.WithCancelCause(ctx)
	return &Group{ctx: ctx, cancel: cancel, log: log, grace: grace, running: map[string]int{}}
}

// Context is done as soon as the group is stopping.
func (g *Group) Context() context.Context { return g.ctx }

// Go runs f until it returns. An error other than the context's stops the group.
func (g *Group) Go(name string, f func(context.Context) error) {
	g.track(name, 1)
	g.wg.Go(func() {
		defer g.track(name, -1)
		if err := f(g.ctx); err != nil && !errors.Is(err, context.Canceled) {
			g.cancel(fmt.Errorf("%s: %w", name, err))
		}
	})
}

// Log returns the logger that the group was made with.
func (g *Group) Log() *slog.Logger { return g.log }

// OnStop registers f to run as soon as the group stops, to make a part end that
// does not watch the context, such as a server. The last registered runs first.
func (g *Group) OnStop(name string, f func() error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stops = append(g.stops, closer{name, f})
}

// OnClose registers f to run after all parts have ended, to close what they
// used. The last registered runs first.
func (g *Group) OnClose(name string, f func() error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closers = append(g.closers, closer{name, f})
}

// Stop asks every part to end.
func (g *Group) Stop() { g.cancel(context.Canceled) }

// Wait returns after every part has ended and every closer has run. Its error
// is the first failure, or nil when the group was merely stopped.
func (g *Group) Wait() error {
	<-g.ctx.Done()
	done := make(chan error, 1)
	go func() {
		err := g.runAll(&g.stops)
		g.wg.Wait()
		done <- errors.Join(err, g.runAll(&g.closers))
	}()

	cause := context.Cause(g.ctx)
	if errors.Is(cause, context.Canceled) {
		cause = nil
	}
	select {
	case err := <-done:
		return errors.Join(cause, err)
	case <-time.After(g.grace):
		stack := make([]byte, 1<<20)
		g.log.Error("shutdown hangs", "parts", g.names(), "stacks", string(stack[:runtime.Stack(stack, true)]))
		return errors.Join(cause, fmt.Errorf("these did not end within %s: %v", g.grace, g.names()))
	}
}

func (g *Group) runAll(list *[]closer) error {
	g.mu.Lock()
	cs := *list
	*list = nil
	g.mu.Unlock()
	var errs []error
	for i := len(cs) - 1; i >= 0; i-- {
		g.track(cs[i].name, 1)
		if err := cs[i].close(); err != nil {
			errs = append(errs, fmt.Errorf("close %s: %w", cs[i].name, err))
		}
		g.track(cs[i].name, -1)
	}
	return errors.Join(errs...)
}

func (g *Group) track(name string, by int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.running[name] += by; g.running[name] == 0 {
		delete(g.running, name)
	}
}

func (g *Group) names() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []string
	for name := range g.running {
		out = append(out, name)
	}
	return out
}

// Sleep returns after d, or with the context's error as soon as it is done.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
