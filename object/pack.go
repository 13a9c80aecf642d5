package object

import (
	"context"
	"errors"
	"io"
	"maps"

	"github.com/zeebo/blake3"

	"strata"
	"strata/catalog"
	"strata/envelope"
	"strata/object/packer"
)

// packLimit is the largest object that shares a segment: one chunk, so that it
// is sealed in one piece.
const packLimit = envelope.ChunkPlain

// small is a small object, sealed, that shares a pack with others.
type small struct {
	packed catalog.Packed
	sealed []byte
}

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
	key, wrapped, keyID, err := s.keys.Wrap(o.ID)
	if err != nil {
		return Info{}, err
	}
	sealed, err := sealSlice(key, plain)
	if err != nil {
		return Info{}, err
	}
	it := small{
		packed: catalog.Packed{Object: o, Slice: catalog.Slice{Length: int64(len(sealed)), Wrapped: wrapped, KeyID: keyID}, Condition: r.Condition},
		sealed: sealed,
	}
	if err := s.packs.Do(ctx, len(sealed), it); err != nil {
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

// sendBatch stores objects as packs, most often one, and tells each how it went. One is
// acknowledged as any other: its segment's shards have Success receipts, and the
// catalog names it.
func (s *Store) sendBatch(batch []*packer.Item[small]) {
	for len(batch) > 0 {
		n, errs, err := s.storePack(batch)
		for i, it := range batch[:n] {
			if err == nil {
				it.Done(errs[i])
			} else {
				it.Done(err)
			}
		}
		batch = batch[n:]
	}
}

// storePack stores as many of the objects, one at least, as one segment holds:
// most often all. It returns how many these were and how it went for each, or
// for all.
func (s *Store) storePack(batch []*packer.Item[small]) (n int, errs []error, err error) {
	w, err := s.newWriter(s.life, sealedSize(batch))
	if err != nil {
		return len(batch), nil, err
	}
	most := int(w.scheme.FullSize())
	var plain []byte
	var packed []catalog.Packed
	for _, it := range batch {
		if n > 0 && len(plain)+len(it.Value.sealed) > most {
			break
		}
		o := it.Value.packed
		o.Slice.Off = int64(len(plain))
		packed = append(packed, o)
		plain = append(plain, it.Value.sealed...)
		n++
	}
	if errs, err = w.sendPack(plain, packed); err != nil {
		w.sends.Abandon()
		return n, nil, errors.Join(err, s.undo(s.life, w.id))
	}
	w.sends.Release()
	return n, errs, nil
}

func sealedSize(batch []*packer.Item[small]) (n int64) {
	for _, it := range batch {
		n += int64(len(it.Value.sealed))
	}
	return n
}

// sendPack stores the bytes of a pack. Its metadata is written twice: the pack
// with its shards, before the first is sent, and then all that the
// acknowledgement says, the objects and who has signed for them. A crash
// between leaves a pending pack; Run deletes it.
func (w *writer) sendPack(plain []byte, packed []catalog.Packed) (errs []error, err error) {
	p, err := w.encodeAll(w.s.life, plain)
	if err != nil {
		return nil, err
	}
	p.Enter = func(ctx context.Context, seg catalog.Segment) error {
		return w.s.cat.BeginPack(ctx, w.id, w.s.now(), seg)
	}
	p.Count = func(ctx context.Context, stored []catalog.ShardUpdate) error {
		var err error
		errs, err = w.s.cat.CommitPack(ctx, catalog.Pack{ID: w.id, Size: int64(len(plain)), At: w.s.now(), Shards: stored, Objects: packed})
		return err
	}
	err = w.sends.Send(w.s.life, p) // Count sets errs
	return errs, err
}

// small returns the bytes of an object that lies in a pack. They are fetched
// once, whole: it is at most one chunk.
func (r *Reader) small(ctx context.Context) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.plain != nil {
		return r.plain, nil
	}
	key, err := r.keys.Open(r.slice.KeyID, r.slice.Wrapped, r.info.ID)
	if err != nil {
		return nil, err
	}
	t, err := r.shards.Range(ctx, r.segments, r.slice.Off, r.slice.Length)
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
