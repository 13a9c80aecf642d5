package miner

import (
	"context"
	"errors"
	"time"

	"strata"
	"strata/internal/lifecycle"
	"strata/wire"
)

// ErrLeft is how Run ends when Config.Leave is set and no validator has a shard
// here any more: the miner may go.
var ErrLeft = errors.New("no validator has a shard here any more: this miner may go")

// leaveEach is how often a leaving miner counts what is left, leaveEachLocal on
// a local chain.
const (
	leaveEach      = time.Minute
	leaveEachLocal = 2 * time.Second
)

// errLeaving refuses new shards. Its code is not one that counts as a refusal.
func errLeaving() error {
	return strata.E(strata.Locked, "this miner is leaving and takes no new shards: store them elsewhere")
}

// leave waits until the validators have moved their shards away. They learn from
// the heads of its manifests that they are to. What is marked deleted is not waited for, nor what
// belongs to validators that are no longer let in: nobody can move that.
func (m *Miner) leave(ctx context.Context) error {
	each := leaveEach
	if m.Profile.Name == strata.LocalProfile.Name {
		each = leaveEachLocal
	}
	last := left{}
	m.Log.Info("leaving: no new shards are taken, and filler earns nothing from now on; the shards that are here earn until they are moved away")
	for {
		now, err := m.remaining(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			m.Log.Warn("what is left here was not counted; trying again", "err", err)
		case now.shards == 0:
			m.Log.Info("the validators have moved their shards away: this miner may go")
			return ErrLeft
		case now != last:
			m.Log.Info("leaving: waiting for validators to move their shards", "shards", now.shards, "bytes", now.bytes.String(), "validators", now.validators)
			last = now
		}
		if err := lifecycle.Sleep(ctx, each); err != nil {
			return err
		}
	}
}

// left is what validators still have here.
type left struct {
	shards     uint64
	bytes      strata.ByteSize
	validators int
}

func (m *Miner) remaining(ctx context.Context) (total left, err error) {
	for v := range holders(m.Space) {
		if permitted, former := m.access.standing(v); !permitted && !former {
			continue
		}
		l, err := m.remainingOf(ctx, v)
		if err != nil {
			return total, err
		}
		if l.shards > 0 {
			total.shards += l.shards
			total.bytes += l.bytes
			total.validators++
		}
	}
	return total, nil
}

// remainingOf counts a validator's shards that are not deleted, from its manifest.
func (m *Miner) remainingOf(ctx context.Context, v strata.Hotkey) (l left, err error) {
	q := wire.ManifestQuery{Validator: v}
	for {
		page, err := m.Manifest(ctx, q)
		if strata.CodeOf(err) == strata.NotFound {
			return l, nil
		}
		if err != nil {
			return l, err
		}
		for _, e := range page.Entries {
			for _, h := range e.Shards {
				if !h.Deleted {
					l.shards++
					l.bytes += strata.ByteSize(h.Length)
				}
			}
		}
		if !page.More || len(page.Entries) == 0 {
			return l, nil
		}
		q.After = page.Entries[len(page.Entries)-1].Number + 1
	}
}
