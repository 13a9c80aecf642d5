package validator

import (
	"context"

	"strata"
	"strata/wire"
)

// Observe reads the metagraph once and takes every miner that serves as
// present, for a gateway that sees the network through the ledger of a
// validator in another process. Do not call it on a validator that runs.
func (v *Validator) Observe(ctx context.Context) error {
	if _, err := v.refresh(ctx, strata.BlockHash{}); err != nil {
		return err
	}
	v.onlooker.Store(true)
	v.attend()
	for _, b := range v.books.All() {
		if h := b.View().Holdings[v.self]; h != nil { // what the ledger shows, for what the miner would say
			n := uint64(h.Numbers.Count())
			b.Plans(wire.Partition{Validator: v.self, Sealed: n, Target: n})
		}
	}
	return nil
}
