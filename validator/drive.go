package validator

import (
	"context"
	"runtime"
	"time"

	"strata"
	"strata/chain"
	"strata/internal/hugepage"
	"strata/score"
	"strata/validator/book"
)

// Driver moves a validator by hand. What Run does in goroutines by the real
// clock, a simulation does step by step by its own (Config.Now) and with its own
// chance: the same steps give the same ledger. Start has succeeded before; a
// Driver is for one goroutine, and its validator does not Run.
type Driver struct {
	v      *Validator
	visits map[strata.Hotkey]*visits
	room   *hugepage.Memory // for a sector, from the first check on until the Driver is collected
}

// Drive returns the validator's Driver.
func (v *Validator) Drive() *Driver {
	v.attend()
	return &Driver{v: v, visits: map[strata.Hotkey]*visits{}}
}

// Block does what a new head asks for: the metagraph in its time, cohorts,
// weights.
func (d *Driver) Block(ctx context.Context, h chain.Head) {
	if d.v.advance(ctx, h) {
		d.v.attend()
	}
	d.v.tend(ctx, h)
}

// book returns a miner's, nil if it does not serve.
func (d *Driver) book(miner strata.Hotkey) *book.Book {
	if b := d.v.books.Of(miner); b != nil && b.View().Present {
		return b
	}
	return nil
}

// Look reads a miner's manifests and, when their time has come, times its
// round trip and looks for missing shards: one turn in each Pace.Pull.
func (d *Driver) Look(ctx context.Context, miner strata.Hotkey) error {
	b := d.book(miner)
	if b == nil {
		return nil
	}
	t := d.visits[miner]
	if t == nil {
		t = &visits{}
		d.visits[miner] = t
	}
	return d.v.visit(ctx, b, t)
}

// Look reads all of a miner's manifests once. It is safe for concurrent use,
// beside a Driver too; a miner that does not serve is none.
func (v *Validator) Look(ctx context.Context, miner strata.Hotkey) error {
	if b := v.books.Of(miner); b != nil {
		return v.manifests.Look(ctx, b)
	}
	return nil
}

// NextAudit draws how long it is until a miner's next audit; false if it has
// nothing to be asked for.
func (d *Driver) NextAudit(miner strata.Hotkey) (time.Duration, bool) {
	b := d.book(miner)
	if b == nil {
		return 0, false
	}
	return d.v.audits.Until(b)
}

// Audit sends a miner one snap audit, reads one of our shards on it now and then,
// and counts the answers. What the miner does wrong is no error.
func (d *Driver) Audit(ctx context.Context, miner strata.Hotkey) error {
	b := d.book(miner)
	if b == nil {
		return nil
	}
	return d.v.audit(ctx, b)
}

// Check makes one commitment check, if any is due, and says whether it was.
func (d *Driver) Check(ctx context.Context) (bool, error) {
	defer runtime.KeepAlive(d)
	if d.room == nil {
		room, err := hugepage.Alloc(d.v.Profile.SectorSize())
		if err != nil {
			return false, err
		}
		d.room = room
		runtime.AddCleanup(d, (*hugepage.Memory).Free, room)
	}
	return d.v.checks.Make(ctx, d.room.Bytes())
}

// Credit returns a miner's credit in bytes at the present block and its
// standing, the zero values for one that is unknown.
func (d *Driver) Credit(miner strata.Hotkey) (uint64, score.Standing) {
	b := d.book(miner)
	if b == nil {
		return 0, score.Good
	}
	return d.v.credit(b.View()), b.View().Record.Score.Standing
}
