package backup

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"strata"
	"strata/catalog"
	"strata/object"
	"strata/wire"
)

const (
	maxTail       = 32 << 10 // bytes of changes in the index; more become an object
	maxIncrements = 128      // objects of changes before a new snapshot
	minSnapshot   = 4 << 20  // changes of fewer bytes do not make a new snapshot worth while
)

// write stores what is new: a snapshot when there is none or the changes since
// it have become more than it is worth, else the changes, n of them.
func (k *Keeper) write(ctx context.Context, was saved, n int) (next saved, upTo uint64, err error) {
	next = was
	if was.Snapshot.ID == nil || was.outgrown(k.minSnapshot) {
		next.Increments, next.Tail = nil, nil
		next.Snapshot, err = k.putStream(ctx, "snapshot", func(w io.Writer) error {
			mark, err := k.export(ctx, w, true)
			upTo = mark
			return err
		})
		return next, upTo, err
	}
	if n == 0 {
		return next, 0, nil
	}
	var buf bytes.Buffer
	if upTo, err = k.export(ctx, &buf, false); err != nil {
		return next, 0, err
	}
	next.Tail = append(append([]byte{}, was.Tail...), buf.Bytes()...)
	if len(next.Tail) <= k.maxTail {
		return next, upTo, nil
	}
	next, err = k.compact(ctx, next)
	return next, upTo, err
}

// export writes the catalog, or what has changed in it, gzipped.
func (k *Keeper) export(ctx context.Context, to io.Writer, whole bool) (upTo uint64, err error) {
	w := gzip.NewWriter(to)
	if upTo, err = k.Catalog.Export(ctx, w, whole); err == nil {
		err = w.Close()
	}
	return upTo, err
}

func (s saved) outgrown(least int64) bool {
	size := int64(len(s.Tail))
	for _, b := range s.Increments {
		size += b.Size
	}
	return len(s.Increments) >= maxIncrements || size > max(least, s.Snapshot.Size)
}

// compact makes an object of the newest changes and of the objects of changes
// before them that are not larger: each byte is written again as often as sizes
// double, and the number of objects grows as their logarithm. Where the old ones
// cannot be read now, the newest go alone. What was merged is dropped when the
// superblock leads to what it is in.
func (k *Keeper) compact(ctx context.Context, s saved) (saved, error) {
	from, size := len(s.Increments), int64(len(s.Tail))
	for from > 0 && s.Increments[from-1].Size <= size {
		from--
		size += s.Increments[from].Size
	}
	b, err := k.putStream(ctx, "changes", func(w io.Writer) error { return k.concat(ctx, w, s.Increments[from:], s.Tail) })
	k.merging.Say(k.Log, "changes in the backup could not be merged with earlier ones", err)
	if err != nil && from < len(s.Increments) && ctx.Err() == nil {
		from = len(s.Increments)
		b, err = k.put(ctx, "changes", bytes.NewReader(s.Tail))
	}
	s.Increments = append(append([]blob{}, s.Increments[:from]...), b)
	s.Tail = nil
	return s, err
}

// concat writes objects and what comes after them: gzip's members follow one another.
func (k *Keeper) concat(ctx context.Context, w io.Writer, blobs []blob, tail []byte) error {
	for _, b := range blobs {
		r, err := k.Store.Open(ctx, b.id())
		if err != nil {
			return err
		}
		_, err = r.WriteTo(w)
		if cerr := r.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return err
		}
	}
	_, err := w.Write(tail)
	return err
}

// putStream stores what write writes.
func (k *Keeper) putStream(ctx context.Context, name string, write func(io.Writer) error) (blob, error) {
	pr, pw := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = pw.CloseWithError(write(pw)) // nil is io.EOF
	}()
	b, err := k.put(ctx, name, pr)
	_ = pr.CloseWithError(io.ErrClosedPipe) // ends a write that nobody reads
	<-done
	return b, err
}

func (k *Keeper) put(ctx context.Context, name string, body io.Reader) (blob, error) {
	key := fmt.Sprintf("%s-%d", name, k.Pace.Now().UnixNano())
	info, err := k.Store.Put(ctx, object.PutRequest{Bucket: catalog.BackupBucket, Name: key, Size: -1, Body: body, Alone: true})
	return blob{ID: append([]byte{}, info.ID[:]...), Size: info.Size}, err
}

// seal stores the index and returns its superblock, signed.
func (k *Keeper) seal(ctx context.Context, next *saved) (wire.Superblock, error) {
	next.Created = k.Pace.Now().Unix()
	full := next.index
	full.Increments = append([]blob{}, next.Increments...)
	named := append([]*blob{&full.Snapshot}, pointers(full.Increments)...)
	if full.Ledger.ID != nil {
		named = append(named, &full.Ledger)
	}
	for _, b := range named {
		if err := k.describe(ctx, b); err != nil {
			return wire.Superblock{}, err
		}
	}
	doc, err := json.Marshal(full)
	if err != nil {
		return wire.Superblock{}, err
	}
	if next.Index, err = k.put(ctx, "index", bytes.NewReader(pack(doc))); err != nil {
		return wire.Superblock{}, err
	}
	at := next.Index
	if err := k.describe(ctx, &at); err != nil {
		return wire.Superblock{}, err
	}
	block := wire.Superblock{Version: next.Version}
	if block.Payload, err = sealPayload(k.Secret, block.Version, at); err != nil {
		return wire.Superblock{}, err
	}
	return block, block.Sign(k.Domain, k.Signer)
}

func pointers(list []blob) (out []*blob) {
	for i := range list {
		out = append(out, &list[i])
	}
	return out
}

// describe adds the records of a blob's segments, as the catalog has them now:
// repair may have moved shards.
func (k *Keeper) describe(ctx context.Context, b *blob) error {
	segments, err := k.Catalog.Segments(ctx, b.id())
	if err != nil {
		return err
	}
	if len(segments) == 0 {
		return strata.E(strata.Corrupt, "an object of the backup is not in the catalog any more: a new snapshot is needed")
	}
	b.Records = nil
	for _, s := range segments {
		b.Records = append(b.Records, recordOf(s))
	}
	return nil
}
