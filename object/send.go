package object

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"strata"
	"strata/catalog"
	"strata/object/roster"
)

// ErrSlow is wrapped by the cause (context.Cause) of a send that was ended because
// the miner had not taken the shard in the time that any miner has for it, while
// those that make the segment count took theirs in a quarter of it: so it was the
// miner, and not this side's line or machine.
var ErrSlow = strata.E(strata.Unavailable, "it was too slow")

// sendSlowPerMiB is added to Timing.SendSlow for the length of a shard.
const sendSlowPerMiB = 2 * time.Second

// parcel is an encoded segment on its way to the miners.
type parcel struct {
	w      *writer
	record catalog.Segment
	bodies [][]byte
	weight int64        // of Store.reserve
	left   int64        // of weight, what is still to be given back; the sends' when they have begun
	took   atomic.Int64 // nanoseconds until it counted; 0: it does not yet

	enter func(context.Context) error                        // records it before its first shard is sent
	count func(context.Context, []catalog.ShardUpdate) error // records that Success have signed, and who

	mu   sync.Mutex
	all  []roster.Candidate // of Network, when the sends began; guarded by mu
	used []roster.Candidate // miners that were given a shard; guarded by mu
	// to is which of them each shard was sent to last; guarded by mu.
	to []strata.Hotkey
}

// outcome is how sending one shard ended.
type outcome struct {
	index int // in record.Shards
	err   error
}

// send places and sends the segment. It returns nil when Success miners have
// signed and the catalog knows; the other sends go on in the background.
func (p *parcel) send(ctx context.Context) error {
	w := p.w
	if err := p.place(ctx); err != nil {
		p.close()
		return err
	}
	// A crash from here on leaves rows that name every shard that may exist.
	if err := p.enter(ctx); err != nil {
		p.close()
		return err
	}
	counts := make(chan error, 1)
	w.users.Add(1)
	w.s.wg.Go(func() {
		defer w.release()
		p.deliver(ctx, counts)
	})
	return <-counts
}

// close gives back what memory is left. All sends have ended.
func (p *parcel) close() {
	p.w.s.giveShards(p.bodies)
	p.w.s.reserve.Release(p.left)
}

// release gives back the memory of a shard whose send has ended: one slow miner
// must not hold up the next segment with the shards of all others.
func (p *parcel) release(i int) {
	p.w.s.giveShards(p.bodies[i : i+1 : i+1])
	p.bodies[i] = nil
	share := p.weight / int64(len(p.bodies))
	p.w.s.reserve.Release(share)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left -= share
}

// place chooses the miners. Where fewer than Total have room but Success do,
// the last shards are not made.
func (p *parcel) place(ctx context.Context) error {
	all, err := p.w.s.miners.Candidates(ctx)
	if err != nil {
		return err
	}
	p.all = all
	shard := strata.ByteSize(p.record.Shards[0].Length)
	pool := p.pool()
	room := roster.CountRoom(pool, shard)
	total := min(p.record.Total, room)
	if total < p.record.Success {
		return strata.E(strata.NoSpace, "%d miners have room for a shard of %s and %d are needed: delete files, or wait for more space",
			room, shard, p.record.Success)
	}
	if p.used, err = p.w.s.miners.Choose(pool, total, shard, nil); err != nil {
		return err
	}
	p.record.Shards = p.record.Shards[:total]
	for i, m := range p.used {
		p.record.Shards[i].Miner = m.Hotkey
		p.to = append(p.to, m.Hotkey)
	}
	return nil
}

// sentTo returns the miner that a shard was sent to last.
func (p *parcel) sentTo(i int) strata.Hotkey {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.to[i]
}

// pool returns the candidates for placement. Those that failed this object are
// left out unless the segment could not be placed without them.
func (p *parcel) pool() []roster.Candidate {
	refused := func(c roster.Candidate) bool { return p.w.refused(c.Hotkey) }
	if good := slices.DeleteFunc(slices.Clone(p.all), refused); len(good) >= p.record.Total {
		return good
	}
	return p.all
}

// deliver sends all shards and records what became of them. It tells counts
// once: nil when the segment counts, or why it cannot.
func (p *parcel) deliver(ctx context.Context, counts chan<- error) {
	defer p.close()
	shards := p.record.Shards
	send, cancel := context.WithCancel(p.w.ctx)
	defer cancel()
	// Until the segment counts, its sends end with the request.
	detach := context.AfterFunc(ctx, cancel)
	defer detach()

	results, began := make(chan outcome, len(shards)), time.Now()
	left := map[int]context.CancelCauseFunc{} // sends under way
	for i, to := range slices.Clone(p.used) {
		p.w.s.inflight.add(shards[i].Root, 1)
		one, end := context.WithCancelCause(send)
		left[i] = end
		go func() {
			defer end(nil)
			err := p.sendShard(one, i, to)
			p.release(i)
			p.w.s.inflight.add(shards[i].Root, -1)
			results <- outcome{i, err}
		}()
	}
	var t tally
	told := false
	for range shards {
		o := <-results
		t.add(o)
		delete(left, o.index)
		switch {
		case told:
		case t.stored >= p.record.Success:
			detach()
			p.took.Store(int64(max(1, time.Since(began))))
			told, counts = tell(counts, t.record(p.count))
			defer time.AfterFunc(p.w.s.timing.SendTail, cancel).Stop()
			over := p.linger(time.Since(began), left)
			defer over()
		case len(shards)-len(t.errs) < p.record.Success:
			cancel()
			told, counts = tell(counts, p.failure(ctx, t))
		}
	}
	if err := t.record(p.note); err != nil && strata.CodeOf(err) != strata.Conflict {
		// Its shards stay Sending in the catalog: reads try them last.
		p.w.s.log.Warn("cannot record where shards are", "object", p.w.id, "segment", p.record.Number, "err", err)
	}
}

// tell sends to a channel that is not used again.
func tell(counts chan<- error, err error) (bool, chan<- error) {
	counts <- err
	return true, nil
}

// tally is what became of a segment's sends so far.
type tally struct {
	stored int
	errs   []error
	news   []catalog.ShardUpdate // not yet in the catalog
}

func (t *tally) add(o outcome) {
	state := catalog.Stored
	switch {
	case o.err == nil:
		t.stored++
	case errors.Is(o.err, context.Canceled), errors.Is(o.err, errLate):
		// The miner may have stored it all the same.
		t.errs = append(t.errs, o.err)
		return
	default:
		state = catalog.Lost
		t.errs = append(t.errs, o.err)
	}
	t.news = append(t.news, catalog.ShardUpdate{Index: o.index, State: state})
}

// record hands the news to fn, if there is any.
func (t *tally) record(fn func(context.Context, []catalog.ShardUpdate) error) error {
	if len(t.news) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), cleanupLimit)
	defer cancel()
	err := fn(ctx, t.news)
	t.news = nil
	return err
}

// add records the segment in the catalog.
func (p *parcel) add(ctx context.Context) error {
	return p.w.s.cat.AddSegment(ctx, p.w.id, p.record.Number, p.record)
}

// note records news in the catalog. Code Conflict: the object is deleted.
func (p *parcel) note(ctx context.Context, news []catalog.ShardUpdate) error {
	return p.w.s.cat.UpdateShards(ctx, p.w.id, p.record.Number, news)
}

// failure says why a segment does not count.
func (p *parcel) failure(ctx context.Context, t tally) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	code, cause := strata.NoSpace, t.errs[0]
	for _, err := range t.errs {
		if strata.CodeOf(err) != strata.NoSpace {
			code, cause = strata.Unavailable, err
		}
	}
	return strata.E(code, "%d of the %d miners needed took a shard: try again, or wait for miners (one said: %w)", t.stored, p.record.Success, cause)
}

// sendShard sends one shard to its miner, and to another for as long as there
// is one and the send fails.
func (p *parcel) sendShard(ctx context.Context, i int, to roster.Candidate) error {
	for {
		err := p.attempt(ctx, i, to)
		if err == nil || ctx.Err() != nil && !errors.Is(err, errLate) {
			return err
		}
		p.w.refuse(to.Hotkey)
		if strata.CodeOf(err) != strata.NoSpace {
			p.w.s.miners.Failed(to.Hotkey)
		}
		if ctx.Err() != nil {
			return err
		}
		next, ok := p.replacement(i)
		if !ok {
			return err
		}
		// A crash before this leaves the old place recorded, after it the new one,
		// and the old one queued for deletion: the send may have got through.
		u := []catalog.ShardUpdate{{Index: i, State: catalog.Sending, Miner: next.Hotkey}}
		if uerr := p.w.s.cat.UpdateShards(ctx, p.w.id, p.record.Number, u); uerr != nil {
			return errors.Join(err, uerr)
		}
		to = next
	}
}

// attempt sends a shard to one miner. A slow miner counts as failed.
func (p *parcel) attempt(ctx context.Context, i int, to roster.Candidate) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	limit := p.w.s.timing.SendSlow + time.Duration(len(p.bodies[i]))*sendSlowPerMiB/time.Duration(strata.MiB)
	timer := time.AfterFunc(limit, func() {
		cause := strata.E(strata.Unavailable, "miner %s did not take a shard within %s", to.Hotkey.Short(), limit)
		if took := p.took.Load(); took > 0 && time.Duration(took) <= limit/4 {
			cause = strata.E(strata.Unavailable, "miner %s did not take a shard within %s: %w", to.Hotkey.Short(), limit, ErrSlow)
		}
		cancel(cause)
	})
	defer timer.Stop()
	root := p.record.Shards[i].Root
	receipt, err := p.w.s.peers.PutShard(ctx, to.Endpoint, root, p.bodies[i])
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		return err
	}
	if receipt.Root != root || receipt.Length != uint64(len(p.bodies[i])) {
		return strata.E(strata.Corrupt, "miner %s signed for another shard than it was sent", to.Hotkey.Short())
	}
	return nil
}

// replacement takes a miner that has none of the segment's shards, spread as
// the rule says.
func (p *parcel) replacement(i int) (roster.Candidate, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	next, err := p.w.s.miners.Choose(p.pool(), 1, strata.ByteSize(len(p.bodies[i])), p.used)
	if err != nil {
		return roster.Candidate{}, false
	}
	p.used = append(p.used, next[0])
	p.to[i] = next[0].Hotkey
	return next[0], true
}

// refuse leaves a miner out of the object's next segments.
func (w *writer) refuse(h strata.Hotkey) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.out[h] = true
}

func (w *writer) refused(h strata.Hotkey) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out[h]
}
