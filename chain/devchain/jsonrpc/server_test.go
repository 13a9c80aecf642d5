package jsonrpc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// newTestServer serves methods that echo, fail and follow.
func newTestServer(t *testing.T) (url string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s := NewServer(ctx, map[string]Method{
		"name":   func(Params) (any, error) { return "strata", nil },
		"add":    func(p Params) (any, error) { return sum(p) },
		"fail":   func(Params) (any, error) { return nil, errors.New("it broke") },
		"refuse": func(Params) (any, error) { return nil, &Error{Code: 7, Message: "no", Data: "why"} },
		"unsent": func(Params) (any, error) { return func() {}, nil },
	}, []Subscription{{Start: "follow", End: "unfollow", Message: "followed", Open: func(p Params) (Starter, error) {
		if p.Given(0) {
			return nil, ParamsError("no parameters")
		}
		return func(send func(any)) func() { send("first"); return func() {} }, nil
	}}})
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	stop = func() {
		cancel()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return h.URL, stop
}

func sum(p Params) (any, error) {
	a, err := p.Number(0, "a number")
	if err != nil {
		return nil, err
	}
	b, err := p.Number(1, "a number")
	return a + b, err
}

func post(t *testing.T, url, body string) (int, string) {
	t.Helper()
	resp, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, b.String()
}

func TestPost(t *testing.T) {
	url, stop := newTestServer(t)
	for body, want := range map[string]string{
		`{"jsonrpc":"2.0","id":1,"method":"name","params":[]}`:                                                                 `{"jsonrpc":"2.0","id":1,"result":"strata"}`,
		`{"jsonrpc":"2.0","id":1,"method":"add","params":["0x10", 4]}`:                                                         `{"jsonrpc":"2.0","id":1,"result":20}`,
		`{"jsonrpc":"2.0","id":1,"method":"add","params":[1]}`:                                                                 `{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"Invalid params: parameter 1 (a number) is missing"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"add","params":{"a":1}}`:                                                             `{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"Invalid params: an array is expected"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"fail"}`:                                                                             `{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"it broke"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"refuse"}`:                                                                           `{"jsonrpc":"2.0","id":1,"error":{"code":7,"message":"no","data":"why"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"rpc_methods"}`:                                                                      `{"jsonrpc":"2.0","id":1,"result":{"methods":["add","fail","follow","name","refuse","rpc_methods","unfollow","unsent"]}}`,
		`[{"jsonrpc":"2.0","id":1,"method":"name"},{"jsonrpc":"2.0","method":"name"},{"jsonrpc":"2.0","id":"b","method":"x"}]`: `[{"jsonrpc":"2.0","id":1,"result":"strata"},{"jsonrpc":"2.0","id":"b","error":{"code":-32601,"message":"Method not found"}}]`,
		`{"jsonrpc":"2.0","id":1,"method":"follow"}`:                                                                           `{"jsonrpc":"2.0","id":1,"error":{"code":-32600,"message":"Subscriptions need a websocket connection"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"unfollow","params":["x"]}`:                                                          `{"jsonrpc":"2.0","id":1,"result":false}`,
		`{"jsonrpc":"2.0","method":"name"}`:                                                                                    ``,
		`[{"jsonrpc":"2.0","method":"name"}]`:                                                                                  ``,
		`{`:                                                                                                                    `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}`,
		`[1]`:                                                                                                                  `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}`,
		`[]`:                                                                                                                   `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"a batch has 1 to 64 requests"}}`,
		`{"id":1,"method":"name"}`:                                                                                             `{"jsonrpc":"2.0","id":1,"error":{"code":-32600,"message":"Invalid request"}}`,
		"[" + strings.Repeat(`{"jsonrpc":"2.0","id":1,"method":"name"},`, maxBatch) + `{"jsonrpc":"2.0","id":1,"method":"name"}` + "]": `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"a batch has 1 to 64 requests"}}`,
	} {
		if status, got := post(t, url, body); status != 200 || got != want {
			t.Errorf("%.80s: %d %s, want %s", body, status, got, want)
		}
	}
	if status, got := post(t, url, `{"jsonrpc":"2.0","id":1,"method":"unsent"}`); status != 200 || !strings.Contains(got, "-32603") {
		t.Errorf("what is no JSON: %d %s", status, got)
	}
	if status, _ := post(t, url, strings.Repeat(" ", maxMessage+1)); status != http.StatusRequestEntityTooLarge {
		t.Errorf("too large: %d", status)
	}
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close() // only the status counts
	if resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", resp.StatusCode)
	}
	stop()
	if status, _ := post(t, url, `{}`); status != http.StatusServiceUnavailable {
		t.Errorf("when closed: %d", status)
	}
}

// dial returns a function that sends a message and reads one.
func dial(t *testing.T, url string) (ask func(string) string, ws *websocket.Conn) {
	t.Helper()
	ws, _, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(url, "http"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ws.CloseNow() })
	return func(message string) string {
		t.Helper()
		if message != "" {
			if err := ws.Write(t.Context(), websocket.MessageText, []byte(message)); err != nil {
				t.Fatal(err)
			}
		}
		_, raw, err := ws.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}, ws
}

func TestSubscriptionsAreBounded(t *testing.T) {
	url, stop := newTestServer(t)
	ask, ws := dial(t, url)
	const follow = `{"jsonrpc":"2.0","id":1,"method":"follow"}`
	if got := ask(`{"jsonrpc":"2.0","id":1,"method":"follow","params":[1]}`); !strings.Contains(got, "no parameters") {
		t.Errorf("refused: %s", got)
	}
	var last struct{ Result string }
	for i := range maxSubscriptions {
		if err := json.Unmarshal([]byte(ask(follow)), &last); err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf(`{"jsonrpc":"2.0","method":"followed","params":{"subscription":%q,"result":"first"}}`, last.Result)
		if got := ask(""); got != want {
			t.Fatalf("subscription %d: %s, want %s", i, got, want)
		}
	}
	if got := ask(follow); !strings.Contains(got, "-32006") {
		t.Errorf("one too many: %s", got)
	}
	unfollow := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"unfollow","params":[%q]}`, last.Result)
	for _, want := range []string{"true", "false"} {
		if got := ask(unfollow); !strings.Contains(got, `"result":`+want) {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if got := ask(follow); strings.Contains(got, "error") {
		t.Errorf("room was made: %s", got)
	}
	stop()
	for {
		if _, _, err := ws.Read(t.Context()); err != nil {
			break // the connection has ended with the server
		}
	}
}

// TestSlowSubscriberIsDropped: a client that does not read loses its
// connection.
func TestSlowSubscriberIsDropped(t *testing.T) {
	ended := make(chan struct{})
	c := &conn{out: make(chan []byte, 2), drop: func() { close(ended) }, subs: map[string]func(){}}
	for i := range 2 {
		c.send(i)
	}
	select {
	case <-ended:
		t.Fatal("dropped while there was room")
	default:
	}
	c.send(2)
	<-ended
}

// TestEndedBeforeItBegan: what starts to send after its connection has ended is
// stopped at once.
func TestEndedBeforeItBegan(t *testing.T) {
	c := &conn{subs: map[string]func(){}}
	c.reserve("a")
	c.endAll()
	stopped := false
	c.began("a", func() { stopped = true })
	if !stopped || len(c.subs) != 0 {
		t.Error("it goes on")
	}
}
