// Package renew stores shards of a segment anew, each at a miner that has none of the
// segment. A shard's bytes follow from the object's key and the others, so that a
// lost one is made again with its old root: k shards are read row by row, verified,
// and the missing ones made. The shard of a miner that leaves is copied.
//
// A place is reserved in the deletion queue before it is used. So a crash at any
// point leaves the record as it was for each shard, and a deletion that falls due for
// what may have been sent.
package renew

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/zeebo/blake3"

	"strata"
	"strata/catalog"
	"strata/object/fetch"
	"strata/object/memory"
	"strata/object/roster"
	"strata/object/segment"
	"strata/object/send"
)

const (
	// limit bounds one Rebuild or Copy. Options.Reserve is much longer, so that no
	// reservation falls due while its shard is still on the way.
	limit = 10 * time.Minute
	// withdrawLimit bounds the transaction that takes a reservation back.
	withdrawLimit = 30 * time.Second
)

// Records says where shards are, and which deletions wait.
type Records interface {
	Segment(ctx context.Context, ref catalog.SegmentRef) (catalog.Segment, error)
	Reserve(ctx context.Context, ref catalog.SegmentRef, miner strata.Hotkey, root strata.Root, due time.Time) error
	PlaceShard(ctx context.Context, ref catalog.SegmentRef, h catalog.Shard) error
	Retry(ctx context.Context, d catalog.Deletion) error
}

// Options configures a Renewer. All are needed.
type Options struct {
	Miners  *roster.Roster
	Shards  *fetch.Source
	Sends   *send.Sender
	Memory  *memory.Memory
	Records Records
	Reserve time.Duration // before a place that nobody came to use is cleared
	Now     func() time.Time
	Log     *slog.Logger
}

// Renewer renews shards. It is safe for concurrent use.
type Renewer struct{ o Options }

// New returns a Renewer.
func New(o Options) *Renewer { return &Renewer{o} }

// Request asks for shards of one segment to be stored anew.
type Request struct {
	Segment catalog.Segment
	Renew   []int           // indices of the shards, ascending
	Kept    []strata.Hotkey // miners whose shards of the segment stay: the new ones are spread beside them
}

// Result is what a Request led to.
type Result struct {
	Placed  []int // indices that have a new place, signed for and on record
	Read    int64 // bytes of shards
	Written int64
}

// Rebuild re-creates shards from any k others and stores each at a miner that
// holds none of the segment. A shard's bytes are determined by the object's key,
// so what is re-created has the root that is on record, or is not sent. Shards
// found missing or damaged on the way are recorded as lost. Where fewer miners
// have room than shards are asked for, the first ones are made. Codes: NoSpace
// when no miner can take one, Unavailable when fewer than k shards can be read.
// A crash at any point leaves the record as it was for each shard, and a
// reservation in the deletion queue for what may have been sent.
func (n *Renewer) Rebuild(ctx context.Context, r Request) (Result, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	p, err := n.newPlacer(ctx, r)
	if err != nil {
		return Result{}, err
	}
	r.Renew = r.Renew[:min(len(r.Renew), p.room())]
	if len(r.Renew) == 0 {
		return Result{}, errNoTaker(r.Segment)
	}
	w, err := n.newMaker(ctx, r)
	if err != nil {
		return Result{}, err
	}
	defer w.close()
	if err := w.make(ctx); err != nil {
		return Result{Read: w.from.BytesRead()}, err
	}
	out, err := p.place(ctx, w.shards, w.lease.Bodies)
	out.Read = w.from.BytesRead()
	return out, err
}

func errNoTaker(seg catalog.Segment) error {
	return strata.E(strata.NoSpace, "no miner without a shard of segment %d of object %s has room for one: wait for miners or space", seg.Number, seg.Origin)
}

// Copy moves shards, each read from its own miner, to miners that hold none of
// the segment: it reads a shard for each, not k. Codes as for Rebuild; NotFound,
// Corrupt or Unavailable where the miner does not give its shard.
func (n *Renewer) Copy(ctx context.Context, r Request) (out Result, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	p, err := n.newPlacer(ctx, r)
	if err != nil {
		return out, err
	}
	for _, h := range r.Segment.Shards {
		if !slices.Contains(r.Renew, h.Index) {
			continue
		}
		one, cerr := n.copyShard(ctx, p, h)
		out.Placed = append(out.Placed, one.Placed...)
		out.Read += one.Read
		out.Written += one.Written
		err = errors.Join(err, cerr)
	}
	return out, err
}

func (n *Renewer) copyShard(ctx context.Context, p *placer, h catalog.Shard) (out Result, err error) {
	if p.room() == 0 {
		return out, errNoTaker(p.segment)
	}
	from, ok := p.find(h.Miner)
	if !ok || h.Length <= 0 || h.Length > segment.MaxSize {
		return out, strata.E(strata.Unavailable, "miner %s does not serve, so its shard cannot be copied", h.Miner.Short())
	}
	lease, err := n.o.Memory.AcquireLast(ctx, 1, h.Length)
	if err != nil {
		return out, err
	}
	defer lease.Close()
	lease.Bodies[0] = lease.Bodies[0][:h.Length]
	if out.Read, err = n.o.Shards.Shard(ctx, from.Endpoint, h, lease.Bodies[0]); err != nil {
		return out, err
	}
	placed, err := p.place(ctx, []catalog.Shard{h}, lease.Bodies)
	placed.Read = out.Read
	return placed, err
}

// maker re-creates some shards of a segment, row by row.
type maker struct {
	segment catalog.Segment
	from    *fetch.Whole
	shards  []catalog.Shard // to be made
	encoder *segment.Rebuilder
	lease   *memory.Lease
}

func (n *Renewer) newMaker(ctx context.Context, r Request) (*maker, error) {
	seg := r.Segment
	from, err := n.o.Shards.Whole(ctx, seg)
	if err != nil {
		return nil, err
	}
	w := &maker{segment: seg, from: from}
	for _, i := range r.Renew {
		if i < 0 || i >= seg.Total {
			return nil, strata.E(strata.Invalid, "segment %d of object %s has no shard %d", seg.Number, seg.Origin, i)
		}
		w.shards = append(w.shards, recordOf(seg, i, from.Layout().ShardLen()))
	}
	if w.lease, err = n.o.Memory.AcquireLast(ctx, len(w.shards), from.Layout().ShardLen()); err != nil {
		return nil, err
	}
	if w.encoder, err = from.Rebuilder(r.Renew, w.lease.Bodies); err != nil {
		w.lease.Close()
		return nil, err
	}
	return w, nil
}

// recordOf returns a shard's record, or one without a root for a shard that has
// none: a segment made when there were too few miners.
func recordOf(seg catalog.Segment, index int, length int64) catalog.Shard {
	for _, h := range seg.Shards {
		if h.Index == index {
			return h
		}
	}
	return catalog.Shard{Index: index, Length: length, State: catalog.Lost}
}

func (w *maker) close() {
	w.from.Close()
	w.lease.Close()
}

// make reads the segment and fills the bodies; their roots are those on record.
func (w *maker) make(ctx context.Context) error {
	for r := range w.from.Layout().Rows() {
		chunks, err := w.from.Row(ctx, r)
		if err != nil {
			return err
		}
		if err := w.encoder.Add(chunks, r); err != nil {
			return err
		}
		w.from.Recycle(chunks)
	}
	for i := range w.shards {
		root := strata.Root(blake3.Sum256(w.lease.Bodies[i]))
		if w.shards[i].Root != (strata.Root{}) && root != w.shards[i].Root {
			return strata.E(strata.Corrupt, "shard %d of segment %d of object %s comes out with another root than is on record: the metadata is damaged",
				w.shards[i].Index, w.segment.Number, w.segment.Origin)
		}
		w.shards[i].Root = root
	}
	return nil
}
