package miner

import (
	"context"
	"errors"
	"time"

	"strata"
	"strata/internal/lifecycle"
)

// A failed seal waits before the next attempt, each time twice as long: a full
// or vanished disk may be back then.
const (
	sealRetry     = 30 * time.Second
	sealRetryMost = 10 * time.Minute
)

// reportEach is how often progress is logged, compactEach how often space is
// looked for that can be filler again.
const (
	reportEach  = 5 * time.Second
	compactEach = 20 * time.Second
)

// tendEach is how long sectors are left alone after all were looked after.
const tendEach = 24 * time.Hour

// errGrown stops a seal that does not know of sectors queued after it began.
var errGrown = errors.New("the allocation grew")

// seal fills what is queued until ctx is done.
func (m *Miner) seal(ctx context.Context) error {
	retry := sealRetry
	for m.waitGrown(ctx, nil) {
		for err := m.sealQueue(ctx); err != nil && ctx.Err() == nil; err = m.sealQueue(ctx) {
			if errors.Is(err, errGrown) {
				continue
			}
			m.Log.Error("sealing stopped; trying again", "in", retry.String(), "err", err)
			t := time.NewTimer(retry)
			m.waitGrown(ctx, t.C)
			t.Stop()
			retry = min(2*retry, sealRetryMost)
		}
		retry = sealRetry
	}
	return ctx.Err()
}

// waitGrown waits until there may be something new to seal, or for after. It
// says whether to go on.
func (m *Miner) waitGrown(ctx context.Context, after <-chan time.Time) bool {
	select {
	case <-ctx.Done():
		return false
	case <-m.grown:
	case <-after:
	}
	return true
}

// sealQueue seals until nothing is queued. When the allocation grows meanwhile
// it stops with errGrown, to be called again: a validator that is new gets its
// first sector now rather than after everybody's last, which on large disks is
// weeks away. That costs the sectors under way: one for each worker and disk.
func (m *Miner) sealQueue(ctx context.Context) error {
	run, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- m.Space.Seal(run, m.Workers, m.report()) }()
	select {
	case err := <-done:
		return err
	case <-m.grown:
		stop()
		<-done
		return errGrown
	}
}

// report logs progress at most every five seconds, and the end.
func (m *Miner) report() Progress {
	started := m.Now()
	last := started
	return func(done, total strata.ByteSize) {
		now := m.Now()
		if now.Sub(last) < reportEach && done < total {
			return
		}
		last = now
		rate := float64(done) / max(now.Sub(started).Seconds(), 1e-3)
		left := float64(total-min(done, total)) / max(rate, 1)
		m.Log.Info("sealing", "done", done.String(), "of", total.String(), "mb_per_s", int(rate/1e6),
			"eta", time.Duration(left*float64(time.Second)).Round(time.Second).String())
	}
}

func (m *Miner) compact(ctx context.Context) error {
	for {
		if err := lifecycle.Sleep(ctx, compactEach); err != nil {
			return err
		}
		if err := m.Space.Compact(ctx); err != nil && ctx.Err() == nil {
			m.Log.Warn("compaction stopped; trying again", "err", err)
		}
	}
}

// tend looks after what is sealed, again and again.
func (m *Miner) tend(ctx context.Context) error {
	for {
		if err := m.Space.Tend(ctx); err != nil && ctx.Err() == nil {
			m.Log.Warn("sectors were not looked after; trying again", "err", err)
		}
		if err := lifecycle.Sleep(ctx, tendEach); err != nil {
			return err
		}
	}
}
