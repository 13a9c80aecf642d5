package check

import (
	"context"
	"sync"
	"time"

	"strata/internal/background"
	"strata/internal/hugepage"
	"strata/internal/lifecycle"
	"strata/validator/book"
)

const (
	// idle is how long a checker sleeps when no check is due or none can be made.
	idle = 200 * time.Millisecond
	// breath is the least time between two checks.
	breath = time.Millisecond
	// noMemory is how long a checker waits for the memory of one sector.
	noMemory = time.Minute
)

// Run refills secretly chosen sectors within a budget of processor time, at
// low priority. Nobody learns which: there is nothing to ask the miner. Audits
// wait for nothing that a refill holds: it takes a miner's turn and the ledger
// only when it has the root, to write the result.
func (c *Checker) Run(ctx context.Context) error {
	n := checkers(c.Share)
	var group sync.WaitGroup
	for range n {
		group.Go(func() { c.work(ctx, c.Share/n) })
	}
	group.Wait()
	return ctx.Err()
}

// checkers returns how many checks are made at once for a share of cores in per
// cent: as few as can use it.
func checkers(share int) int { return max(1, (share+99)/100) }

// work makes checks one after the other, within its share of a core, until
// ctx is done.
func (c *Checker) work(ctx context.Context, share int) {
	background.Lower()
	m, err := hugepage.Alloc(c.Profile.SectorSize())
	for err != nil {
		c.Log.Error("no commitment checks are made for want of memory; trying again", "in", noMemory.String(), "err", err)
		if lifecycle.Sleep(ctx, noMemory) != nil {
			return
		}
		m, err = hugepage.Alloc(c.Profile.SectorSize())
	}
	defer m.Free()
	for lifecycle.Sleep(ctx, c.one(ctx, m.Bytes(), share)) == nil {
	}
}

// one makes a check if one is due and returns how long to rest, so that
// the checker works for share per cent of the time.
func (c *Checker) one(ctx context.Context, buf []byte, share int) time.Duration {
	started := c.Now()
	made, err := c.Make(ctx, buf)
	if err != nil && ctx.Err() == nil {
		c.Log.Error("a commitment check was not made", "err", err)
	}
	if !made || err != nil {
		return idle
	}
	part := time.Duration(min(max(share, 1), 100))
	return max(breath, c.Now().Sub(started)*(100-part)/part)
}

// underway is the sectors that are being refilled at this moment: none is by
// two checkers at once. Its zero value is ready; it is safe for concurrent use.
type underway struct {
	mu  sync.Mutex
	set map[*book.Book]map[book.Place]bool
}

// add says whether the sector was not there.
func (u *underway) add(b *book.Book, at book.Place) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.set[b][at] {
		return false
	}
	if u.set == nil {
		u.set = map[*book.Book]map[book.Place]bool{}
	}
	if u.set[b] == nil {
		u.set[b] = map[book.Place]bool{}
	}
	u.set[b][at] = true
	return true
}

func (u *underway) remove(b *book.Book, at book.Place) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if delete(u.set[b], at); len(u.set[b]) == 0 {
		delete(u.set, b)
	}
}
