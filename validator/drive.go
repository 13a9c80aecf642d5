package validator

import (
	"context"
	"runtime"
	"time"

	"strata"
	"strata/chain"
	"strata/internal/hugepage"
	"strata/score"
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
	v.serving()
	return &Driver{v: v, visits: map[strata.Hotkey]*visits{}}
}

// Block does what a new head asks for: the metagraph in its time, cohorts,
// weights.
func (d *Driver) Block(ctx context.Context, h chain.Head) {
	if d.v.advance(ctx, h) {
		d.v.serving()
	}
	d.v.formCohorts(ctx)
	d.v.maybeWeigh(ctx, h)
	d.v.publish(h.Number)
}

// book returns a miner's, nil if it does not serve.
func (d *Driver) book(miner strata.Hotkey) *book {
	d.v.mu.Lock()
	defer d.v.mu.Unlock()
	b := d.v.books[miner]
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.present {
		return nil
	}
	return b
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
	if b := v.bookOf(miner); b != nil {
		return v.look(ctx, b)
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
	perHour := score.AuditsPerHour(d.v.Profile, b.bytes())
	if perHour == 0 {
		return 0, false
	}
	return d.v.exponential(time.Hour / time.Duration(perHour)), true
}

// Audit sends a miner one snap audit, reads one of our shards on it now and then,
// and counts the answers. What the miner does wrong is no error.
func (d *Driver) Audit(ctx context.Context, miner strata.Hotkey) error {
	b := d.book(miner)
	if b == nil {
		return nil
	}
	if err := d.v.audit(ctx, b); err != nil {
		return err
	}
	return d.v.maybeRead(ctx, b)
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
	return d.v.makeCheck(ctx, d.room.Bytes())
}

// Credit returns a miner's credit in bytes at the present block and its
// standing, the zero values for one that is unknown.
func (d *Driver) Credit(miner strata.Hotkey) (uint64, score.Standing) {
	b := d.book(miner)
	if b == nil {
		return 0, score.Good
	}
	credit := b.credit()
	b.mu.Lock()
	defer b.mu.Unlock()
	return credit, b.rec.Score.Standing
}
