package refusal

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"strata"
	"strata/object"
	"strata/object/send"
	"strata/wire"
)

// Tally is what miners did to the shards that one process has sent them. It is
// safe for concurrent use. A crash forgives what it has noted.
type Tally struct {
	now func() time.Time

	line line // over which shards go to miners

	mu     sync.Mutex // guards what follows
	miners map[strata.Hotkey]*puts
	open   map[strata.Hotkey]int // reads that go on, where there are any
}

// NewTally returns an empty one; nil for now means time.Now.
func NewTally(now func() time.Time) *Tally {
	if now == nil {
		now = time.Now
	}
	return &Tally{now: now, miners: map[strata.Hotkey]*puts{}, open: map[strata.Hotkey]int{}}
}

// Watch returns a transport whose puts are noted.
func (t *Tally) Watch(over object.Transport) object.Transport { return watched{over, t} }

type watched struct {
	object.Transport
	by *Tally
}

// PutShard stores a shard and notes what the miner did with it. A send that the
// caller gave up is nobody's fault, but where it was the miner that took too long.
func (w watched) PutShard(ctx context.Context, to wire.Endpoint, root strata.Root, body []byte) (wire.Receipt, error) {
	r, err := w.Transport.PutShard(ctx, to, root, body)
	switch slow := errors.Is(context.Cause(ctx), send.ErrSlow); {
	case err != nil && slow:
		w.by.sent(to.Hotkey, len(body), send.ErrSlow)
	case err == nil || ctx.Err() == nil:
		w.by.sent(to.Hotkey, len(body), err)
	}
	return r, err
}

// GetShard reads from a shard, and counts the read until it is closed.
func (w watched) GetShard(ctx context.Context, from wire.Endpoint, root strata.Root, size, off, n uint64) (io.ReadCloser, error) {
	body, err := w.Transport.GetShard(ctx, from, root, size, off, n)
	if err != nil {
		return nil, err
	}
	w.by.reads(from.Hotkey, 1)
	return &read{body, sync.OnceFunc(func() { w.by.reads(from.Hotkey, -1) })}, nil
}

// read is a read that is counted until it is closed.
type read struct {
	io.ReadCloser
	end func()
}

// Close implements io.Closer.
func (r *read) Close() error {
	r.end()
	return r.ReadCloser.Close()
}

// reads notes that a miner's reads have become more or fewer.
func (t *Tally) reads(miner strata.Hotkey, more int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open[miner] += more; t.open[miner] == 0 {
		delete(t.open, miner)
	}
}

// Busy says whether a miner gives so much at once that it may say that more is too
// much.
func (t *Tally) Busy(miner strata.Hotkey) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.open[miner] >= fairReads
}

// sent notes the outcome of a put.
func (t *Tally) sent(miner strata.Hotkey, size int, err error) {
	now := t.now()
	if err == nil {
		t.line.note(now)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.of(miner).sent(now, size, err)
}

// of returns a miner's. The caller holds mu.
func (t *Tally) of(miner strata.Hotkey) *puts {
	p := t.miners[miner]
	if p == nil {
		p = &puts{}
		t.miners[miner] = p
	}
	return p
}

// Add notes n refusals that others have seen.
func (t *Tally) Add(miner strata.Hotkey, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.of(miner)
	p.refused = min(p.refused+n, Most)
}

// Take returns a miner's refusals since it was last asked, at most Most.
func (t *Tally) Take(miner strata.Hotkey) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.take(miner)
}

// takeAll returns those of all miners that have any.
func (t *Tally) takeAll() map[strata.Hotkey]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := map[strata.Hotkey]int{}
	for miner := range t.miners {
		if n := t.take(miner); n > 0 {
			out[miner] = n
		}
	}
	return out
}

// take also forgets a miner to which nothing was sent for so long that what it
// took excuses nothing. The caller holds mu.
func (t *Tally) take(miner strata.Hotkey) int {
	p := t.miners[miner]
	if p == nil {
		return 0
	}
	now := t.now()
	p.settle(now, &t.line)
	n := min(p.refused, Most)
	if p.refused = 0; now.Sub(p.began) >= 2*time.Minute && len(p.away) == 0 {
		delete(t.miners, miner)
	}
	return n
}
