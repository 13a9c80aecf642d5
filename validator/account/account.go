package account

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"strata"
	"strata/auditlog"
	"strata/catalog"
	"strata/internal/lifecycle"
	"strata/validator/book"
	"strata/validator/subnet"
)

// handOver is how many entries go from the journal to the log at once.
const handOver = 500

// Log is where a validator's account of itself goes (auditlog.Log).
type Log interface {
	// Append makes entries durable, the first of which has that number; those
	// that are there already are left out.
	Append(first uint64, entries [][]byte) error
	// Head returns the number of the last entry and its hash.
	Head() (uint64, strata.Root)
	// Skip makes the next number at least after+1.
	Skip(after uint64) error
	// Publish makes public what ended with an entry up to that number.
	Publish(upTo uint64) error
	// Prune removes what is public and ended before a block, and says how many
	// segments that were.
	Prune(before uint64) (removed int, err error)
}

// Config is what an account is kept with. All fields but Retain and Commit are
// needed.
type Config struct {
	Audit   Log
	Journal catalog.Journal // of the ledger
	Books   *book.Books     // with that journal
	Subnet  *subnet.Subnet
	Profile strata.Profile
	Version string
	// Retain is for how many blocks after its end a public part of the log is
	// kept; 0 means for ever.
	Retain uint64
	// Commit puts the log's head on chain.
	Commit func(ctx context.Context, number uint64, hash strata.Root) error
	Log    *slog.Logger
}

// Keeper keeps the account. It is safe for concurrent use; a nil one keeps none.
type Keeper struct {
	Config

	handing sync.Mutex // held while entries go from the journal to the log

	mu    sync.Mutex // guards what follows
	ended []ended    // what waits to become public
}

// New returns a keeper; Open comes before all else.
func New(c Config) *Keeper { return &Keeper{Config: c} }

// ended is a segment that waits to become public.
type ended struct {
	number uint64 // its last entry
	block  uint64 // from which on its details harm nobody
}

// Open writes that the validator has started, and what it knows.
func (k *Keeper) Open(ctx context.Context) error {
	if k == nil {
		return nil
	}
	if err := k.align(ctx); err != nil {
		return err
	}
	err := k.State(ctx, func(_ []book.Settled, block uint64) auditlog.Entry {
		return auditlog.Entry{Kind: auditlog.Started, Block: block, Start: &auditlog.Start{Version: k.Version, Profile: k.Profile.Name}}
	})
	if err != nil {
		return err
	}
	if err := k.HandOver(ctx); err != nil {
		return err
	}
	// What ended before this start becomes public as if it had ended now.
	number, _ := k.Audit.Head()
	_, block := k.Subnet.Clock()
	params, epochs := k.Subnet.Params(), uint64(1)
	if params.CommitReveal { // a commit may be on its way
		epochs += params.RevealPeriod + 1
	}
	k.ends(number, block+epochs*k.Subnet.Epoch())
	return nil
}

// ends notes up to which entry the log is public from a block on.
func (k *Keeper) ends(number, block uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ended = append(k.ended, ended{number, block})
}

// align brings journal and log together where one of them was lost or restored.
func (k *Keeper) align(ctx context.Context) error {
	logged, _ := k.Audit.Head()
	journaled, err := k.Journal.Last(ctx)
	if err != nil {
		return err
	}
	waiting, err := k.Journal.Entries(ctx, 0, 1)
	if err != nil {
		return err
	}
	switch {
	case journaled < logged:
		k.Log.Warn("the ledger is older than the audit log, which goes on after its end", "log", logged, "ledger", journaled)
		return k.Journal.Skip(ctx, logged)
	case len(waiting) > 0 && logged+1 < waiting[0].Seq:
		k.Log.Warn("the audit log has lost its end, and goes on with a gap", "log", logged, "ledger", waiting[0].Seq)
		return k.Audit.Skip(waiting[0].Seq)
	}
	return nil
}

// HandOver moves what the ledger has journaled to the log. A crash on the way
// leaves it in the journal, or in both, and it is logged once all the same.
func (k *Keeper) HandOver(ctx context.Context) error {
	if k == nil {
		return nil
	}
	k.handing.Lock()
	defer k.handing.Unlock()
	for {
		after, _ := k.Audit.Head()
		entries, err := k.Journal.Entries(ctx, after, handOver)
		if err != nil || len(entries) == 0 {
			return err
		}
		lines := make([][]byte, len(entries))
		for i, e := range entries {
			lines[i] = e.Entry
		}
		if err := k.Audit.Append(entries[0].Seq, lines); err != nil {
			return err
		}
		if err := k.Journal.Forget(ctx, entries[len(entries)-1].Seq); err != nil {
			return err
		}
	}
}

// Run keeps the log up with the journal.
func (k *Keeper) Run(ctx context.Context, every time.Duration) error {
	for {
		err := lifecycle.Sleep(ctx, every)
		if herr := k.HandOver(context.WithoutCancel(ctx)); herr != nil {
			k.Log.Error("the audit log was not written; trying again", "err", herr)
		}
		if err != nil {
			return err
		}
	}
}
