package fetch

import (
	"context"
	"io"

	"github.com/zeebo/blake3"

	"strata"
	"strata/catalog"
	"strata/wire"
)

// Range reads a range of an object: the segments one after the other, the next
// one's first rows while one is read. It implements io.ReadCloser and io.WriterTo,
// for one goroutine at a time.
type Range struct {
	s     *Source
	at    map[strata.Hotkey]wire.Endpoint
	spans []span // not yet fetched
	left  int64  // bytes still to be given

	now  *active        // being read
	next *active        // being fetched ahead
	sum  *blake3.Hasher // nil: nothing is expected
	want [32]byte       // what sum must become
	err  error          // sticky

	ctx  context.Context
	stop context.CancelFunc
}

// Range returns a reader of n bytes from off of what the segments hold together;
// its user closes it. Nothing is fetched before it is read from.
func (s *Source) Range(ctx context.Context, segments []catalog.Segment, off, n int64) (*Range, error) {
	at, err := s.miners.Endpoints(ctx)
	if err != nil {
		return nil, err
	}
	t := &Range{s: s, at: at, left: n}
	t.ctx, t.stop = context.WithCancel(ctx)
	if t.spans = spansOf(segments, off, n); len(t.spans) > 0 {
		t.spans[0].opening = true
	}
	return t, nil
}

// Expect has the last read give code Corrupt instead of io.EOF if the BLAKE3 of the
// range is not digest. It is called before the first read.
func (t *Range) Expect(digest [32]byte) { t.sum, t.want = blake3.New(), digest }

// active is a span being fetched.
type active struct {
	span
	f     *fetch
	row   int    // of the next chunk
	col   int    // its index
	piece []byte // of the chunk before, still to be given
}

// Read implements io.Reader.
func (t *Range) Read(p []byte) (int, error) {
	total := 0
	for total < len(p) {
		b, err := t.piece()
		if err != nil {
			if total > 0 {
				return total, nil // the error is sticky and comes next
			}
			return 0, err
		}
		n := copy(p[total:], b)
		total += n
		t.given(n)
		if len(t.now.piece) == 0 && !t.now.atHand() {
			break // do not wait for a chunk when there is something to give
		}
	}
	return total, nil
}

// WriteTo implements io.WriterTo.
func (t *Range) WriteTo(w io.Writer) (total int64, err error) {
	for {
		b, err := t.piece()
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
		n, err := w.Write(b)
		t.given(n)
		total += int64(n)
		if err != nil {
			return total, err
		}
	}
}

// piece returns the next bytes of the range, valid until given is called, and
// io.EOF at the end.
func (t *Range) piece() ([]byte, error) {
	if t.err == nil && t.left == 0 {
		t.err = t.finish()
	}
	for t.err == nil && (t.now == nil || len(t.now.piece) == 0) {
		t.err = t.advance()
	}
	if t.err != nil {
		return nil, t.err
	}
	return t.now.piece, nil
}

// finish compares the digest and returns io.EOF.
func (t *Range) finish() error {
	if t.sum != nil && [32]byte(t.sum.Sum(nil)) != t.want {
		return strata.E(strata.Corrupt, "the file read differs from the one stored: its digest does not match")
	}
	return io.EOF
}

// given takes n bytes off the piece at hand.
func (t *Range) given(n int) {
	a := t.now
	if t.sum != nil {
		t.sum.Write(a.piece[:n]) // a hash's Write never fails
	}
	t.left -= int64(n)
	a.piece = a.piece[n:]
}

// advance gets the next chunk, of the next segment where one has ended.
func (t *Range) advance() error {
	t.s.used()
	if t.now != nil && t.now.row == t.now.to {
		t.now.f.close()
		t.now, t.next = t.next, nil
	}
	if err := t.ready(&t.now); err != nil {
		return err
	}
	if t.now == nil {
		return strata.E(strata.Corrupt, "the record of a segment is missing: restore the metadata from a backup")
	}
	if err := t.now.fetchChunk(); err != nil || t.now.row == t.now.from {
		return err
	}
	return t.ready(&t.next) // not before: the first row does not wait for it
}

// ready begins to fetch the next span, unless the slot has one or there is none.
func (t *Range) ready(slot **active) error {
	if *slot != nil || len(t.spans) == 0 {
		return nil
	}
	a, err := t.open(t.spans[0])
	if err != nil {
		return err
	}
	*slot, t.spans = a, t.spans[1:]
	return nil
}

// open begins to fetch a span. Where its shards lie is looked up now, not when
// the reading of the object began: a repair may have moved them since.
func (t *Range) open(sp span) (*active, error) {
	if sp.segment.Shards == nil && t.s.records != nil {
		var err error
		if sp.segment.Shards, err = t.s.records.Shards(t.ctx, sp.segment.Ref()); err != nil {
			return nil, err
		}
	}
	r, err := t.s.open(sp.segment, t.at)
	if err != nil {
		return nil, err
	}
	return &active{span: sp, f: newFetch(t.ctx, r, sp), row: sp.from}, nil
}

// fetchChunk gets the next chunk of which the span has bytes; none where the row
// has no more.
func (a *active) fetchChunk() error {
	if a.col == 0 {
		a.f.enter(a.row)
	}
	for ; a.col < a.segment.K && len(a.piece) == 0; a.col++ {
		from, to := a.covers()
		if from >= to {
			continue
		}
		chunk, err := a.f.chunk(a.row, a.col)
		if err != nil {
			return err
		}
		a.piece = chunk[from:to]
	}
	if a.col == a.segment.K {
		a.row, a.col = a.row+1, 0
	}
	return nil
}

// covers returns the bytes of the next chunk that are in the span.
func (a *active) covers() (from, to int64) {
	l := a.f.layout
	row := int64(a.row) * l.RowPlain() // where it begins in the segment
	c := int64(l.ChunkLen(a.row))
	at := row + int64(a.col)*c
	return max(0, a.off-at), min(c, row+l.RowLen(a.row)-at, a.off+a.n-at) // padding follows the row
}

// atHand says whether the next chunk can be had without waiting.
func (a *active) atHand() bool { return a.row < a.to && a.f.poll(a.row, a.col) }

// Close implements io.Closer.
func (t *Range) Close() error {
	t.stop()
	for _, a := range []*active{t.now, t.next} {
		if a != nil {
			a.f.close()
		}
	}
	t.now, t.next = nil, nil
	if t.err == nil {
		t.err = strata.E(strata.Invalid, "read after close")
	}
	return nil
}
