package account

import (
	"context"

	"strata/auditlog"
	"strata/score"
	"strata/validator/book"
)

// Restate writes rules that have changed, and what every miner's state is now.
func (k *Keeper) Restate(ctx context.Context) error {
	if k == nil {
		return nil
	}
	return k.Books.Settle(ctx, k.states)
}

// State writes an entry of this moment and, after it, what every miner's state is
// then: a part of the log begins here that can be replayed alone.
func (k *Keeper) State(ctx context.Context, first func(all []book.Settled, block uint64) auditlog.Entry) error {
	return k.Books.Settle(ctx, func(all []book.Settled, rules score.Rules, block uint64) []auditlog.Entry {
		return append([]auditlog.Entry{first(all, block)}, k.states(all, rules, block)...)
	})
}

// states are the rules, and every miner's state.
func (k *Keeper) states(all []book.Settled, rules score.Rules, block uint64) []auditlog.Entry {
	tempo := k.Subnet.Params().Tempo
	out := []auditlog.Entry{{Kind: auditlog.Ruled, Block: block, Rules: &auditlog.Rules{Tempo: tempo, Rules: rules}}}
	for _, s := range all {
		out = append(out, s.StateEntry(block))
	}
	return out
}
