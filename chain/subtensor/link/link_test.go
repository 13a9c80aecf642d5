package link

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"strata"
	"strata/chain/devchain/jsonrpc"
	"strata/internal/leaks"
)

// node is a server of a few methods, whose connections can be broken.
type node struct {
	http *httptest.Server

	mu   sync.Mutex // guards what follows
	rpc  *jsonrpc.Server
	stop context.CancelFunc
	sick bool // syncing
}

func newNode(t *testing.T) *node {
	t.Helper()
	n := &node{}
	n.restart()
	n.http = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.mu.Lock()
		rpc := n.rpc
		n.mu.Unlock()
		rpc.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		n.stop()
		n.http.Close()
	})
	return n
}

func (n *node) url() string { return "ws" + strings.TrimPrefix(n.http.URL, "http") }

// restart breaks all connections and takes new ones.
func (n *node) restart() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stop != nil {
		n.stop()
	}
	var ctx context.Context
	ctx, n.stop = context.WithCancel(context.Background())
	n.rpc = jsonrpc.NewServer(ctx, map[string]jsonrpc.Method{
		"echo":   func(p jsonrpc.Params) (any, error) { return p.Str(0, "text") },
		"hang":   func(jsonrpc.Params) (any, error) { <-ctx.Done(); return nil, nil },
		"refuse": func(jsonrpc.Params) (any, error) { return nil, &jsonrpc.Error{Code: 7, Message: "no", Data: "because"} },
		"system_health": func(jsonrpc.Params) (any, error) {
			n.mu.Lock()
			defer n.mu.Unlock()
			return map[string]bool{"isSyncing": n.sick}, nil
		},
	}, []jsonrpc.Subscription{{Start: "follow", End: "unfollow", Message: "followed", Open: func(jsonrpc.Params) (jsonrpc.Starter, error) {
		return func(send func(any)) func() { send("hello"); return func() {} }, nil
	}}})
}

func healthy(ctx context.Context, c *Conn) error { return c.Health(ctx) }

// open connects to nodes with short pauses.
func open(t *testing.T, nodes ...*node) *Link {
	t.Helper()
	var urls []string
	for _, n := range nodes {
		urls = append(urls, n.url())
	}
	l := New(urls, Options{Timeout: 2 * time.Minute, ProbeEvery: 10 * time.Millisecond, MinBackoff: time.Millisecond, MaxBackoff: 5 * time.Millisecond}, healthy)
	if err := l.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

func TestRead(t *testing.T) {
	l := open(t, newNode(t))
	var out string
	if err := l.Read(t.Context(), &out, "echo", "text"); err != nil || out != "text" {
		t.Errorf("%q, %v", out, err)
	}
	var refused *Error
	if err := l.Read(t.Context(), nil, "refuse"); !errors.As(err, &refused) || refused.Code != 7 || refused.Detail() != "because" || err.Error() != "no: because (7)" {
		t.Errorf("%v", err)
	}
	var number int
	if err := l.Read(t.Context(), &number, "echo", "text"); strata.CodeOf(err) != strata.Invalid {
		t.Errorf("text as a number: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Read(ctx, nil, "hang"); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
}

// TestBreaks: reads go on over breaks, and a subscription is entered again on
// each connection until it is ended.
func TestBreaks(t *testing.T) {
	n := newNode(t)
	l := open(t, n)
	told := make(chan string, 8)
	s := &Subscription{Method: "follow", Unsubscribe: "unfollow", Notify: func(raw json.RawMessage) { told <- string(raw) }}
	if err := l.Subscribe(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if got := <-told; got != `"hello"` {
			t.Errorf("told %s", got)
		}
		n.restart()
		if err := l.Read(t.Context(), nil, "echo", "text"); err != nil {
			t.Error(err)
		}
	}
	<-told
	l.Unsubscribe(t.Context(), s)
	n.restart()
	if err := l.Read(t.Context(), nil, "echo", "text"); err != nil || len(told) != 0 {
		t.Errorf("ended, and told %d times more; %v", len(told), err)
	}
}

// TestNextNode: a node that says it is syncing, at once or later, is left.
func TestNextNode(t *testing.T) {
	a, b := newNode(t), newNode(t)
	a.sick = true
	l := open(t, a, b)
	if l.Endpoint() != b.url() {
		t.Errorf("connected to %s, want %s", l.Endpoint(), b.url())
	}
	a.mu.Lock()
	a.sick = false
	a.mu.Unlock()
	b.mu.Lock()
	b.sick = true
	b.mu.Unlock()
	for c, err := l.Conn(t.Context()); err != nil || c.Address() != a.url(); c, err = l.Conn(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		<-c.Ended()
	}
}

func TestNoneIsUsable(t *testing.T) {
	a, b := newNode(t), newNode(t)
	for code, accept := range map[strata.Code]func(context.Context, *Conn) error{
		strata.Conflict:    func(context.Context, *Conn) error { return strata.E(strata.Conflict, "another\nchain") },
		strata.Unavailable: func(context.Context, *Conn) error { return errors.New("no") },
	} {
		err := New([]string{a.url(), b.url()}, Options{}, accept).Open(t.Context())
		if strata.CodeOf(err) != code || !strings.Contains(err.Error(), a.url()) || !strings.Contains(err.Error(), b.url()) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want code %v", err, code)
		}
	}
}

// TestCloseEndsAll: nothing is left running, what was started with Go included.
func TestCloseEndsAll(t *testing.T) {
	n := newNode(t)
	defer leaks.None(t, goleak.IgnoreCurrent())
	l := open(t, n)
	ended := false
	l.Go(func() {
		<-l.Context().Done()
		ended = true
	})
	l.Close()
	if !ended {
		t.Error("Close did not wait")
	}
	if err := l.Read(t.Context(), nil, "echo", "text"); strata.CodeOf(err) != strata.Unavailable {
		t.Errorf("a read after Close: %v", err)
	}
	n.http.CloseClientConnections()
	n.stop()
	if err := n.rpc.Close(); err != nil {
		t.Error(err)
	}
	n.http.Close()
}
