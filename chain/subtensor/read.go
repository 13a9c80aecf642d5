package subtensor

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/blake2b"

	"strata"
	"strata/chain"
	"strata/chain/scale"
	"strata/chain/subtensor/link"
)

// header is a block's header as JSON-RPC writes it.
type header struct {
	ParentHash     hexBytes `json:"parentHash"`
	Number         string   `json:"number"` // hex
	StateRoot      hexBytes `json:"stateRoot"`
	ExtrinsicsRoot hexBytes `json:"extrinsicsRoot"`
	Digest         struct {
		Logs []hexBytes `json:"logs"`
	} `json:"digest"`
}

func (h *header) number() (uint64, error) {
	n, err := strconv.ParseUint(strings.TrimPrefix(h.Number, "0x"), 16, 64)
	if err != nil {
		return 0, strata.E(strata.Invalid, "the chain node gave block number %q", h.Number)
	}
	return n, nil
}

// hash is the BLAKE2b-256 of the header's encoding (sp_runtime::generic::Header).
func (h *header) hash() (strata.BlockHash, error) {
	n, err := h.number()
	if err != nil {
		return strata.BlockHash{}, err
	}
	var e scale.Encoder
	e.Raw(h.ParentHash)
	e.Compact(n)
	e.Raw(h.StateRoot)
	e.Raw(h.ExtrinsicsRoot)
	scale.PutVec(&e, h.Digest.Logs, func(e *scale.Encoder, log hexBytes) { e.Raw(log) })
	return blake2b.Sum256(e.Bytes()), nil
}

// Head implements chain.Reader.
func (c *Client) Head(ctx context.Context) (chain.Head, error) {
	var h *header
	if err := c.link.Read(ctx, &h, "chain_getHeader"); err != nil {
		return chain.Head{}, err
	}
	return c.headOf(ctx, h)
}

// Finalized implements chain.Reader.
func (c *Client) Finalized(ctx context.Context) (chain.Head, error) {
	var h hexBytes
	if err := c.link.Read(ctx, &h, "chain_getFinalizedHead"); err != nil {
		return chain.Head{}, err
	}
	hash, err := h.hash()
	if err != nil {
		return chain.Head{}, err
	}
	return c.headAt(ctx, hash)
}

// headOf completes a header to a Head.
func (c *Client) headOf(ctx context.Context, h *header) (chain.Head, error) {
	if h == nil {
		return chain.Head{}, strata.E(strata.NotFound, "the chain node does not have that block")
	}
	n, err := h.number()
	if err != nil {
		return chain.Head{}, err
	}
	hash, err := h.hash()
	if err != nil {
		return chain.Head{}, err
	}
	return c.withTime(ctx, chain.Head{Number: n, Hash: hash})
}

// headAt returns the block with a hash; code NotFound if the node lacks it.
func (c *Client) headAt(ctx context.Context, hash strata.BlockHash) (chain.Head, error) {
	var h *header
	if err := c.link.Read(ctx, &h, "chain_getHeader", hexBytes(hash[:])); err != nil {
		return chain.Head{}, err
	}
	if h == nil {
		return chain.Head{}, strata.E(strata.NotFound, "the chain node does not have block 0x%s", hash)
	}
	n, err := h.number()
	if err != nil {
		return chain.Head{}, err
	}
	return c.withTime(ctx, chain.Head{Number: n, Hash: hash})
}

// withTime adds the block's timestamp, which is milliseconds since 1970.
func (c *Client) withTime(ctx context.Context, h chain.Head) (chain.Head, error) {
	rt, err := c.runtime(ctx) // whichever: this item is the same in all
	if err != nil {
		return chain.Head{}, err
	}
	vs, err := c.storagesOf(ctx, rt, h.Hash, []query{{"Timestamp", "Now", nil}})
	if err != nil {
		return chain.Head{}, err
	}
	v := vs[0]
	if ms := v.U64(); ms > 0 {
		h.Time = time.UnixMilli(int64(ms)).UTC()
	}
	return h, v.Err()
}

// BlockAt implements chain.Reader.
func (c *Client) BlockAt(ctx context.Context, number uint64) (chain.Head, error) {
	hash, err := c.hashAt(ctx, number)
	if err != nil {
		return chain.Head{}, err
	}
	return c.withTime(ctx, chain.Head{Number: number, Hash: hash})
}

// hashAt returns the hash of the block with a number; code NotFound if there is none.
func (c *Client) hashAt(ctx context.Context, number uint64) (strata.BlockHash, error) {
	var h hexBytes
	if err := c.link.Read(ctx, &h, "chain_getBlockHash", number); err != nil {
		return strata.BlockHash{}, err
	}
	if h == nil {
		return strata.BlockHash{}, strata.E(strata.NotFound, "the chain node does not have block %d", number)
	}
	return h.hash()
}

// Heads implements chain.Reader.
func (c *Client) Heads(ctx context.Context) (<-chan chain.Head, error) {
	latest := make(chan *header, 1) // the newest that was not yet looked at
	sub := &link.Subscription{
		Method: "chain_subscribeNewHeads", Unsubscribe: "chain_unsubscribeNewHeads",
		Notify: func(raw json.RawMessage) {
			var h header
			if json.Unmarshal(raw, &h) != nil {
				return
			}
			replace(latest, &h)
		},
	}
	if err := c.link.Subscribe(ctx, sub); err != nil {
		return nil, err
	}
	out := make(chan chain.Head)
	c.link.Go(func() {
		defer close(out)
		defer func() {
			ctx, cancel := context.WithTimeout(c.link.Context(), c.opts.Timeout)
			defer cancel()
			c.link.Unsubscribe(ctx, sub)
		}()
		c.forward(ctx, latest, out)
	})
	return out, nil
}

// replace puts h into a channel of one, in place of what waits there. It does
// not block: the last of several connections' messages wins.
func replace(latest chan *header, h *header) {
	for {
		select {
		case latest <- h:
			return
		default:
		}
		select {
		case <-latest:
		default:
		}
	}
}

// forward turns headers into heads until ctx or the Client ends. While the
// receiver is slow a newer head replaces the one that waits.
func (c *Client) forward(ctx context.Context, latest <-chan *header, out chan<- chain.Head) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.link.Context(), cancel)()
	var head chain.Head
	for {
		var send chan<- chain.Head // nil, which is never ready, while there is nothing to send
		if head != (chain.Head{}) {
			send = out
		}
		select {
		case <-ctx.Done():
			return
		case send <- head:
			head = chain.Head{}
		case h := <-latest:
			next, err := c.headOf(ctx, h)
			if err != nil {
				if ctx.Err() == nil {
					c.opts.Logger.Warn("new block not read", "err", err)
				}
				continue
			}
			head = next
		}
	}
}

// storage reads one item at a block, the zero hash being the best one.
func (c *Client) storage(ctx context.Context, at strata.BlockHash, pallet, item string, keys ...scale.Value) (scale.View, error) {
	views, err := c.storages(ctx, at, []query{{pallet, item, keys}})
	if err != nil {
		return scale.View{}, err
	}
	return views[0], nil
}

// query names a storage item.
type query struct {
	pallet, item string
	keys         []scale.Value
}

// maxQueryKeys bounds one request of storages.
const maxQueryKeys = 512

// storages reads items at a block, in their order. An absent item is its
// default, or a View of nil if it is optional.
func (c *Client) storages(ctx context.Context, at strata.BlockHash, qs []query) (out []scale.View, err error) {
	err = c.with(ctx, at, func(rt *runtime) error {
		out, err = c.storagesOf(ctx, rt, at, qs)
		return err
	})
	return out, err
}

// with runs f with the runtime of a block, the zero hash being the best one;
// once more if it fails and the chain was upgraded meanwhile.
func (c *Client) with(ctx context.Context, at strata.BlockHash, f func(*runtime) error) error {
	rt, err := c.runtimeAt(ctx, at)
	if err != nil {
		return err
	}
	if err = f(rt); err == nil || at != (strata.BlockHash{}) || strata.CodeOf(err) == strata.Unavailable || ctx.Err() != nil || !c.upgraded(ctx, rt) {
		return err
	}
	if rt, err = c.runtime(ctx); err != nil {
		return err
	}
	return f(rt)
}

// storagesOf is storages with a given runtime.
func (c *Client) storagesOf(ctx context.Context, rt *runtime, at strata.BlockHash, qs []query) (_ []scale.View, err error) {
	keys := make([]hexBytes, len(qs))
	for i, q := range qs {
		if keys[i], err = rt.meta.StorageKey(q.pallet, q.item, q.keys...); err != nil {
			return nil, err
		}
	}
	raws := make(map[string][]byte, len(keys))
	for rest := keys; len(rest) > 0; rest = rest[min(len(rest), maxQueryKeys):] {
		if err := c.rawStorages(ctx, at, rest[:min(len(rest), maxQueryKeys)], raws); err != nil {
			return nil, err
		}
	}
	out := make([]scale.View, len(qs))
	for i, q := range qs {
		v, err := rt.meta.DecodeStorage(q.pallet, q.item, raws[string(keys[i])])
		if err != nil {
			return nil, err
		}
		out[i] = scale.Look(v, q.pallet+"."+q.item)
	}
	return out, nil
}

// rawStorages reads keys into out; those absent are left out.
func (c *Client) rawStorages(ctx context.Context, at strata.BlockHash, keys []hexBytes, out map[string][]byte) error {
	block := atParam(at)
	if len(keys) == 1 {
		var raw hexBytes
		if err := c.link.Read(ctx, &raw, "state_getStorage", append([]any{keys[0]}, block...)...); err != nil {
			return stateError(err)
		}
		out[string(keys[0])] = raw
		return nil
	}
	var sets []struct {
		Changes [][2]hexBytes `json:"changes"`
	}
	if err := c.link.Read(ctx, &sets, "state_queryStorageAt", append([]any{keys}, block...)...); err != nil {
		return stateError(err)
	}
	for _, s := range sets {
		for _, kv := range s.Changes {
			out[string(kv[0])] = kv[1]
		}
	}
	return nil
}

// atParam is the trailing block parameter: none for the best block.
func atParam(at strata.BlockHash) []any {
	if at == (strata.BlockHash{}) {
		return nil
	}
	return []any{hexBytes(at[:])}
}

// stateError gives code NotFound to a node's complaint that it has no state
// for a block: pruned or not known.
func stateError(err error) error {
	var r *link.Error
	if !errors.As(err, &r) {
		return err
	}
	text := strings.ToLower(r.Error())
	for _, sign := range []string{"discarded", "unknownblock", "unknown block", "header was not found", "pruned"} {
		if strings.Contains(text, sign) {
			return strata.E(strata.NotFound, "the chain node no longer has the state of that block (%w): use an archive node for older blocks", err)
		}
	}
	return err
}

// apiCall runs a runtime API function at a block and decodes what it returns.
// The code is NotFound if the node does not have the function.
func (c *Client) apiCall(ctx context.Context, at strata.BlockHash, api, method string, args ...scale.Value) (v scale.View, err error) {
	err = c.with(ctx, at, func(rt *runtime) error {
		v, err = c.apiCallOf(ctx, rt, at, api, method, args...)
		return err
	})
	return v, err
}

// apiCallOf is apiCall with a given runtime.
func (c *Client) apiCallOf(ctx context.Context, rt *runtime, at strata.BlockHash, api, method string, args ...scale.Value) (scale.View, error) {
	m, err := rt.meta.API(api, method)
	if err != nil {
		return scale.View{}, err
	}
	if len(m.Inputs) != len(args) {
		return scale.View{}, strata.E(strata.Invalid, "the chain's %s_%s takes %d arguments, not %d: update strata", api, method, len(m.Inputs), len(args))
	}
	var e scale.Encoder
	for i, in := range m.Inputs {
		if err := rt.meta.Registry.EncodeTo(&e, in.Type, args[i]); err != nil {
			return scale.View{}, err
		}
	}
	var raw hexBytes
	params := append([]any{api + "_" + method, hexBytes(e.Bytes())}, atParam(at)...)
	if err := c.link.Read(ctx, &raw, "state_call", params...); err != nil {
		return scale.View{}, stateError(err)
	}
	v, err := rt.meta.Registry.Decode(m.Output, raw)
	if err != nil {
		return scale.View{}, err
	}
	return scale.Look(v, method), nil
}

// Balance implements chain.Reader.
func (c *Client) Balance(ctx context.Context, account [32]byte) (strata.Rao, error) {
	v, err := c.storage(ctx, strata.BlockHash{}, "System", "Account", account)
	if err != nil {
		return 0, err
	}
	free := v.Field("data").Field("free").U64()
	return strata.Rao(free), v.Err()
}
