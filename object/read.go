package object

import (
	"bytes"
	"context"
	"io"
	"sync"

	"github.com/zeebo/blake3"

	"strata"
	"strata/catalog"
	"strata/envelope"
	"strata/object/segment"
	"strata/wire"
)

// Reader reads one object. It implements io.ReadSeekCloser and io.WriterTo. Range
// may be called at any time; the other methods by one goroutine at a time.
type Reader struct {
	s        *Store
	ctx      context.Context
	info     Info
	segments []catalog.Segment
	slice    catalog.Slice // where a small object lies in them; zero for others
	pos      int64
	body     io.ReadCloser // reads from pos, nil before the first Read and after a Seek

	mu    sync.Mutex // guards plain
	plain []byte     // a small object, once read
}

// Open prepares to read an object; ctx bounds its Reads. Nothing is fetched
// yet. Code NotFound if there is no such object, Corrupt if its records are damaged.
func (s *Store) Open(ctx context.Context, id strata.ObjectID) (*Reader, error) {
	o, slice, err := s.find(ctx, id)
	if err != nil {
		return nil, err
	}
	segments, err := s.cat.SegmentHeads(ctx, holder(id, slice))
	if err != nil {
		return nil, err
	}
	r := &Reader{s: s, ctx: ctx, info: infoOf(o), segments: segments, slice: slice}
	if err := r.check(); err != nil {
		return nil, err
	}
	return r, nil
}

// check says whether the records are such as this package writes, so that the
// arithmetic on them holds.
func (r *Reader) check() error {
	var size int64
	for _, seg := range r.segments {
		if !segment.LayoutOf(seg).Valid() {
			return strata.E(strata.Corrupt, "the record of object %s is damaged: restore the metadata from a backup", r.info.ID)
		}
		size += seg.Size
	}
	if sl := r.slice; sl.Pack != (strata.ObjectID{}) {
		if sl.Off < 0 || sl.Length <= envelope.Overhead || sl.Length > envelope.ChunkSealed || sl.Off > size-sl.Length {
			return strata.E(strata.Corrupt, "the record of object %s is damaged: restore the metadata from a backup", r.info.ID)
		}
		size = sl.Length - envelope.Overhead // what the segments hold of it
	}
	if size != r.info.Size {
		return strata.E(strata.Corrupt, "the records of object %s cover %d of its %d bytes: restore the metadata from a backup", r.info.ID, size, r.info.Size)
	}
	return nil
}

// Info describes the object.
func (r *Reader) Info() Info { return r.info }

// Range reads n bytes from off; the caller closes it. A range that covers the
// whole object is checked against its digest: the last read then gives code
// Corrupt instead of io.EOF if it differs. Code Invalid if the object does not
// have that range.
func (r *Reader) Range(ctx context.Context, off, n int64) (io.ReadCloser, error) {
	if off < 0 || n < 0 || off > r.info.Size || n > r.info.Size-off {
		return nil, strata.E(strata.Invalid, "bytes %d to %d of a file of %d: ask for a part of it", off, off+n, r.info.Size)
	}
	if r.slice.Pack != (strata.ObjectID{}) {
		plain, err := r.small(ctx)
		if err != nil {
			return nil, err
		}
		return io.NopCloser(bytes.NewReader(plain[off : off+n])), nil
	}
	t, err := r.s.newStretch(ctx, r.segments, off, n)
	if err != nil {
		return nil, err
	}
	if n == r.info.Size && n > 0 && r.info.Digest != [32]byte{} {
		t.sum, t.want = blake3.New(), r.info.Digest
	}
	return t, nil
}

// newStretch reads n bytes from off of what segments hold together.
func (s *Store) newStretch(ctx context.Context, segments []catalog.Segment, off, n int64) (*stretch, error) {
	at, err := s.miners.Endpoints(ctx)
	if err != nil {
		return nil, err
	}
	t := &stretch{s: s, at: at, left: n}
	t.ctx, t.stop = context.WithCancel(ctx)
	if t.spans = spansOf(segments, off, n); len(t.spans) > 0 {
		t.spans[0].opening = true
	}
	return t, nil
}

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	t, err := r.here()
	if err != nil {
		return 0, err
	}
	n, err := t.Read(p)
	r.pos += int64(n)
	return n, err
}

// WriteTo implements io.WriterTo.
func (r *Reader) WriteTo(w io.Writer) (int64, error) {
	t, err := r.here()
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(w, t)
	r.pos += n
	return n, err
}

// here returns what reads from pos to the end.
func (r *Reader) here() (io.ReadCloser, error) {
	if r.body != nil {
		return r.body, nil
	}
	off := min(r.pos, r.info.Size)
	var err error
	if r.body, err = r.Range(r.ctx, off, r.info.Size-off); err != nil {
		r.body = nil
	}
	return r.body, err
}

// Seek implements io.Seeker.
func (r *Reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += r.pos
	case io.SeekEnd:
		offset += r.info.Size
	default:
		return r.pos, strata.E(strata.Invalid, "seek: %d is no known whence", whence)
	}
	if offset < 0 {
		return r.pos, strata.E(strata.Invalid, "seek to %d: before the file's beginning", offset)
	}
	if offset == r.pos {
		return offset, nil
	}
	err := r.Close()
	r.pos = offset
	return offset, err
}

// Close ends what is being fetched. The Reader may be used again.
func (r *Reader) Close() error {
	if r.body == nil {
		return nil
	}
	err := r.body.Close()
	r.body = nil
	return err
}

// span is the part of one segment that a range covers.
type span struct {
	segment  catalog.Segment
	off, n   int64 // of the segment's plaintext
	from, to int   // rows
	wants    []int // where it covers one row: the data chunks it needs, if not all
	opening  bool  // a reader waits for its first bytes
}

// spansOf cuts a range into the segments that it covers.
func spansOf(segments []catalog.Segment, off, n int64) (out []span) {
	for _, seg := range segments {
		if n > 0 && off < seg.Size {
			sp := newSpan(seg, off, min(n, seg.Size-off))
			out = append(out, sp)
			n -= sp.n
		}
		off = max(0, off-seg.Size)
	}
	return out
}

func newSpan(seg catalog.Segment, off, n int64) span {
	l := segment.LayoutOf(seg)
	sp := span{segment: seg, off: off, n: n, from: int(off / l.RowPlain()), to: int((off+n-1)/l.RowPlain()) + 1}
	if sp.to-sp.from > 1 {
		return sp
	}
	c := int64(l.ChunkLen(sp.from))
	in := off - int64(sp.from)*l.RowPlain()
	first, last := int(in/c), int((in+n-1)/c)
	if last-first+1 < seg.K {
		for i := first; i <= last; i++ {
			sp.wants = append(sp.wants, i)
		}
	}
	return sp
}

// stretch reads a range of an object: the segments one after the other, the
// next one's first rows while one is read.
type stretch struct {
	s     *Store
	at    map[strata.Hotkey]wire.Endpoint
	spans []span // not yet fetched
	left  int64  // bytes still to be given

	now  *active // being read
	next *active // being fetched ahead
	sum  *blake3.Hasher
	want [32]byte // what sum must become
	err  error    // sticky

	ctx  context.Context
	stop context.CancelFunc
}

// active is a span being fetched.
type active struct {
	span
	f     *fetch
	row   int    // of the next chunk
	col   int    // its index
	piece []byte // of the chunk before, still to be given
}

// Read implements io.Reader.
func (t *stretch) Read(p []byte) (int, error) {
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
func (t *stretch) WriteTo(w io.Writer) (total int64, err error) {
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
func (t *stretch) piece() ([]byte, error) {
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
func (t *stretch) finish() error {
	if t.sum != nil && [32]byte(t.sum.Sum(nil)) != t.want {
		return strata.E(strata.Corrupt, "the file read differs from the one stored: its digest does not match")
	}
	return io.EOF
}

// given takes n bytes off the piece at hand.
func (t *stretch) given(n int) {
	a := t.now
	if t.sum != nil {
		t.sum.Write(a.piece[:n]) // a hash's Write never fails
	}
	t.left -= int64(n)
	a.piece = a.piece[n:]
}

// advance gets the next chunk, of the next segment where one has ended.
func (t *stretch) advance() error {
	t.s.use.touch()
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
func (t *stretch) ready(slot **active) error {
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
func (t *stretch) open(sp span) (*active, error) {
	if sp.segment.Shards == nil && t.s.cat != nil {
		var err error
		if sp.segment.Shards, err = t.s.cat.Shards(t.ctx, sp.segment.Ref()); err != nil {
			return nil, err
		}
	}
	f, err := t.s.newFetch(t.ctx, sp.segment, t.at, sp)
	if err != nil {
		return nil, err
	}
	return &active{span: sp, f: f, row: sp.from}, nil
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
func (t *stretch) Close() error {
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
