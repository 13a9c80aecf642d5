package object

import (
	"context"
	"errors"
	"maps"
	"time"

	"golang.org/x/sync/errgroup"

	"strata"
	"strata/catalog"
	"strata/envelope"
	"strata/erasure"
	"strata/object/roster"
	"strata/object/segment"
	"strata/object/send"
	"strata/placement"
)

// cleanupLimit bounds the transaction that undoes a failed write.
const cleanupLimit = 30 * time.Second

// Put stores a file. When it returns without error, `success` miners have
// signed for each segment and the metadata is on disk; an object of that name
// that was there before is superseded. Codes: Invalid (no name, an empty or
// misannounced body), NotFound (no such bucket), Conflict (the condition does not
// hold), NoSpace, Unavailable (too few miners answer). After an error nothing of the
// file remains but what waits in the deletion queue.
func (s *Store) Put(ctx context.Context, r PutRequest) (Info, error) {
	if err := r.validate(); err != nil {
		return Info{}, err
	}
	plain, body, isSmall, err := takeSmall(ctx, r)
	if err != nil {
		return Info{}, err
	}
	if isSmall {
		return s.putSmall(ctx, r, plain)
	}
	r.Body = body
	return s.ingest(ctx, r, func(ctx context.Context, o catalog.Object) error { return s.cat.Commit(ctx, o, r.Condition) })
}

// ingest streams a body into a pending object and ends it with commit.
func (s *Store) ingest(ctx context.Context, r PutRequest, commit func(context.Context, catalog.Object) error) (Info, error) {
	if err := r.validate(); err != nil {
		return Info{}, err
	}
	w, err := s.newWriter(ctx, r.Size)
	if err != nil {
		return Info{}, err
	}
	o := catalog.Object{ID: w.id, Bucket: r.Bucket, Key: r.Name, ContentType: r.ContentType, Meta: maps.Clone(r.Meta), Created: s.now()}
	// A crash from here to the commit leaves a pending object; Run deletes it.
	if err := s.cat.Begin(ctx, o); err != nil {
		w.sends.Abandon()
		return Info{}, err
	}
	err = w.stream(ctx, r, &o)
	if err == nil {
		o.Modified = s.now()
		// The caller's going away must not leave the outcome open.
		err = commit(context.WithoutCancel(ctx), o)
	}
	if err != nil {
		w.sends.Abandon()
		return Info{}, errors.Join(err, s.undo(ctx, w.id))
	}
	w.sends.Release()
	s.nudge() // the version superseded, if any, is in the queue
	return infoOf(o), nil
}

func (r PutRequest) validate() error {
	switch {
	case r.Name == "":
		return strata.E(strata.Invalid, "a file needs a name")
	case len(r.Name) > catalog.MaxKey:
		return strata.E(strata.Invalid, "the name has %d bytes: at most %d are allowed", len(r.Name), catalog.MaxKey)
	case r.Size == 0 && !r.AllowEmpty:
		return errEmpty()
	case r.Size < -1 || r.Body == nil:
		return strata.E(strata.Invalid, "a file to store needs a body and a size, or -1 for an unknown one")
	}
	return nil
}

func errEmpty() error { return strata.E(strata.Invalid, "empty file: nothing to store") }

// undo queues whatever a failed write may have left on miners. If even that
// fails, the object stays pending and Run deletes it at the next start.
func (s *Store) undo(ctx context.Context, id strata.ObjectID) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupLimit)
	defer cancel()
	err := s.cat.Delete(ctx, id, s.now())
	if strata.CodeOf(err) == strata.NotFound {
		return nil
	}
	s.nudge()
	return err
}

// writer is one object on its way.
type writer struct {
	s       *Store
	id      strata.ObjectID
	key     envelope.Key
	wrapped []byte
	keyID   string
	scheme  segment.Scheme
	codec   *erasure.Codec
	sends   *send.Delivery
}

func (s *Store) newWriter(ctx context.Context, size int64) (*writer, error) {
	miners, err := s.miners.Candidates(ctx)
	if err != nil {
		return nil, err
	}
	k, _, success, total := placement.Scale(roster.CountRoom(miners, 1))
	if total == 0 {
		if len(miners) == 0 {
			return nil, strata.E(strata.Unavailable, "no miner can be reached: wait until miners serve, or check the network")
		}
		return nil, strata.E(strata.NoSpace, "none of %d miners has free space: wait for more, or delete files", len(miners))
	}
	if room := roster.SpaceLeft(miners, k, success); size > room {
		return nil, strata.E(strata.NoSpace, "the file has %s and the miners have room for %s: delete files or wait for more space",
			strata.ByteSize(size), strata.ByteSize(room))
	}
	w := &writer{s: s, id: newID(), scheme: segment.NewScheme(k, success, total, s.prof, s.memory.Size())}
	if w.codec, err = erasure.New(erasure.RS8, k, total); err != nil {
		return nil, err
	}
	if w.key, w.wrapped, w.keyID, err = s.keys.Wrap(w.id); err != nil {
		return nil, err
	}
	w.sends = s.sends.Begin()
	return w, nil
}

// stream reads the body, encodes it and sends it; it returns when all segments
// count, with o's Size, Digest and Meta set.
func (w *writer) stream(ctx context.Context, r PutRequest, o *catalog.Object) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	rows := w.s.readRows(ctx, r.Body, w.scheme.RowPlain(), r.Size)
	err := w.segments(ctx, g, rows, r.Size)
	if err != nil {
		cancel() // end the reader
	}
	for row := range rows.rows { // only after an error: wait for the reader
		rows.recycle(row)
	}
	w.s.giveRows(rows)
	if werr := g.Wait(); werr != nil {
		err = werr // the first failure: what the loop met is its consequence
	}
	if err == nil {
		err = rows.err
	}
	if err == nil && rows.size == 0 && !r.AllowEmpty {
		err = errEmpty()
	}
	if err != nil {
		return err
	}
	o.Size, o.Digest = rows.size, rows.digest
	return finishMeta(r, o)
}

func finishMeta(r PutRequest, o *catalog.Object) error {
	if r.Finish == nil {
		return nil
	}
	extra, err := r.Finish(o.Size, o.Digest)
	if err != nil {
		return err
	}
	if o.Meta == nil {
		o.Meta = map[string]string{}
	}
	maps.Copy(o.Meta, extra)
	return nil
}

// segments encodes one segment after the other and leaves each to g.
func (w *writer) segments(ctx context.Context, g *errgroup.Group, rows *rowReader, size int64) error {
	left := size
	for number := uint64(0); ; number++ {
		first, ok := <-rows.rows
		if !ok {
			return nil // rows.err says why
		}
		p, err := w.encode(ctx, number, first, rows, left)
		if err != nil {
			return err
		}
		left -= p.Record.Size
		if size < 0 {
			left = -1
		}
		g.Go(func() error { return w.sends.Send(ctx, p) })
	}
}

// encode reads one segment. Its memory belongs to the parcel.
func (w *writer) encode(ctx context.Context, number uint64, first row, rows *rowReader, left int64) (send.Parcel, error) {
	p, e, err := w.begin(ctx, number, w.expect(first, left))
	if err != nil {
		rows.recycle(first)
		return p, err
	}
	return finish(p, e, w.fill(e, first, rows))
}

// encodeAll makes one segment, the object's only one, of bytes at hand.
func (w *writer) encodeAll(ctx context.Context, plain []byte) (send.Parcel, error) {
	p, e, err := w.begin(ctx, 0, w.scheme.ShardLen(int64(len(plain))))
	if err != nil {
		return p, err
	}
	for full := w.scheme.RowPlain(); len(plain) > 0 && err == nil; {
		n := min(full, len(plain))
		err = e.Add(plain[:n:n], n == len(plain))
		plain = plain[n:]
	}
	return finish(p, e, err)
}

// begin waits for memory for a segment with shards of that length, at most.
func (w *writer) begin(ctx context.Context, number uint64, shardLen int64) (p send.Parcel, e *segment.Encoder, err error) {
	w.s.use.touch()
	p.Record = catalog.Segment{
		Origin: w.id, Number: number, Codec: w.codec.Name(), K: w.scheme.K, Total: w.scheme.Total, Success: w.scheme.Success,
		Wrapped: w.wrapped, KeyID: w.keyID,
	}
	p.Enter = func(ctx context.Context, seg catalog.Segment) error {
		return w.s.cat.AddSegment(ctx, w.id, number, seg)
	}
	if p.Memory, err = w.s.memory.Acquire(ctx, w.scheme.Total, shardLen); err != nil {
		return p, nil, err
	}
	if e, err = segment.NewEncoder(w.codec, w.key, number, p.Memory.Bodies); err != nil {
		p.Memory.Close()
	}
	return p, e, err
}

// finish completes the record of what was encoded, or frees its memory if that failed.
func finish(p send.Parcel, e *segment.Encoder, err error) (send.Parcel, error) {
	if err != nil {
		p.Memory.Close()
		return p, err
	}
	p.Record.Size, p.Record.Shards = e.Size(), e.Records()
	return p, nil
}

// expect returns how long the next segment's shards will be, at most.
func (w *writer) expect(first row, left int64) int64 {
	full := w.scheme.FullSize()
	switch {
	case first.last:
		full = int64(len(first.buf))
	case left >= 0:
		full = min(full, left)
	}
	return w.scheme.ShardLen(full)
}

// fill encodes rows until the segment is full or the body ends. It stops
// without an error where the reader fails: the reader's error is the one.
func (w *writer) fill(e *segment.Encoder, r row, rows *rowReader) error {
	for {
		last := r.last || e.Rows() == w.scheme.Rows-1
		err := e.Add(r.buf, last)
		rows.recycle(r)
		if err != nil || last {
			return err
		}
		var ok bool
		if r, ok = <-rows.rows; !ok {
			if rows.err != nil {
				return rows.err
			}
			return strata.E(strata.Internal, "the body ended without a last row")
		}
	}
}
