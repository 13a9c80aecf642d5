package subtensor

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"strata"
	"strata/chain"
	"strata/chain/subtensor/link"
)

// Options tune a Client. The zero value is right for production.
type Options struct {
	Timeout    time.Duration // for one request, and to connect; 0 = 15 s
	ProbeEvery time.Duration // how often the node is asked whether it is well; 0 = 10 s
	Stall      time.Duration // after so long without a new block the next endpoint is tried; 0 = 28 s, or three block times of the chain if they are longer
	MinBackoff time.Duration // first pause between reconnections; 0 = 250 ms
	MaxBackoff time.Duration // longest pause; 0 = 30 s
	MaxMessage int64         // most bytes in one answer; 0 = 64 MiB
	Finalized  bool          // a submission waits until its block is final; false = until it is in a block
	Logger     *slog.Logger  // nil = none
}

// connection returns the options of the connection, defaults filled in.
func (o Options) connection() link.Options {
	return link.Options{
		Timeout: o.Timeout, ProbeEvery: o.ProbeEvery, Stall: o.Stall, MinBackoff: o.MinBackoff, MaxBackoff: o.MaxBackoff,
		MaxMessage: o.MaxMessage, Logger: o.Logger,
	}.WithDefaults()
}

// Client is a chain.Client. Safe for concurrent use.
type Client struct {
	link    *link.Link
	opts    link.Options
	final   bool               // Options.Finalized
	genesis strata.GenesisHash // set by Dial
	hasGen  bool               // set with genesis, by Dial, before anything runs beside it
	nonces  nonceBook

	announced atomic.Uint32 // spec version the node last announced; 0 = none yet
	rtMu      sync.Mutex    // guards what follows; held while it is fetched
	rt        *runtime      // of the best block
	older     []*runtime    // of earlier blocks that were asked about
	lastAt    strata.BlockHash
	lastRt    *runtime // of lastAt, the block last asked about
}

var _ chain.Client = (*Client)(nil)

// Dial connects to the first endpoint that answers. Close ends the connection
// and all goroutines. An unreachable chain gives code Unavailable.
func Dial(ctx context.Context, endpoints []string, o Options) (*Client, error) {
	if len(endpoints) == 0 {
		return nil, strata.E(strata.Invalid, "no chain endpoint given: set --subtensor.network or --subtensor.chain_endpoint")
	}
	c := &Client{opts: o.connection(), final: o.Finalized, nonces: nonceBook{accounts: map[[32]byte]*accountNonces{}}}
	c.link = link.New(endpoints, c.opts, c.accept)
	if err := c.link.Open(ctx); err != nil {
		return nil, err
	}
	err := c.link.Subscribe(ctx, &link.Subscription{ // by which a node that stalls is noticed
		Method: "chain_subscribeNewHeads", Unsubscribe: "chain_unsubscribeNewHeads",
		Notify: func(raw json.RawMessage) {
			var h header
			if json.Unmarshal(raw, &h) != nil {
				return
			}
			if number, err := h.number(); err == nil {
				c.link.SawBlock(number)
			}
		},
	})
	if err == nil {
		err = c.link.Subscribe(ctx, &link.Subscription{
			Method: "state_subscribeRuntimeVersion", Unsubscribe: "state_unsubscribeRuntimeVersion",
			Notify: func(raw json.RawMessage) {
				var v versionJSON
				if json.Unmarshal(raw, &v) == nil {
					c.announced.Store(v.Spec)
				}
			},
		})
	}
	if err == nil {
		_, err = c.runtime(ctx)
	}
	if err != nil {
		c.link.Close()
		return nil, err
	}
	return c, nil
}

// Close ends the connection and waits for the Client's goroutines.
func (c *Client) Close() error {
	c.link.Close()
	return nil
}

// accept looks at a new connection before it is used: the chain must be the
// same, the node must not be syncing, and its runtime is the one to expect.
func (c *Client) accept(ctx context.Context, on *link.Conn) error {
	if err := c.sameChain(ctx, on); err != nil {
		return err
	}
	if err := on.Health(ctx); err != nil {
		return err
	}
	raw, err := on.Call(ctx, nil, "state_getRuntimeVersion")
	if err != nil {
		return err
	}
	var v versionJSON
	if err := link.Decode(raw, &v, "state_getRuntimeVersion"); err != nil {
		return err
	}
	c.announced.Store(v.Spec)
	return nil
}

// sameChain learns the genesis hash from the first connection and refuses
// later ones to another chain.
func (c *Client) sameChain(ctx context.Context, on *link.Conn) error {
	raw, err := on.Call(ctx, nil, "chain_getBlockHash", 0)
	if err != nil {
		return err
	}
	var h hexBytes
	if err := link.Decode(raw, &h, "chain_getBlockHash"); err != nil {
		return err
	}
	g, err := h.hash()
	if err != nil {
		return err
	}
	if !c.hasGen {
		c.genesis = strata.GenesisHash(g)
		c.hasGen = true
	}
	if c.genesis != strata.GenesisHash(g) {
		return strata.E(strata.Conflict, "%s is a node of another chain (genesis %x)", on.Address(), g)
	}
	return nil
}

// Genesis returns the hash of block 0, known since Dial.
func (c *Client) Genesis(context.Context) (strata.GenesisHash, error) { return c.genesis, nil }

func (c *Client) bestHash(ctx context.Context) (strata.BlockHash, error) {
	var h *header
	if err := c.link.Read(ctx, &h, "chain_getHeader"); err != nil {
		return strata.BlockHash{}, err
	}
	if h == nil {
		return strata.BlockHash{}, strata.E(strata.Unavailable, "the chain node has no best block yet")
	}
	return h.hash()
}

// answered says whether an error came from the node itself, so that asking in
// another way may help.
func answered(err error) bool {
	var r *link.Error
	return errors.As(err, &r)
}
