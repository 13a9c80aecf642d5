package renew

import (
	"context"
	"errors"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"strata"
	"strata/catalog"
	"strata/object/roster"
	"strata/object/segment"
)

// placer finds miners for renewed shards of one segment. It is safe for
// concurrent use.
type placer struct {
	o       Options
	segment catalog.Segment
	shard   strata.ByteSize
	all     []roster.Candidate // all that serve
	free    []roster.Candidate // of these, but those that hold a shard of the segment, or may

	mu   sync.Mutex
	held []roster.Candidate // hold a shard that stays, get one, or failed to take one; guarded by mu
}

func (n *Renewer) newPlacer(ctx context.Context, r Request) (*placer, error) {
	all, err := n.o.Miners.Candidates(ctx)
	if err != nil {
		return nil, err
	}
	l, err := segment.CheckedLayoutOf(r.Segment)
	if err != nil {
		return nil, err
	}
	p := &placer{o: n.o, segment: r.Segment, shard: strata.ByteSize(l.ShardLen()), all: all}
	for _, h := range r.Kept {
		c, _ := p.find(h)
		c.Hotkey = h
		p.held = append(p.held, c)
	}
	p.free = slices.DeleteFunc(slices.Clone(all), func(c roster.Candidate) bool { return mayHold(r.Segment, c.Hotkey) })
	return p, nil
}

// mayHold says whether a miner has a shard of the segment, or may have: also one
// that is renewed, as its miner can come back with it.
func mayHold(seg catalog.Segment, miner strata.Hotkey) bool {
	return slices.ContainsFunc(seg.Shards, func(h catalog.Shard) bool { return h.Miner == miner && h.State != catalog.Lost })
}

// find returns a miner that serves.
func (p *placer) find(h strata.Hotkey) (roster.Candidate, bool) {
	i := slices.IndexFunc(p.all, func(c roster.Candidate) bool { return c.Hotkey == h })
	if i < 0 {
		return roster.Candidate{}, false
	}
	return p.all[i], true
}

// room counts the miners that could take a shard.
func (p *placer) room() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	taken := func(c roster.Candidate) bool {
		return slices.ContainsFunc(p.held, func(h roster.Candidate) bool { return h.Hotkey == c.Hotkey })
	}
	return roster.CountRoom(slices.DeleteFunc(slices.Clone(p.free), taken), p.shard)
}

// take chooses a miner that nobody has been given, by the rule of placement.
func (p *placer) take() (roster.Candidate, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	to, err := p.o.Miners.Choose(p.free, 1, p.shard, p.held)
	if err != nil {
		return roster.Candidate{}, false
	}
	p.held = append(p.held, to[0])
	return to[0], true
}

// place sends shards, each to a miner of its own, and records where they are.
func (p *placer) place(ctx context.Context, shards []catalog.Shard, bodies [][]byte) (Result, error) {
	placed := make([]bool, len(shards))
	errs := make([]error, len(shards))
	var g errgroup.Group
	for i, h := range shards {
		g.Go(func() error {
			placed[i], errs[i] = p.settle(ctx, h, bodies[i])
			return nil
		})
	}
	_ = g.Wait() // each error is in errs
	var out Result
	for i, ok := range placed {
		if ok {
			out.Placed = append(out.Placed, shards[i].Index)
			out.Written += int64(len(bodies[i]))
		}
	}
	if len(out.Placed) > 0 {
		return out, nil // the rest is for another time
	}
	return out, errors.Join(errs...)
}

// settle stores a shard at one miner or another and records it; false and the
// last error if none takes it.
func (p *placer) settle(ctx context.Context, h catalog.Shard, body []byte) (bool, error) {
	err := errNoTaker(p.segment)
	for ctx.Err() == nil {
		to, ok := p.take()
		if !ok {
			return false, err
		}
		if err = p.send(ctx, to, h, body); err == nil {
			return true, nil
		}
		p.o.Log.Debug("a miner did not take a renewed shard", "miner", to.Hotkey, "object", p.segment.Origin, "segment", p.segment.Number, "err", err)
		if _, gone := p.o.Records.Segment(ctx, p.segment.Ref()); gone != nil {
			return false, gone
		}
	}
	return false, ctx.Err()
}

// send stores a shard at a miner and records it there. A crash before the miner
// is asked leaves a reservation, after it perhaps a shard that the reservation
// deletes when it falls due; from the record on the shard is where it says.
func (p *placer) send(ctx context.Context, to roster.Candidate, h catalog.Shard, body []byte) error {
	if err := p.o.Records.Reserve(ctx, p.segment.Ref(), to.Hotkey, h.Root, p.o.Now().Add(p.o.Reserve)); err != nil {
		return err
	}
	defer p.o.Sends.Hold(h.Root)()
	if err := p.o.Sends.One(ctx, to, h.Root, body); err != nil {
		p.withdraw(ctx, to, h)
		return err
	}
	h.Miner, h.State = to.Hotkey, catalog.Stored
	return p.o.Records.PlaceShard(ctx, p.segment.Ref(), h)
}

// withdraw lets the deletion of what was reserved fall due now. If that fails,
// it does later.
func (p *placer) withdraw(ctx context.Context, to roster.Candidate, h catalog.Shard) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), withdrawLimit)
	defer cancel()
	err := p.o.Records.Retry(ctx, catalog.Deletion{Miner: to.Hotkey, Root: h.Root, Next: p.o.Now()})
	if err != nil {
		p.o.Log.Warn("a reservation stays until it is due", "miner", to.Hotkey, "root", h.Root, "err", err)
	}
}
