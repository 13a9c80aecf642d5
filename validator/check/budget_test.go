package check_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"strata"
	"strata/seal"
	"strata/validator/validatortest"
	"strata/wire"
)

// TestRefillsDelayNoAudit: while refills of the same miner are stuck, it is
// audited, looked at and judged as ever. They hold nothing that an audit needs.
func TestRefillsDelayNoAudit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := validatortest.New(t)
		m := w.Miner("//Miner")
		self := w.Key.Hotkey()
		m.Seal(self, 0, 8)
		w.Start()
		w.Admit(m)
		var stuck atomic.Int64
		fill := w.Checks.Fill
		free := make(chan struct{})
		w.Checks.Fill = func(ctx context.Context, s seal.Sector, buf []byte) (strata.Root, error) {
			stuck.Add(1)
			<-free
			return fill(ctx, s, buf)
		}
		w.Checks.Share = 300
		ctx, stop := context.WithCancel(t.Context())
		var checks sync.WaitGroup
		checks.Go(func() { _ = w.Checks.Run(ctx) })
		for range 1000 { // two checkers may draw one sector: one of them draws again
			if synctest.Wait(); stuck.Load() == 3 {
				break
			}
			time.Sleep(time.Second)
		}
		if stuck.Load() != 3 {
			t.Errorf("%d refills are under way, want 3", stuck.Load())
		}
		began := time.Now()
		w.Audit(m, 5)
		w.Seen(m)
		if took := time.Since(began); took != 0 {
			t.Errorf("the audits waited for %s", took)
		}
		w.WantLeaves(m, 80, 0)
		m.Answer = func(a *wire.AuditResponse) { a.Openings[0] = wire.Opening{Missing: true} }
		w.Audit(m, 1)
		w.WantLeaves(m, 95, 1)
		stop()
		close(free)
		checks.Wait()
		w.Kill()
	})
}

// TestBudgetIsKept: checkers work for their share of the time.
func TestBudgetIsKept(t *testing.T) {
	for _, share := range []int{10, 50, 100, 250} {
		synctest.Test(t, func(t *testing.T) {
			w := validatortest.New(t)
			m := w.Miner("//Miner")
			m.Seal(w.Key.Hotkey(), 0, 64)
			w.Start()
			w.Admit(m)
			var worked atomic.Int64
			w.Checks.Now = time.Now
			fill := w.Checks.Fill
			w.Checks.Fill = func(ctx context.Context, s seal.Sector, buf []byte) (strata.Root, error) {
				began := time.Now()
				time.Sleep(time.Second)
				defer func() { worked.Add(int64(time.Since(began))) }()
				return fill(ctx, s, buf)
			}
			w.Checks.Share = share
			ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
			defer stop()
			_ = w.Checks.Run(ctx)
			most := time.Duration(share) * 20 * time.Second / 100
			if got := time.Duration(worked.Load()); got > most+4*time.Second || got < most/2 {
				t.Errorf("a share of %d per cent: %s of work in 20 s", share, got)
			}
			w.Kill()
		})
	}
}
