package subtensor

import (
	"context"
	"slices"

	"strata"
	"strata/chain"
	"strata/chain/scale"
)

// mechanism is the only one that Strata's subnets have.
const mechanism = 0

// weightsCall returns the call for weights of a mechanism, where the runtime
// has one, or that without: "set_weights" is "set_mechanism_weights" with mecid.
func weightsCall(rt *runtime, verb, rest string, args scale.Struct) (string, scale.Struct) {
	name := verb + "_mechanism_" + rest
	if _, _, err := rt.meta.Call(subtensorModule, name); err != nil {
		return verb + "_" + rest, args
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
	g, whole, err := c.metagraph(ctx, n, strata.BlockHash{})
	if err != nil {
		return chain.WeightsReceipt{}, err
	}
	if err := mayWeigh(g, p, hot.PublicKey(), whole); err != nil {
		return chain.WeightsReceipt{}, err
	}
	v, err := newVector(w, p, len(g.Neurons))
	if err != nil {
		return chain.WeightsReceipt{}, err
	}
	switch p.Scheme {
	case chain.CommitReveal:
		return c.commitHash(ctx, hot, p, g.Head, v, kept)
	case chain.Timelock:
		return c.commitTimelocked(ctx, hot, p, g.Head, v)
	}
	rt, err := c.runtime(ctx)
	if err != nil {
		return chain.WeightsReceipt{}, err
	}
	name, args := weightsCall(rt, "set", "weights", scale.Struct{
		"netuid": uint16(n), "dests": v.uids, "weights": v.values, "version_key": v.version,
	})
	block, err := c.submit(ctx, hot, subtensorModule, name, args)
	return chain.WeightsReceipt{Block: block}, err
}

// mayWeigh says why a subnet would refuse a hotkey's weights now. Stake is
// looked at only if the metagraph has all of it.
func mayWeigh(g *chain.Metagraph, p chain.Hyperparameters, hotkey strata.Hotkey, whole bool) error {
	row, err := g.Registered(hotkey)
	if err != nil {
		return err
	}
	next := row.LastUpdate + p.WeightsRateLimit
	switch {
	case !row.Permit:
		return strata.E(strata.Forbidden, "hotkey %s has no validator permit on subnet %d: it needs more stake, or the next epoch", hotkey, g.Netuid)
	case whole && row.Stake < p.StakeThreshold:
		return strata.E(strata.Forbidden, "hotkey %s has %s of stake on subnet %d, which takes weights from %s", hotkey, row.Stake, g.Netuid, p.StakeThreshold)
	case row.LastUpdate > 0 && g.Head.Number+1 < next:
		return strata.E(strata.Throttled, "subnet %d takes weights every %d blocks: the next in block %d", g.Netuid, p.WeightsRateLimit, next)
	}
	return nil
}

// vector is a weight vector as calls want it.
type vector struct {
	uids, values []uint16
	version      uint64
}

// newVector checks a vector against what the subnet demands and cuts weights
// to its greatest. Zero weights are left out.
func newVector(w []chain.Weight, p chain.Hyperparameters, neurons int) (vector, error) {
	v := vector{version: p.WeightsVersionKey}
	seen := map[strata.UID]bool{}
	for _, e := range w {
		switch {
		case seen[e.UID]:
			return v, strata.E(strata.Invalid, "uid %d is in the weights twice", e.UID)
		case int(e.UID) >= neurons:
			return v, strata.E(strata.Invalid, "uid %d is not on the subnet, which has %d", e.UID, neurons)
		}
		seen[e.UID] = true
		if e.Value > 0 {
			v.uids, v.values = append(v.uids, uint16(e.UID)), append(v.values, e.Value)
		}
	}
	if least := max(1, min(int(p.MinAllowedWeights), neurons)); len(v.uids) < least {
		return v, strata.E(strata.Invalid, "%d weights are too few: the subnet wants %d", len(v.uids), least)
	}
	if p.MaxWeightsLimit == 1<<16-1 {
		return v, nil
	}
	if uint64(len(v.uids))*uint64(p.MaxWeightsLimit) < 1<<16-1 {
		return v, strata.E(strata.Invalid, "%d weights are too few: none may be above %d of 65535 of all", len(v.uids), p.MaxWeightsLimit)
	}
	v.values = limited(v.values, uint64(p.MaxWeightsLimit))
	return v, nil
}

// limited lowers the greatest values until none is above limit/65535 of their
// sum. The values that stay keep their ratios.
func limited(values []uint16, limit uint64) []uint16 {
	out := slices.Clone(values)
	for range len(out) + 64 { // each round cuts one more value, or the last few
		var sum uint64
		for _, x := range out {
			sum += uint64(x)
		}
		ceiling := sum * limit / (1<<16 - 1)
		if uint64(slices.Max(out)) <= ceiling || ceiling == 0 {
			break
		}
		var cut, rest uint64
		for _, x := range out {
			if uint64(x) >= ceiling {
				cut++
			} else {
				rest += uint64(x)
			}
		}
		// c = limit·(cut·c + rest) gives the ceiling that holds after the cut.
		if room := 1<<16 - 1 - min(1<<16-1, cut*limit); room > 0 {
			ceiling = min(ceiling, rest*limit/room)
		}
		for i, x := range out {
			out[i] = uint16(min(uint64(x), max(1, ceiling)))
		}
	}
	return out
}
