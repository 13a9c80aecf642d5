package validator

import (
	"context"
	"slices"

	"strata"
	"strata/auditlog"
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
	there, err := v.held(ctx, b)
	if err != nil {
		return err
	}
	missing := slices.DeleteFunc(placed, func(p catalog.Placed) bool { return there[p.Root] })
	if len(missing) == 0 {
		return nil
	}
	// And once more, as what is missing may have been moved or deleted meanwhile.
	still, err := v.Ledger.PlacedOn(ctx, b.hotkey)
	if err != nil {
		return err
	}
	missing = slices.DeleteFunc(missing, func(p catalog.Placed) bool { return !slices.Contains(still, p) })
	lost, err := v.lose(ctx, missing)
	if lost > 0 {
		v.Log.Warn("shards are missing from a miner's manifest", "miner", b.hotkey, "lost", lost)
		b.apply(score.Event{Kind: score.Refused}, auditlog.Entry{Kind: auditlog.Missed})
	}
	return err
}

// held returns the shards that the miner's manifest for us lists now, without
// deleted ones. A miner that says it holds nothing for us holds none.
func (v *Validator) held(ctx context.Context, b *book) (map[strata.Root]bool, error) {
	there := map[strata.Root]bool{}
	switch err := v.pull(ctx, b, v.self); {
	case strata.CodeOf(err) == strata.NotFound:
		return there, nil
	case err != nil:
		return nil, err
	}
	return there, v.Ledger.Sectors(ctx, catalog.Partition{Miner: b.hotkey, Validator: v.self}, func(s catalog.Sector) error {
		for _, h := range s.Entry.Shards {
			there[h.Root] = !h.Deleted
		}
		return nil
	})
}

// lose records shards as lost and says how many were not deleted meanwhile.
func (v *Validator) lose(ctx context.Context, missing []catalog.Placed) (lost int, err error) {
	for _, p := range missing {
		err := v.Shards.UpdateShards(ctx, p.Origin, p.Number, []catalog.ShardUpdate{{Index: p.Index, State: catalog.Lost}})
		switch {
		case strata.CodeOf(err) == strata.Conflict: // its object is gone
		case err != nil:
			return lost, err
		default:
			lost++
		}
	}
	return lost, nil
}
