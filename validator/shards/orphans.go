package shards

import (
	"bytes"
	"context"
	"slices"
	"time"

	"strata"
	"strata/validator/book"
	"strata/validator/manifest"
	"strata/wire"
)

// Orphans found after a recovery are kept for this long, so that a later backup
// that turns up can still claim them.
const (
	orphanKeep      = 30 * 24 * time.Hour
	orphanKeepLocal = 5 * time.Minute
)

// Keeping says which shards miners are to keep.
type Keeping interface {
	// Sound says whether the catalog is known to be the latest there is. While it
	// is not, no miner is told to delete what the catalog does not name.
	Sound() bool
	// Wanted returns, in ascending order, the roots of all shards that a miner is
	// to keep: those on record there, of any state, but for deleted objects; those
	// that are about to be; and orphans until their time is over.
	Wanted(ctx context.Context, miner strata.Hotkey, now time.Time) ([]strata.Root, error)
	// NeedsImport says whether the catalog was recovered and the miner's orphans
	// are not on record yet.
	NeedsImport(ctx context.Context, miner strata.Hotkey) (bool, error)
	// ImportOrphans records all of a miner's orphans, to be kept until a time.
	ImportOrphans(ctx context.Context, miner strata.Hotkey, roots []strata.Root, until time.Time) error
}

// dropOrphans finds the shards that a miner keeps and nobody wants: a deletion
// that never reached it, or one that was given up. It has them deleted with the
// second look that finds any: the list names what is wanted now, and touches
// nothing that came after the first look. There is no way for a shard to be
// stored that is not on record before it is sent; so what the list lacks was
// deleted. The miner keeps it for the undelete window all the same. After a
// recovery the first look only takes note of them.
func (k *Keeper) dropOrphans(ctx context.Context, b *book.Book, seen *memory, there map[strata.Root]presence) error {
	if k.Keep == nil || !k.Keep.Sound() {
		seen.orphaned = 0
		return nil
	}
	sequence := b.Head(k.Self).Sequence
	wanted, err := k.Keep.Wanted(ctx, b.Hotkey, k.Now())
	if err != nil {
		return err
	}
	var orphans []strata.Root
	for root, at := range there {
		if _, is := slices.BinarySearchFunc(wanted, root, compareRoots); at == live && !is {
			orphans = append(orphans, root)
		}
	}
	fresh, err := k.Keep.NeedsImport(ctx, b.Hotkey)
	if err != nil {
		return err
	}
	if fresh {
		return k.importOrphans(ctx, b, orphans)
	}
	if len(orphans) == 0 || len(wanted) > wire.MaxRetainRoots {
		seen.orphaned = 0
		return nil
	}
	if seen.orphaned == 0 {
		seen.orphaned = sequence
		return nil
	}
	rctx, cancel := context.WithTimeout(ctx, manifest.AnswerLimit)
	defer cancel()
	r, err := k.Miners.Retain(rctx, b.Endpoint(), wire.Retain{Sequence: seen.orphaned, Roots: wanted})
	seen.orphaned = 0
	if err != nil {
		return err
	}
	k.Log.Info("shards that no object names are deleted", "miner", b.Hotkey, "deleted", r.Removed, "kept", r.Kept)
	return nil
}

func (k *Keeper) importOrphans(ctx context.Context, b *book.Book, orphans []strata.Root) error {
	keep := orphanKeep
	if k.Profile.Name == strata.LocalProfile.Name {
		keep = orphanKeepLocal
	}
	if len(orphans) > 0 {
		k.Log.Warn("a miner has shards that the recovered metadata does not name; they are kept for now", "miner", b.Hotkey, "shards", len(orphans), "for", keep.String())
	}
	return k.Keep.ImportOrphans(ctx, b.Hotkey, orphans, k.Now().Add(keep))
}

func compareRoots(a, b strata.Root) int { return bytes.Compare(a[:], b[:]) }
