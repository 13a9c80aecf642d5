package catalog

import (
	"context"
	"io"
	"time"

	"strata"
)

// BackupBucket holds the backups of the catalog themselves. They are not part of
// a backup, and do not come back once deleted.
const BackupBucket = ".backup"

// BackupState is how far the backup of a catalog is.
type BackupState struct {
	// Version is the highest that was, or may have been, shown to miners.
	Version uint64
	// Recovered says that the catalog was made from a backup: miners may hold
	// shards of objects that it does not know.
	Recovered bool
	// Data is what package backup keeps of its objects.
	Data []byte
}

// Backups is how a catalog is written out and made again. What is written is
// the objects that are not pending, with their segments and shards, the buckets
// and the keys; not the deletion queue, as what is queued is found again on the
// miners. The ledger is written by itself.
type Backups interface {
	// BackupState returns the state; the zero value in a new catalog.
	BackupState(ctx context.Context) (BackupState, error)
	// SaveBackup records a state, and forgets the changes up to a mark.
	SaveBackup(ctx context.Context, s BackupState, upTo uint64) error
	// Changed counts what has changed since the marks that were forgotten.
	Changed(ctx context.Context) (int, error)
	// Export writes the whole catalog, or what has changed, as it is at one
	// moment, and returns the mark of that moment.
	Export(ctx context.Context, w io.Writer, whole bool) (upTo uint64, err error)
	// HasLedger says whether a validator has written to the ledger.
	HasLedger(ctx context.Context) (bool, error)
	// ExportLedger writes the ledger as it is at one moment: all but the Journal,
	// of which it says how far it counts, with room for what is journaled
	// meanwhile.
	ExportLedger(ctx context.Context, w io.Writer) error
	// Import applies what Export or ExportLedger wrote, in one transaction. Code Corrupt for
	// anything else.
	Import(ctx context.Context, r io.Reader) error
	// Wanted returns, in ascending order, the roots of all shards that a miner is
	// to keep: those on record there, of any state, but for deleted objects; those
	// reserved, and old places of living objects that the deletion queue has; and
	// orphans whose time is not over.
	Wanted(ctx context.Context, miner strata.Hotkey, now time.Time) ([]strata.Root, error)
	// NeedsImport says whether the catalog was recovered and the orphans of a
	// miner are not on record yet.
	NeedsImport(ctx context.Context, miner strata.Hotkey) (bool, error)
	// ImportOrphans records all shards at a miner that the recovered catalog does
	// not name, to be kept until a time.
	ImportOrphans(ctx context.Context, miner strata.Hotkey, roots []strata.Root, until time.Time) error
	// BackedUp says whether an object, as it is now, is in the backup.
	BackedUp(ctx context.Context, id strata.ObjectID) (bool, error)
}
