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
func (g *Whole) Layout() segment.Layout { return g.layout }

// BytesRead returns how many bytes of shards have been read.
func (g *Whole) BytesRead() int64 { return g.read }

// Rebuilder starts to make shards of the segment again: those of these indices, each
// appended to its body. Rows go to it as Row returns them.
func (g *Whole) Rebuilder(shards []int, bodies [][]byte) (*segment.Rebuilder, error) {
	return segment.NewRebuilder(g.codec, g.key, g.segment.Number, g.layout, shards, bodies)
}

// Row returns the chunks of row r, rows in ascending order, in a list by index: all
// data chunks, those that were not read made from parity, and the parity chunks that
// were read. Recycle takes them back. Code Unavailable when fewer than k miners give
// theirs.
func (g *Whole) Row(ctx context.Context, r int) ([][]byte, error) {
	chunks, err := g.row(ctx, r)
	if err != nil {
		return nil, err
	}
	return chunks, g.complete(chunks)
}

// Recycle takes a row's chunks back, which are used no more.
func (g *Whole) Recycle(chunks [][]byte) { g.s.giveRow(chunks) }

// row returns k chunks of row r in a list by index. Code Unavailable when fewer
// than k miners give theirs.
func (g *Whole) row(ctx context.Context, r int) ([][]byte, error) {
	chunks := make([][]byte, g.segment.Total)
	for have := 0; ; {
		for len(g.sources) < g.segment.K && len(g.spares) > 0 {
			if err := g.start(); err != nil {
				return nil, err
			}
		}
		if len(g.sources) < g.segment.K {
			g.Recycle(chunks)
			return nil, g.tooFew()
		}
		g.readAll(ctx, r, chunks)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if have = g.collect(chunks); have == g.segment.K {
			return chunks, nil
		}
	}
}

// start takes the next spare.
func (g *Whole) start() error {
	h := g.spares[0]
	g.spares = g.spares[1:]
	sealer, err := segment.NewSealer(g.key, g.segment.Number, h.Index)
	g.sources = append(g.sources, &source{shard: h, sealer: sealer})
	return err
}

// readAll reads row r from every source that has not given it yet.
func (g *Whole) readAll(ctx context.Context, r int, have [][]byte) {
	var all errgroup.Group
	for _, src := range g.sources {
		if have[src.shard.Index] == nil {
			all.Go(func() error {
				src.plain, src.err = g.readChunk(ctx, src, r)
				return nil
			})
		}
	}
	_ = all.Wait() // each error is in its source
}

// collect takes what was read and drops the sources that failed; it returns how
// many chunks there are.
func (g *Whole) collect(chunks [][]byte) (have int) {
	kept := g.sources[:0]
	for _, src := range g.sources {
		if src.err != nil {
			g.fail(src)
			continue
		}
		kept = append(kept, src)
		if chunks[src.shard.Index] == nil {
			chunks[src.shard.Index] = src.plain
			g.read += int64(len(src.plain) + envelope.Overhead)
		}
		have++
	}
	g.sources = kept
	return have
}

func (g *Whole) fail(src *source) {
	src.close()
	g.lastErr = src.err
	g.rows.fail(src.shard, src.err)
}

func (g *Whole) tooFew() error {
	return strata.E(strata.Unavailable, "fewer than %d miners give their shard of segment %d of object %s: %w",
		g.segment.K, g.segment.Number, g.segment.Origin, errors.Join(errors.New("it waits for them to come back"), g.lastErr))
}

// readChunk reads and opens a source's chunk of row r.
func (g *Whole) readChunk(ctx context.Context, src *source, r int) ([]byte, error) {
	if src.body == nil {
		rctx, stop := context.WithCancel(ctx)
		src.stop = stop
		slow := time.AfterFunc(chunkSlow, stop)
		body, err := g.get(rctx, src.shard, r, g.layout.Rows())
		if slow.Stop(); err != nil {
			return nil, err
		}
		src.body = body
	}
	slow := time.AfterFunc(chunkSlow, src.stop)
	defer slow.Stop()
	plain, _, err := g.rows.readChunk(src.body, src.sealer, r)
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
func (g *Whole) Close() {
	for _, src := range g.sources {
		src.close()
	}
	g.record()
}

// Copy writes the plaintext of a segment. Codes: Corrupt (its record or key is
// wrong), Unavailable (too few miners give theirs).
func (s *Source) Copy(ctx context.Context, w io.Writer, seg catalog.Segment) error {
	g, err := s.Whole(ctx, seg)
	if err != nil {
		return err
	}
	defer g.Close()
	for r := range g.layout.Rows() {
		chunks, err := g.Row(ctx, r)
		if err != nil {
			return err
		}
		left := g.layout.RowLen(r)
		for i := 0; i < seg.K && left > 0; i++ {
			n := min(left, int64(len(chunks[i])))
			if _, err := w.Write(chunks[i][:n]); err != nil {
				return err
			}
			left -= n
		}
		g.Recycle(chunks)
	}
	return nil
}
