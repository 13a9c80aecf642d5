package jsonrpc

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"

	"github.com/coder/websocket"
)

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

func (s *Server) serveSocket(w http.ResponseWriter, r *http.Request) {
	ws, err := websocket.Accept(w, r, nil)
	if err != nil {
		return // Accept has answered
	}
	defer ws.CloseNow()
	ws.SetReadLimit(maxMessage)
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	c := &conn{out: make(chan []byte, maxQueued), drop: cancel, subs: map[string]func(){}}
	defer c.endAll()
	var wg sync.WaitGroup
	wg.Go(func() {
		defer cancel()
		c.write(ctx, ws)
	})
	s.readRequests(ctx, ws, c)
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
func (s *Server) readRequests(ctx context.Context, ws *websocket.Conn, c *conn) {
	for {
		_, raw, err := ws.Read(ctx)
		if err != nil {
			return
		}
		answer, after := s.answer(c, raw)
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
