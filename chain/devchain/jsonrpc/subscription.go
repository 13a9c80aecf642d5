package jsonrpc

import (
	"crypto/rand"
	"encoding/hex"
)

// Starter begins to send and returns what ends it. send does not block; it may
// be called until stop has returned.
type Starter func(send func(any)) (stop func())

// Subscription pairs a subscription's methods: what starts it, what ends it,
// and what its messages are called.
type Subscription struct {
	Start, End, Message string
	// Open looks at the parameters and does what may fail. What it returns runs
	// when the answer with the subscription's id is on its way.
	Open func(p Params) (Starter, error)
}

// subscribe opens the subscription on a connection.
func (is Subscription) subscribe(c *conn, p Params) (any, func(), error) {
	if c == nil {
		return nil, nil, &Error{CodeRequest, "Subscriptions need a websocket connection", ""}
	}
	id := newSubscriptionID()
	if !c.reserve(id) {
		return nil, nil, &Error{codeSubscriptions, "Too many subscriptions on the connection", ""}
	}
	start, err := is.Open(p)
	if err != nil {
		c.forget(id)
		return nil, nil, err
	}
	return id, func() {
		c.began(id, start(func(v any) {
			m := notification{Version: "2.0", Method: is.Message}
			m.Params.Subscription, m.Params.Result = id, v
			c.send(m)
		}))
	}, nil
}

func newSubscriptionID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// reserve makes room for a subscription and says whether there is any.
func (c *conn) reserve(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.subs) >= maxSubscriptions {
		return false
	}
	c.subs[id] = func() {}
	return true
}

// began records what ends a subscription, or ends it if nobody wants it any more.
func (c *conn) began(id string, stop func()) {
	c.mu.Lock()
	_, wanted := c.subs[id]
	if wanted {
		c.subs[id] = stop
	}
	c.mu.Unlock()
	if !wanted {
		stop()
	}
}

// forget ends a subscription and says whether there was one.
func (c *conn) forget(id string) bool {
	c.mu.Lock()
	stop, ok := c.subs[id]
	delete(c.subs, id)
	c.mu.Unlock()
	if ok {
		stop()
	}
	return ok
}

func unsubscribe(c *conn, p Params) (any, func(), error) {
	id, err := p.Str(0, "a subscription")
	if err != nil {
		return nil, nil, err
	}
	return c != nil && c.forget(id), nil, nil
}
