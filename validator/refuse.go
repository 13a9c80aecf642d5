package validator

import (
	"context"
	"slices"
	"time"

	"strata"
	"strata/auditlog"
	"strata/object"
	"strata/score"
	"strata/wire"
)

const (
	// throttledFor is how long a miner may answer nothing but that this
	// validator is too fast. An honest one takes shards at its published rate
	// meanwhile.
	throttledFor = time.Minute
	// maxRefused bounds what one look at a miner costs it: a window's audits, so
	// that more would change nothing.
	maxRefused = 300
)

// Judge returns a transport that lets miners pay for shards that they refuse. A
// refusal counts when the next manifest still shows a sector of nothing but
// filler in this validator's partition.
func (v *Validator) Judge(t object.Transport) object.Transport { return judge{t, v} }

type judge struct {
	object.Transport
	v *Validator
}

// PutShard stores a shard and notes what the miner did with it. A send that the
// caller gave up is nobody's fault.
func (j judge) PutShard(ctx context.Context, to wire.Endpoint, root strata.Root, body []byte) (wire.Receipt, error) {
	r, err := j.Transport.PutShard(ctx, to, root, body)
	if err == nil || ctx.Err() == nil {
		j.v.sent(to.Hotkey, err)
	}
	return r, err
}

// sent notes the outcome of a put.
func (v *Validator) sent(miner strata.Hotkey, err error) {
	v.mu.Lock()
	b := v.books[miner]
	v.mu.Unlock()
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := v.Now()
	switch {
	case err == nil:
		b.took = now
	case strata.CodeOf(err) != strata.Throttled, now.Sub(b.took) > throttledFor:
		b.refusals++
	}
}

// judgeRefusals counts the refused puts since the last look, now that a manifest
// says whether there was room. A crash before it forgives them.
func (b *book) judgeRefusals() {
	b.mu.Lock()
	n := min(b.refusals, maxRefused)
	b.refusals = 0
	h := b.holdings[b.v.self]
	room := h != nil && h.filler > 0 && !b.rec.Score.Leaving // one that leaves was not to be asked
	b.mu.Unlock()
	if n > 0 && room {
		b.v.Log.Warn("shards were refused by a miner that has room", "miner", b.hotkey, "shards", n)
		b.refuse(n, auditlog.Refused)
	}
}

// refuse lets the miner pay for n shards that it would not take or has lost.
func (b *book) refuse(n int, why auditlog.Kind) {
	events := slices.Repeat([]score.Event{{Kind: score.Refused}}, min(n, maxRefused))
	b.applyAll(auditlog.Entry{Kind: why}, events...)
}
