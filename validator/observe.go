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
	v.mu.Lock()
	v.onlooker = true
	v.mu.Unlock()
	v.serving()
	for _, b := range v.all() {
		b.observe()
	}
	return nil
}

// observe takes what the ledger shows for what the miner would say.
func (b *book) observe() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if h := b.holdings[b.v.self]; h != nil {
		n := uint64(h.numbers.count)
		b.status = wire.Partition{Validator: b.v.self, Sealed: n, Target: n}
	}
}
