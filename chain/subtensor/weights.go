package subtensor

import (
	"context"

	"strata"
	"strata/chain"
	"strata/chain/scale"
)

// mechanism is the only one that Strata's subnets have.
const mechanism = 0

// weightsCall returns the call for weights of a mechanism, where the runtime
// has one, or that without: "set_weights" is "set_mechanism_weights" with mecid.
func weightsCall(rt *runtime, verb string, args scale.Struct) (string, scale.Struct) {
	name := verb + "_mechanism_weights"
	if _, _, err := rt.meta.Call(subtensorModule, name); err != nil {
		return verb + "_weights", args
	}
	args["mecid"] = uint8(mechanism)
	return name, args
}

// SetWeights implements chain.Submitter.
func (c *Client) SetWeights(ctx context.Context, hot chain.Signer, n strata.Netuid, w []chain.Weight, kept chain.Commits) (chain.WeightsReceipt, error) {
	p, err := c.Hyperparameters(ctx, n)
	if err != nil {
		return chain.WeightsReceipt{}, err
	}
	g, err := c.Metagraph(ctx, n, strata.BlockHash{})
	if err != nil {
		return chain.WeightsReceipt{}, err
	}
	if err := p.MayWeigh(g, hot.PublicKey()); err != nil {
		return chain.WeightsReceipt{}, err
	}
	if w, err = p.Fit(w, len(g.Neurons)); err != nil {
		return chain.WeightsReceipt{}, err
	}
	v := newVector(w, p.WeightsVersionKey)
	switch p.Scheme {
	case chain.CommitReveal:
		return c.commitHash(ctx, hot, p, g, v, kept)
	case chain.Timelock:
		return c.commitTimelocked(ctx, hot, p, g, v)
	}
	rt, err := c.runtime(ctx)
	if err != nil {
		return chain.WeightsReceipt{}, err
	}
	name, args := weightsCall(rt, "set", scale.Struct{
		"netuid": uint16(n), "dests": v.uids, "weights": v.values, "version_key": v.version,
	})
	block, err := c.submit(ctx, hot, subtensorModule, name, args)
	return chain.WeightsReceipt{Block: block}, err
}

// vector is a weight vector as calls want it.
type vector struct {
	uids, values []uint16
	version      uint64
}

func newVector(w []chain.Weight, version uint64) vector {
	v := vector{version: version}
	for _, e := range w {
		v.uids, v.values = append(v.uids, uint16(e.UID)), append(v.values, e.Value)
	}
	return v
}
