package object

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"strata"
	"strata/catalog"
	"strata/wire"
)

const (
	deleteBatch    = 256           // deletions taken from the queue at once
	deleteWorkers  = 16            // of them under way at once
	deleteRetryMax = 6 * time.Hour // longest wait before a deletion is tried again
	deleteAttempts = 128           // about a month of them, then a miner is given up
)

// Delete removes an object. It is invisible when Delete returns; its shards are
// in the deletion queue, which Run works off. Undelete brings it back for a while.
// Code NotFound if there is none.
func (s *Store) Delete(ctx context.Context, id strata.ObjectID) error {
	if err := s.cat.Delete(ctx, id, s.now()); err != nil {
		return err
	}
	s.nudge()
	return nil
}

// nudge makes Run look at the queue now.
func (s *Store) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Run deletes what earlier runs left unfinished, then works off the deletion
// queue until ctx is done. Exactly one Run works on a catalog at a time. It
// returns nil, or the error of a catalog that cannot be read.
func (s *Store) Run(ctx context.Context) error {
	n, err := s.cat.AbortPending(ctx, s.born, s.now())
	if err != nil {
		return ignoreDone(ctx, err)
	}
	if n > 0 {
		s.log.Info("deleting files whose writing was interrupted", "files", n)
	}
	tick := time.NewTicker(s.timing.DeleteEvery)
	defer tick.Stop()
	for {
		if err := s.deleteDue(ctx); err != nil {
			return ignoreDone(ctx, err)
		}
		if err := s.forget(ctx); err != nil {
			return ignoreDone(ctx, err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-s.wake:
		}
	}
}

// ignoreDone drops an error that only says that ctx is done.
func ignoreDone(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// deleteDue tries everything that is due, once.
func (s *Store) deleteDue(ctx context.Context) error {
	for {
		due, err := s.cat.DueDeletions(ctx, s.now(), deleteBatch)
		if err != nil || len(due) == 0 {
			return err
		}
		at, err := s.miners.Endpoints(ctx)
		if err != nil {
			s.log.Warn("cannot list miners: deletions wait", "err", err)
			return nil
		}
		g, gctx := errgroup.WithContext(ctx)
		g.SetLimit(deleteWorkers)
		for _, d := range due {
			g.Go(func() error { return s.deleteOne(gctx, d, at) })
		}
		if err := g.Wait(); err != nil {
			return err
		}
	}
}

// deleteOne asks a miner once and records the outcome; the error is the
// catalog's. A crash before it is recorded asks again, which does no harm.
func (s *Store) deleteOne(ctx context.Context, d catalog.Deletion, at map[strata.Hotkey]wire.Endpoint) error {
	if s.sends.Held(d.Root) {
		d.Next = s.now().Add(s.timing.DeleteRetry)
		return s.cat.Retry(ctx, d)
	}
	err := s.askDelete(ctx, d, at)
	if err == nil || strata.CodeOf(err) == strata.NotFound {
		return s.cat.Deleted(ctx, d)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	d.Attempts++
	if d.Attempts >= deleteAttempts {
		s.log.Warn("gave up deleting a shard", "miner", d.Miner, "root", d.Root, "err", err)
		return s.cat.Deleted(ctx, d)
	}
	d.Next = s.now().Add(s.backoff(d.Attempts))
	return s.cat.Retry(ctx, d)
}

func (s *Store) askDelete(ctx context.Context, d catalog.Deletion, at map[strata.Hotkey]wire.Endpoint) error {
	to, ok := at[d.Miner]
	if !ok {
		return errors.New("the miner does not serve")
	}
	ctx, cancel := context.WithTimeout(ctx, s.timing.DeleteLimit)
	defer cancel()
	return s.peers.DeleteShard(ctx, to, d.Root)
}

// backoff doubles from DeleteRetry to deleteRetryMax.
func (s *Store) backoff(attempts int) time.Duration {
	wait := s.timing.DeleteRetry
	for i := 1; i < attempts && wait < deleteRetryMax; i++ {
		wait *= 2
	}
	return min(wait, deleteRetryMax)
}
