package account

import (
	"context"

	"strata/validator/subnet"
)

// Weighed puts the log's head on chain, once the weights are there. They count
// from a block on, and a tempo later their details are public.
func (k *Keeper) Weighed(ctx context.Context, counts uint64) {
	if k == nil {
		return
	}
	number, hash := k.Audit.Head()
	k.ends(number, counts+k.Subnet.Epoch())
	if k.Commit == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, subnet.Limit)
	defer cancel()
	if err := k.Commit(ctx, number, hash); err != nil {
		k.Log.Warn("the audit log's head was not committed on chain; it will be with the next weights", "entry", number, "err", err)
		return
	}
	k.Log.Info("the audit log's head is on chain", "entry", number)
}

// Publish makes public what is old enough: a tempo after its weights were
// revealed, so that nobody can copy from it in time.
func (k *Keeper) Publish(block uint64) {
	if k == nil {
		return
	}
	k.mu.Lock()
	upTo := uint64(0)
	for len(k.ended) > 0 && k.ended[0].block <= block {
		upTo = k.ended[0].number
		k.ended = k.ended[1:]
	}
	k.mu.Unlock()
	if upTo == 0 {
		return
	}
	if err := k.Audit.Publish(upTo); err != nil {
		k.Log.Error("the audit log was not published", "entry", upTo, "err", err)
	}
	k.prune(block)
}

// prune removes what is public and old. By blocks, as a clock that jumps must not
// cost the log.
func (k *Keeper) prune(block uint64) {
	keep := k.Retain
	if keep == 0 || block <= keep {
		return
	}
	removed, err := k.Audit.Prune(block - keep)
	if err != nil {
		k.Log.Error("old parts of the audit log were not removed; trying again after the next epoch", "err", err)
	}
	if removed > 0 {
		k.Log.Info("old parts of the audit log were removed", "segments", removed, "before_block", block-keep)
	}
}
