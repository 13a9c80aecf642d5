package validator

import (
	"context"

	"strata"
)

// Observe reads the metagraph once and takes every miner that serves as
// present, for a gateway that sees the network through the ledger of a
// validator in another process. Do not call it on a validator that runs.
func (v *Validator) Observe(ctx context.Context) error {
	_, err := v.refresh(ctx, strata.BlockHash{})
	if err == nil {
		v.serving()
	}
	return err
}
