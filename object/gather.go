package object

import (
	"context"
	"errors"
	"io"
	"time"

	"golang.org/x/sync/errgroup"

	"strata"
	"strata/catalog"
	"strata/envelope"
	"strata/erasure"
	"strata/object/segment"
	"strata/wire"
)

// gatherSlow is how long a repair waits for one chunk. It is long: a spare read
// beside a slow miner would cost more than the wait.
const gatherSlow = 30 * time.Second

// gather reads a whole segment from k of its miners, and no more than that while
// they answer: unlike fetch it has nobody waiting. A source that fails is
// replaced from the row at hand on. One goroutine calls its methods.
type gather struct {
	s       *Store
	segment catalog.Segment
	layout  segment.Layout
	codec   *erasure.Codec
	key     envelope.Key
	at      map[strata.Hotkey]wire.Endpoint
	spares  []catalog.Shard // not read yet, the best first
	sources []*source       // being read
	lost    []catalog.ShardUpdate
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

func (s *Store) newGather(ctx context.Context, seg catalog.Segment) (*gather, error) {
	g := &gather{s: s, segment: seg, layout: segment.LayoutOf(seg)}
	if !g.layout.Valid() {
		return nil, strata.E(strata.Corrupt, "the record of segment %d of object %s is damaged: restore the metadata from a backup", seg.Number, seg.Origin)
	}
	var err error
	if g.codec, err = erasure.New(seg.Codec, seg.K, seg.Total); err != nil {
		return nil, err
	}
	if g.key, err = s.opener.Open(seg.KeyID, seg.Wrapped, seg.Origin); err != nil {
		return nil, err
	}
	if g.at, err = s.miners.Endpoints(ctx); err != nil {
		return nil, err
	}
	for _, h := range s.miners.Order(seg.Shards, seg.K) {
		_, serves := g.at[h.Miner]
		if serves && h.Index >= 0 && h.Index < seg.Total && h.Length == g.layout.ShardLen() {
			g.spares = append(g.spares, h)
		}
	}
	return g, nil
}

// row returns k chunks of row r in a list by index. Code Unavailable when fewer
// than k miners give theirs.
func (g *gather) row(ctx context.Context, r int) ([][]byte, error) {
	chunks := make([][]byte, g.segment.Total)
	for have := 0; ; {
		for len(g.sources) < g.segment.K && len(g.spares) > 0 {
			if err := g.start(); err != nil {
				return nil, err
			}
		}
		if len(g.sources) < g.segment.K {
			g.recycle(chunks)
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

// dataRow returns row r in a list by index: all its data chunks, those that were
// not read made from parity, and the parity chunks that were.
func (g *gather) dataRow(ctx context.Context, r int) ([][]byte, error) {
	chunks, err := g.row(ctx, r)
	if err != nil {
		return nil, err
	}
	return chunks, g.s.complete(g.codec, chunks)
}

// start takes the next spare.
func (g *gather) start() error {
	h := g.spares[0]
	g.spares = g.spares[1:]
	sealer, err := segment.NewSealer(g.key, g.segment.Number, h.Index)
	g.sources = append(g.sources, &source{shard: h, sealer: sealer})
	return err
}

// readAll reads row r from every source that has not given it yet.
func (g *gather) readAll(ctx context.Context, r int, have [][]byte) {
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
func (g *gather) collect(chunks [][]byte) (have int) {
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

func (g *gather) fail(src *source) {
	src.close()
	g.lastErr = src.err
	g.s.miners.Failed(src.shard.Miner)
	if c := strata.CodeOf(src.err); c == strata.NotFound || c == strata.Corrupt {
		g.lost = append(g.lost, catalog.ShardUpdate{Index: src.shard.Index, State: catalog.Lost})
	}
}

func (g *gather) tooFew() error {
	return strata.E(strata.Unavailable, "fewer than %d miners give their shard of segment %d of object %s: %w",
		g.segment.K, g.segment.Number, g.segment.Origin, errors.Join(errors.New("it waits for them to come back"), g.lastErr))
}

// readChunk reads and opens a source's chunk of row r. The transport has
// verified each group against the shard's root.
func (g *gather) readChunk(ctx context.Context, src *source, r int) ([]byte, error) {
	if src.body == nil {
		rctx, stop := context.WithCancel(ctx)
		src.stop = stop
		off := g.layout.ShardOff(r)
		slow := time.AfterFunc(gatherSlow, stop)
		body, err := g.s.peers.GetShard(rctx, g.at[src.shard.Miner], src.shard.Root, uint64(src.shard.Length), uint64(off), uint64(src.shard.Length-off))
		if slow.Stop(); err != nil {
			return nil, err
		}
		src.body = body
	}
	slow := time.AfterFunc(gatherSlow, src.stop)
	defer slow.Stop()
	buf := g.s.takeChunk()[:g.layout.ChunkLen(r)+envelope.Overhead]
	if _, err := io.ReadFull(src.body, buf); err != nil {
		g.s.giveChunk(buf)
		return nil, err
	}
	plain, err := src.sealer.OpenChunk(buf[:0], buf, uint64(r), g.layout.Last(r))
	if err != nil {
		g.s.giveChunk(buf)
	}
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

// recycle gives a row's chunks back.
func (g *gather) recycle(chunks [][]byte) { g.s.giveRow(chunks) }

// close ends all sources and records shards found lost.
func (g *gather) close() {
	for _, src := range g.sources {
		src.close()
	}
	if len(g.lost) == 0 || g.s.cat == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), cleanupLimit)
	defer cancel()
	if err := g.s.cat.UpdateShards(ctx, g.segment.Origin, g.segment.Number, g.lost); err != nil && strata.CodeOf(err) != strata.Conflict {
		g.s.log.Warn("cannot record lost shards", "object", g.segment.Origin, "segment", g.segment.Number, "err", err)
	}
}
