package validator

import (
	"context"

	"strata"
	"strata/catalog"
	"strata/score"
)

// reconcile compares the shards that the catalog believes to be on a miner with
// its manifest. What is not there is lost: reads stop counting on it, and the
// miner pays as for an audit with every leaf failed.
func (v *Validator) reconcile(ctx context.Context, b *book) error {
	// The catalog is read before the manifest: a shard that was acknowledged
	// by then is in any manifest made after.
	placed, err := v.Ledger.PlacedOn(ctx, b.hotkey)
	if err != nil || len(placed) == 0 {
		return err
	}
	if err := v.pull(ctx, b, v.self); err != nil && strata.CodeOf(err) != strata.NotFound {
		return err
	}
	there := map[strata.Root]bool{}
	err = v.Ledger.Sectors(ctx, catalog.Partition{Miner: b.hotkey, Validator: v.self}, func(s catalog.Sector) error {
		for _, h := range s.Entry.Shards {
			there[h.Root] = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	lost := 0
	for _, p := range placed {
		if there[p.Root] {
			continue
		}
		err := v.Shards.UpdateShards(ctx, p.Origin, p.Number, []catalog.ShardUpdate{{Index: p.Index, State: catalog.Lost}})
		if strata.CodeOf(err) == strata.Conflict {
			continue // its object was deleted meanwhile
		}
		if err != nil {
			return err
		}
		lost++
	}
	if lost > 0 {
		v.Log.Warn("shards are missing from a miner's manifest", "miner", b.hotkey, "lost", lost)
		b.apply(score.Event{Kind: score.Refused})
	}
	return nil
}
