package jsonrpc

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Limits of a connection.
const (
	maxMessage       = 2 << 20 // bytes of one request message
	maxBatch         = 64      // requests in one message
	maxSubscriptions = 64      // at once on one connection
	maxQueued        = 4096    // messages that wait for a slow client; then it is dropped
)

// Method runs a request. The result is sent as JSON.
type Method func(p Params) (result any, err error)

// method runs a request of a connection, nil over HTTP, where nothing can be
// subscribed to. after, if any, runs when the answer is on its way.
type method func(c *conn, p Params) (result any, after func(), err error)

// Server answers requests. Safe for concurrent use.
type Server struct {
	ctx     context.Context // ends all connections
	methods map[string]method

	mu      sync.Mutex // guards what follows
	closing bool       // no more connections
	conns   sync.WaitGroup
}

// NewServer returns a server of these methods and subscriptions, and of
// rpc_methods, which lists all their names. Its connections end with ctx.
func NewServer(ctx context.Context, methods map[string]Method, subscriptions []Subscription) *Server {
	s := &Server{ctx: ctx, methods: map[string]method{}}
	s.methods["rpc_methods"] = plain(func(Params) (any, error) {
		return map[string][]string{"methods": slices.Sorted(maps.Keys(s.methods))}, nil
	})
	for name, m := range methods {
		s.methods[name] = plain(m)
	}
	for _, is := range subscriptions {
		s.methods[is.Start] = is.subscribe
		s.methods[is.End] = unsubscribe
	}
	return s
}

func plain(m Method) method {
	return func(_ *conn, p Params) (any, func(), error) {
		result, err := m(p)
		return result, nil, err
	}
}

// Close refuses new connections and waits for those there are, which end with
// the server's context.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	s.conns.Wait()
	return nil
}

// enter counts a connection in, unless the server is closing.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closing {
		s.conns.Add(1)
	}
	return !s.closing
}

// ServeHTTP serves websocket to those who ask for it, POST otherwise.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.enter() {
		http.Error(w, "the local chain is closing", http.StatusServiceUnavailable)
		return
	}
	defer s.conns.Done()
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		s.serveSocket(w, r)
		return
	}
	s.servePost(w, r)
}

func (s *Server) servePost(w http.ResponseWriter, r *http.Request) {
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
	answer, _ := s.answer(nil, body)
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(answer) // nobody is left to tell
}

// answer runs a message, one request or a batch. after is to be called once
// the answer is on its way: it starts what was subscribed to.
func (s *Server) answer(c *conn, raw []byte) (answer []byte, after []func()) {
	if len(raw) > 0 && raw[0] == '[' {
		return s.answerBatch(c, raw)
	}
	var req request
	if err := json.Unmarshal(raw, &req); err != nil {
		return failure(nil, CodeParse, "Parse error"), nil
	}
	one, f := s.answerOne(c, req)
	if f != nil {
		after = append(after, f)
	}
	return one, after
}

func (s *Server) answerBatch(c *conn, raw []byte) (answer []byte, after []func()) {
	var reqs []request
	switch err := json.Unmarshal(raw, &reqs); {
	case err != nil:
		return failure(nil, CodeParse, "Parse error"), nil
	case len(reqs) == 0 || len(reqs) > maxBatch:
		return failure(nil, CodeRequest, "a batch has 1 to 64 requests"), nil
	}
	var out []json.RawMessage
	for _, req := range reqs {
		one, f := s.answerOne(c, req)
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
		return failure(nil, CodeInternal, err.Error()), nil
	}
	return answer, after
}

// answerOne runs a request; nothing is answered to one without an id.
func (s *Server) answerOne(c *conn, req request) (answer []byte, after func()) {
	if req.Version != "2.0" || req.Method == "" {
		return failure(req.ID, CodeRequest, "Invalid request"), nil
	}
	m, ok := s.methods[req.Method]
	if !ok {
		return failure(req.ID, CodeMethod, "Method not found"), nil
	}
	p, err := parseParams(req.Params)
	var result any
	if err == nil {
		result, after, err = m(c, p)
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
