package subtensor

import (
	"context"

	"strata"
	"strata/chain/scale"
)

// runtime is what the node's current runtime says of itself. Not modified once made.
type runtime struct {
	meta *scale.Metadata
	spec uint32
	tx   uint32
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

type versionJSON struct {
	Spec uint32 `json:"specVersion"`
	Tx   uint32 `json:"transactionVersion"`
}

// keptRuntimes bounds the metadata in memory, a few MB each.
const keptRuntimes = 3
