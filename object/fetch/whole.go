package fetch

import (
	"context"
	"errors"
	"io"
	"time"

	"golang.org/x/sync/errgroup"

	"strata"
	"strata/catalog"
	"strata/envelope"
	"strata/object/segment"
)

// chunkSlow is how long a source may take for one chunk. It is long: a spare read
// beside a slow miner would cost more than the wait.
const chunkSlow = 30 * time.Second

// Whole reads all of a segment, row by row, from k of its miners, and no more than
// that while they answer: unlike a Range it has nobody waiting. A source that fails
// is replaced from the row at hand on. One goroutine calls its methods.
type Whole struct {
	rows
	sources []*source // being read
	lastErr error
	read    int64 // bytes of shards
}

// source is one shard being read.
type source struct {
	shard  catalog.Shard
	sealer *envelope.Sealer
	body   io.ReadCloser // nil until its first row
	stop   context.CancelFunc
	plain  []byte // the chunk that was read last
	err    error
}

// Whole prepares to read a segment; its user closes it. Code Corrupt if its record
// is damaged. Nothing is fetched yet.
func (s *Source) Whole(ctx context.Context, seg catalog.Segment) (*Whole, error) {
	if _, err := segment.CheckedLayoutOf(seg); err != nil {
		return nil, err
	}
	at, err := s.miners.Endpoints(ctx)
	if err != nil {
		return nil, err
	}
	r, err := s.open(seg, at)
	if err != nil {
		return nil, err
	}
	return &Whole{rows: r}, nil
}

// Layout returns the segment's.
func (w *Whole) Layout() segment.Layout { return w.layout }

// BytesRead returns how many bytes of shards have been read.
func (w *Whole) BytesRead() int64 { return w.read }

// Rebuilder starts to make shards of the segment again: those of these indices, each
// appended to its body. Rows go to it as Row returns them.
func (w *Whole) Rebuilder(shards []int, bodies [][]byte) (*segment.Rebuilder, error) {
	return segment.NewRebuilder(w.codec, w.key, w.segment.Number, w.layout, shards, bodies)
}

// Row returns the chunks of row r, rows in ascending order, in a list by index: all
// data chunks, those that were not read made from parity, and the parity chunks that
// were read. Recycle takes them back. Code Unavailable when fewer than k miners give
// theirs.
func (w *Whole) Row(ctx context.Context, r int) ([][]byte, error) {
	chunks, err := w.row(ctx, r)
	if err != nil {
		return nil, err
	}
	return chunks, w.complete(chunks)
}

// Recycle takes a row's chunks back, which are used no more.
func (w *Whole) Recycle(chunks [][]byte) { w.s.giveRow(chunks) }

// row returns k chunks of row r in a list by index. Code Unavailable when fewer
// than k miners give theirs.
func (w *Whole) row(ctx context.Context, r int) ([][]byte, error) {
	chunks := make([][]byte, w.segment.Total)
	for have := 0; ; {
		for len(w.sources) < w.segment.K && len(w.spares) > 0 {
			if err := w.start(); err != nil {
				return nil, err
			}
		}
		if len(w.sources) < w.segment.K {
			w.Recycle(chunks)
			return nil, w.tooFew()
		}
		w.readAll(ctx, r, chunks)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if have = w.collect(chunks); have == w.segment.K {
			return chunks, nil
		}
	}
}

// start takes the next spare.
func (w *Whole) start() error {
	h := w.spares[0]
	w.spares = w.spares[1:]
	sealer, err := segment.NewSealer(w.key, w.segment.Number, h.Index)
	w.sources = append(w.sources, &source{shard: h, sealer: sealer})
	return err
}

// readAll reads row r from every source that has not given it yet.
func (w *Whole) readAll(ctx context.Context, r int, have [][]byte) {
	var all errgroup.Group
	for _, src := range w.sources {
		if have[src.shard.Index] == nil {
			all.Go(func() error {
				src.plain, src.err = w.readChunk(ctx, src, r)
				return nil
			})
		}
	}
	_ = all.Wait() // each error is in its source
}

// collect takes what was read and drops the sources that failed; it returns how
// many chunks there are.
func (w *Whole) collect(chunks [][]byte) (have int) {
	kept := w.sources[:0]
	for _, src := range w.sources {
		if src.err != nil {
			w.fail(src)
			continue
		}
		kept = append(kept, src)
		if chunks[src.shard.Index] == nil {
			chunks[src.shard.Index] = src.plain
			w.read += int64(len(src.plain) + envelope.Overhead)
		}
		have++
	}
	w.sources = kept
	return have
}

func (w *Whole) fail(src *source) {
	src.close()
	w.lastErr = src.err
	w.failed(src.shard, src.err)
}

func (w *Whole) tooFew() error {
	return strata.E(strata.Unavailable, "fewer than %d miners give their shard of segment %d of object %s: %w",
		w.segment.K, w.segment.Number, w.segment.Origin, errors.Join(errors.New("it waits for them to come back"), w.lastErr))
}

// readChunk reads and opens a source's chunk of row r.
func (w *Whole) readChunk(ctx context.Context, src *source, r int) ([]byte, error) {
	if src.body == nil {
		rctx, stop := context.WithCancel(ctx)
		src.stop = stop
		slow := time.AfterFunc(chunkSlow, stop)
		body, err := w.get(rctx, src.shard, r, w.layout.Rows())
		if slow.Stop(); err != nil {
			return nil, err
		}
		src.body = body
	}
	slow := time.AfterFunc(chunkSlow, src.stop)
	defer slow.Stop()
	plain, _, err := w.chunkFrom(src.body, src.sealer, r)
	return plain, err
}

func (s *source) close() {
	if s.body != nil {
		_ = s.body.Close() // nothing more is wanted of it
	}
	if s.stop != nil {
		s.stop()
	}
}

// Close ends all sources and records shards found lost.
func (w *Whole) Close() {
	for _, src := range w.sources {
		src.close()
	}
	w.recordLost()
}

// Copy writes the plaintext of a segment. Codes: Corrupt (its record or key is
// wrong), Unavailable (too few miners give theirs).
func (s *Source) Copy(ctx context.Context, out io.Writer, seg catalog.Segment) error {
	w, err := s.Whole(ctx, seg)
	if err != nil {
		return err
	}
	defer w.Close()
	for r := range w.layout.Rows() {
		chunks, err := w.Row(ctx, r)
		if err != nil {
			return err
		}
		left := w.layout.RowLen(r)
		for i := 0; i < seg.K && left > 0; i++ {
			n := min(left, int64(len(chunks[i])))
			if _, err := out.Write(chunks[i][:n]); err != nil {
				return err
			}
			left -= n
		}
		w.Recycle(chunks)
	}
	return nil
}
