package roster

import (
	"cmp"
	"slices"
	"time"

	"strata"
	"strata/catalog"
)

const (
	// decodeBias is how much sooner a parity shard must be expected than a data
	// shard to be read in its place: data shards need no decoding.
	decodeBias = 20 * time.Millisecond
	// shunFor is how long a miner that failed is tried last.
	shunFor = 30 * time.Second
	// maxRanks bounds the memory of a Roster: a subnet has fewer miners.
	maxRanks = 1 << 16
)

// rank is how a miner answered so far.
type rank struct {
	latency time.Duration // smoothed time to the first chunk
	shun    time.Time     // tried last until then
}

// Answered records the time to a miner's first chunk.
func (r *Roster) Answered(h strata.Hotkey, d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	old, ok := r.ranks[h]
	if ok && old.latency > 0 {
		d = (7*old.latency + d) / 8
	}
	r.set(h, rank{latency: d})
}

// Failed records that a miner failed or was late.
func (r *Roster) Failed(h strata.Hotkey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.set(h, rank{latency: r.ranks[h].latency, shun: r.now().Add(shunFor)})
}

// set forgets everybody rather than grow without bound; r.mu is held.
func (r *Roster) set(h strata.Hotkey, k rank) {
	if len(r.ranks) >= maxRanks {
		clear(r.ranks)
	}
	r.ranks[h] = k
}

// Shunned says whether a miner failed lately.
func (r *Roster) Shunned(h strata.Hotkey) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ranks[h].shun.After(r.now())
}

// Order returns a segment's shards, the one to be read first first: by what is
// known of the shard, then of its miner.
func (r *Roster) Order(shards []catalog.Shard, k int) []catalog.Shard {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	cost := func(s catalog.Shard) (state int, wait time.Duration) {
		k0 := r.ranks[s.Miner]
		switch {
		case s.State == catalog.Lost:
			state = 3
		case s.State == catalog.Sending:
			state = 2
		case k0.shun.After(now):
			state = 1
		}
		if wait = k0.latency; s.Index >= k {
			wait += decodeBias
		}
		return state, wait
	}
	out := slices.Clone(shards)
	slices.SortStableFunc(out, func(a, b catalog.Shard) int {
		sa, wa := cost(a)
		sb, wb := cost(b)
		return cmp.Or(cmp.Compare(sa, sb), cmp.Compare(wa, wb))
	})
	return out
}
