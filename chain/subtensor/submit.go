package subtensor

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"time"

	"golang.org/x/crypto/blake2b"

	"strata"
	"strata/chain"
	"strata/chain/scale"
	"strata/chain/subtensor/link"
)

// Eras: an extrinsic is valid for eraPeriod blocks from the last finalized
// one, or from the best one if finality is further behind than maxLag.
const (
	eraPeriod = 64
	maxLag    = eraPeriod / 2
)

// maxSignings bounds how often a submission is signed anew, each time because
// the chain was upgraded again.
const maxSignings = 10

// sent is an extrinsic that a node has taken.
type sent struct {
	rt   *runtime
	raw  []byte
	from uint64 // first block that can hold it
	last uint64 // last block that can hold it
}

// submit signs a call, sends it, and waits until it is in a block and its
// outcome is known. If the context ends meanwhile, the extrinsic may still be
// included, until its era ends.
//
// If the chain is upgraded while it waits, what was signed for the old runtime
// can get into no block any more: it is encoded and signed anew.
func (c *Client) submit(ctx context.Context, signer chain.Signer, pallet, name string, args scale.Struct) (strata.BlockHash, error) {
	for attempt := 1; ; attempt++ {
		rt, err := c.runtime(ctx)
		if err != nil {
			return strata.BlockHash{}, err
		}
		block, err := c.submitFor(ctx, rt, signer, pallet, name, maps.Clone(args))
		if !errors.Is(err, errOutdated) || attempt == maxSignings || !c.upgraded(ctx, rt) {
			return block, named(pallet, name, err)
		}
		c.opts.Logger.Info("signing anew for the upgraded runtime", "call", pallet+"."+name)
	}
}

// submitFor is submit for one runtime. An error that is errOutdated says that
// the extrinsic is in no block and, if the runtime is another now, never will be.
func (c *Client) submitFor(ctx context.Context, rt *runtime, signer chain.Signer, pallet, name string, args scale.Struct) (strata.BlockHash, error) {
	call, err := c.encodeCall(ctx, rt, pallet, name, args)
	if err != nil {
		return strata.BlockHash{}, err
	}
	nonces := c.nonces.of(signer.PublicKey())
	x, statuses, err := c.sendNext(ctx, rt, nonces, signer, call)
	if err != nil {
		return strata.BlockHash{}, err
	}
	block, err := c.outcome(ctx, x, statuses)
	if errors.Is(err, errDropped) {
		block, err = c.afterDrop(ctx, x, err)
	}
	nonces.settled(err == nil)
	return block, err
}

// afterDrop looks whether an extrinsic that a node calls invalid is in a block
// already, and if not, whether that is because the chain was upgraded.
func (c *Client) afterDrop(ctx context.Context, x *sent, why error) (strata.BlockHash, error) {
	head, err := c.Head(ctx)
	if err != nil {
		return strata.BlockHash{}, err
	}
	if block, found, err := c.searchTo(ctx, x, x.from, head.Number); found || err != nil {
		return block, err
	}
	if c.upgraded(ctx, x.rt) {
		why = strata.E(strata.Conflict, "%w: the runtime was upgraded", errOutdated)
	}
	return strata.BlockHash{}, why
}

// named says which call an error is about.
func named(pallet, name string, err error) error {
	if err == nil {
		return nil
	}
	return strata.E(strata.CodeOf(err), "%s.%s: %w", pallet, name, err)
}

// sendNext signs with the account's next nonce and sends. The account is held
// until the node has answered, so that nonces leave no gap when it refuses.
func (c *Client) sendNext(ctx context.Context, rt *runtime, n *accountNonces, signer chain.Signer, call []byte) (*sent, *statusFeed, error) {
	if err := n.lock(ctx); err != nil {
		return nil, nil, err
	}
	defer n.unlock()
	account := signer.PublicKey()
	var next uint64
	if err := c.link.Read(ctx, &next, "system_accountNextIndex", strata.EncodeSS58(account)); err != nil {
		return nil, nil, err
	}
	p, last, err := c.txParams(ctx, rt, n.next(next))
	if err != nil {
		return nil, nil, err
	}
	raw, err := sign(rt.meta, signer, call, p)
	if err != nil {
		return nil, nil, err
	}
	x := &sent{rt: rt, raw: raw, from: last - eraPeriod, last: last}
	feed, err := c.watchExtrinsic(ctx, raw)
	if err != nil {
		return nil, nil, poolError(err)
	}
	n.taken(p.Nonce)
	return x, feed, nil
}

// sign makes a signed extrinsic of a call.
func sign(meta *scale.Metadata, signer chain.Signer, call []byte, p scale.TxParams) ([]byte, error) {
	payload, err := meta.SigningPayload(call, p)
	if err != nil {
		return nil, err
	}
	signature, err := signer.Sign(payload)
	if err != nil {
		return nil, err
	}
	return meta.EncodeSigned(call, signer.PublicKey(), signature, p)
}

// txParams chooses the era; last is the last block that it reaches.
func (c *Client) txParams(ctx context.Context, rt *runtime, nonce uint64) (p scale.TxParams, last uint64, err error) {
	var best *header
	if err := c.link.Read(ctx, &best, "chain_getHeader"); err != nil {
		return p, 0, err
	}
	if best == nil {
		return p, 0, strata.E(strata.Unavailable, "the chain node has no best block yet")
	}
	number, err := best.number()
	if err != nil {
		return p, 0, err
	}
	hash, err := best.hash()
	if err != nil {
		return p, 0, err
	}
	if final, err := c.Finalized(ctx); err == nil && final.Number <= number && final.Number+maxLag >= number {
		number, hash = final.Number, final.Hash
	}
	p = scale.TxParams{
		Era: scale.MortalEra(eraPeriod, number), Nonce: nonce, SpecVersion: rt.spec, TxVersion: rt.tx,
		Genesis: c.genesis, EraBlock: hash,
	}
	return p, p.Era.Death(number), nil
}

// statusFeed is what a node says of a watched extrinsic. The connection that
// it is watched on is not watched anew: its end is a broken feed.
type statusFeed struct {
	on      *link.Conn
	id      json.RawMessage
	updates chan json.RawMessage
}

// statusBacklog is more than the states an extrinsic goes through.
const statusBacklog = 64

// watchExtrinsic sends an extrinsic. If the connection breaks before the
// answer, it may have arrived: then the feed is empty and broken, and outcome
// looks for the extrinsic in the blocks.
func (c *Client) watchExtrinsic(ctx context.Context, raw []byte) (*statusFeed, error) {
	on, err := c.link.Conn(ctx)
	if err != nil {
		return nil, err
	}
	f := &statusFeed{on: on, updates: make(chan json.RawMessage, statusBacklog)}
	notify := func(raw json.RawMessage) {
		select {
		case f.updates <- raw:
		default: // a node that sends this many is not followed further
		}
	}
	f.id, err = on.Call(ctx, notify, "author_submitAndWatchExtrinsic", hexBytes(raw))
	if err != nil && !errors.Is(err, link.ErrLost) {
		return nil, err
	}
	return f, nil
}

// outcome waits until the extrinsic is in a block and reads how it went. When
// the node says nothing more, the blocks are looked through once its era is over.
func (c *Client) outcome(ctx context.Context, x *sent, f *statusFeed) (strata.BlockHash, error) {
	defer c.unwatch(f)
	tick := time.NewTicker(c.opts.Timeout)
	defer tick.Stop()
	for {
		var raw json.RawMessage
		select {
		case <-ctx.Done():
			return strata.BlockHash{}, ctx.Err()
		case raw = <-f.updates:
		case <-f.on.Ended():
			return c.search(ctx, x)
		case <-tick.C:
			if head, err := c.Head(ctx); err == nil && head.Number > x.last {
				return c.search(ctx, x)
			}
			continue
		}
		block, included, err := readStatus(raw, c.final)
		if err != nil {
			return strata.BlockHash{}, err
		}
		if included {
			found, err := c.inBlock(ctx, x, block)
			if err == nil && !found {
				err = strata.E(strata.Invalid, "the chain node says the extrinsic is in block 0x%s, which does not have it", block)
			}
			return block, err
		}
	}
}

// unwatch tells the node to stop, if it has not already.
func (c *Client) unwatch(f *statusFeed) {
	if f.id == nil {
		return
	}
	f.on.Forget(f.id)
	ctx, cancel := context.WithTimeout(c.link.Context(), c.opts.Timeout)
	defer cancel()
	// A failure means that the node has forgotten the watch itself.
	_, _ = f.on.Call(ctx, nil, "author_unwatchExtrinsic", f.id)
}

// errDropped says that a node has dropped an extrinsic as invalid.
var errDropped = errors.New("the chain dropped the extrinsic as no longer valid")

// readStatus reads one status: text, or an object with one member, whose value
// dev nodes leave null where others send text. With final, a block counts when
// it is final: until then a reorganisation may take it back.
func readStatus(raw json.RawMessage, final bool) (block strata.BlockHash, included bool, err error) {
	var name string
	var value json.RawMessage
	if json.Unmarshal(raw, &name) != nil {
		var object map[string]json.RawMessage
		if err := json.Unmarshal(raw, &object); err != nil || len(object) != 1 {
			return block, false, strata.E(strata.Invalid, "the chain node sent a transaction status that is not understood")
		}
		for name, value = range object {
		}
	}
	switch name {
	case "inBlock":
		if final {
			return block, false, nil
		}
		fallthrough
	case "finalized":
		var h hexBytes
		if err := json.Unmarshal(value, &h); err != nil {
			return block, false, strata.E(strata.Invalid, "the chain node sent status %s without a block: %w", name, err)
		}
		hash, err := h.hash()
		return hash, err == nil, err
	case "invalid":
		return block, false, strata.E(strata.Conflict, "%w: try again", errDropped)
	case "finalityTimeout":
		if final {
			return block, false, strata.E(strata.Unavailable, "the block with the extrinsic did not become final in time: the chain's finality lags, look again later")
		}
	case "usurped":
		return block, false, strata.E(strata.Conflict, "another extrinsic of the same account replaced this one: do not use one key in two programs at once")
	case "dropped":
		return block, false, strata.E(strata.Unavailable, "the chain node's queue is full and it dropped the extrinsic: try again later")
	}
	return block, false, nil // future, ready, broadcast, retracted, finalityTimeout: more follows
}

// search looks for the extrinsic block by block, after the connection that it
// was watched on broke, until its era is over. It is sent once more, in case it
// did not arrive; its nonce keeps it from running twice.
func (c *Client) search(ctx context.Context, x *sent) (strata.BlockHash, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	refused := c.link.Read(ctx, nil, "author_submitExtrinsic", hexBytes(x.raw))
	if refused != nil && !answered(refused) {
		return strata.BlockHash{}, refused
	} // an answer that refuses it is what a node gives that has it already
	heads, err := c.Heads(ctx)
	if err != nil {
		return strata.BlockHash{}, err
	}
	head, err := c.Head(ctx)
	if err != nil {
		return strata.BlockHash{}, err
	}
	for next := x.from; ; {
		to := min(head.Number, x.last)
		if block, found, err := c.searchTo(ctx, x, next, to); found || err != nil {
			return block, err
		}
		next = max(next, to+1)
		if errors.Is(poolError(refused), errOutdated) && c.upgraded(ctx, x.rt) {
			return strata.BlockHash{}, poolError(refused)
		}
		if next > x.last {
			return strata.BlockHash{}, strata.E(strata.Unavailable, "the connection broke while sending and the extrinsic is in no block: try again")
		}
		var open bool
		if head, open = <-heads; !open {
			return strata.BlockHash{}, strata.E(strata.Unavailable, "stopped before the extrinsic's outcome was known")
		}
	}
}

// searchTo looks for the extrinsic in a range of blocks.
func (c *Client) searchTo(ctx context.Context, x *sent, from, to uint64) (block strata.BlockHash, found bool, err error) {
	for n := from; n <= to; n++ {
		if block, err = c.hashAt(ctx, n); err != nil {
			return strata.BlockHash{}, false, err
		}
		if found, err := c.inBlock(ctx, x, block); found || err != nil {
			return block, found, err
		}
	}
	return strata.BlockHash{}, false, nil
}

// inBlock says whether a block holds the extrinsic, and the error it ended with there.
func (c *Client) inBlock(ctx context.Context, x *sent, block strata.BlockHash) (found bool, err error) {
	var b struct {
		Block struct {
			Extrinsics []hexBytes `json:"extrinsics"`
		} `json:"block"`
	}
	if err := c.link.Read(ctx, &b, "chain_getBlock", hexBytes(block[:])); err != nil {
		return false, err
	}
	want := blake2b.Sum256(x.raw)
	for i, raw := range b.Block.Extrinsics {
		if blake2b.Sum256(raw) == want {
			return true, c.dispatchResult(ctx, x.rt, block, uint32(i))
		}
	}
	return false, nil
}
