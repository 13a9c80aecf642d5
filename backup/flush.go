package backup

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/errgroup"

	"strata"
	"strata/object/roster"
	"strata/wire"
)

const (
	enough    = 3  // miners that must take a superblock, where there are so many
	askAtOnce = 32 // miners that are asked at the same time
)

// flush makes one backup if anything has changed. Everything that was there
// before a flush began is in it when it has succeeded.
func (k *Keeper) flush(ctx context.Context) error {
	st, err := k.Catalog.BackupState(ctx)
	if err != nil {
		return err
	}
	was, err := loadSaved(st.Data)
	if err != nil {
		return err
	}
	n, err := k.Catalog.Changed(ctx)
	if err != nil {
		return err
	}
	ledger, err := k.ledgerDue(ctx, was)
	if err != nil {
		return err
	}
	if n == 0 && !ledger && len(st.Data) > 0 && was.Version == st.Version {
		if k.Status().Saved.IsZero() { // since the start, nothing is new
			k.set(func(s *Status) { s.Saved = k.Pace.Now() })
		}
		return k.settle(ctx, was)
	}
	next, upTo, err := k.write(ctx, was, n)
	if err == nil && ledger {
		k.writeLedger(ctx, &next)
	}
	if err == nil {
		// A crash from here on leaves objects that a sweep deletes once the next
		// flush has succeeded, under a higher version.
		next.Version = st.Version + 1
		k.block, err = k.seal(ctx, &next)
	}
	if err != nil {
		return errors.Join(err, k.drop(ctx, next, was))
	}
	st.Version = next.Version
	if err := k.Catalog.SaveBackup(ctx, st, 0); err != nil {
		return err
	}
	if took, err := k.show(ctx, k.block); err != nil {
		if took == 0 { // nobody was told of it
			err = errors.Join(err, k.drop(ctx, next, was))
		}
		return err
	}
	if st.Data, err = next.encode(); err != nil {
		return err
	}
	if err := k.Catalog.SaveBackup(ctx, st, upTo); err != nil {
		return err
	}
	k.set(func(s *Status) { s.Version, s.Saved = st.Version, k.Pace.Now() })
	k.Log.Debug("metadata backed up", "version", st.Version, "changes", n)
	if err := k.drop(ctx, was, next); err != nil {
		return err
	}
	return k.settle(ctx, next)
}

// settle does what may come after a backup.
func (k *Keeper) settle(ctx context.Context, s saved) error {
	if err := k.commit(ctx); err != nil {
		k.Log.Warn("the backup's version is not on chain yet; trying again", "err", err)
	}
	return k.sweep(ctx, s)
}

// show puts the superblock on every miner that can be reached and says how many
// took it; enough must. One that has a higher version says that this catalog is
// behind.
func (k *Keeper) show(ctx context.Context, block wire.Superblock) (took int, err error) {
	miners, err := k.Network.Candidates(ctx)
	if err != nil {
		return 0, err
	}
	var mu sync.Mutex
	higher := false
	var last error
	var g errgroup.Group
	g.SetLimit(askAtOnce)
	for _, m := range miners {
		g.Go(func() error {
			actx, cancel := context.WithTimeout(ctx, k.Pace.Ask)
			defer cancel()
			err := k.Miners.PutSuperblock(actx, m.Endpoint, block)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				took++
			case strata.CodeOf(err) == strata.Conflict:
				higher = true
			default:
				last = err
			}
			return nil
		})
	}
	_ = g.Wait() // no call returns an error
	if higher {
		k.checked = false // the next round finds out how far behind
		return took, strata.E(strata.Conflict, "a miner has a later superblock than version %d", block.Version)
	}
	if took < max(1, min(enough, len(miners))) {
		return took, strata.E(strata.Unavailable, "%d of %d miners took the superblock (one said: %w)", took, len(miners), last)
	}
	k.set(func(s *Status) { s.Quorum = 2*took >= len(miners) })
	return took, nil
}

// drop deletes the objects that one state is made of and another is not.
func (k *Keeper) drop(ctx context.Context, of, not saved) error {
	still := not.ids()
	for id := range of.ids() {
		if still[id] {
			continue
		}
		if err := k.Store.Delete(ctx, id); err != nil && strata.CodeOf(err) != strata.NotFound {
			return err
		}
	}
	return nil
}

// commit puts the version that miners have on chain, if it is time. The chain
// takes a few commitments an hour, so it lags.
func (k *Keeper) commit(ctx context.Context) error {
	version := k.Status().Version
	if k.Commit == nil || version == k.committed || k.Pace.Now().Before(k.commitAt) {
		return nil
	}
	k.commitAt = k.Pace.Now().Add(k.Pace.Commit)
	if k.block.Version != version { // since the start, nothing was shown
		found, err := k.ask(ctx)
		if err != nil {
			return err
		}
		for _, s := range found.found {
			if s.Version == version {
				k.block = s
			}
		}
	}
	if k.block.Version != version {
		return nil
	}
	if err := k.Commit(ctx, k.block); err != nil {
		return err
	}
	k.committed = version
	return nil
}

// answers is what miners say of superblocks.
type answers struct {
	miners int // that were asked
	asked  int // that answered, with one or with none
	found  []wire.Superblock
}

// ask asks every miner for its superblock.
func (k *Keeper) ask(ctx context.Context) (answers, error) {
	miners, err := k.Network.Candidates(ctx)
	if err != nil {
		return answers{}, err
	}
	return collect(ctx, k.Miners, miners, k.Pace), nil
}

func collect(ctx context.Context, from Superblocks, miners []roster.Candidate, p Pace) (a answers) {
	a.miners = len(miners)
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(askAtOnce)
	for _, m := range miners {
		g.Go(func() error {
			actx, cancel := context.WithTimeout(ctx, p.Ask)
			defer cancel()
			s, err := from.GetSuperblock(actx, m.Endpoint)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				a.asked++
				a.found = append(a.found, s)
			} else if strata.CodeOf(err) == strata.NotFound {
				a.asked++
			}
			return nil
		})
	}
	_ = g.Wait() // no call returns an error
	return a
}
