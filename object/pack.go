package object

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"sync"

	"github.com/zeebo/blake3"

	"strata"
	"strata/catalog"
	"strata/envelope"
)

const (
	// packLimit is the largest object that shares a segment: one chunk, so that
	// it is sealed in one piece.
	packLimit = envelope.ChunkPlain
	// packBytes and packObjects bound one pack.
	packBytes   = 1 << 20
	packObjects = 512
	// packsAtOnce is how many packs are on their way. While they are, those who
	// come wait and share the next.
	packsAtOnce = 2
)

// packer puts small objects together. No object waits for company: one that
// finds no pack on its way leaves at once.
type packer struct {
	mu      sync.Mutex // guards what follows
	waiting []*small
	running int
}

// small is a small object on its way.
type small struct {
	packed catalog.Packed
	sealed []byte
	ctx    context.Context
	done   chan error // gets one value
}

// takeSmall reads a body that may be small. It returns its bytes if it is, else
// a body that yields all of it.
func takeSmall(ctx context.Context, r PutRequest) (plain []byte, body io.Reader, isSmall bool, err error) {
	if r.Alone || r.Size > packLimit || r.Size == 0 {
		return nil, r.Body, false, nil
	}
	most := int64(packLimit)
	if r.Size > 0 {
		most = r.Size
	}
	head := make([]byte, most+1)
	n, end, err := readFull(ctxReader{ctx, r.Body}, head)
	if err != nil {
		return nil, nil, false, err
	}
	if err := checkSize64(int64(n), r.Size, end); err != nil {
		return nil, nil, false, err
	}
	if end && n > 0 {
		return head[:n], nil, true, nil
	}
	rest := r.Body
	if end {
		rest = eof{}
	}
	return nil, io.MultiReader(bytes.NewReader(head[:n]), rest), false, nil
}

type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

// putSmall seals a small object under its own key and stores it with others.
func (s *Store) putSmall(ctx context.Context, r PutRequest, plain []byte) (Info, error) {
	now := s.now()
	o := catalog.Object{
		ID: newID(), Bucket: r.Bucket, Key: r.Name, ContentType: r.ContentType, Meta: maps.Clone(r.Meta),
		Size: int64(len(plain)), Digest: blake3.Sum256(plain), State: catalog.Committed, Created: now, Modified: now,
	}
	if err := finishMeta(r, &o); err != nil {
		return Info{}, err
	}
	key, wrapped, keyID, err := s.keys.wrap(o.ID)
	if err != nil {
		return Info{}, err
	}
	sealed, err := sealSlice(key, plain)
	if err != nil {
		return Info{}, err
	}
	it := &small{
		packed: catalog.Packed{Object: o, Slice: catalog.Slice{Length: int64(len(sealed)), Wrapped: wrapped, KeyID: keyID}, Condition: r.Condition},
		sealed: sealed, ctx: ctx, done: make(chan error, 1),
	}
	s.pack(it)
	if err := <-it.done; err != nil {
		return Info{}, err
	}
	s.nudge() // the version superseded, if any, is in the queue
	return infoOf(o), nil
}

// sealSlice encrypts a small object under its own key, so that who is given the
// key of a pack, to read one object in it, cannot read the others.
func sealSlice(key envelope.Key, plain []byte) ([]byte, error) {
	sealer, err := sliceSealer(key)
	if err != nil {
		return nil, err
	}
	return sealer.SealChunk(nil, plain, 0, true)
}

func sliceSealer(key envelope.Key) (*envelope.Sealer, error) {
	k, err := envelope.SliceKey(key)
	if err != nil {
		return nil, err
	}
	return envelope.NewSealer(k)
}

// pack queues an object and starts a pack if none is on its way.
func (s *Store) pack(it *small) {
	p := &s.packs
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = append(p.waiting, it)
	if p.running < packsAtOnce {
		p.running++
		s.wg.Go(s.packAll)
	}
}

// packAll sends packs until nobody waits.
func (s *Store) packAll() {
	for {
		batch := s.packs.next()
		if batch == nil {
			return
		}
		s.sendPack(batch)
	}
}

// next takes what fits into one pack, and those who have gone away; nil when
// nobody waits.
func (p *packer) next() (batch []*small) {
	p.mu.Lock()
	defer p.mu.Unlock()
	size := 0
	for len(p.waiting) > 0 && len(batch) < packObjects && (size == 0 || size+len(p.waiting[0].sealed) <= packBytes) {
		it := p.waiting[0]
		p.waiting = p.waiting[1:]
		if err := it.ctx.Err(); err != nil {
			it.done <- err
			continue
		}
		size += len(it.sealed)
		batch = append(batch, it)
	}
	if batch == nil {
		p.running--
		p.waiting = nil
	}
	return batch
}

// sendPack stores a pack and tells each of its objects how it went. An object is
// acknowledged as any other: its segment's shards have Success receipts, and the
// catalog names it.
func (s *Store) sendPack(batch []*small) {
	errs, err := s.storePack(batch)
	for i, it := range batch {
		switch {
		case err != nil:
			it.done <- err
		default:
			it.done <- errs[i]
		}
	}
}

func (s *Store) storePack(batch []*small) ([]error, error) {
	var plain []byte
	packed := make([]catalog.Packed, len(batch))
	for i, it := range batch {
		it.packed.Slice.Off = int64(len(plain))
		packed[i] = it.packed
		plain = append(plain, it.sealed...)
	}
	w, err := s.newWriter(s.life, int64(len(plain)))
	if err != nil {
		return nil, err
	}
	// A crash from here to the commit leaves a pending pack; Run deletes it.
	if err := s.cat.BeginPack(s.life, w.id, s.now()); err != nil {
		w.abandon()
		return nil, err
	}
	if err = w.sendBytes(s.life, plain); err == nil {
		var errs []error
		if errs, err = s.cat.CommitPack(context.WithoutCancel(s.life), w.id, int64(len(plain)), s.now(), packed); err == nil {
			w.release()
			return errs, nil
		}
	}
	w.abandon()
	return nil, errors.Join(err, s.undo(s.life, w.id))
}

// sendBytes stores bytes at hand as the object's segments.
func (w *writer) sendBytes(ctx context.Context, plain []byte) error {
	var o catalog.Object
	return w.stream(ctx, PutRequest{Body: bytes.NewReader(plain), Size: int64(len(plain))}, &o)
}

// small returns the bytes of an object that lies in a pack. They are fetched
// once, whole: it is at most one chunk.
func (r *Reader) small(ctx context.Context) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.plain != nil {
		return r.plain, nil
	}
	key, err := r.s.opener.open(r.slice.KeyID, r.slice.Wrapped, r.info.ID)
	if err != nil {
		return nil, err
	}
	t, err := r.s.newStretch(ctx, r.segments, r.slice.Off, r.slice.Length)
	if err != nil {
		return nil, err
	}
	defer t.Close()
	sealed := make([]byte, r.slice.Length)
	if _, err := io.ReadFull(t, sealed); err != nil {
		return nil, err
	}
	plain, err := openSlice(key, sealed)
	if err != nil {
		return nil, err
	}
	if int64(len(plain)) != r.info.Size || blake3.Sum256(plain) != r.info.Digest {
		return nil, strata.E(strata.Corrupt, "the file read differs from the one stored: its digest does not match")
	}
	r.plain = plain
	return plain, nil
}

// openSlice is the reverse of sealSlice.
func openSlice(key envelope.Key, sealed []byte) ([]byte, error) {
	sealer, err := sliceSealer(key)
	if err != nil {
		return nil, err
	}
	return sealer.OpenChunk(sealed[:0], sealed, 0, true)
}
