package peer

import (
	"sync"
	"time"

	"strata"
	"strata/wire"
)

// rates holds each caller's token buckets and its requests in work. Only
// callers that the miner's policy let through get here, so there are at most as
// many as validators.
type rates struct {
	floor, shareOf wire.Limits
	share          func(strata.Hotkey) float64
	now            func() time.Time

	mu      sync.Mutex // guards what follows and the callers' contents
	callers map[strata.Hotkey]*caller
}

type caller struct {
	leaves, bytes bucket
	atWork        map[work]uint64
}

// work is a kind of requests that has places of its own. A user who reads slowly
// through many connections takes those of a gateway's shards; if audits and
// manifests had to wait for them the miner would pay for it.
type work bool

const (
	small  work = false
	shards work = true // their bodies
)

// bucket fills with time up to a burst. It is in debt after a large take: so a
// shard larger than the burst can pass, and is paid for by waiting.
type bucket struct {
	tokens float64
	at     time.Time
}

// take fills the bucket and takes n if it is not in debt.
func (b *bucket) take(now time.Time, n, rate, burst uint64) bool {
	if b.at.IsZero() {
		b.tokens = float64(burst)
	} else if d := now.Sub(b.at); d > 0 {
		b.tokens = min(float64(burst), b.tokens+d.Seconds()*float64(rate))
	}
	b.at = now
	if b.tokens <= 0 {
		return false
	}
	b.tokens -= float64(n)
	return true
}

func newRates(cfg ServerConfig) *rates {
	return &rates{floor: cfg.Limits, shareOf: cfg.ShareOf, share: cfg.Share, now: cfg.Now, callers: map[strata.Hotkey]*caller{}}
}

// limits is what a caller is granted now.
func (r *rates) limits(h strata.Hotkey) wire.Limits {
	l := r.floor
	if r.share == nil {
		return l
	}
	share := r.share(h)
	if !(share > 0 && share <= 1) {
		return l
	}
	raise := func(v *uint64, whole uint64) { *v = max(*v, uint64(share*float64(whole))) }
	raise(&l.LeavesPerSec, r.shareOf.LeavesPerSec)
	raise(&l.LeavesBurst, r.shareOf.LeavesBurst)
	raise(&l.BytesPerSec, r.shareOf.BytesPerSec)
	raise(&l.BytesBurst, r.shareOf.BytesBurst)
	raise(&l.RequestsAtOnce, r.shareOf.RequestsAtOnce)
	return l
}

// with runs f on the caller's state under the lock.
func (r *rates) with(h strata.Hotkey, f func(*caller, wire.Limits) error) error {
	l := r.limits(h)
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.callers[h]
	if c == nil {
		c = &caller{atWork: map[work]uint64{}}
		r.callers[h] = c
	}
	return f(c, l)
}

// begin counts a request in work; end must follow. The error has code
// Throttled.
func (r *rates) begin(h strata.Hotkey, w work) error {
	return r.with(h, func(c *caller, l wire.Limits) error {
		if c.atWork[w] >= l.RequestsAtOnce {
			return strata.E(strata.Throttled, "%d requests are in work for %s: wait for one", c.atWork[w], h.Short())
		}
		c.atWork[w]++
		return nil
	})
}

func (r *rates) end(h strata.Hotkey, w work) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.callers[h].atWork[w]--
}

// takeLeaves and takeBytes fail with code Throttled.
func (r *rates) takeLeaves(h strata.Hotkey, n int) error {
	return r.with(h, func(c *caller, l wire.Limits) error {
		if !c.leaves.take(r.now(), uint64(n), l.LeavesPerSec, l.LeavesBurst) {
			return strata.E(strata.Throttled, "audits are over %d leaves a second: slow down", l.LeavesPerSec)
		}
		return nil
	})
}

func (r *rates) takeBytes(h strata.Hotkey, n uint64) error {
	return r.with(h, func(c *caller, l wire.Limits) error {
		if !c.bytes.take(r.now(), n, l.BytesPerSec, l.BytesBurst) {
			return strata.E(strata.Throttled, "transfers are over %d bytes a second: slow down", l.BytesPerSec)
		}
		return nil
	})
}
