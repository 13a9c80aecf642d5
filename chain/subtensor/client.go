package subtensor

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"strata"
	"strata/chain"
	"strata/chain/scale"
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

// runtime is what the node's current runtime says of itself. Not modified once made.
type runtime struct {
	meta *scale.Metadata
	spec uint32
	tx   uint32
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

type versionJSON struct {
	Spec uint32 `json:"specVersion"`
	Tx   uint32 `json:"transactionVersion"`
}

// runtime returns the node's current runtime, fetched again if the node has
// announced another spec version since.
func (c *Client) runtime(ctx context.Context) (*runtime, error) {
	c.rtMu.Lock()
	defer c.rtMu.Unlock()
	if n := c.announced.Load(); c.rt != nil && (n == 0 || n == c.rt.spec) {
		return c.rt, nil
	}
	at, err := c.bestHash(ctx) // version and metadata of one block
	if err != nil {
		return nil, err
	}
	v, err := c.version(ctx, at)
	if err != nil {
		return nil, err
	}
	if c.rt != nil && c.rt.spec == v.Spec {
		return c.rt, nil // announced, but not yet enacted at the best block
	}
	rt, err := c.fetchRuntime(ctx, v, at)
	if err != nil {
		return nil, err
	}
	if c.rt != nil {
		c.opts.Logger.Info("the chain's runtime was upgraded", "from", c.rt.spec, "to", rt.spec)
		c.keep(c.rt)
	}
	c.rt = rt
	c.link.ExpectBlocks(blockTimeOf(rt.meta))
	return c.rt, nil
}

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

// runtimeAt returns the runtime that a block's state is of: of an older block,
// it may be an older one.
func (c *Client) runtimeAt(ctx context.Context, at strata.BlockHash) (*runtime, error) {
	if at == (strata.BlockHash{}) {
		return c.runtime(ctx)
	}
	c.rtMu.Lock()
	defer c.rtMu.Unlock()
	if at == c.lastAt {
		return c.lastRt, nil // several reads at one block are the rule
	}
	rt, err := c.runtimeOf(ctx, at)
	if err == nil {
		c.lastAt, c.lastRt = at, rt
	}
	return rt, err
}

// runtimeOf finds or fetches a block's runtime. The caller holds rtMu.
func (c *Client) runtimeOf(ctx context.Context, at strata.BlockHash) (*runtime, error) {
	v, err := c.version(ctx, at)
	if err != nil {
		return nil, err
	}
	for _, rt := range append([]*runtime{c.rt}, c.older...) {
		if rt != nil && rt.spec == v.Spec {
			return rt, nil
		}
	}
	rt, err := c.fetchRuntime(ctx, v, at)
	if err == nil {
		c.keep(rt)
	}
	return rt, err
}

// keptRuntimes bounds the metadata in memory, a few MB each.
const keptRuntimes = 3

// keep remembers a runtime that is not the current one. The caller holds rtMu.
func (c *Client) keep(rt *runtime) {
	c.older = append(c.older, rt)
	if len(c.older) > keptRuntimes {
		c.older = c.older[1:]
	}
}

// upgraded asks whether the node has another runtime than rt by now; then
// runtime fetches it.
func (c *Client) upgraded(ctx context.Context, rt *runtime) bool {
	v, err := c.version(ctx, strata.BlockHash{})
	if err != nil || v.Spec == rt.spec {
		return false
	}
	c.announced.Store(v.Spec)
	return true
}

// version returns the runtime's version at a block.
func (c *Client) version(ctx context.Context, at strata.BlockHash) (v versionJSON, err error) {
	err = c.link.Read(ctx, &v, "state_getRuntimeVersion", atParam(at)...)
	return v, stateError(err)
}

func (c *Client) fetchRuntime(ctx context.Context, v versionJSON, at strata.BlockHash) (*runtime, error) {
	raw, err := c.metadata(ctx, at)
	if err != nil {
		return nil, err
	}
	meta, err := scale.DecodeMetadata(raw)
	if err != nil {
		return nil, err
	}
	return &runtime{meta: meta, spec: v.Spec, tx: v.Tx}, nil
}

// metadata fetches V15, which lists runtime APIs, or V14 from a node that does
// not have it.
func (c *Client) metadata(ctx context.Context, at strata.BlockHash) ([]byte, error) {
	var wrapped, plain hexBytes
	version := scale.NewEncoder(nil)
	version.U32(15)
	params := append([]any{"Metadata_metadata_at_version", hexBytes(version.Bytes())}, atParam(at)...)
	err := c.link.Read(ctx, &wrapped, "state_call", params...)
	if err == nil {
		if raw, err := scale.UnwrapMetadata(wrapped); err == nil {
			return raw, nil
		}
	} else if !answered(err) {
		return nil, err
	}
	err = c.link.Read(ctx, &plain, "state_getMetadata", atParam(at)...)
	return plain, err
}

// answered says whether an error came from the node itself, so that asking in
// another way may help.
func answered(err error) bool {
	var r *link.Error
	return errors.As(err, &r)
}

// hexBytes is bytes as JSON-RPC writes them: "0x" and hex digits; null is nil.
type hexBytes []byte

// MarshalJSON implements json.Marshaler.
func (h hexBytes) MarshalJSON() ([]byte, error) {
	return json.Marshal("0x" + hex.EncodeToString(h))
}

// UnmarshalJSON implements json.Unmarshaler.
func (h *hexBytes) UnmarshalJSON(raw []byte) error {
	var s *string
	if err := json.Unmarshal(raw, &s); err != nil {
		return err
	}
	*h = nil
	if s == nil {
		return nil
	}
	digits, ok := strings.CutPrefix(*s, "0x")
	if !ok {
		return errors.New("hex bytes do not start with 0x")
	}
	b, err := hex.DecodeString(digits)
	*h = b
	return err
}

// hash returns exactly 32 bytes.
func (h hexBytes) hash() (out [32]byte, err error) {
	if len(h) != len(out) {
		return out, strata.E(strata.Invalid, "the chain node gave a hash of %d bytes, not 32", len(h))
	}
	return [32]byte(h), nil
}
