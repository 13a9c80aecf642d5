package validator

import (
	"context"
	"slices"
	"time"

	"strata"
	"strata/auditlog"
	"strata/catalog"
)

// unsentFor is how long a shard may be on its way before it counts as never
// sent: much longer than any send goes on.
const unsentFor = 2 * time.Minute

// presence is how a miner's manifest lists a shard.
type presence uint8

const (
	absent  presence = iota
	deleted          // it can still be restored
	live
)

// reconcile compares the shards that the catalog believes to be on a miner with
// its manifest. What is not there is lost: reads stop counting on it, and the
// miner pays for each as for an audit with every leaf failed. What was on its
// way, as far as the catalog knows, and has arrived is stored; what is marked
// deleted there and wanted here is restored, so that an undelete reaches miners
// that were away; what nobody wants is deleted (dropOrphans).
func (v *Validator) reconcile(ctx context.Context, b *book) error {
	// The catalog is read before the manifest: a shard that was acknowledged
	// by then is in any manifest made after.
	placed, err := v.Ledger.PlacedOn(ctx, b.hotkey)
	if err != nil || len(placed) == 0 && v.Keep == nil {
		return err
	}
	there, err := v.held(ctx, b)
	if err != nil {
		return err
	}
	var missing, unsent []catalog.Placed
	for _, p := range placed {
		switch at := there[p.Root]; {
		case at == deleted:
			err = v.restoreShard(ctx, b, p)
		case at == live && p.State == catalog.Sending:
			_, err = v.Shards.SettleShard(ctx, b.hotkey, p, catalog.Stored)
		case at == absent && p.State == catalog.Stored:
			missing = append(missing, p)
		case at == absent:
			unsent = append(unsent, p)
		}
		if err != nil {
			return err
		}
	}
	if err := v.dropUnsent(ctx, b, unsent); err != nil {
		return err
	}
	if err := v.loseMissing(ctx, b, missing); err != nil {
		return err
	}
	return v.dropOrphans(ctx, b, there)
}

// loseMissing records shards as lost that are not where a miner has signed for
// them.
func (v *Validator) loseMissing(ctx context.Context, b *book, missing []catalog.Placed) error {
	if len(missing) == 0 {
		return nil
	}
	// Once more, as what is missing may have been moved or deleted meanwhile.
	still, err := v.Ledger.PlacedOn(ctx, b.hotkey)
	if err != nil {
		return err
	}
	missing = slices.DeleteFunc(missing, func(p catalog.Placed) bool { return !slices.Contains(still, p) })
	lost, err := v.lose(ctx, b, missing)
	if lost > 0 {
		v.Log.Warn("shards are missing from a miner's manifest", "miner", b.hotkey, "lost", lost)
		b.refuse(lost, auditlog.Missed)
	}
	return err
}

// held returns the shards that the miner's manifest for us lists now. A miner
// that says it holds nothing for us holds none.
func (v *Validator) held(ctx context.Context, b *book) (map[strata.Root]presence, error) {
	there := map[strata.Root]presence{}
	switch err := v.pull(ctx, b, v.self); {
	case strata.CodeOf(err) == strata.NotFound:
		return there, nil
	case err != nil:
		return nil, err
	}
	return there, v.Ledger.Sectors(ctx, catalog.Partition{Miner: b.hotkey, Validator: v.self}, func(s catalog.Sector) error {
		for _, h := range s.Entry.Shards {
			if there[h.Root] = live; h.Deleted {
				there[h.Root] = deleted
			}
		}
		return nil
	})
}

// restoreShard takes back a deletion that should not be: of an object that came
// back. A miner that cannot, or does not answer, is asked with the next look.
func (v *Validator) restoreShard(ctx context.Context, b *book, p catalog.Placed) error {
	rctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	if err := v.Miners.RestoreShard(rctx, b.endpoint(), p.Root); err != nil {
		v.Log.Warn("a shard was not restored", "miner", b.hotkey, "root", p.Root, "err", err)
		return nil
	}
	_, err := v.Shards.SettleShard(ctx, b.hotkey, p, catalog.Stored)
	return err
}

// dropUnsent records shards as lost whose sending must have ended without the
// miner: nobody signed for them, so nobody pays.
func (v *Validator) dropUnsent(ctx context.Context, b *book, unsent []catalog.Placed) error {
	now, since := v.Now(), map[catalog.Placed]time.Time{}
	for _, p := range unsent {
		first, known := b.unsent[p]
		if !known {
			first = now
		}
		if now.Sub(first) < unsentFor {
			since[p] = first
			continue
		}
		if _, err := v.Shards.SettleShard(ctx, b.hotkey, p, catalog.Lost); err != nil {
			return err
		}
	}
	b.unsent = since // used by the pull loop alone
	return nil
}

// lose records shards as lost and says how many were still on record.
func (v *Validator) lose(ctx context.Context, b *book, missing []catalog.Placed) (lost int, err error) {
	for _, p := range missing {
		was, err := v.Shards.SettleShard(ctx, b.hotkey, p, catalog.Lost)
		if err != nil {
			return lost, err
		}
		if was {
			lost++
		}
	}
	return lost, nil
}

// damaged records as lost the shards of ours whose leaves a miner could not
// open although its manifest lists them: the repair of their segments must not
// count on them.
func (v *Validator) damaged(ctx context.Context, b *book, validator strata.Hotkey, failed []question) error {
	roots := map[strata.Root]bool{}
	for _, q := range failed {
		if q.ref.Shard != (strata.Root{}) && validator == v.self {
			roots[q.ref.Shard] = true
		}
	}
	if len(roots) == 0 {
		return nil
	}
	placed, err := v.Ledger.PlacedOn(ctx, b.hotkey)
	if err != nil {
		return err
	}
	lost, err := v.lose(ctx, b, slices.DeleteFunc(placed, func(p catalog.Placed) bool { return !roots[p.Root] }))
	if lost > 0 {
		v.Log.Warn("shards failed their audit", "miner", b.hotkey, "lost", lost)
	}
	return err
}
