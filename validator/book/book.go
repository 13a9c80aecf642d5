package book

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"strata"
	"strata/catalog"
	"strata/validator/holding"
	"strata/wire"
)

// Book is what is known of one miner. Its methods are safe for concurrent use.
type Book struct {
	Hotkey strata.Hotkey

	// Turn is held from a read of the miner's part of the ledger until the
	// write that rests on it: pulls, checks, cohorts and flushes of one miner
	// take turns, so that none writes back what another has changed. It is
	// never held across the network or a fill, and is taken before any lock.
	Turn Turn

	in   *Books
	view atomic.Pointer[View] // replaced with mu held

	mu      sync.Mutex // guards what follows; taken after Books.mu
	dirty   bool       // the record has changed since it was saved
	journal [][]byte   // entries of the audit log that are written with it next
	writing bool       // commit is writing: what is counted meanwhile waits
	later   []func()   // that, each with mu held
	rtt     roundTrips
	// vain is since when the manifest of a partition could not be read.
	vain map[strata.Hotkey]time.Time
	// waiting is the block since when sectors wait for a cohort, 0 while none do.
	waiting uint64
	// unchecked are sectors of each cohort that arrival checks are still drawn
	// from, by the id that they arrived under.
	unchecked map[uint64]*sample
	trickle   time.Time // when the next check of the trickle is due
}

func newBook(in *Books, r catalog.MinerRecord) *Book {
	if r.NextCohort == 0 {
		r.NextCohort = 1
	}
	b := &Book{Hotkey: r.Hotkey, Turn: NewTurn(), in: in, vain: map[strata.Hotkey]time.Time{}, unchecked: map[uint64]*sample{}}
	b.view.Store(&View{Record: r, Holdings: map[strata.Hotkey]*holding.Holding{}, Sight: Sight{Last: in.Now()}})
	return b
}

// load rebuilds a holding from the ledger.
func (b *Book) load(ctx context.Context, p catalog.Partition, h wire.Head) error {
	held := holding.Holding{Head: h}
	err := b.in.Ledger.Sectors(ctx, p, func(s catalog.Sector) error {
		held.Add(b.in.Profile, s)
		if s.Listed() && s.Cohort != 0 && !s.Checked {
			b.wait(s.Cohort, Place{p.Validator, s.Entry.Number})
		}
		return nil
	})
	b.hold(map[strata.Hotkey]*holding.Holding{p.Validator: &held})
	return err
}

// View returns what is known now. It waits for nobody.
func (b *Book) View() *View { return b.view.Load() }

// change replaces the view.
func (b *Book) change(edit func(*View)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.edit(edit)
}

// edit is change for who holds mu.
func (b *Book) edit(edit func(*View)) {
	next := *b.view.Load()
	edit(&next)
	b.view.Store(&next)
}

// hold replaces holdings. The caller holds mu, or is the only one that knows the
// book.
func (b *Book) hold(changed map[strata.Hotkey]*holding.Holding) {
	b.edit(func(v *View) {
		v.Holdings = maps.Clone(v.Holdings)
		maps.Copy(v.Holdings, changed)
	})
}

// Endpoint is where the miner serves.
func (b *Book) Endpoint() wire.Endpoint {
	return wire.Endpoint{Hotkey: b.Hotkey, Addr: b.View().Row.Axon.Addr}
}

// Head returns the last one of a partition, the zero value if there was none.
func (b *Book) Head(validator strata.Hotkey) wire.Head { return b.View().Holding(validator).Head }

// Seen notes an answer of the miner, or what was wrong with it.
func (b *Book) Seen(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.edit(func(v *View) {
		if err != nil {
			v.LastErr = err.Error()
			return
		}
		v.LastErr, v.Record.LastSeen = "", b.in.Now()
		b.dirty = true
	})
}

// Plans takes over what a miner says of our partition.
func (b *Book) Plans(p wire.Partition) { b.change(func(v *View) { v.Plan = p }) }

// Shown notes whether manifests could be read. A look that was given up says
// nothing.
func (b *Book) Shown(ctx context.Context, err error, partitions ...strata.Hotkey) {
	if ctx.Err() != nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, validator := range partitions {
		switch held := b.View().Holdings[validator] != nil; {
		case !held:
		case err == nil:
			delete(b.vain, validator)
		case b.vain[validator].IsZero():
			b.vain[validator] = b.in.Now()
		}
	}
}

// Hidden says whether a partition's manifest could not be read for so long that
// audits of the last good one would let the miner do with new shards what it
// likes; or ours, so that it gets none.
func (b *Book) Hidden(validator strata.Hotkey) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.in.Now()
	since, vain := b.vain[validator]
	return b.silent(b.View(), now) || vain && now.Sub(since) > b.in.Patience
}

// Looking notes that a look is under way, or is over.
func (b *Book) Looking(underWay bool) { b.change(func(v *View) { v.Sight.Looking = underWay }) }

// Looked notes whether a look has shown what a miner says of our partition, and
// the first thing that was wrong anywhere. A look that was given up says nothing.
func (b *Book) Looked(ctx context.Context, own, first error) {
	if ctx.Err() != nil {
		return
	}
	b.Seen(own)
	b.change(func(v *View) {
		if v.Sight.InVain = own != nil; !v.Sight.InVain {
			v.Sight.Last = b.in.Now()
		}
		if first != nil {
			v.LastErr = first.Error()
		}
	})
}

// silent says whether looks have not shown our partition for so long that the
// miner gets no shards (Answers). Its audits fail then: else it could answer some
// of the looks only, and be spared shards without being paid less. A look that is
// under way, however long the miner draws it out, spares it nothing.
func (b *Book) silent(v *View, now time.Time) bool {
	since := now.Sub(v.Sight.Last)
	return v.Sight.InVain && since >= b.in.Fresh || v.Sight.Looking && since >= max(b.in.Fresh, b.in.Patience)
}

// Answers says whether the miner has answered of late, so that it may get shards.
func (b *Book) Answers() bool {
	now, v, limit := b.in.Now(), b.View(), b.in.Fresh
	if v.Sight.Looking {
		limit = max(limit, b.in.Patience)
	}
	return !b.silent(v, now) && now.Sub(v.Record.LastSeen) < limit
}

// Timed notes how long a connect took.
func (b *Book) Timed(took time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rtt.add(b.in.Now(), took)
}

// RTT returns the round trip that an answer is allowed, at most limit.
func (b *Book) RTT(limit time.Duration) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.rtt.best(limit)
}

// roundTrips keeps connect times of the last day, to take the smallest.
type roundTrips struct {
	at   []time.Time
	took []time.Duration
}

func (r *roundTrips) add(now time.Time, d time.Duration) {
	old := 0
	for old < len(r.at) && now.Sub(r.at[old]) > 24*time.Hour {
		old++
	}
	r.at = append(slices.Delete(r.at, 0, old), now)
	r.took = append(slices.Delete(r.took, 0, old), d)
}

// best is the smallest, at most limit, which it is as long as none was measured.
func (r *roundTrips) best(limit time.Duration) time.Duration {
	if len(r.took) == 0 {
		return limit
	}
	return min(slices.Min(r.took), limit)
}
