package validator

import (
	"context"
	"sync"
	"time"

	"strata/internal/background"
	"strata/internal/hugepage"
	"strata/internal/lifecycle"
)

const (
	// idle is how long a checker sleeps when no check is due or none can be made.
	idle = 200 * time.Millisecond
	// breath is the least time between two checks.
	breath = time.Millisecond
	// noMemory is how long a checker waits for the memory of one sector.
	noMemory = time.Minute
)

// check refills secretly chosen sectors within a budget of processor time, at
// low priority. Nobody learns which: there is nothing to ask the miner. Audits
// wait for nothing that a refill holds: it takes a miner's turn and the ledger
// only when it has the root, to write the result.
func (v *Validator) check(ctx context.Context) error {
	n := checkers(v.Pace.CheckShare)
	var group sync.WaitGroup
	for range n {
		group.Go(func() { v.checker(ctx, v.Pace.CheckShare/n) })
	}
	group.Wait()
	return ctx.Err()
}

// checkers returns how many checks are made at once for a share of cores in per
// cent: as few as can use it.
func checkers(share int) int { return max(1, (share+99)/100) }

// checker makes checks one after the other, within its share of a core, until
// ctx is done.
func (v *Validator) checker(ctx context.Context, share int) {
	background.Lower()
	m, err := hugepage.Alloc(v.Profile.SectorSize())
	for err != nil {
		v.Log.Error("no commitment checks are made for want of memory; trying again", "in", noMemory.String(), "err", err)
		if lifecycle.Sleep(ctx, noMemory) != nil {
			return
		}
		m, err = hugepage.Alloc(v.Profile.SectorSize())
	}
	defer m.Free()
	for lifecycle.Sleep(ctx, v.checkOne(ctx, m.Bytes(), share)) == nil {
	}
}

// checkOne makes a check if one is due and returns how long to rest, so that
// the checker works for share per cent of the time.
func (v *Validator) checkOne(ctx context.Context, buf []byte, share int) time.Duration {
	started := v.Now()
	made, err := v.makeCheck(ctx, buf)
	if err != nil && ctx.Err() == nil {
		v.Log.Error("a commitment check was not made", "err", err)
	}
	if !made || err != nil {
		return idle
	}
	part := time.Duration(min(max(share, 1), 100))
	return max(breath, v.Now().Sub(started)*(100-part)/part)
}

// underway is the sectors that are being refilled at this moment: none is by
// two checkers at once. Its zero value is ready; it is safe for concurrent use.
type underway struct {
	mu  sync.Mutex
	set map[*book]map[place]bool
}

// add says whether the sector was not there.
func (u *underway) add(b *book, at place) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.set[b][at] {
		return false
	}
	if u.set == nil {
		u.set = map[*book]map[place]bool{}
	}
	if u.set[b] == nil {
		u.set[b] = map[place]bool{}
	}
	u.set[b][at] = true
	return true
}

func (u *underway) remove(b *book, at place) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if delete(u.set[b], at); len(u.set[b]) == 0 {
		delete(u.set, b)
	}
}
