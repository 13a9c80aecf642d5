package validator

import (
	"context"
	"slices"

	"strata"
	"strata/catalog"
	"strata/chain"
	"strata/score"
)

// maybeWeigh sets weights once a tempo, in its last quarter, so that they count
// what was seen until then.
func (v *Validator) maybeWeigh(ctx context.Context, h chain.Head) {
	v.mu.Lock()
	params, graph, last := v.params, v.graph, v.weightedAt
	v.mu.Unlock()
	epoch := uint64(params.Tempo) + 1
	into := (h.Number + uint64(v.Domain.Netuid) + 1) % epoch // blocks since the last epoch
	if into < epoch-epoch/4-1 || last > 0 && h.Number < last+epoch/2 {
		return
	}
	if row, ok := graph.Neuron(v.self); ok && row.LastUpdate > 0 && h.Number < row.LastUpdate+params.WeightsRateLimit {
		return // the subnet's rate limit has not passed; it may at a later block
	}
	if reason := v.mayWeigh(graph, params); reason != "" {
		v.Log.Info("no weights are set", "block", h.Number, "reason", reason)
		v.attempted(h.Number)
		return
	}
	if err := v.weigh(ctx, params, h); err != nil {
		v.Log.Warn("weights were not set; trying again at the next block", "block", h.Number, "err", err)
	}
}

func (v *Validator) attempted(block uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.weightedAt = block
}

// mayWeigh says why weights cannot be set in this epoch, "" if they can.
func (v *Validator) mayWeigh(g *chain.Metagraph, p chain.Hyperparameters) string {
	row, ok := g.Neuron(v.self)
	switch {
	case !ok:
		return "this hotkey is no longer registered: run strata register"
	case !row.Permit:
		return "this hotkey has no validator permit: it needs more stake, or the next epoch"
	case p.CommitReveal:
		return "the subnet wants commit–reveal, which this version cannot do yet"
	}
	return ""
}

// weigh turns credits into weights and submits them.
func (v *Validator) weigh(ctx context.Context, p chain.Hyperparameters, h chain.Head) error {
	// What the weights rest on is durable before they are.
	if err := v.save(ctx); err != nil {
		return err
	}
	// A UID may have gone to another hotkey since the metagraph was last read.
	g, err := v.refresh(ctx, h.Hash)
	if err != nil {
		return err
	}
	block := h.Number
	records := v.vector(g)
	var ws []chain.Weight
	for _, r := range records {
		if r.Value > 0 {
			ws = append(ws, chain.Weight{UID: r.UID, Value: r.Value})
		}
	}
	if len(ws) == 0 || len(ws) < int(p.MinAllowedWeights) {
		v.Log.Info("no weights are set", "block", block, "reason", "too few miners have credit", "have", len(ws), "need", max(1, int(p.MinAllowedWeights)))
		v.attempted(block)
		return nil
	}
	sctx, cancel := context.WithTimeout(ctx, chainLimit)
	defer cancel()
	if _, err := v.Chain.SetWeights(sctx, v.Key, v.Domain.Netuid, ws, p.WeightsVersionKey); err != nil {
		return err
	}
	v.mu.Lock()
	v.weightedAt = block
	v.weights = map[strata.Hotkey]uint16{}
	for _, r := range records {
		v.weights[r.Hotkey] = r.Value
	}
	v.mu.Unlock()
	v.Log.Info("weights set", "block", block, "miners", len(ws))
	// A crash before this loses the record only: the chain has the vector.
	return v.Ledger.SaveWeights(ctx, block, records)
}

// vector computes credit and weight of every registered miner, in UID order.
func (v *Validator) vector(g *chain.Metagraph) []catalog.WeightRecord {
	var records []catalog.WeightRecord
	var credits []uint64
	for _, b := range v.all() {
		row, ok := g.Neuron(b.hotkey)
		if !ok || b.hotkey == v.self {
			continue
		}
		credit := b.credit()
		records = append(records, catalog.WeightRecord{Hotkey: b.hotkey, UID: row.UID, Credit: credit})
		credits = append(credits, credit)
	}
	for i, w := range score.Weights(credits) {
		records[i].Value = w
	}
	slices.SortFunc(records, func(a, b catalog.WeightRecord) int { return int(a.UID) - int(b.UID) })
	return records
}
