package shards

import (
	"context"
	"slices"
	"time"

	"strata"
	"strata/auditlog"
	"strata/catalog"
	"strata/validator/book"
	"strata/validator/manifest"
	"strata/validator/refusal"
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

// Reconcile compares the shards that the catalog believes to be on a miner with
// its manifest. What is not there is lost: reads stop counting on it, and the
// miner pays for each as for an audit with every leaf failed. What was on its
// way, as far as the catalog knows, and has arrived is stored; what is marked
// deleted there and wanted here is restored, so that an undelete reaches miners
// that were away; what nobody wants is deleted (dropOrphans).
func (k *Keeper) Reconcile(ctx context.Context, b *book.Book) error {
	// The catalog is read before the manifest: a shard that was acknowledged
	// by then is in any manifest made after.
	placed, err := k.Ledger.PlacedOn(ctx, b.Hotkey)
	if err != nil || len(placed) == 0 && k.Keep == nil {
		return err
	}
	there, err := k.held(ctx, b)
	if err != nil {
		return err
	}
	var missing, unsent []catalog.Placed
	for _, p := range placed {
		switch at := there[p.Root]; {
		case at == deleted:
			err = k.restoreShard(ctx, b, p)
		case at == live && p.State == catalog.Sending:
			_, err = k.Record.SettleShard(ctx, b.Hotkey, p, catalog.Stored)
		case at == absent && p.State == catalog.Stored:
			missing = append(missing, p)
		case at == absent:
			unsent = append(unsent, p)
		}
		if err != nil {
			return err
		}
	}
	seen := k.of(b.Hotkey)
	if err := k.dropUnsent(ctx, b, seen, unsent); err != nil {
		return err
	}
	if err := k.loseMissing(ctx, b, missing); err != nil {
		return err
	}
	return k.dropOrphans(ctx, b, seen, there)
}

// loseMissing records shards as lost that are not where a miner has signed for
// them.
func (k *Keeper) loseMissing(ctx context.Context, b *book.Book, missing []catalog.Placed) error {
	if len(missing) == 0 {
		return nil
	}
	// Once more, as what is missing may have been moved or deleted meanwhile.
	still, err := k.Ledger.PlacedOn(ctx, b.Hotkey)
	if err != nil {
		return err
	}
	missing = slices.DeleteFunc(missing, func(p catalog.Placed) bool { return !slices.Contains(still, p) })
	lost, err := k.lose(ctx, b, missing)
	if lost > 0 {
		k.Log.Warn("shards are missing from a miner's manifest", "miner", b.Hotkey, "lost", lost)
		b.Refuse(lost, refusal.Most, auditlog.Missed)
	}
	return err
}

// held returns the shards that the miner's manifest for us lists now. A miner
// that says it holds nothing for us holds none.
func (k *Keeper) held(ctx context.Context, b *book.Book) (map[strata.Root]presence, error) {
	there := map[strata.Root]presence{}
	switch err := k.Manifests.Pull(ctx, b, k.Self); {
	case strata.CodeOf(err) == strata.NotFound:
		return there, nil
	case err != nil:
		return nil, err
	}
	return there, k.Ledger.Sectors(ctx, catalog.Partition{Miner: b.Hotkey, Validator: k.Self}, func(s catalog.Sector) error {
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
func (k *Keeper) restoreShard(ctx context.Context, b *book.Book, p catalog.Placed) error {
	rctx, cancel := context.WithTimeout(ctx, manifest.AnswerLimit)
	defer cancel()
	if err := k.Miners.RestoreShard(rctx, b.Endpoint(), p.Root); err != nil {
		k.Log.Warn("a shard was not restored", "miner", b.Hotkey, "root", p.Root, "err", err)
		return nil
	}
	_, err := k.Record.SettleShard(ctx, b.Hotkey, p, catalog.Stored)
	return err
}

// dropUnsent records shards as lost whose sending must have ended without the
// miner: nobody signed for them, so nobody pays.
func (k *Keeper) dropUnsent(ctx context.Context, b *book.Book, seen *memory, unsent []catalog.Placed) error {
	now, since := k.Now(), map[catalog.Placed]time.Time{}
	for _, p := range unsent {
		first, known := seen.unsent[p]
		if !known {
			first = now
		}
		if now.Sub(first) < unsentFor {
			since[p] = first
			continue
		}
		if _, err := k.Record.SettleShard(ctx, b.Hotkey, p, catalog.Lost); err != nil {
			return err
		}
	}
	seen.unsent = since
	return nil
}

// lose records shards as lost and says how many were still on record.
func (k *Keeper) lose(ctx context.Context, b *book.Book, missing []catalog.Placed) (lost int, err error) {
	for _, p := range missing {
		was, err := k.Record.SettleShard(ctx, b.Hotkey, p, catalog.Lost)
		if err != nil {
			return lost, err
		}
		if was {
			lost++
		}
	}
	return lost, nil
}

// Damaged records as lost the shards of ours with these roots, whose leaves a
// miner could not open although its manifest lists them: the repair of their
// segments must not count on them.
func (k *Keeper) Damaged(ctx context.Context, b *book.Book, validator strata.Hotkey, roots map[strata.Root]bool) error {
	if len(roots) == 0 || validator != k.Self {
		return nil
	}
	placed, err := k.Ledger.PlacedOn(ctx, b.Hotkey)
	if err != nil {
		return err
	}
	lost, err := k.lose(ctx, b, slices.DeleteFunc(placed, func(p catalog.Placed) bool { return !roots[p.Root] }))
	if lost > 0 {
		k.Log.Warn("shards failed their audit", "miner", b.Hotkey, "lost", lost)
	}
	return err
}
