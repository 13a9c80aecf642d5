package link

import (
	"cmp"
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

// Link is a connection that is made anew when it breaks. Safe for concurrent use.
type Link struct {
	opts      Options
	endpoints []string
	log       *slog.Logger
	// accept looks at a new connection; an error passes on to the next endpoint.
	accept func(ctx context.Context, c *Conn) error

	ctx    context.Context // ends with close
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu   sync.Mutex
	cur  *Conn         // nil while there is none
	up   chan struct{} // closed while there is one
	why  error         // why there is none
	subs map[*Subscription]struct{}
	next int // the endpoint to try first

	pulse pulse // of the node
}

// Subscription is one that is restored on every new connection.
type Subscription struct {
	Method, Unsubscribe string
	Notify              func(json.RawMessage) // must not block

	mu sync.Mutex
	on *Conn // where it is entered
	id json.RawMessage
}

// New returns a link that is not open yet. accept looks at each new
// connection before it is used; an error passes on to the next endpoint.
func New(endpoints []string, o Options, accept func(ctx context.Context, c *Conn) error) *Link {
	o = o.WithDefaults()
	return &Link{
		opts: o, endpoints: endpoints, log: o.Logger, accept: accept,
		pulse: pulse{now: time.Now, endpoints: len(endpoints), limit: cmp.Or(o.Stall, leastPatience), fixed: o.Stall > 0},
	}
}

// Context ends with the link.
func (l *Link) Context() context.Context { return l.ctx }

// Go starts f, whose end Close waits for.
func (l *Link) Go(f func()) { l.wg.Go(f) }

// SawBlock notes a block that the node told of; told of none for too long, it
// is left for the next.
func (l *Link) SawBlock(number uint64) { l.pulse.block(number) }

// ExpectBlocks takes note of the time between the chain's blocks.
func (l *Link) ExpectBlocks(blockTime time.Duration) { l.pulse.expect(blockTime) }

// Patience is how long the node may tell of no block.
func (l *Link) Patience() time.Duration { return l.pulse.patience() }

// Endpoint is the address of the node that is connected to, or tried first.
func (l *Link) Endpoint() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cur != nil {
		return l.cur.url
	}
	return l.endpoints[0]
}

// Open makes the first connection, so that a wrong address is told at once,
// and keeps the link up until Close.
func (l *Link) Open(ctx context.Context) error {
	l.ctx, l.cancel = context.WithCancel(context.WithoutCancel(ctx))
	l.up, l.subs = make(chan struct{}), map[*Subscription]struct{}{}
	c, err := l.dialAny(ctx)
	if err != nil {
		l.Close()
		return err
	}
	l.setUp(c)
	l.wg.Add(1)
	go func() { defer l.wg.Done(); l.keep(c) }()
	return nil
}

// Close ends the link and waits for its goroutines.
func (l *Link) Close() {
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
func (l *Link) keep(c *Conn) {
	tick := time.NewTicker(cmp.Or(l.opts.Stall, leastPatience) / 16)
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
func (l *Link) redial() *Conn {
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
func (l *Link) dialAny(ctx context.Context) (*Conn, error) {
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

// oneLine keeps an error's text, of several errors all, on one line.
func oneLine(err error) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; ")), " ")
}

// setUp publishes a connection and restores the subscriptions on it. What
// cannot be restored because it broke again is, on the next.
func (l *Link) setUp(c *Conn) {
	l.mu.Lock()
	l.cur = c
	l.pulse.connected()
	close(l.up)
	subs := make([]*Subscription, 0, len(l.subs))
	for s := range l.subs {
		subs = append(subs, s)
	}
	l.mu.Unlock()
	for _, s := range subs {
		if err := s.enter(l.ctx, c); err != nil && !errors.Is(err, ErrLost) {
			c.close(err) // a connection without its subscriptions would be silent
		}
	}
}

// setDown notes that c, if it is still the connection, broke, and why there is
// none now.
func (l *Link) setDown(c *Conn, why error) {
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

// Conn returns the connection, waiting for one no longer than a request may take.
func (l *Link) Conn(ctx context.Context) (*Conn, error) {
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

// Read asks for something that may be asked twice: again on a new connection
// if one breaks. The answer is put into out, unless that is nil.
func (l *Link) Read(ctx context.Context, out any, method string, params ...any) error {
	for attempt := 1; ; attempt++ {
		c, err := l.Conn(ctx)
		if err != nil {
			return err
		}
		raw, err := c.Call(ctx, nil, method, params...)
		switch {
		case err == nil:
			return Decode(raw, out, method)
		case !errors.Is(err, ErrLost):
			return err
		case attempt == maxAttempts:
			return strata.E(strata.Unavailable, "the chain node %s broke off %s %d times", c.url, method, attempt)
		}
	}
}

// Decode puts the answer to a method into out, unless that is nil. The error has
// code Invalid.
func Decode(raw json.RawMessage, out any, method string) error {
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return strata.E(strata.Invalid, "the chain node's answer to %s is not understood: %w", method, err)
	}
	return nil
}

// Subscribe enters a subscription that lasts, over reconnections, until
// unsubscribe.
func (l *Link) Subscribe(ctx context.Context, s *Subscription) error {
	l.mu.Lock()
	l.subs[s] = struct{}{}
	l.mu.Unlock()
	c, err := l.Conn(ctx)
	if err == nil {
		err = s.enter(ctx, c)
	}
	if err != nil && !errors.Is(err, ErrLost) { // after ErrLost, setUp enters it
		l.mu.Lock()
		delete(l.subs, s)
		l.mu.Unlock()
		return err
	}
	return nil
}

// enter subscribes on a connection, once.
func (s *Subscription) enter(ctx context.Context, c *Conn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.on == c {
		return nil
	}
	id, err := c.Call(ctx, s.Notify, s.Method)
	if err != nil {
		return err
	}
	s.on, s.id = c, id
	return nil
}

// Unsubscribe ends a subscription. That the node is not told, because the
// connection is gone, does not matter.
func (l *Link) Unsubscribe(ctx context.Context, s *Subscription) {
	l.mu.Lock()
	delete(l.subs, s)
	l.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.on != nil {
		s.on.Forget(s.id)
		_, _ = s.on.Call(ctx, nil, s.Unsubscribe, s.id)
	}
}
