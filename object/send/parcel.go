package send

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"strata"
	"strata/catalog"
	"strata/object/memory"
	"strata/object/roster"
)

const (
	// tailLeast and tailFactor say when a send that goes on after its segment
	// counts is late: after so many times what the others took, and no sooner.
	tailLeast  = time.Second
	tailFactor = 4
)

var (
	// ErrSlow is wrapped by the cause (context.Cause) of a send that was ended because
	// the miner had not taken the shard in the time that any miner has for it, while
	// those that make the segment count took theirs in a quarter of it: so it was the
	// miner, and not this side's line or machine.
	ErrSlow = strata.E(strata.Unavailable, "it was too slow")

	// errLate ends a send that others wait for.
	errLate = strata.E(strata.Unavailable, "the miner was slower than the others by far, and their memory was needed")
)

// Parcel is an encoded segment to be sent.
type Parcel struct {
	Record catalog.Segment // with a shard for each body, without miners
	Memory *memory.Lease   // has the shards' bodies; Send gives it back

	// Enter records the segment, before its first shard is sent.
	Enter func(context.Context, catalog.Segment) error
	// Count records that Success miners have signed, and who. Nil: as later news
	// are, by Records.
	Count func(context.Context, []catalog.ShardUpdate) error
}

// sending is a parcel on its way.
type sending struct {
	Parcel
	d    *Delivery
	took atomic.Int64 // nanoseconds until it counted; 0: it does not yet

	mu   sync.Mutex
	all  []roster.Candidate // who served when the sends began; guarded by mu
	used []roster.Candidate // miners that were given a shard; guarded by mu
	to   []strata.Hotkey    // which of them each shard was sent to last; guarded by mu
}

// outcome is how sending one shard ended.
type outcome struct {
	index int // in Record.Shards
	err   error
}

// Send places and sends a segment. It returns nil when Success miners have signed
// and the records know; the other sends go on in the background, for a bounded time
// and while nobody needs their memory. Where fewer than Total miners have room but
// Success do, the last shards are not made. Codes: NoSpace (too few miners have
// room), Unavailable (too few took a shard). After an error no send goes on, and
// what Enter recorded names every shard that may exist.
func (d *Delivery) Send(ctx context.Context, parcel Parcel) error {
	p := &sending{Parcel: parcel, d: d}
	if p.Count == nil {
		p.Count = p.note
	}
	if err := p.place(ctx); err != nil {
		p.Memory.Close()
		return err
	}
	// A crash from here on leaves rows that name every shard that may exist.
	if err := p.Enter(ctx, p.Record); err != nil {
		p.Memory.Close()
		return err
	}
	counts := make(chan error, 1)
	d.users.Add(1)
	d.s.wg.Go(func() {
		defer d.Release()
		p.deliver(ctx, counts)
	})
	return <-counts
}

// place chooses the miners.
func (p *sending) place(ctx context.Context) error {
	all, err := p.d.s.miners.Candidates(ctx)
	if err != nil {
		return err
	}
	p.all = all
	shard := strata.ByteSize(p.Record.Shards[0].Length)
	pool := p.pool()
	room := roster.CountRoom(pool, shard)
	total := min(p.Record.Total, room)
	if total < p.Record.Success {
		return strata.E(strata.NoSpace, "%d miners have room for a shard of %s and %d are needed: delete files, or wait for more space",
			room, shard, p.Record.Success)
	}
	if p.used, err = p.d.s.miners.Choose(pool, total, shard, nil); err != nil {
		return err
	}
	p.Record.Shards = p.Record.Shards[:total]
	for i, m := range p.used {
		p.Record.Shards[i].Miner = m.Hotkey
		p.to = append(p.to, m.Hotkey)
	}
	return nil
}

// pool returns the candidates for placement. Those that failed this object are
// left out unless the segment could not be placed without them.
func (p *sending) pool() []roster.Candidate {
	refused := func(c roster.Candidate) bool { return p.d.refused(c.Hotkey) }
	if good := slices.DeleteFunc(slices.Clone(p.all), refused); len(good) >= p.Record.Total {
		return good
	}
	return p.all
}

// deliver sends all shards and records what became of them. It tells counts
// once: nil when the segment counts, or why it cannot.
func (p *sending) deliver(ctx context.Context, counts chan<- error) {
	defer p.Memory.Close()
	sends, cancel := context.WithCancel(p.d.ctx)
	defer cancel()
	// Until the segment counts, its sends end with the request.
	detach := context.AfterFunc(ctx, cancel)
	defer detach()

	began := time.Now()
	results, left := p.start(sends)
	var t tally
	told := false
	for range p.Record.Shards {
		o := <-results
		t.add(o)
		delete(left, o.index)
		switch {
		case told:
		case t.stored >= p.Record.Success:
			detach()
			p.took.Store(int64(max(1, time.Since(began))))
			counts <- t.record(p.Count)
			told = true
			defer time.AfterFunc(p.d.s.tail, cancel).Stop()
			over := p.linger(time.Since(began), left)
			defer over()
		case len(p.Record.Shards)-len(t.errs) < p.Record.Success:
			cancel()
			counts <- p.failure(ctx, t)
			told = true
		}
	}
	if err := t.record(p.note); err != nil && strata.CodeOf(err) != strata.Conflict {
		// Its shards stay Sending in the catalog: reads try them last.
		p.d.s.log.Warn("cannot record where shards are", "object", p.Record.Origin, "segment", p.Record.Number, "err", err)
	}
}

// start sends each shard to its miner. It returns where the outcomes come, and what
// ends each send that is under way, by index.
func (p *sending) start(ctx context.Context) (<-chan outcome, map[int]context.CancelCauseFunc) {
	shards, s := p.Record.Shards, p.d.s
	results, left := make(chan outcome, len(shards)), map[int]context.CancelCauseFunc{}
	for i, to := range slices.Clone(p.used) {
		release := s.Hold(shards[i].Root)
		one, end := context.WithCancelCause(ctx)
		left[i] = end
		go func() {
			defer end(nil)
			err := p.sendShard(one, i, to)
			p.Memory.Free(i)
			release()
			results <- outcome{i, err}
		}()
	}
	return results, left
}

// linger lets the sends of a segment that counts, and took so long to, go on: those
// that are left, by index.
func (p *sending) linger(took time.Duration, left map[int]context.CancelCauseFunc) (remove func()) {
	var removes []func()
	for i, end := range left {
		after := max(tailLeast, tailFactor*took)
		if to := p.sentTo(i); p.d.refused(to) || p.d.s.miners.Shunned(to) {
			after = 0
		}
		removes = append(removes, p.d.s.memory.Linger(after, func() { end(errLate) }))
	}
	return func() {
		for _, r := range removes {
			r()
		}
	}
}

// sentTo returns the miner that a shard was sent to last.
func (p *sending) sentTo(i int) strata.Hotkey {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.to[i]
}

// note records news. Code Conflict: the object is deleted.
func (p *sending) note(ctx context.Context, news []catalog.ShardUpdate) error {
	return p.d.s.records.UpdateShards(ctx, p.Record.Origin, p.Record.Number, news)
}

// failure says why a segment does not count.
func (p *sending) failure(ctx context.Context, t tally) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	code, cause := strata.NoSpace, t.errs[0]
	for _, err := range t.errs {
		if strata.CodeOf(err) != strata.NoSpace {
			code, cause = strata.Unavailable, err
		}
	}
	return strata.E(code, "%d of the %d miners needed took a shard: try again, or wait for miners (one said: %w)", t.stored, p.Record.Success, cause)
}

// sendShard sends one shard to its miner, and to another for as long as there
// is one and the send fails.
func (p *sending) sendShard(ctx context.Context, i int, to roster.Candidate) error {
	for {
		err := p.attempt(ctx, i, to)
		if err == nil || ctx.Err() != nil && !errors.Is(err, errLate) {
			return err
		}
		p.d.refuse(to.Hotkey)
		p.d.s.failed(to, err)
		if ctx.Err() != nil {
			return err
		}
		next, ok := p.replacement(i)
		if !ok {
			return err
		}
		// A crash before this leaves the old place recorded, after it the new one,
		// and the old one queued for deletion: the send may have got through.
		if uerr := p.note(ctx, []catalog.ShardUpdate{{Index: i, State: catalog.Sending, Miner: next.Hotkey}}); uerr != nil {
			return errors.Join(err, uerr)
		}
		to = next
	}
}

// attempt sends a shard to one miner. A slow miner counts as failed.
func (p *sending) attempt(ctx context.Context, i int, to roster.Candidate) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	root, body := p.Record.Shards[i].Root, p.Memory.Bodies[i]
	limit := p.d.s.limit(body)
	timer := time.AfterFunc(limit, func() {
		cause := strata.E(strata.Unavailable, "miner %s did not take a shard within %s", to.Hotkey.Short(), limit)
		if took := p.took.Load(); took > 0 && time.Duration(took) <= limit/4 {
			cause = strata.E(strata.Unavailable, "miner %s did not take a shard within %s: %w", to.Hotkey.Short(), limit, ErrSlow)
		}
		cancel(cause)
	})
	defer timer.Stop()
	receipt, err := p.d.s.peers.PutShard(ctx, to.Endpoint, root, body)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		return err
	}
	return check(receipt, to, root, body)
}

// replacement takes a miner that has none of the segment's shards, spread as
// the rule says.
func (p *sending) replacement(i int) (roster.Candidate, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	next, err := p.d.s.miners.Choose(p.pool(), 1, strata.ByteSize(len(p.Memory.Bodies[i])), p.used)
	if err != nil {
		return roster.Candidate{}, false
	}
	p.used = append(p.used, next[0])
	p.to[i] = next[0].Hotkey
	return next[0], true
}
