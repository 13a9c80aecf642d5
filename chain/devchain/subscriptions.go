package devchain

import (
	"crypto/rand"
	"encoding/hex"
)

// subscriptionMethods pairs each subscription's methods: what starts it, what
// ends it, and what its messages are called.
func subscriptionMethods() map[string]method {
	out := map[string]method{}
	for _, s := range []struct {
		start, end, message string
		open                func(n *Node, p params) (starter, error)
	}{
		{"chain_subscribeNewHeads", "chain_unsubscribeNewHeads", "chain_newHead", openHeads},
		{"chain_subscribeNewHead", "chain_unsubscribeNewHead", "chain_newHead", openHeads}, // older names, which real nodes know too
		{"subscribe_newHead", "unsubscribe_newHead", "chain_newHead", openHeads},
		{"chain_subscribeFinalisedHeads", "chain_unsubscribeFinalisedHeads", "chain_finalizedHead", openHeads},
		{"chain_subscribeRuntimeVersion", "chain_unsubscribeRuntimeVersion", "state_runtimeVersion", openVersion},
		{"chain_subscribeAllHeads", "chain_unsubscribeAllHeads", "chain_allHead", openHeads},
		{"chain_subscribeFinalizedHeads", "chain_unsubscribeFinalizedHeads", "chain_finalizedHead", openHeads},
		{"state_subscribeStorage", "state_unsubscribeStorage", "state_storage", openStorage},
		{"state_subscribeRuntimeVersion", "state_unsubscribeRuntimeVersion", "state_runtimeVersion", openVersion},
		{"author_submitAndWatchExtrinsic", "author_unwatchExtrinsic", "author_extrinsicUpdate", openExtrinsic},
	} {
		out[s.start] = func(n *Node, c *conn, p params) (any, func(), error) { return n.subscribe(c, p, s.message, s.open) }
		out[s.end] = func(_ *Node, c *conn, p params) (any, func(), error) {
			ended, err := unsubscribe(c, p)
			return ended, nil, err
		}
	}
	return out
}

// starter begins to send and returns what ends it.
type starter func(send func(any)) (stop func())

// subscribe opens a subscription. It begins to send when the answer with its
// id is on its way.
func (n *Node) subscribe(c *conn, p params, message string, open func(*Node, params) (starter, error)) (any, func(), error) {
	if c == nil {
		return nil, nil, &rpcError{codeRequest, "Subscriptions need a websocket connection", ""}
	}
	id := newSubscriptionID()
	c.mu.Lock()
	full := len(c.subs) >= maxSubscriptions
	if !full {
		c.subs[id] = func() {}
	}
	c.mu.Unlock()
	if full {
		return nil, nil, &rpcError{-32006, "Too many subscriptions on the connection", ""}
	}
	start, err := open(n, p)
	if err != nil {
		c.forget(id)
		return nil, nil, err
	}
	return id, func() {
		c.began(id, start(func(v any) {
			m := notification{Version: "2.0", Method: message}
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

func unsubscribe(c *conn, p params) (any, error) {
	id, err := p.str(0, "a subscription")
	if err != nil || c == nil {
		return false, err
	}
	return c.forget(id), nil
}

// openHeads sends the head and each new one; every block is final at once.
func openHeads(n *Node, _ params) (starter, error) {
	return func(send func(any)) func() {
		return n.follow(
			func(b *block, _ reader) { send(b.header.json()) },
			func(b *block, _ changes) { send(b.header.json()) })
	}, nil
}

// openStorage sends the values of keys, then those that a block changes.
func openStorage(n *Node, p params) (starter, error) {
	keys, err := keyList(p, 0)
	if err != nil {
		return nil, err
	}
	return func(send func(any)) func() {
		return n.follow(
			func(b *block, s reader) { send(newChangeSet(b, keys, s)) },
			func(b *block, c changes) {
				var changed []string
				for _, k := range keys {
					if _, ok := c[k]; ok {
						changed = append(changed, k)
					}
				}
				if changed != nil {
					send(newChangeSet(b, changed, n.ledger.state))
				}
			})
	}, nil
}

// openVersion sends the runtime's version, and each later one.
func openVersion(n *Node, _ params) (starter, error) {
	return func(send func(any)) func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		send(n.rt.version)
		n.nextID++
		id := n.nextID
		n.versions[id] = func(v runtimeVersion) { send(v) }
		return func() {
			n.mu.Lock()
			defer n.mu.Unlock()
			delete(n.versions, id)
		}
	}, nil
}

// openExtrinsic submits an extrinsic and sends what becomes of it.
func openExtrinsic(n *Node, p params) (starter, error) {
	raw, err := p.hex(0, "an extrinsic")
	if err != nil {
		return nil, err
	}
	t, err := n.submit(raw)
	if err != nil {
		return nil, err
	}
	return func(send func(any)) func() { return n.watch(t, send) }, nil
}
