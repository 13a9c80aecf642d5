package fetch

import (
	"context"
	"slices"
	"time"

	"strata"
	"strata/catalog"
)

// ahead is how many rows each shard is read ahead of the reader.
const ahead = 4

// drainLimit is how long a small request may go on after its reader has left. It
// ends then by itself most often, and leaves a connection that can be used again.
const drainLimit = 300 * time.Millisecond

// patience is how many times Options.Hedge may pass without a chunk from anybody
// before a read fails.
const patience = 60

// fetch reads rows of one segment from its miners. One goroutine calls its
// methods; each shard that is read has a goroutine of its own, which sends
// chunks as events.
type fetch struct {
	rows
	to int // rows before this one are wanted

	// wants lists the data chunks that are needed of a single row, nil when all
	// are. goal is how many shards to read at once: as many as are wanted, or k
	// once one of those has failed.
	wants []int
	goal  int
	good  int // shards that were expected to be given when this began

	// opening asks each shard for its first row alone, then for some, then for the
	// rest: the first bytes come soon, and who wants no more costs no more. What is
	// short anyway is asked for at once.
	opening bool

	// Of the row entered last: how long its chunks were waited for, how long it may
	// take on until spares are asked, whether the others are expected soon, and how
	// often nothing came.
	waited, left time.Duration
	hurried      bool
	idle         int

	streams []*stream
	events  chan event
	chunks  map[int][][]byte // by row, then by shard; a missing chunk is nil
	lastErr error

	ctx  context.Context
	stop context.CancelFunc
}

// newFetch starts reading the rows of a span.
func newFetch(ctx context.Context, r rows, span span) *fetch {
	f := &fetch{rows: r, to: span.to, goal: r.segment.K, opening: span.opening, chunks: map[int][][]byte{}}
	for _, h := range f.spares {
		if f.expected(h) {
			f.good++
		}
	}
	f.prefer(span.wants)
	f.events = make(chan event, r.segment.Total*(ahead+1))
	f.ctx, f.stop = context.WithCancel(ctx)
	f.top(span.from)
	return f
}

// expected says whether a miner is expected to give its shard.
func (f *fetch) expected(h catalog.Shard) bool {
	return h.State == catalog.Stored && !f.s.miners.Shunned(h.Miner)
}

// prefer reads only the shards with wanted chunks at first, provided that all
// of them are expected to answer.
func (f *fetch) prefer(wants []int) {
	var first, rest []catalog.Shard
	for _, h := range f.spares {
		if slices.Contains(wants, h.Index) && f.expected(h) {
			first = append(first, h)
		} else {
			rest = append(rest, h)
		}
	}
	if len(wants) > 0 && len(first) == len(wants) {
		f.wants, f.goal, f.spares = wants, len(wants), append(first, rest...)
	}
}

// enter begins row r, higher than the one before, whose chunks it frees.
func (f *fetch) enter(r int) {
	f.forget(r)
	f.waited, f.left, f.hurried, f.idle = 0, f.s.hedge, false, 0
}

// chunk returns data chunk i of row r, which was entered last, as soon as it is
// there, be the others or not. It is valid until the next row is entered, or
// close. Code Unavailable when too few miners give theirs.
func (f *fetch) chunk(r, i int) ([]byte, error) {
	if !f.ready(r, i) {
		if err := f.await(r, i); err != nil {
			return nil, err
		}
	}
	if c := f.chunks[r][i]; c != nil {
		return c, nil
	}
	if err := f.complete(f.chunks[r]); err != nil {
		return nil, err
	}
	return f.chunks[r][i], nil
}

// await waits for chunk i of row r. The time that the reader takes between two
// chunks does not count.
func (f *fetch) await(r, i int) error {
	began := f.s.now()
	set := began // when left was counted from
	timer := time.NewTimer(f.left)
	defer timer.Stop()
	defer func() {
		end := f.s.now()
		f.waited += end.Sub(began)
		f.left = max(0, f.left-end.Sub(set))
	}()
	allow := func(d time.Duration) {
		f.left, set = d, f.s.now()
		timer.Reset(d)
	}
	for !f.ready(r, i) {
		if !f.top(r) || f.idle == patience {
			return f.tooFew(r)
		}
		if !f.hurried && 4*f.have(r) >= 3*f.goal {
			// The rest should be here soon: most have come.
			f.hurried = true
			so := f.waited + f.s.now().Sub(began)
			allow(min(f.s.hedge, max(f.s.hedge/8, 3*so)))
		}
		select {
		case e := <-f.events:
			f.take(e, r)
			f.idle = 0
		case <-timer.C:
			f.hedge(r)
			f.idle++
			allow(f.s.hedge)
		case <-f.ctx.Done():
			return f.ctx.Err()
		}
	}
	return nil
}

// ready says whether chunk i of row r is there, and may be handed on, or can be
// made.
func (f *fetch) ready(r, i int) bool {
	got := f.chunks[r]
	return got != nil && got[i] != nil && !f.doubtful() || f.have(r) >= f.segment.K
}

// doubtful says whether there may be too few miners for whole rows. A chunk
// waits for its row then: a file that cannot be read is refused before its first
// byte, not broken off after some that one miner had.
func (f *fetch) doubtful() bool {
	return f.wants == nil && (f.lastErr != nil || f.good < f.segment.K)
}

// poll takes what has come, without waiting, and says whether chunk i of row r
// is there now.
func (f *fetch) poll(r, i int) bool {
	for {
		select {
		case e := <-f.events:
			f.take(e, r)
		default:
			return f.ready(r, i)
		}
	}
}

func (f *fetch) have(r int) (n int) {
	for _, c := range f.chunks[r] {
		if c != nil {
			n++
		}
	}
	return n
}

// top starts spares until enough shards are being read, or have been, for row
// r. It returns false when there will not be enough.
func (f *fetch) top(r int) bool {
	due, late := 0, 0
	for _, st := range f.streams {
		switch {
		case st.ended || st.next > r:
		case st.slow:
			late++
		default:
			due++
		}
	}
	if have := f.have(r); have+due < f.goal {
		if len(f.streams) > 0 {
			f.goal = f.segment.K
		}
		for ; have+due < f.goal && len(f.spares) > 0; due++ {
			f.start(f.spares[0], r)
			f.spares = f.spares[1:]
		}
		return have+due+late >= f.goal
	}
	return true
}

// hedge gives up counting on the shards that row r waits for, so that spares
// are read beside them. Whatever comes first is used.
func (f *fetch) hedge(r int) {
	if len(f.spares) == 0 {
		return
	}
	for _, st := range f.streams {
		if !st.ended && !st.slow && st.next <= r {
			st.slow = true
			f.s.miners.Failed(st.shard.Miner)
		}
	}
}

// take keeps an event's chunk, unless its row has been given.
func (f *fetch) take(e event, r int) {
	if e.err != nil {
		f.fail(e)
		return
	}
	if e.row == e.st.from {
		f.s.miners.Answered(e.st.shard.Miner, f.s.now().Sub(e.st.began))
	}
	e.st.next = e.row + 1
	e.st.ended = e.st.next == f.to
	if e.row < r {
		f.s.giveChunk(e.plain)
		return
	}
	e.st.slow = false
	if f.chunks[e.row] == nil {
		f.chunks[e.row] = make([][]byte, f.segment.Total)
	}
	f.chunks[e.row][e.st.shard.Index] = e.plain
}

// fail ends a stream.
func (f *fetch) fail(e event) {
	e.st.ended = true
	if f.ctx.Err() != nil {
		return
	}
	f.lastErr = e.err
	f.failed(e.st.shard, e.err)
}

func (f *fetch) tooFew(r int) error {
	err := strata.E(strata.Unavailable, "only %d of the %d miners needed give this part of the file: try again later", f.have(r), f.segment.K)
	if f.lastErr != nil {
		err = strata.E(strata.Unavailable, "only %d of the %d miners needed give this part of the file: try again later (one said: %w)", f.have(r), f.segment.K, f.lastErr)
	}
	return err
}

// forget frees the rows before r and lets each stream read one more for each.
func (f *fetch) forget(r int) {
	for old, chunks := range f.chunks {
		if old < r {
			f.s.giveRow(chunks)
			delete(f.chunks, old)
		}
	}
	for _, st := range f.streams {
		if r > st.from {
			st.credit <- struct{}{} // there is room for one for each row
		}
	}
}

// close ends all streams and records shards found lost.
func (f *fetch) close() {
	f.stop()
	for _, chunks := range f.chunks {
		f.s.giveRow(chunks)
	}
	f.chunks = nil
	f.recordLost()
}
