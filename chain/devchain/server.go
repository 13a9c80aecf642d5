package devchain

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/coder/websocket"
)

// Limits of a connection.
const (
	maxMessage       = 2 << 20 // bytes of one request message
	maxBatch         = 64      // requests in one message
	maxSubscriptions = 64      // at once on one connection
	maxQueued        = 4096    // messages that wait for a slow client; then it is dropped
)

// JSON-RPC 2.0 error codes.
const (
	codeParse    = -32700
	codeRequest  = -32600
	codeMethod   = -32601
	codeParams   = -32602
	codeInternal = -32603
)

// request is a JSON-RPC request.
type request struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
}

// response is the answer to one.
type response struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Result  any             `json:"result"`
}

type errorResponse struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Error   *rpcError       `json:"error"`
}

// notification is what a subscription sends.
type notification struct {
	Version string `json:"jsonrpc"`
	Method  string `json:"method"`
	Params  struct {
		Subscription string `json:"subscription"`
		Result       any    `json:"result"`
	} `json:"params"`
}

// handler serves JSON-RPC: websocket to those who ask for it, POST otherwise.
func (n *Node) handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !n.enter() {
			http.Error(w, "the local chain is closing", http.StatusServiceUnavailable)
			return
		}
		defer n.conns.Done()
		if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
			n.serveSocket(w, r)
			return
		}
		n.servePost(w, r)
	})
}

func (n *Node) servePost(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		http.Error(w, "JSON-RPC: POST a request, or connect by websocket", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxMessage))
	var tooBig *http.MaxBytesError
	if errors.As(err, &tooBig) {
		http.Error(w, "request too large", http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		return // the client is gone
	}
	answer, _ := n.answer(nil, body)
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(answer) // nobody is left to tell
}

// conn is a websocket connection.
type conn struct {
	out  chan []byte
	drop context.CancelFunc // ends the connection

	mu   sync.Mutex
	subs map[string]func() // what ends each subscription, by its id
}

// send queues a message without waiting; a client too slow to take it is dropped.
func (c *conn) send(v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		c.drop()
		return
	}
	select {
	case c.out <- raw:
	default:
		c.drop()
	}
}

func (n *Node) serveSocket(w http.ResponseWriter, r *http.Request) {
	ws, err := websocket.Accept(w, r, nil)
	if err != nil {
		return // Accept has answered
	}
	defer ws.CloseNow()
	ws.SetReadLimit(maxMessage)
	ctx, cancel := context.WithCancel(n.group.Context())
	defer cancel()
	c := &conn{out: make(chan []byte, maxQueued), drop: cancel, subs: map[string]func(){}}
	defer c.endAll()
	var wg sync.WaitGroup
	wg.Go(func() {
		defer cancel()
		c.write(ctx, ws)
	})
	n.readRequests(ctx, ws, c)
	cancel()
	wg.Wait()
}

func (c *conn) write(ctx context.Context, ws *websocket.Conn) {
	for {
		select {
		case <-ctx.Done():
			return
		case raw := <-c.out:
			if ws.Write(ctx, websocket.MessageText, raw) != nil {
				return
			}
		}
	}
}

// readRequests answers one request after the other until the connection ends.
func (n *Node) readRequests(ctx context.Context, ws *websocket.Conn, c *conn) {
	for {
		_, raw, err := ws.Read(ctx)
		if err != nil {
			return
		}
		answer, after := n.answer(c, raw)
		if answer == nil {
			continue
		}
		select {
		case c.out <- answer:
		case <-ctx.Done():
			return
		}
		for _, f := range after {
			f()
		}
	}
}

func (c *conn) endAll() {
	c.mu.Lock()
	subs := c.subs
	c.subs = map[string]func(){}
	c.mu.Unlock()
	for _, end := range subs {
		end()
	}
}

// answer runs a message, one request or a batch. after is to be called once
// the answer is on its way: it starts what was subscribed to.
func (n *Node) answer(c *conn, raw []byte) (answer []byte, after []func()) {
	if len(raw) > 0 && raw[0] == '[' {
		return n.answerBatch(c, raw)
	}
	var req request
	if err := json.Unmarshal(raw, &req); err != nil {
		return failure(nil, codeParse, "Parse error"), nil
	}
	one, f := n.answerOne(c, req)
	if f != nil {
		after = append(after, f)
	}
	return one, after
}

func (n *Node) answerBatch(c *conn, raw []byte) (answer []byte, after []func()) {
	var reqs []request
	switch err := json.Unmarshal(raw, &reqs); {
	case err != nil:
		return failure(nil, codeParse, "Parse error"), nil
	case len(reqs) == 0 || len(reqs) > maxBatch:
		return failure(nil, codeRequest, "a batch has 1 to 64 requests"), nil
	}
	var out []json.RawMessage
	for _, req := range reqs {
		one, f := n.answerOne(c, req)
		if one != nil {
			out = append(out, one)
		}
		if f != nil {
			after = append(after, f)
		}
	}
	if out == nil {
		return nil, after
	}
	answer, err := json.Marshal(out)
	if err != nil {
		return failure(nil, codeInternal, err.Error()), nil
	}
	return answer, after
}

// answerOne runs a request; nothing is answered to one without an id.
func (n *Node) answerOne(c *conn, req request) (answer []byte, after func()) {
	if req.Version != "2.0" || req.Method == "" {
		return failure(req.ID, codeRequest, "Invalid request"), nil
	}
	m, ok := methods[req.Method]
	if !ok {
		return failure(req.ID, codeMethod, "Method not found"), nil
	}
	p, err := parseParams(req.Params)
	var result any
	if err == nil {
		result, after, err = m(n, c, p)
	}
	if err == nil {
		answer, err = json.Marshal(response{"2.0", req.ID, result})
	}
	if err != nil {
		answer = failureOf(req.ID, err)
	}
	if req.ID == nil {
		answer = nil
	}
	return answer, after
}

func failureOf(id json.RawMessage, err error) []byte {
	var e *rpcError
	if !errors.As(err, &e) {
		e = &rpcError{Code: codeInternal, Message: err.Error()}
	}
	return encodeFailure(id, e)
}

func failure(id json.RawMessage, code int, message string) []byte {
	return encodeFailure(id, &rpcError{Code: code, Message: message})
}

func encodeFailure(id json.RawMessage, e *rpcError) []byte {
	if id == nil {
		id = json.RawMessage("null")
	}
	raw, _ := json.Marshal(errorResponse{"2.0", id, e}) // cannot fail: strings, and an id that was parsed
	return raw
}
