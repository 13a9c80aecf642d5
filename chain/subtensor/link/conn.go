package link

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	neturl "net/url"
	"sync"
	"time"

	"github.com/coder/websocket"

	"strata"
)

// Error is an error that the node answered with.
type Error struct {
	Code    int             `json:"code"`
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data"`
}

// Error returns the message, and the data if it is text.
func (e *Error) Error() string {
	if d := e.Detail(); d != "" {
		return fmt.Sprintf("%s: %s (%d)", e.Message, d, e.Code)
	}
	return fmt.Sprintf("%s (%d)", e.Message, e.Code)
}

// Detail returns the error's data if it is text.
func (e *Error) Detail() string {
	var s string
	if json.Unmarshal(e.Data, &s) != nil {
		return ""
	}
	return s
}

// ErrLost says that the connection broke before the answer came, so whether
// the node acted on the request is unknown.
var ErrLost = errors.New("the connection broke")

// request is what is sent.
type request struct {
	Version string `json:"jsonrpc"`
	ID      uint64 `json:"id"`
	Method  string `json:"method"`
	Params  []any  `json:"params"`
}

// message is what is received: an answer, with an id, or a notification.
type message struct {
	ID     *uint64         `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *Error          `json:"error"`
	Params struct {
		Subscription json.RawMessage `json:"subscription"`
		Result       json.RawMessage `json:"result"`
	} `json:"params"`
}

// pendingCall is a request that awaits its answer.
type pendingCall struct {
	answer chan message              // of one, never blocks
	notify func(raw json.RawMessage) // set for a subscribing request
}

// Conn is one websocket connection. It ends once: done is closed, after which
// err holds why and every waiting call returns ErrLost.
type Conn struct {
	ws      *websocket.Conn
	url     string
	timeout time.Duration // for one request

	ctx    context.Context // ends with the connection
	cancel context.CancelFunc
	done   chan struct{}
	once   sync.Once
	err    error // set before done is closed

	mu      sync.Mutex
	nextID  uint64
	pending map[uint64]pendingCall
	subs    map[string]func(json.RawMessage) // by the node's id of the subscription
}

// dialError is what went wrong with a connection without the libraries' account
// of what they were about, which names the address three times.
func dialError(err error) error {
	var request *neturl.Error
	if errors.As(err, &request) {
		err = request.Err
	}
	var network *net.OpError
	if errors.As(err, &network) && network.Err != nil {
		err = network.Err
	}
	return err
}

// dial connects to one endpoint and starts reading from it. The goroutines end
// with close.
func dial(ctx context.Context, url string, o Options, wg *sync.WaitGroup) (*Conn, error) {
	ctx, cancelDial := context.WithTimeout(ctx, o.Timeout)
	defer cancelDial()
	ws, resp, err := websocket.Dial(ctx, url, nil)
	if resp != nil && resp.Body != nil {
		_ = resp.Body.Close() // nothing is read from it
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", url, dialError(err))
	}
	ws.SetReadLimit(o.MaxMessage)
	c := &Conn{
		ws: ws, url: url, timeout: o.Timeout, done: make(chan struct{}),
		pending: map[uint64]pendingCall{}, subs: map[string]func(json.RawMessage){},
	}
	c.ctx, c.cancel = context.WithCancel(context.WithoutCancel(ctx))
	wg.Add(2)
	go func() { defer wg.Done(); c.readLoop() }()
	go func() { defer wg.Done(); c.watch(o.ProbeEvery) }()
	return c, nil
}

// close ends the connection for a reason.
func (c *Conn) close(why error) {
	c.once.Do(func() {
		c.err = why
		c.cancel()
		_ = c.ws.CloseNow() // it is of no more use, closed well or not
		close(c.done)
	})
}

// readLoop hands out what the node sends, until the connection ends.
func (c *Conn) readLoop() {
	for {
		_, raw, err := c.ws.Read(c.ctx)
		if err != nil {
			c.close(err)
			return
		}
		var m message
		if err := json.Unmarshal(raw, &m); err != nil {
			c.close(fmt.Errorf("the node sent what is not JSON-RPC: %w", err))
			return
		}
		if m.ID != nil {
			c.answered(m)
		} else if notify := c.subscriber(m.Params.Subscription); notify != nil {
			notify(m.Params.Result)
		}
	}
}

// answered wakes the caller. A subscription is entered here, before the next
// message is read, so that its first notification is not missed.
func (c *Conn) answered(m message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, ok := c.pending[*m.ID]
	if !ok {
		return // the caller gave up
	}
	delete(c.pending, *m.ID)
	if p.notify != nil && m.Error == nil {
		c.subs[string(m.Result)] = p.notify
	}
	p.answer <- m
}

func (c *Conn) subscriber(id json.RawMessage) func(json.RawMessage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.subs[string(id)]
}

// Address returns the address of the node.
func (c *Conn) Address() string { return c.url }

// Ended is closed when the connection has ended.
func (c *Conn) Ended() <-chan struct{} { return c.done }

// Forget drops a subscription that the node has been told to end.
func (c *Conn) Forget(id json.RawMessage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.subs, string(id))
}

// watch asks the node whether it is well, so that one that has died, hangs or
// has fallen behind is noticed. A node that answers pings may still answer
// nothing else, so this is a request like any other.
func (c *Conn) watch(every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-c.done:
			return
		case <-tick.C:
		}
		if err := c.Health(c.ctx); err != nil && c.ctx.Err() == nil {
			c.close(err)
			return
		}
	}
}

// Health returns an error if the node does not answer or is syncing. One that
// does not say whether it is, is taken to be well.
func (c *Conn) Health(ctx context.Context) error {
	raw, err := c.Call(ctx, nil, "system_health")
	var refused *Error
	if errors.As(err, &refused) {
		return nil
	}
	var h struct {
		IsSyncing bool `json:"isSyncing"`
	}
	if err == nil {
		err = Decode(raw, &h, "system_health")
	}
	if err == nil && h.IsSyncing {
		err = strata.E(strata.Unavailable, "the chain node %s is still syncing: wait until it has caught up, or use another endpoint", c.url)
	}
	return err
}

// Call sends a request and waits for its answer. With notify the request
// subscribes, the result is the subscription's id, and notify, which must not
// block, gets what follows. Errors: *Error, ErrLost, or Unavailable when
// the node does not answer in time.
func (c *Conn) Call(ctx context.Context, notify func(json.RawMessage), method string, params ...any) (json.RawMessage, error) {
	if params == nil {
		params = []any{}
	}
	answer := make(chan message, 1)
	id := c.expect(pendingCall{answer: answer, notify: notify})
	defer c.drop(id)
	raw, err := json.Marshal(request{Version: "2.0", ID: id, Method: method, Params: params})
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(c.timeout)
	defer timer.Stop()
	// Not the caller's context: one that ends while writing kills the connection.
	wctx, cancel := context.WithTimeout(c.ctx, c.timeout)
	err = c.ws.Write(wctx, websocket.MessageText, raw)
	cancel()
	if err != nil {
		c.close(err)
		return nil, ErrLost
	}
	select {
	case m := <-answer:
		if m.Error != nil {
			return nil, m.Error
		}
		return m.Result, nil
	case <-c.done:
		return nil, ErrLost
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timer.C:
		return nil, strata.E(strata.Unavailable, "the chain node %s did not answer %s within %s: it is overloaded or stuck; try another --subtensor.chain_endpoint", c.url, method, c.timeout)
	}
}

func (c *Conn) expect(p pendingCall) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nextID++
	c.pending[c.nextID] = p
	return c.nextID
}

func (c *Conn) drop(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.pending, id)
}
