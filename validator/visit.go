package validator

import (
	"context"
	"time"

	"strata"
	"strata/internal/lifecycle"
	"strata/validator/book"
)

// rttEach is how often a connect is timed.
const rttEach = 10 * time.Minute

// visitLoop keeps what is known of one miner fresh.
func (v *Validator) visitLoop(ctx context.Context, b *book.Book) {
	var t visits
	if lifecycle.Sleep(ctx, v.spread(b)) != nil {
		return
	}
	for v.visit(ctx, b, &t) == nil && lifecycle.Sleep(ctx, v.Pace.Pull) == nil {
	}
}

// spread is how long a miner that is known waits for its first look: a validator
// that starts again does not look at all at once, which would make it late with
// its own audits and blame the miners.
func (v *Validator) spread(b *book.Book) time.Duration {
	if len(b.View().Holdings) == 0 {
		return 0
	}
	return time.Duration(v.Chance.Below(int(max(v.Pace.Pull, 1))))
}

// visits is when a miner's rarer turns were last taken.
type visits struct{ timed, reconciled time.Time }

// visit looks at a miner once: its manifests, and in their time its round trip
// and the shards that should be there. The only error is the context's.
func (v *Validator) visit(ctx context.Context, b *book.Book, t *visits) error {
	if v.Now().Sub(t.timed) > rttEach {
		if v.audits.TimeConnect(ctx, b) == nil {
			t.timed = v.Now()
		}
	}
	v.shards.Hear(ctx, b)
	err := v.manifests.Look(ctx, b)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		v.Log.Debug("a miner's manifests were not read", "miner", b.Hotkey, "err", err)
	}
	if strata.CodeOf(err) == strata.Unavailable {
		return nil
	}
	// A miner that shows something wrong in one partition is not spared this.
	v.shards.Judge(b)
	if v.Now().Sub(t.reconciled) > v.Pace.Reconcile {
		t.reconciled = v.Now()
		if err := v.shards.Reconcile(ctx, b); err != nil && ctx.Err() == nil {
			v.Log.Warn("shards were not reconciled", "miner", b.Hotkey, "err", err)
		}
	}
	return ctx.Err()
}

// auditLoop sends one miner snap audits.
func (v *Validator) auditLoop(ctx context.Context, b *book.Book) {
	for {
		wait, ok := v.audits.Until(b)
		if !ok {
			wait = v.Pace.Pull // it has nothing yet
		}
		if lifecycle.Sleep(ctx, wait) != nil {
			return
		}
		if !ok {
			continue
		}
		if err := v.audit(ctx, b); err != nil && ctx.Err() == nil {
			v.Log.Warn("an audit was not made", "miner", b.Hotkey, "err", err)
		}
	}
}

// audit sends a miner a snap audit, reads one of our shards on it now and then,
// and counts the answers.
func (v *Validator) audit(ctx context.Context, b *book.Book) error {
	if err := v.audits.Audit(ctx, b); err != nil {
		return err
	}
	return v.audits.MaybeRead(ctx, b)
}
