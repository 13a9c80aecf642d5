package backup

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"strata"
	"strata/catalog"
	"strata/object"
	"strata/object/roster"
	"strata/wire"
)

// Source is where a recovery looks. All fields are needed.
type Source struct {
	Miners    Superblocks
	Transport object.Transport
	Network   roster.Fixed // every miner that serves
	Secret    Secret
	// Committed is what the hotkey has committed on chain; the zero value if
	// nothing.
	Committed wire.Commitment
	// AllowRollback takes an older backup than the one committed, or than the
	// highest that was found, where that one cannot be read.
	AllowRollback bool
	Profile       strata.Profile
	Log           *slog.Logger
}

// Recovered says what a recovery has found.
type Recovered struct {
	Version uint64    // of the backup that was taken
	Highest uint64    // of the superblocks that were found
	Created time.Time // when that backup was made
	Asked   int       // miners that answered
	// Ledger is when the validator's ledger was as it is now; zero if none was found.
	Ledger time.Time
}

// Recover fills an empty catalog from the latest backup. Miners may show older
// superblocks, or none, or garbage: the highest that is signed and sealed by the
// hotkey is taken. Codes: NotFound (no miner has one), Conflict (the chain says
// that there is a later one: AllowRollback takes what there is), Unavailable (too
// few miners have its parts). After an error the catalog is to be thrown away.
func Recover(ctx context.Context, src Source, into catalog.Backups) (Recovered, error) {
	a := collect(ctx, src.Miners, src.Network, Pace{}.withDefaults(src.Profile))
	out := Recovered{Asked: a.asked}
	blocks, err := src.usable(a.found)
	if err != nil {
		return out, err
	}
	if a.asked == 0 { // miners refuse a hotkey without a permit
		return out, strata.E(strata.NotFound, "no miner answers this hotkey: it must be registered and have its permit (strata chain neuron), and miners must be reachable; then try again")
	}
	if len(blocks) == 0 {
		return out, strata.E(strata.NotFound, "none of the %d miners that answer has a backup of this hotkey: check hotkey, network and netuid, or try again when more miners can be reached", a.asked)
	}
	out.Highest = blocks[0].Version
	if err := src.fresh(blocks[0]); err != nil {
		return out, err
	}
	var errs []error
	for i, b := range blocks {
		if i > 0 && !src.AllowRollback {
			break
		}
		x, err := src.read(ctx, b, into)
		if err == nil {
			out.Version, out.Created = x.Version, time.Unix(x.Created, 0)
			if src.ledger(ctx, x, into) {
				out.Ledger = time.Unix(x.LedgerAt, 0)
			}
			return out, into.SaveBackup(ctx, catalog.BackupState{Version: max(out.Highest, src.Committed.Superblock), Recovered: true}, 0)
		}
		if ctx.Err() != nil {
			return out, ctx.Err()
		}
		src.Log.Warn("a backup cannot be read", "version", b.Version, "err", err)
		errs = append(errs, fmt.Errorf("version %d: %w", b.Version, err))
	}
	return out, errors.Join(errs...)
}

// usable returns the superblocks that open, one for each version and payload,
// the highest first; of one version the committed one first.
func (src Source) usable(found []wire.Superblock) (out []wire.Superblock, err error) {
	seen := map[[32]byte]bool{}
	for _, b := range found {
		if seen[b.Hash()] {
			continue
		}
		seen[b.Hash()] = true
		if _, err := openPayload(src.Secret, b); err != nil {
			src.Log.Warn("a superblock is passed over", "version", b.Version, "err", err)
			continue
		}
		out = append(out, b)
	}
	slices.SortStableFunc(out, func(a, b wire.Superblock) int {
		switch {
		case a.Version != b.Version && a.Version > b.Version:
			return -1
		case a.Version != b.Version:
			return 1
		case a.Hash() == src.Committed.SuperblockHash:
			return -1
		}
		return 0
	})
	return out, nil
}

// fresh refuses a superblock that the chain knows to be old.
func (src Source) fresh(b wire.Superblock) error {
	c := src.Committed
	switch {
	case b.Version < c.Superblock && !src.AllowRollback:
		return strata.E(strata.Conflict, "the chain says that version %d of the backup exists, and the miners that answer have version %d at most: try again when more miners can be reached, or take the older one with --allow-rollback, which loses what was stored since", c.Superblock, b.Version)
	case b.Version == c.Superblock && b.Hash() != c.SuperblockHash && !src.AllowRollback:
		return strata.E(strata.Conflict, "the backup found has the version that the chain names, %d, and is another one: try again when more miners can be reached, or take it with --allow-rollback", b.Version)
	}
	return nil
}

// read follows a superblock to its parts and applies them.
func (src Source) read(ctx context.Context, b wire.Superblock, into catalog.Backups) (index, error) {
	named, err := openPayload(src.Secret, b)
	if err != nil {
		return index{}, err
	}
	var doc bytes.Buffer
	if err := src.fetch(ctx, named, &doc); err != nil {
		return index{}, err
	}
	x, err := decodeIndex(doc.Bytes())
	if err != nil {
		return x, err
	}
	if x.Version != b.Version {
		return x, errDamaged("the index, which is of another version,")
	}
	return x, src.apply(ctx, x, into)
}

func (src Source) fetch(ctx context.Context, b blob, w io.Writer) error {
	segments, err := b.segments()
	if err != nil {
		return err
	}
	return object.Retrieve(ctx, src.Transport, src.Network, src.Secret, segments, w)
}

// apply streams snapshot and changes into the catalog, in one transaction.
func (src Source) apply(ctx context.Context, x index, into catalog.Backups) error {
	return importStream(ctx, into, func(ctx context.Context, w io.Writer) error {
		for _, b := range append([]blob{x.Snapshot}, x.Increments...) {
			if err := src.fetch(ctx, b, w); err != nil {
				return err
			}
		}
		_, err := w.Write(x.Tail)
		return err
	})
}

// ledger brings a validator's ledger back, if there is one, and says whether it
// did. Without it the validator audits all miners anew, so that its loss must not
// cost the files.
func (src Source) ledger(ctx context.Context, x index, into catalog.Backups) bool {
	if x.Ledger.ID == nil {
		return false
	}
	err := importStream(ctx, into, func(ctx context.Context, w io.Writer) error { return src.fetch(ctx, x.Ledger, w) })
	if err != nil {
		src.Log.Warn("what the validator knew of miners cannot be read: it audits them anew", "err", err)
	}
	return err == nil
}

// importStream imports what write writes, gzipped.
func importStream(ctx context.Context, into catalog.Backups, write func(context.Context, io.Writer) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pr, pw := io.Pipe()
	go func() { _ = pw.CloseWithError(write(ctx, pw)) }() // nil is io.EOF
	defer pr.Close()                                      // ends the writer
	lines, err := gzip.NewReader(pr)
	if err != nil {
		return err
	}
	return into.Import(ctx, lines)
}
