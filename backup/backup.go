// Package backup keeps the metadata of objects on the miners themselves, and
// gets it back from there with nothing but the hotkey.
//
//	backup.go   what it is made of; Run
//	flush.go    one backup: snapshot or changes, index, superblock
//	parts.go    the objects of a backup
//	ledger.go   what a validator knows of miners
//	record.go   the formats
//	recover.go  the way back
//
// # Layout
//
// A backup is a stream of lines (catalog.Backups), gzipped: a snapshot of all
// that there is, then changes in order. Snapshot and changes are objects in a
// bucket of their own, erasure-coded and encrypted like users'. An index, one
// more such object, names them by the records of their segments and carries the
// newest changes itself. Miners keep for days what is deleted, so that what is
// written every few seconds must be small: changes move from the index to an
// object while they are few, and objects of changes are merged with larger ones
// as they grow, so that an index names a dozen. The superblock holds the record of the index, sealed
// under a key of the hotkey's; it lies on every miner that could be reached, has
// a version that only grows, and is committed on chain now and then.
//
// # Crashes
//
// A version is on record before the first miner sees it, so none is used twice.
// A crash before that leaves the backup before; a crash after it, that one or
// the new one, and changes that are backed up again; objects that nothing names
// any more are deleted by the next Run.
package backup

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"strata"
	"strata/catalog"
	"strata/internal/lifecycle"
	"strata/object"
	"strata/object/roster"
	"strata/wire"
)

// Catalog is what is backed up, and where it is noted how far that is.
type Catalog interface {
	catalog.Backups
	CreateBucket(ctx context.Context, b catalog.Bucket) error
	ListObjects(ctx context.Context, l catalog.List) ([]catalog.Object, error)
	Segments(ctx context.Context, id strata.ObjectID) ([]catalog.Segment, error)
}

// Store stores the backup's objects (package object).
type Store interface {
	Put(ctx context.Context, r object.PutRequest) (object.Info, error)
	Open(ctx context.Context, id strata.ObjectID) (*object.Reader, error)
	Delete(ctx context.Context, id strata.ObjectID) error
}

// Superblocks is how miners keep and give superblocks. GetSuperblock verifies
// the signature.
type Superblocks interface {
	PutSuperblock(ctx context.Context, ep wire.Endpoint, s wire.Superblock) error
	GetSuperblock(ctx context.Context, ep wire.Endpoint) (wire.Superblock, error)
}

// Secret derives keys from the hotkey.
type Secret interface {
	Derive(info string, n int) ([]byte, error)
}

// Pace is how often things are done. A zero field takes the profile's default.
type Pace struct {
	Flush  time.Duration // between two looks for changes (5 s)
	Commit time.Duration // between two commitments on chain (20 s locally, 20 min elsewhere)
	Ledger time.Duration // between two backups of a validator's ledger, at least (20 s locally, 72 min elsewhere)
	Watch  time.Duration // between two looks at another's backup (20 s locally, 5 min elsewhere)
	Ask    time.Duration // for a miner to take or give a superblock (10 s)
	Now    func() time.Time
}

func (p Pace) withDefaults(prof strata.Profile) Pace {
	if p.Flush == 0 {
		p.Flush = 5 * time.Second
	}
	if p.Commit == 0 {
		if p.Commit = 20 * time.Minute; prof.Name == strata.LocalProfile.Name {
			p.Commit = 20 * time.Second
		}
	}
	if p.Ledger == 0 {
		if p.Ledger = 72 * time.Minute; prof.Name == strata.LocalProfile.Name {
			p.Ledger = 20 * time.Second
		}
	}
	if p.Watch == 0 {
		if p.Watch = 5 * time.Minute; prof.Name == strata.LocalProfile.Name {
			p.Watch = 20 * time.Second
		}
	}
	if p.Ask == 0 {
		p.Ask = 10 * time.Second
	}
	if p.Now == nil {
		p.Now = time.Now
	}
	return p
}

// Config is what a Keeper is made of. All but Commit, Committed and Pace are
// needed.
type Config struct {
	Catalog Catalog
	Store   Store
	Network roster.Network
	Miners  Superblocks
	Secret  Secret
	Signer  wire.Signer
	Domain  wire.Domain
	Profile strata.Profile
	// Commit puts version and hash of a superblock on chain; nil leaves it out.
	Commit func(ctx context.Context, s wire.Superblock) error
	// Committed returns what is committed on chain; nil if nobody is to look.
	Committed func(ctx context.Context) (wire.Commitment, error)
	Pace      Pace
	Log       *slog.Logger
}

// Status is how the backup is.
type Status struct {
	Version uint64    // of the last superblock; 0: none yet
	Saved   time.Time // when it was on the miners
	// Behind says why nothing is backed up, and nothing reconciled: the miners
	// have a later backup than this catalog knows of. "" if all is well.
	Behind string
	// Quorum says that half of the miners or more were heard when it was last
	// compared with theirs.
	Quorum bool
}

// Keeper backs a catalog up. Run keeps it going; Status and Sound are safe for
// concurrent use.
type Keeper struct {
	Config

	mu     sync.Mutex
	status Status // guarded by mu

	// Tests make them small.
	maxTail     int
	minSnapshot int64

	// What follows is Run's alone.
	checked   bool // the miners' superblocks were compared with the catalog's
	trouble   lifecycle.Complaint
	swept     bool            // nothing is left of what a crash may have left
	block     wire.Superblock // the last that was shown
	committed uint64
	commitAt  time.Time
	ledgerAt  time.Time           // before then it is not tried again
	merging   lifecycle.Complaint // about changes that could not be merged
	ledger    lifecycle.Complaint // about the ledger's backup
}

// New returns a Keeper.
func New(c Config) *Keeper {
	c.Pace = c.Pace.withDefaults(c.Profile)
	return &Keeper{Config: c, maxTail: maxTail, minSnapshot: minSnapshot}
}

// Status returns how the backup is.
func (k *Keeper) Status() Status {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.status
}

// Sound says whether the catalog is known to be the latest there is: then what
// it does not name may be deleted from miners.
func (k *Keeper) Sound() bool {
	st := k.Status()
	return st.Version > 0 && st.Behind == "" && st.Quorum
}

func (k *Keeper) set(change func(*Status)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change(&k.status)
}

// Run backs up until ctx is done, then returns nil. What fails is logged and
// tried again.
func (k *Keeper) Run(ctx context.Context) error {
	for lifecycle.Sleep(ctx, k.Pace.Flush) == nil {
		err := k.round(ctx)
		if ctx.Err() != nil {
			break
		}
		k.complain(err)
	}
	return nil
}

// Watch finds out now and then whether the catalog is the latest there is, for
// Sound, until ctx is done: for a validator whose catalog the gateway of another
// process backs up.
func (k *Keeper) Watch(ctx context.Context) error {
	for lifecycle.Sleep(ctx, k.Pace.Watch) == nil {
		err := k.glance(ctx)
		if ctx.Err() != nil {
			break
		}
		k.complain(err)
	}
	return nil
}

// glance is one look of Watch. What cannot be found out is not known.
func (k *Keeper) glance(ctx context.Context) error {
	err := k.check(ctx)
	if err != nil {
		k.set(func(s *Status) { s.Quorum = false })
	}
	return err
}

// complain says once what is wrong, as long as it stays the same.
func (k *Keeper) complain(err error) {
	k.trouble.Say(k.Log, "the backup of the metadata is not well; trying again", err)
}

func (k *Keeper) round(ctx context.Context) error {
	if !k.checked {
		err := k.Catalog.CreateBucket(ctx, catalog.Bucket{Name: catalog.BackupBucket, Created: k.Pace.Now()})
		if err != nil && strata.CodeOf(err) != strata.Conflict {
			return err
		}
		if err := k.check(ctx); err != nil {
			return err
		}
	}
	return k.flush(ctx)
}

// check compares the catalog's version with those on miners and on chain: a catalog
// that was restored from an old copy must neither replace the later backup nor
// have miners delete what it does not know.
func (k *Keeper) check(ctx context.Context) error {
	st, err := k.Catalog.BackupState(ctx)
	if err != nil {
		return err
	}
	if k.Committed != nil {
		c, err := k.Committed(ctx)
		if err != nil {
			return err
		}
		if c.Superblock > st.Version {
			return k.behind(st.Version, c.Superblock)
		}
	}
	answers, err := k.ask(ctx)
	if err != nil {
		return err
	}
	if answers.asked == 0 {
		return strata.E(strata.Unavailable, "no miner answers, so it is not known whether one has a later backup")
	}
	for _, s := range answers.found {
		if s.Version > st.Version {
			return k.behind(st.Version, s.Version)
		}
	}
	k.checked = true
	k.set(func(s *Status) {
		s.Version, s.Behind, s.Quorum = st.Version, "", 2*answers.asked >= answers.miners
	})
	return nil
}

func (k *Keeper) behind(have, there uint64) error {
	err := strata.E(strata.Conflict, "miners or chain have version %d of the backup and this catalog knows of %d: it is an old copy, or another gateway runs with this hotkey; nothing is backed up and no unknown shard is deleted until it is moved away and `strata gateway recover` has run", there, have)
	k.set(func(s *Status) { s.Behind = err.Error() })
	return err
}

// sweep deletes objects of the backup that the present one does not name, once:
// a crash left them. It comes after a flush, since those of a flush that a crash
// cut off may be what the miners' superblocks lead to.
func (k *Keeper) sweep(ctx context.Context, s saved) error {
	if k.swept {
		return nil
	}
	named := s.ids()
	objects, err := k.Catalog.ListObjects(ctx, catalog.List{Bucket: catalog.BackupBucket})
	if err != nil {
		return err
	}
	for _, o := range objects {
		if !named[o.ID] {
			if err := k.Store.Delete(ctx, o.ID); err != nil && strata.CodeOf(err) != strata.NotFound {
				return err
			}
		}
	}
	k.swept = true
	return nil
}
