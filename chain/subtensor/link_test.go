package subtensor

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"strata"
	"strata/chain"
	"strata/chain/devchain/devchaintest"
	"strata/internal/leaks"
)

// patience is how long a test waits for what comes, on a machine that is busy.
const patience = 2 * time.Minute

// dialSoon connects with a Timeout as short as is asked for, or as the machine
// needs to connect within.
func dialSoon(t *testing.T, o Options, stubs ...*stub) *Client {
	t.Helper()
	var urls []string
	for _, s := range stubs {
		urls = append(urls, s.url())
	}
	for ; ; o.Timeout *= 2 {
		c, err := Dial(t.Context(), urls, o)
		if err == nil {
			t.Cleanup(func() { _ = c.Close() })
			return c
		}
		if o.Timeout > patience {
			t.Fatal(err)
		}
		t.Logf("not connected within %s: %v", o.Timeout, err)
	}
}

func TestUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "ws://" + l.Addr().String()
	_ = l.Close() // nobody listens there now
	_, err = Dial(t.Context(), []string{url}, Options{Timeout: time.Second})
	if strata.CodeOf(err) != strata.Unavailable || !strings.Contains(err.Error(), url) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v", err)
	}
	if _, err := Dial(t.Context(), nil, Options{}); strata.CodeOf(err) != strata.Invalid {
		t.Errorf("no endpoints: %v", err)
	}
}

func TestSecondEndpoint(t *testing.T) {
	dead, s := newStub(t, recordedMeta(t)), newStub(t, recordedMeta(t))
	dead.http.Close()
	c := dialStub(t, dead, s)
	if _, err := c.Head(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestReconnect: reads go on after a break, heads too.
func TestReconnect(t *testing.T) {
	s := newStub(t, recordedMeta(t))
	c := dialStub(t, s)
	heads, err := c.Heads(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wantHead(t, heads, 1)
	for range 3 {
		s.cut()
		if _, err := c.Head(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, "the subscription to be restored", func() bool { return s.count("chain_subscribeNewHeads") >= 2 && subscribed(s) })
	s.mine()
	wantHead(t, heads, 2)
}

// subscribed says whether some connection is subscribed to new heads.
func subscribed(s *stub) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.mu.Lock()
		for _, m := range c.subs {
			if m == "chain_subscribeNewHeads" {
				c.mu.Unlock()
				return true
			}
		}
		c.mu.Unlock()
	}
	return false
}

// wantHead receives until the head has a number.
func wantHead(t *testing.T, heads <-chan chain.Head, number uint64) {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case h, open := <-heads:
			if !open || h.Number > number {
				t.Fatalf("got head %d, open %v; want %d", h.Number, open, number)
			}
			if h.Number == number {
				return
			}
		case <-deadline:
			t.Fatalf("no head %d", number)
		}
	}
}

// waitFor polls a condition that another goroutine makes true.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// TestSlowReceiver: who does not receive gets the last head, not all.
func TestSlowReceiver(t *testing.T) {
	s := newStub(t, recordedMeta(t))
	c := dialStub(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	heads, err := c.Heads(ctx)
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the subscription", func() bool { return subscribed(s) })
	for range 20 {
		s.mine()
	}
	if _, err := c.Head(t.Context()); err != nil { // the answer comes behind all of them
		t.Fatal(err)
	}
	last := uint64(len(s.blocks) - 1)
	received := 0
	for h := range heads {
		received++
		if h.Number == last {
			break
		}
	}
	if received > 3 { // one that waits for its receiver, one that is looked at, and the last
		t.Errorf("%d heads were kept", received)
	}
	cancel()
	for range heads { // ends because the channel is closed
	}
}

func TestOtherChainRefused(t *testing.T) {
	a, b := newStub(t, recordedMeta(t)), newStub(t, recordedMeta(t))
	b.genesis = strata.BlockHash{0x46}
	b.blocks[0].hash = b.genesis
	c, err := Dial(t.Context(), []string{a.url(), b.url()}, Options{Timeout: patience, MinBackoff: time.Millisecond, MaxBackoff: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	before := a.count("chain_getBlockHash")
	a.cut()
	// b is next in turn: it is tried, refused, and a is taken again.
	waitFor(t, "the endpoints to be tried", func() bool { return b.count("chain_getBlockHash") > 0 && a.count("chain_getBlockHash") > before })
	if _, err := c.Head(t.Context()); err != nil {
		t.Error(err)
	}
	if n := b.count("chain_getHeader"); n != 0 {
		t.Errorf("the other chain was asked %d times", n)
	}
}

func TestRuntimeUpgrade(t *testing.T) {
	s := newStub(t, recordedMeta(t))
	c := dialStub(t, s)
	if _, err := c.Head(t.Context()); err != nil {
		t.Fatal(err)
	}
	fetched := s.count("state_call")
	s.with(func() { s.spec = 301 })
	s.publish("state_subscribeRuntimeVersion", versionJSON{Spec: 301, Tx: 1})
	waitFor(t, "the announcement", func() bool { return c.announced.Load() == 301 })
	if _, err := c.RegisterNetwork(t.Context(), devchaintest.NewKey(t, 1), strata.Hotkey{5}); err != nil {
		t.Errorf("after an upgrade: %v", err) // the stub verifies the spec version
	}
	if n := s.count("state_call"); n != fetched+1 {
		t.Errorf("metadata was fetched %d times more, want once", n-fetched)
	}
}

func TestTimeout(t *testing.T) {
	s := newStub(t, recordedMeta(t))
	c := dialSoon(t, Options{Timeout: 500 * time.Millisecond}, s)
	s.with(func() { s.silent["chain_getHeader"] = true })
	_, err := c.Head(t.Context())
	if strata.CodeOf(err) != strata.Unavailable || !strings.Contains(err.Error(), "chain_getHeader") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Head(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a call that its caller gave up: %v", err)
	}
}

// TestWatchdog: a node that keeps the connection but reads nothing is left for
// the next one.
func TestWatchdog(t *testing.T) {
	a, b := newStub(t, recordedMeta(t)), newStub(t, recordedMeta(t))
	c := dialSoon(t, Options{
		Timeout: 2 * time.Second, ProbeEvery: 10 * time.Millisecond, MinBackoff: time.Millisecond, MaxBackoff: time.Millisecond,
	}, a, b)
	a.with(func() { a.deaf = true })
	_, _ = c.Head(t.Context()) // the last message that a reads
	waitFor(t, "the other endpoint", func() bool { return b.count("chain_getBlockHash") > 0 })
	waitFor(t, "an answer", func() bool { _, err := c.Head(t.Context()); return err == nil })
}

// TestCloseEndsAll: nothing of a Client is left running, heads in progress and
// a broken connection included.
func TestCloseEndsAll(t *testing.T) {
	s := newStub(t, recordedMeta(t))
	defer leaks.None(t, goleak.IgnoreCurrent())
	c, err := Dial(t.Context(), []string{s.url()}, Options{MinBackoff: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	heads, err := c.Heads(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	for range heads { // ends because the channel is closed
	}
	if _, err := c.Head(t.Context()); strata.CodeOf(err) != strata.Unavailable {
		t.Errorf("a read after Close: %v", err)
	}
	s.http.Close()
}
