package validator

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"strata"
	"strata/auditlog"
	"strata/catalog"
	"strata/object"
	"strata/object/send"
	"strata/score"
	"strata/wire"
)

const (
	// fairBytes and fairShards are what a miner takes of one validator within a
	// minute at least before it may say that shards come too fast. What miners
	// publish is 500 times that.
	fairBytes  = 60 << 20
	fairShards = 600
	// maxRefused bounds what one look at a miner costs it: a window's audits, so
	// that more would change nothing.
	maxRefused = catalog.MaxRefusals
)

// puts is what a miner did to the shards that were sent to it.
type puts struct {
	began         time.Time // when the running minute did
	taken, before taken     // in it, and in the one before
	refused       int       // since that was last asked
	away          []int64   // steps in which it could not be reached, until they are settled
}

// taken is what a miner took of one sender within a minute.
type taken struct{ bytes, shards uint64 }

// fair says whether it is so much that more may be too much: a miner that takes
// less and says that it comes too fast refuses the rest.
func (t taken) fair() bool { return t.bytes >= fairBytes || t.shards >= fairShards }

// sent notes the outcome of a put of so many bytes.
func (p *puts) sent(now time.Time, size int, err error) {
	if passed := now.Sub(p.began); passed >= time.Minute {
		if p.before = p.taken; passed >= 2*time.Minute {
			p.before = taken{}
		}
		p.began, p.taken = now, taken{}
	}
	switch {
	case err == nil:
		p.taken.bytes += uint64(size)
		p.taken.shards++
	case strata.CodeOf(err) == strata.Unavailable && !errors.Is(err, send.ErrSlow):
		if len(p.away) < maxRefused {
			p.away = append(p.away, stepOf(now))
		}
	case strata.CodeOf(err) != strata.Throttled, !p.taken.fair() && !p.before.fair():
		p.refused++
	}
}

// settle judges the puts that did not reach the miner: where others took shards at
// that time it was the miner, else it may have been this side's line.
func (p *puts) settle(now time.Time, l *line) {
	p.away = slices.DeleteFunc(p.away, func(at int64) bool {
		over := at+1 < stepOf(now) // nothing more can come of the step after it
		if over && l.worked(at) {
			p.refused++
		}
		return over
	})
}

// line remembers when shards reached any miner. Its zero value is ready; it is
// safe for concurrent use.
type line struct {
	mu    sync.Mutex
	steps [64]int64 // the last step with that remainder
}

// step is how finely time is divided for that: steps are Unix time in these.
const step = 10 * time.Second

func stepOf(now time.Time) int64 { return now.Unix() / int64(step/time.Second) }

// note says that a shard reached a miner.
func (l *line) note(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := stepOf(now)
	l.steps[uint64(at)%uint64(len(l.steps))] = at
}

// worked says whether one did in a step or beside it.
func (l *line) worked(at int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for x := at - 1; x <= at+1; x++ {
		if l.steps[uint64(x)%uint64(len(l.steps))] == x {
			return true
		}
	}
	return false
}

// Judge returns a transport that lets miners pay for shards that they refuse. A
// refusal counts when the next manifest still shows room in this validator's
// partition (holding.room).
func (v *Validator) Judge(t object.Transport) object.Transport { return judge{t, v.sent} }

type judge struct {
	object.Transport
	sent func(miner strata.Hotkey, size int, err error)
}

// PutShard stores a shard and notes what the miner did with it. A send that the
// caller gave up is nobody's fault, but where it was the miner that took too long.
func (j judge) PutShard(ctx context.Context, to wire.Endpoint, root strata.Root, body []byte) (wire.Receipt, error) {
	r, err := j.Transport.PutShard(ctx, to, root, body)
	switch slow := errors.Is(context.Cause(ctx), send.ErrSlow); {
	case err != nil && slow:
		j.sent(to.Hotkey, len(body), send.ErrSlow)
	case err == nil || ctx.Err() == nil:
		j.sent(to.Hotkey, len(body), err)
	}
	return r, err
}

// sent notes the outcome of a put.
func (v *Validator) sent(miner strata.Hotkey, size int, err error) {
	b := v.bookOf(miner)
	if b == nil {
		return
	}
	now := v.Now()
	if err == nil {
		v.line.note(now)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.puts.sent(now, size, err)
}

// hearRefusals takes over what a gateway in another process has noted. Before the
// look that it is judged by; what is older than the looks that the miner was
// given says nothing of its room now.
func (v *Validator) hearRefusals(ctx context.Context, b *book) {
	if v.Refusals == nil {
		return
	}
	n, at, err := v.Refusals.TakeRefusals(ctx, b.hotkey)
	if err != nil {
		v.Log.Warn("refusals that a gateway has noted were not read", "miner", b.hotkey, "err", err)
		return
	}
	if v.Now().Sub(at) > patience*v.Pace.Pull {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.puts.refused += n
}

// judgeRefusals counts the refused puts since the last look, now that a manifest
// says whether there was room. A crash before it forgives them.
func (b *book) judgeRefusals() {
	b.mu.Lock()
	b.puts.settle(b.v.Now(), &b.v.line)
	n := min(b.puts.refused, maxRefused)
	b.puts.refused = 0
	h := b.holdings[b.v.self]
	room := h != nil && h.room() && !b.rec.Score.Leaving // one that leaves was not to be asked
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
