package object

import (
	"context"
	"slices"
	"sync"
	"time"

	"strata"
	"strata/catalog"
	"strata/object/segment"
	"strata/placement"
	"strata/wire"
)

// placer finds miners for renewed shards of one segment. It is safe for
// concurrent use.
type placer struct {
	s       *Store
	segment catalog.Segment
	shard   strata.ByteSize
	where   []Candidate // all that serve
	all     []Candidate // of these, but those that hold a shard of the segment, or may

	mu   sync.Mutex
	held []placement.Candidate // hold a shard that stays, get one, or failed to take one; guarded by mu
}

func (s *Store) newPlacer(ctx context.Context, r Renewal) (*placer, error) {
	all, err := s.net.Candidates(ctx)
	if err != nil {
		return nil, err
	}
	l := segment.LayoutOf(r.Segment)
	if !l.Valid() {
		return nil, strata.E(strata.Corrupt, "the record of segment %d of object %s is damaged: restore the metadata from a backup", r.Segment.Number, r.Segment.Origin)
	}
	p := &placer{s: s, segment: r.Segment, shard: strata.ByteSize(l.ShardLen()), all: all}
	for _, h := range r.Kept {
		c, _ := p.find(h)
		c.Hotkey = h
		p.held = append(p.held, c.Candidate)
	}
	p.all = slices.DeleteFunc(slices.Clone(all), func(c Candidate) bool { return mayHold(r.Segment, c.Hotkey) })
	p.where = all
	return p, nil
}

// mayHold says whether a miner has a shard of the segment, or may have: also one
// that is renewed, as its miner can come back with it.
func mayHold(seg catalog.Segment, miner strata.Hotkey) bool {
	return slices.ContainsFunc(seg.Shards, func(h catalog.Shard) bool { return h.Miner == miner && h.State != catalog.Lost })
}

func (p *placer) find(h strata.Hotkey) (Candidate, bool) {
	i := slices.IndexFunc(p.all, func(c Candidate) bool { return c.Hotkey == h })
	if i < 0 {
		return Candidate{}, false
	}
	return p.all[i], true
}

func (p *placer) endpoint(h strata.Hotkey) (wire.Endpoint, bool) {
	i := slices.IndexFunc(p.where, func(c Candidate) bool { return c.Hotkey == h })
	if i < 0 {
		return wire.Endpoint{}, false
	}
	return p.where[i].Endpoint, true
}

// room counts the miners that could take a shard.
func (p *placer) room() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.all {
		taken := slices.ContainsFunc(p.held, func(h placement.Candidate) bool { return h.Hotkey == c.Hotkey })
		if !taken && c.Addr.IsValid() && c.Free >= p.shard {
			n++
		}
	}
	return n
}

// take chooses a miner that nobody has been given, by the rule of placement.
func (p *placer) take() (Candidate, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	pool := make([]placement.Candidate, len(p.all))
	for i, c := range p.all {
		if pool[i] = c.Candidate; p.s.ranks.shunned(c.Hotkey) {
			pool[i].Score = 0
		}
	}
	choice, err := placement.Choose(placement.Request{Seed: seed(), Total: 1, Shard: p.shard, Candidates: pool, Held: p.held})
	if err != nil {
		return Candidate{}, false
	}
	to, _ := p.find(choice.Miners[0].Hotkey)
	p.held = append(p.held, to.Candidate)
	return to, true
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
		p.s.log.Debug("a miner did not take a renewed shard", "miner", to.Hotkey, "object", p.segment.Origin, "segment", p.segment.Number, "err", err)
		if _, gone := p.s.cat.Segment(ctx, p.segment.Ref()); gone != nil {
			return false, gone
		}
	}
	return false, ctx.Err()
}

// send stores a shard at a miner and records it there. A crash before the miner
// is asked leaves a reservation, after it perhaps a shard that the reservation
// deletes when it falls due; from the record on the shard is where it says.
func (p *placer) send(ctx context.Context, to Candidate, h catalog.Shard, body []byte) error {
	s := p.s
	if err := s.cat.Reserve(ctx, p.segment.Ref(), to.Hotkey, h.Root, s.now().Add(s.timing.Reserve)); err != nil {
		return err
	}
	s.inflight.add(h.Root, 1)
	defer s.inflight.add(h.Root, -1)
	sctx, cancel := context.WithTimeout(ctx, s.timing.SendSlow+time.Duration(len(body))*sendSlowPerMiB/time.Duration(strata.MiB))
	defer cancel()
	receipt, err := s.peers.PutShard(sctx, to.Endpoint, h.Root, body)
	if err == nil && (receipt.Root != h.Root || receipt.Length != uint64(len(body))) {
		err = strata.E(strata.Corrupt, "miner %s signed for another shard than it was sent", to.Hotkey.Short())
	}
	if err != nil {
		if strata.CodeOf(err) != strata.NoSpace {
			s.ranks.failed(to.Hotkey)
		}
		p.withdraw(ctx, to, h)
		return err
	}
	h.Miner, h.State = to.Hotkey, catalog.Stored
	return s.cat.PlaceShard(ctx, p.segment.Ref(), h)
}

// withdraw lets the deletion of what was reserved fall due now. If that fails,
// it does later.
func (p *placer) withdraw(ctx context.Context, to Candidate, h catalog.Shard) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupLimit)
	defer cancel()
	err := p.s.cat.Retry(ctx, catalog.Deletion{Miner: to.Hotkey, Root: h.Root, Next: p.s.now()})
	if err != nil {
		p.s.log.Warn("a reservation stays until it is due", "miner", to.Hotkey, "root", h.Root, "err", err)
	}
}
