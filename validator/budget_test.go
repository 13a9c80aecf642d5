package validator

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"strata"
	"strata/seal"
)

func TestCheckers(t *testing.T) {
	for share, want := range map[int]int{1: 1, 50: 1, 100: 1, 101: 2, 400: 4, 450: 5} {
		if got := checkers(share); got != want {
			t.Errorf("%d per cent of a core: %d checkers, want %d", share, got, want)
		}
	}
}

// TestRefillsDelayNoAudit: while refills of the same miner are stuck, it is
// audited, looked at and judged as ever. They hold nothing that an audit needs.
func TestRefillsDelayNoAudit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		m := w.miner("//Miner")
		self := w.key.Hotkey()
		m.seal(self, 0, 8)
		w.start()
		w.admit(m)
		var stuck atomic.Int64
		fill := w.v.Fill
		free := make(chan struct{})
		w.v.Fill = func(ctx context.Context, s seal.Sector, buf []byte) (strata.Root, error) {
			stuck.Add(1)
			<-free
			return fill(ctx, s, buf)
		}
		w.v.Pace.CheckShare = 300
		ctx, stop := context.WithCancel(t.Context())
		var checks sync.WaitGroup
		checks.Go(func() { _ = w.v.check(ctx) })
		for range 1000 { // two checkers may draw one sector: one of them draws again
			if synctest.Wait(); stuck.Load() == 3 {
				break
			}
			time.Sleep(idle)
		}
		if stuck.Load() != 3 {
			t.Errorf("%d refills are under way, want 3", stuck.Load())
		}
		began := time.Now()
		w.audit(m, 5)
		w.seen(m)
		if took := time.Since(began); took != 0 {
			t.Errorf("the audits waited for %s", took)
		}
		w.wantLeaves(m, 80, 0)
		m.alter(self, 0, func(s *sector) { s.entry.Tail = 192 })
		if void, failed := w.ask(m, 0, 150); void != 0 || failed != 1 {
			t.Errorf("a wrong leaf is not judged: void %d, failed %d", void, failed)
		}
		stop()
		close(free)
		checks.Wait()
		w.kill()
	})
}

// TestBudgetIsKept: checkers work for their share of the time.
func TestBudgetIsKept(t *testing.T) {
	for _, share := range []int{10, 50, 100, 250} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			m := w.miner("//Miner")
			m.seal(w.key.Hotkey(), 0, 64)
			w.start()
			w.admit(m)
			var worked atomic.Int64
			w.v.Now = time.Now
			fill := w.v.Fill
			w.v.Fill = func(ctx context.Context, s seal.Sector, buf []byte) (strata.Root, error) {
				began := time.Now()
				time.Sleep(time.Second)
				defer func() { worked.Add(int64(time.Since(began))) }()
				return fill(ctx, s, buf)
			}
			w.v.Pace.CheckShare = share
			// The miner owes more checks than are made in this time.
			b := w.book(m)
			b.mu.Lock()
			b.trickle = time.Time{}
			b.mu.Unlock()
			ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
			defer stop()
			_ = w.v.check(ctx)
			most := time.Duration(share) * 20 * time.Second / 100
			if got := time.Duration(worked.Load()); got > most+4*time.Second || got < most/2 {
				t.Errorf("a share of %d per cent: %s of work in 20 s", share, got)
			}
			w.kill()
		})
	}
}
