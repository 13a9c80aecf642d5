package object

import (
	"bytes"
	"context"
	"io"
	"sync"

	"strata"
	"strata/catalog"
	"strata/envelope"
	"strata/object/fetch"
	"strata/object/segment"
)

// Reader reads one object. It implements io.ReadSeekCloser and io.WriterTo. Range
// may be called at any time; the other methods by one goroutine at a time.
type Reader struct {
	shards   *fetch.Source
	keys     fetch.Keys
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
	r := &Reader{shards: s.shards, keys: s.keys, ctx: ctx, info: infoOf(o), segments: segments, slice: slice}
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
	t, err := r.shards.Range(ctx, r.segments, off, n)
	if err != nil {
		return nil, err
	}
	if n == r.info.Size && n > 0 && r.info.Digest != [32]byte{} {
		t.Expect(r.info.Digest)
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
