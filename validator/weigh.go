package validator

import (
	"context"
	"slices"

	"strata"
	"strata/auditlog"
	"strata/catalog"
	"strata/chain"
	"strata/score"
)

// maybeWeigh sets weights once a tempo, in its last quarter, so that they count
// what was seen until then; and it reveals those whose time has come.
func (v *Validator) maybeWeigh(ctx context.Context, h chain.Head) {
	v.reveal(ctx, h)
	v.mu.Lock()
	params, graph, last := v.params, *v.graph, v.weightedAt
	v.mu.Unlock()
	epochs := params.Epochs(v.Domain.Netuid)
	if epochs.Left(h.Number) > epochs.Length()/4 || last > 0 && h.Number < last+epochs.Length()/2 {
		return
	}
	graph.Head = h // the rows are a few blocks old; the rate limit is not
	err := params.MayWeigh(&graph, v.self)
	if err == nil {
		err = v.weigh(ctx, h)
	}
	v.weighed(h.Number, err)
}

// weighed decides what follows from an attempt. A reason that another block
// may change is looked at again in the next; others hold for this epoch, and
// are told once.
func (v *Validator) weighed(block uint64, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err == nil {
		v.unset, v.weightedAt = "", block
		return
	}
	switch strata.CodeOf(err) {
	case strata.Throttled:
	case strata.Forbidden, strata.Invalid, strata.TooLarge:
		v.weightedAt = block
	default:
		v.Log.Warn("weights were not set; trying again at the next block", "block", block, "err", err)
		return
	}
	if reason := err.Error(); reason != v.unset {
		v.unset = reason
		v.Log.Info("no weights are set", "block", block, "reason", reason)
	}
}

// reveal reveals committed weights. What fails is tried again at the next head.
func (v *Validator) reveal(ctx context.Context, h chain.Head) {
	ctx, cancel := context.WithTimeout(ctx, chainLimit)
	defer cancel()
	r, err := v.Chain.RevealWeights(ctx, v.Key, v.Domain.Netuid, v.Ledger)
	if r.Revealed+r.Forgotten > 0 {
		v.Log.Info("committed weights revealed", "block", h.Number, "revealed", r.Revealed, "forgotten", r.Forgotten, "waiting", r.Waiting)
	}
	if err != nil && ctx.Err() == nil {
		v.Log.Warn("weights were not revealed", "block", h.Number, "err", err)
	}
}

// weigh turns credits into weights and submits them.
func (v *Validator) weigh(ctx context.Context, h chain.Head) error {
	// What the weights rest on is durable before they are.
	if err := v.save(ctx); err != nil {
		return err
	}
	// A UID may have gone to another hotkey since the metagraph was last read.
	g, err := v.refresh(ctx, h.Hash)
	if err != nil {
		return err
	}
	records, err := v.compute(ctx, g, h.Number)
	if err != nil {
		return err
	}
	ws := make([]chain.Weight, len(records))
	for i, r := range records {
		ws[i] = chain.Weight{UID: r.UID, Value: r.Value}
	}
	sctx, cancel := context.WithTimeout(ctx, chainLimit)
	defer cancel()
	receipt, err := v.Chain.SetWeights(sctx, v.Key, v.Domain.Netuid, ws, v.Ledger)
	if err != nil {
		return err
	}
	v.mu.Lock()
	v.weightedAt, v.weights = h.Number, map[strata.Hotkey]uint16{}
	for _, r := range records {
		v.weights[r.Hotkey] = r.Value
	}
	v.mu.Unlock()
	v.Log.Info("weights set", "block", h.Number, "miners", len(ws), "scheme", receipt.Scheme.String(), "reveal", receipt.Reveal)
	// A crash before this loses the record only: the chain has the vector.
	err = v.Ledger.SaveWeights(ctx, h.Number, records)
	v.commitLog(ctx, max(h.Number, receipt.Reveal))
	return err
}

// vector computes credit and weight of every registered miner, in UID order.
func (v *Validator) vector(g *chain.Metagraph) []catalog.WeightRecord {
	rules, block := v.clock()
	stakes := v.shares()
	var all []settled
	for _, b := range v.all() {
		b.mu.Lock()
		all = append(all, settled{b: b, present: b.present, credit: b.creditAt(rules, block, stakes)})
		b.mu.Unlock()
	}
	records, _ := v.vectorOf(g, all)
	return records
}

// vectorOf computes the weights of credits, in UID order, for the ledger and for
// the audit log.
func (v *Validator) vectorOf(g *chain.Metagraph, all []settled) ([]catalog.WeightRecord, []auditlog.Weight) {
	var weights []auditlog.Weight
	for _, s := range all {
		if row, ok := g.Neuron(s.b.hotkey); ok && s.b.hotkey != v.self {
			weights = append(weights, auditlog.Weight{Hotkey: s.b.hotkey, UID: row.UID, Present: s.present, Credit: s.credit})
		}
	}
	slices.SortFunc(weights, func(a, b auditlog.Weight) int { return int(a.UID) - int(b.UID) })
	credits := make([]uint64, len(weights))
	for i, w := range weights {
		credits[i] = w.Credit
	}
	records := make([]catalog.WeightRecord, len(weights))
	values := score.Weights(credits)
	for i := range weights {
		if values != nil {
			weights[i].Value = values[i]
		}
		w := weights[i]
		records[i] = catalog.WeightRecord{Hotkey: w.Hotkey, UID: w.UID, Credit: w.Credit, Value: w.Value}
	}
	return records, weights
}
