package validator

import (
	"context"

	"strata"
)

// Observe reads the metagraph once and takes every miner that serves as
// present, for a gateway that sees the network through the ledger of a
// validator in another process. Do not call it on a validator that runs.
func (v *Validator) Observe(ctx context.Context) error {
	g, err := v.refresh(ctx, strata.BlockHash{})
	if err != nil {
		return err
	}
	for _, b := range v.all() {
		row, ok := g.Neuron(b.hotkey)
		b.setPresent(ok && row.Axon.Served())
	}
	return nil
}
