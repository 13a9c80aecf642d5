// Package fetch reads shards: ranges of a file for somebody who waits (Range), and
// whole segments for a repair or a recovery, which pay for what they read (Whole).
// It knows records, but neither names nor objects.
//
// # Ranges
//
// k shards are read at once, the fastest miners' first, each a few rows ahead of
// the reader. Each chunk is authenticated as it arrives, and given to the reader
// when those before it have been; a shard that fails its check, breaks off or is
// slow is replaced by a spare from that row on.
//
// A read of more than four rows begins small: each shard is asked for its first
// row, then for three, and for the rest when the reader takes more. The first bytes
// come with the first miner's answer, and a reader that leaves after them leaves
// connections that can be used again, as such small requests are let end.
//
// # Whole segments
//
// k shards are read row by row, and no more than that while their miners answer.
// A miner that fails is replaced from the row at hand on.
package fetch

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"strata"
	"strata/catalog"
	"strata/envelope"
	"strata/erasure"
	"strata/object/roster"
	"strata/object/segment"
	"strata/wire"
)

// recordLimit is how long the records may take to note what is lost.
const recordLimit = 30 * time.Second

// Transport reads shards from miners. It is safe for concurrent use, and gives up
// when ctx is done.
type Transport interface {
	// GetShard reads n bytes from off of a shard of size bytes, which it checks
	// against root. Code NotFound means that the miner does not have the shard.
	GetShard(ctx context.Context, from wire.Endpoint, root strata.Root, size, off, n uint64) (io.ReadCloser, error)
}

// Keys opens the keys that records hold.
type Keys interface {
	Open(keyID string, wrapped []byte, id strata.ObjectID) (envelope.Key, error)
}

// Records says where shards lie by now, and is told which are lost.
type Records interface {
	Shards(ctx context.Context, ref catalog.SegmentRef) ([]catalog.Shard, error)
	UpdateShards(ctx context.Context, object strata.ObjectID, number uint64, news []catalog.ShardUpdate) error
}

// Options configures a Source. Hedge is needed for a Range, and what comes before
// Records always.
type Options struct {
	Miners    *roster.Roster
	Transport Transport
	Keys      Keys
	Records   Records       // nil: what a segment's record says is all that is known
	Hedge     time.Duration // a shard's chunk is late after this: a spare is read too
	Used      func()        // called as a Range's reader takes rows, if set
	Now       func() time.Time
	Log       *slog.Logger
}

// Source is where shards are read from. It is safe for concurrent use.
type Source struct {
	miners  *roster.Roster
	peers   Transport
	keys    Keys
	records Records
	hedge   time.Duration
	used    func()
	now     func() time.Time
	log     *slog.Logger
	chunks  sync.Pool // *[]byte of envelope.ChunkSealed
}

// New returns a Source.
func New(o Options) *Source {
	s := &Source{
		miners: o.Miners, peers: o.Transport, keys: o.Keys, records: o.Records,
		hedge: o.Hedge, used: o.Used, now: o.Now, log: o.Log,
	}
	if s.used == nil {
		s.used = func() {}
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.chunks.New = func() any { b := make([]byte, envelope.ChunkSealed); return &b }
	return s
}

// rows is a segment as its rows are read.
type rows struct {
	s       *Source
	segment catalog.Segment
	layout  segment.Layout
	codec   *erasure.Codec
	key     envelope.Key
	at      map[strata.Hotkey]wire.Endpoint
	spares  []catalog.Shard // not read yet, the best first
	lost    []int           // shards found missing or damaged
}

// open prepares to read a segment of valid layout from the miners that serve.
func (s *Source) open(seg catalog.Segment, at map[strata.Hotkey]wire.Endpoint) (r rows, err error) {
	r = rows{s: s, segment: seg, layout: segment.LayoutOf(seg), at: at}
	if r.codec, err = erasure.New(seg.Codec, seg.K, seg.Total); err != nil {
		return r, err
	}
	if r.key, err = s.keys.Open(seg.KeyID, seg.Wrapped, seg.Origin); err != nil {
		return r, err
	}
	// Nothing can be read of miners that do not serve, and of records that no layout has.
	r.spares = slices.DeleteFunc(s.miners.Order(seg.Shards, seg.K), func(h catalog.Shard) bool {
		_, serves := at[h.Miner]
		return !serves || h.Index < 0 || h.Index >= seg.Total || h.Length != r.layout.ShardLen()
	})
	return r, nil
}

// get asks a shard's miner for the rows from `from` on, before `to`.
func (r *rows) get(ctx context.Context, h catalog.Shard, from, to int) (io.ReadCloser, error) {
	off := r.layout.ShardOff(from)
	end := min(r.layout.ShardOff(to), h.Length)
	return r.s.peers.GetShard(ctx, r.at[h.Miner], h.Root, uint64(h.Length), uint64(off), uint64(end-off))
}

// chunkFrom reads and opens a shard's chunk of row i; n is how many bytes came. The
// transport has verified each group against the shard's root.
func (r *rows) chunkFrom(body io.Reader, sealer *envelope.Sealer, i int) (plain []byte, n int, err error) {
	buf := r.s.takeChunk()[:r.layout.ChunkLen(i)+envelope.Overhead]
	if n, err = io.ReadFull(body, buf); err == nil {
		plain, err = sealer.OpenChunk(buf[:0], buf, uint64(i), r.layout.Last(i))
	}
	if err != nil {
		r.s.giveChunk(buf)
		return nil, n, err
	}
	return plain, n, nil
}

// failed notes that a miner did not give its shard, and whether it never will.
func (r *rows) failed(h catalog.Shard, err error) {
	r.s.miners.Failed(h.Miner)
	if c := strata.CodeOf(err); c == strata.NotFound || c == strata.Corrupt {
		r.lost = append(r.lost, h.Index)
	}
}

// complete makes the data chunks of a row that did not come.
func (r *rows) complete(row [][]byte) error {
	for i := range r.codec.K() {
		if row[i] == nil {
			row[i] = r.s.takeChunk()[:0]
		}
	}
	return r.codec.ReconstructRow(row)
}

// recordLost notes the shards that were found lost.
func (r *rows) recordLost() {
	if len(r.lost) == 0 || r.s.records == nil {
		return
	}
	var news []catalog.ShardUpdate
	for _, i := range r.lost {
		news = append(news, catalog.ShardUpdate{Index: i, State: catalog.Lost})
	}
	ctx, cancel := context.WithTimeout(context.Background(), recordLimit)
	defer cancel()
	err := r.s.records.UpdateShards(ctx, r.segment.Origin, r.segment.Number, news)
	if err != nil && strata.CodeOf(err) != strata.Conflict { // then the object is deleted
		r.s.log.Warn("cannot record lost shards", "object", r.segment.Origin, "segment", r.segment.Number, "err", err)
	}
}

func (s *Source) takeChunk() []byte { return *s.chunks.Get().(*[]byte) }

func (s *Source) giveChunk(b []byte) {
	b = b[:cap(b)]
	s.chunks.Put(&b)
}

// giveRow takes a row's chunks back.
func (s *Source) giveRow(row [][]byte) {
	for i, c := range row {
		if c != nil {
			s.giveChunk(c)
		}
		row[i] = nil
	}
}
