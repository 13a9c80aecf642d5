package object

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"strata"
	"strata/catalog"
	"strata/wire"
)

// forgetBatch is how many deleted objects are forgotten at once.
const forgetBatch = 256

// Undelete brings back an object that was deleted within the profile's undelete
// window, and says how its shards are. Its record is there again at once; then
// each miner is asked to take the deletion back. Those that do not answer are
// asked when their manifest is next compared with the catalog. Codes: NotFound
// (never stored here, or deleted too long ago), Conflict (not deleted, or its
// name has another object by now). A crash leaves it deleted, or back with shards
// recorded as Sending, which are restored later.
func (s *Store) Undelete(ctx context.Context, id strata.ObjectID) (Health, error) {
	segments, err := s.cat.Segments(ctx, id)
	if err != nil {
		return Health{}, err
	}
	// A deletion that is about to be sent waits until the queue has lost it.
	defer s.sends.Hold(rootsOf(segments)...)()
	if err := s.cat.Undelete(ctx, id, s.now().Add(-s.prof.Undelete)); err != nil {
		return Health{}, err
	}
	if segments, err = s.cat.Segments(ctx, id); err != nil {
		return Health{}, err
	}
	at, err := s.miners.Endpoints(ctx)
	if err != nil {
		return Health{}, err
	}
	for _, seg := range segments {
		if err := s.restoreSegment(ctx, seg, at); err != nil {
			return Health{}, err
		}
	}
	return s.Stat(ctx, id)
}

func rootsOf(segments []catalog.Segment) (roots []strata.Root) {
	for _, seg := range segments {
		for _, h := range seg.Shards {
			roots = append(roots, h.Root)
		}
	}
	return roots
}

// restoreSegment asks the miners of a segment, at once, to take deletions back.
func (s *Store) restoreSegment(ctx context.Context, seg catalog.Segment, at map[strata.Hotkey]wire.Endpoint) error {
	var mu sync.Mutex
	var news []catalog.ShardUpdate
	var g errgroup.Group
	g.SetLimit(deleteWorkers)
	for _, h := range seg.Shards {
		to, serves := at[h.Miner]
		if h.State != catalog.Sending || !serves {
			continue
		}
		g.Go(func() error {
			rctx, cancel := context.WithTimeout(ctx, s.timing.DeleteLimit)
			defer cancel()
			state := catalog.Stored
			switch err := s.peers.RestoreShard(rctx, to, h.Root); {
			case strata.CodeOf(err) == strata.NotFound:
				state = catalog.Lost
			case err != nil:
				return nil // later
			}
			mu.Lock()
			defer mu.Unlock()
			news = append(news, catalog.ShardUpdate{Index: h.Index, State: state})
			return nil
		})
	}
	_ = g.Wait() // no call returns an error
	if len(news) == 0 {
		return nil
	}
	return s.cat.UpdateShards(ctx, seg.Origin, seg.Number, news)
}

// forget removes the rows of objects that can come back no more.
func (s *Store) forget(ctx context.Context) error {
	for {
		n, err := s.cat.ForgetDeleted(ctx, s.now().Add(-s.prof.Undelete-time.Second), forgetBatch)
		if err != nil || n < forgetBatch {
			return err
		}
	}
}
