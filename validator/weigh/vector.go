package weigh

import (
	"bytes"
	"context"
	"slices"

	"strata/auditlog"
	"strata/catalog"
	"strata/chain"
	"strata/score"
	"strata/validator/book"
	"strata/validator/subnet"
)

// computed is a vector that was logged, to be submitted until the chain takes it.
type computed struct {
	block   uint64
	records []catalog.WeightRecord
}

// compute returns the weight vector of now, logged with all that it rests on.
// One that the chain has refused is returned again in the same epoch, as long as
// its UIDs are the same miners': the log has it already.
func (w *Weigher) compute(ctx context.Context, g *chain.Metagraph, block uint64) ([]catalog.WeightRecord, error) {
	if w.Account == nil {
		return w.vector(g), nil
	}
	w.mu.Lock()
	last := w.computed
	w.mu.Unlock()
	if last.block > 0 && block < last.block+w.Subnet.Epoch()/2 && stillTheirs(g, last.records) {
		return last.records, nil
	}
	var records []catalog.WeightRecord
	err := w.Account.State(ctx, func(all []book.Settled, block uint64) auditlog.Entry {
		weights := w.vectorOf(g, all)
		records = recorded(weights)
		return auditlog.Entry{Kind: auditlog.Weighed, Block: block, Weights: weights, Shares: logged(w.Subnet.Shares())}
	})
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	w.computed = computed{block, records}
	w.mu.Unlock()
	return records, w.Account.HandOver(ctx)
}

func stillTheirs(g *chain.Metagraph, records []catalog.WeightRecord) bool {
	return !slices.ContainsFunc(records, func(r catalog.WeightRecord) bool {
		row, ok := g.Neuron(r.Hotkey)
		return !ok || row.UID != r.UID
	})
}

// vector computes credit and weight of every registered miner, in UID order.
func (w *Weigher) vector(g *chain.Metagraph) []catalog.WeightRecord {
	rules, block := w.Subnet.Clock()
	stakes := w.Subnet.Shares()
	var all []book.Settled
	for _, b := range w.Books.All() {
		v := b.View()
		all = append(all, book.Settled{Hotkey: b.Hotkey, View: v, Credit: v.Credit(rules, block, stakes)})
	}
	return recorded(w.vectorOf(g, all))
}

// vectorOf computes the weights of credits, in UID order.
func (w *Weigher) vectorOf(g *chain.Metagraph, all []book.Settled) []auditlog.Weight {
	var weights []auditlog.Weight
	for _, s := range all {
		if row, ok := g.Neuron(s.Hotkey); ok && s.Hotkey != w.Self {
			weights = append(weights, auditlog.Weight{Hotkey: s.Hotkey, UID: row.UID, Present: s.View.Present, Credit: s.Credit})
		}
	}
	slices.SortFunc(weights, func(a, b auditlog.Weight) int { return int(a.UID) - int(b.UID) })
	credits := make([]uint64, len(weights))
	for i, w := range weights {
		credits[i] = w.Credit
	}
	for i, value := range score.Weights(credits) {
		weights[i].Value = value
	}
	return weights
}

// recorded is a vector as the ledger has it.
func recorded(weights []auditlog.Weight) []catalog.WeightRecord {
	records := make([]catalog.WeightRecord, len(weights))
	for i, w := range weights {
		records[i] = catalog.WeightRecord{Hotkey: w.Hotkey, UID: w.UID, Credit: w.Credit, Value: w.Value}
	}
	return records
}

// logged is the shares as the audit log has them.
func logged(s subnet.Shares) []auditlog.Share {
	out := make([]auditlog.Share, 0, len(s))
	for validator, ppm := range s {
		out = append(out, auditlog.Share{Validator: validator, PPM: ppm})
	}
	slices.SortFunc(out, func(a, b auditlog.Share) int { return bytes.Compare(a.Validator[:], b.Validator[:]) })
	return out
}
