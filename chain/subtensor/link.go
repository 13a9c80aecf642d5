package subtensor

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"strata"
)

// maxAttempts is how often a read is asked when connections keep breaking.
const maxAttempts = 3

// link is a connection that is made anew when it breaks. Safe for concurrent use.
type link struct {
	opts      Options
	endpoints []string
	log       *slog.Logger
	// accept looks at a new connection; an error passes on to the next endpoint.
	accept func(ctx context.Context, c *conn) error

	ctx    context.Context // ends with close
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu   sync.Mutex
	cur  *conn         // nil while there is none
	up   chan struct{} // closed while there is one
	why  error         // why there is none
	subs map[*subscription]struct{}
	next int // the endpoint to try first

	pulse pulse // of the node
}

// subscription is one that is restored on every new connection.
type subscription struct {
	method, unsubscribe string
	notify              func(json.RawMessage) // must not block

	mu sync.Mutex
	on *conn // where it is entered
	id json.RawMessage
}

// open makes the first connection, so that a wrong address is told at once,
// and keeps the link up until close.
func (l *link) open(ctx context.Context) error {
	l.ctx, l.cancel = context.WithCancel(context.WithoutCancel(ctx))
	l.up, l.subs = make(chan struct{}), map[*subscription]struct{}{}
	c, err := l.dialAny(ctx)
	if err != nil {
		l.close()
		return err
	}
	l.setUp(c)
	l.wg.Add(1)
	go func() { defer l.wg.Done(); l.keep(c) }()
	return nil
}

// close ends the link and waits for its goroutines.
func (l *link) close() {
	l.cancel()
	l.mu.Lock()
	c := l.cur
	l.mu.Unlock()
	if c != nil {
		c.close(context.Canceled)
	}
	l.wg.Wait()
}

// keep replaces the connection whenever it breaks, or its node stalls: open
// socket, but no blocks.
func (l *link) keep(c *conn) {
	tick := time.NewTicker(l.opts.Stall / 16)
	defer tick.Stop()
	for {
		select {
		case <-l.ctx.Done():
			c.close(context.Canceled)
			return
		case <-tick.C:
			if limit, stalled := l.pulse.stalled(); stalled {
				c.close(strata.E(strata.Unavailable, "the node has shown no new block for %s", limit))
			}
			continue
		case <-c.done:
		}
		if l.ctx.Err() != nil {
			return
		}
		l.log.Warn("chain connection lost", "endpoint", c.url, "err", c.err)
		l.setDown(c, c.err)
		if c = l.redial(); c == nil {
			return
		}
		l.setUp(c)
		l.log.Info("chain connection restored", "endpoint", c.url)
	}
}

// redial tries until a connection stands, pausing twice as long each time; nil
// when the link is closed.
func (l *link) redial() *conn {
	for pause := l.opts.MinBackoff; ; pause = min(2*pause, l.opts.MaxBackoff) {
		c, err := l.dialAny(l.ctx)
		if err == nil {
			return c
		}
		l.setDown(nil, err)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-l.ctx.Done():
			timer.Stop()
			return nil
		}
	}
}

// dialAny tries each endpoint once.
func (l *link) dialAny(ctx context.Context) (*conn, error) {
	var errs []error
	for range l.endpoints {
		url := l.endpoints[l.next%len(l.endpoints)]
		l.next++
		c, err := dial(ctx, url, l.opts, &l.wg)
		if err == nil {
			if err = l.accept(ctx, c); err == nil {
				return c, nil
			}
			c.close(err)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		errs = append(errs, err)
	}
	code := strata.Unavailable
	if strata.CodeOf(errs[0]) == strata.Conflict {
		code = strata.Conflict // of another chain
	}
	return nil, strata.E(code, "cannot use the chain node at %s (%s): start the node, or check --subtensor.network and --subtensor.chain_endpoint",
		strings.Join(l.endpoints, ", "), oneLine(errors.Join(errs...)))
}

// oneLine keeps an error's text on one line.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// setUp publishes a connection and restores the subscriptions on it. What
// cannot be restored because it broke again is, on the next.
func (l *link) setUp(c *conn) {
	l.mu.Lock()
	l.cur = c
	l.pulse.connected()
	close(l.up)
	subs := make([]*subscription, 0, len(l.subs))
	for s := range l.subs {
		subs = append(subs, s)
	}
	l.mu.Unlock()
	for _, s := range subs {
		if err := s.enter(l.ctx, l.opts, c); err != nil && !errors.Is(err, errLost) {
			c.close(err) // a connection without its subscriptions would be silent
		}
	}
}

// setDown notes that c, if it is still the connection, broke, and why there is
// none now.
func (l *link) setDown(c *conn, why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cur != nil && l.cur != c {
		return
	}
	if l.cur != nil {
		l.cur, l.up = nil, make(chan struct{})
	}
	l.why = why
}

// conn returns the connection, waiting for one no longer than a request may take.
func (l *link) conn(ctx context.Context) (*conn, error) {
	timer := time.NewTimer(l.opts.Timeout)
	defer timer.Stop()
	for {
		l.mu.Lock()
		c, up, why := l.cur, l.up, l.why
		l.mu.Unlock()
		if c != nil {
			select {
			case <-c.done: // before keep has noticed
				l.setDown(c, c.err)
				continue
			default:
				return c, nil
			}
		}
		select {
		case <-up:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-l.ctx.Done():
			return nil, strata.E(strata.Unavailable, "the chain connection is closed")
		case <-timer.C:
			return nil, strata.E(strata.Unavailable, "no connection to the chain for %s: %w", l.opts.Timeout, why)
		}
	}
}

// read asks for something that may be asked twice: again on a new connection
// if one breaks. The answer is put into out, unless that is nil.
func (l *link) read(ctx context.Context, out any, method string, params ...any) error {
	for attempt := 1; ; attempt++ {
		c, err := l.conn(ctx)
		if err != nil {
			return err
		}
		raw, err := c.call(ctx, l.opts, nil, method, params)
		switch {
		case err == nil:
			return decodeAnswer(raw, out, method)
		case !errors.Is(err, errLost):
			return err
		case attempt == maxAttempts:
			return strata.E(strata.Unavailable, "the chain node %s broke off %s %d times", c.url, method, attempt)
		}
	}
}

func decodeAnswer(raw json.RawMessage, out any, method string) error {
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return strata.E(strata.Invalid, "the chain node's answer to %s is not understood: %w", method, err)
	}
	return nil
}

// subscribe enters a subscription that lasts, over reconnections, until
// unsubscribe.
func (l *link) subscribe(ctx context.Context, s *subscription) error {
	l.mu.Lock()
	l.subs[s] = struct{}{}
	l.mu.Unlock()
	c, err := l.conn(ctx)
	if err == nil {
		err = s.enter(ctx, l.opts, c)
	}
	if err != nil && !errors.Is(err, errLost) { // after errLost, setUp enters it
		l.mu.Lock()
		delete(l.subs, s)
		l.mu.Unlock()
		return err
	}
	return nil
}

// enter subscribes on a connection, once.
func (s *subscription) enter(ctx context.Context, o Options, c *conn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.on == c {
		return nil
	}
	id, err := c.call(ctx, o, s.notify, s.method, nil)
	if err != nil {
		return err
	}
	s.on, s.id = c, id
	return nil
}

// unsubscribe ends a subscription. That the node is not told, because the
// connection is gone, does not matter.
func (l *link) unsubscribe(ctx context.Context, s *subscription) {
	l.mu.Lock()
	delete(l.subs, s)
	l.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.on != nil {
		s.on.forget(s.id)
		_, _ = s.on.call(ctx, l.opts, nil, s.unsubscribe, []any{s.id})
	}
}
