package object

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/zeebo/blake3"
	"golang.org/x/sync/errgroup"

	"strata"
	"strata/catalog"
	"strata/object/fetch"
	"strata/object/memory"
	"strata/object/segment"
)

const (
	// renewLimit bounds one Rebuild or Copy. Timing.Reserve is much longer, so
	// that no reservation falls due while its shard is still on the way.
	renewLimit = 10 * time.Minute
)

// Renewal asks for shards of one segment to be stored anew.
type Renewal struct {
	Segment catalog.Segment
	Renew   []int           // indices of the shards, ascending
	Kept    []strata.Hotkey // miners whose shards of the segment stay: the new ones are spread beside them
}

// Renewed is what a Renewal did.
type Renewed struct {
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
func (s *Store) Rebuild(ctx context.Context, r Renewal) (Renewed, error) {
	ctx, cancel := context.WithTimeout(ctx, renewLimit)
	defer cancel()
	p, err := s.newPlacer(ctx, r)
	if err != nil {
		return Renewed{}, err
	}
	if n := p.room(); n < len(r.Renew) {
		r.Renew = r.Renew[:n]
	}
	if len(r.Renew) == 0 {
		return Renewed{}, errNoTaker(r.Segment)
	}
	w, err := s.newRenewer(ctx, r)
	if err != nil {
		return Renewed{}, err
	}
	defer w.close()
	if err := w.make(ctx); err != nil {
		return Renewed{Read: w.from.BytesRead()}, err
	}
	out, err := s.place(ctx, p, w.shards, w.memory.Bodies)
	out.Read = w.from.BytesRead()
	return out, err
}

func errNoTaker(seg catalog.Segment) error {
	return strata.E(strata.NoSpace, "no miner without a shard of segment %d of object %s has room for one: wait for miners or space", seg.Number, seg.Origin)
}

// Copy moves shards, each read from its own miner, to miners that hold none of
// the segment: it reads a shard for each, not k. Codes as for Rebuild; NotFound,
// Corrupt or Unavailable where the miner does not give its shard.
func (s *Store) Copy(ctx context.Context, r Renewal) (out Renewed, err error) {
	ctx, cancel := context.WithTimeout(ctx, renewLimit)
	defer cancel()
	p, err := s.newPlacer(ctx, r)
	if err != nil {
		return out, err
	}
	for _, h := range r.Segment.Shards {
		if !slices.Contains(r.Renew, h.Index) {
			continue
		}
		one, cerr := s.copyShard(ctx, p, h)
		out.Placed = append(out.Placed, one.Placed...)
		out.Read += one.Read
		out.Written += one.Written
		err = errors.Join(err, cerr)
	}
	return out, err
}

func (s *Store) copyShard(ctx context.Context, p *placer, h catalog.Shard) (out Renewed, err error) {
	if p.room() == 0 {
		return out, errNoTaker(p.segment)
	}
	from, ok := p.find(h.Miner)
	if !ok || h.Length <= 0 || h.Length > segment.MaxSize {
		return out, strata.E(strata.Unavailable, "miner %s does not serve, so its shard cannot be copied", h.Miner.Short())
	}
	m, err := s.memory.AcquireLast(ctx, 1, h.Length)
	if err != nil {
		return out, err
	}
	defer m.Close()
	m.Bodies[0] = m.Bodies[0][:h.Length]
	if out.Read, err = s.shards.Shard(ctx, from.Endpoint, h, m.Bodies[0]); err != nil {
		return out, err
	}
	placed, err := s.place(ctx, p, []catalog.Shard{h}, m.Bodies)
	placed.Read = out.Read
	return placed, err
}

// renewer re-creates some shards of a segment, row by row.
type renewer struct {
	segment catalog.Segment
	from    *fetch.Whole
	shards  []catalog.Shard // to be made
	maker   *segment.Rebuilder
	memory  *memory.Lease
}

func (s *Store) newRenewer(ctx context.Context, r Renewal) (*renewer, error) {
	seg := r.Segment
	from, err := s.shards.Whole(ctx, seg)
	if err != nil {
		return nil, err
	}
	w := &renewer{segment: seg, from: from}
	for _, i := range r.Renew {
		if i < 0 || i >= seg.Total {
			return nil, strata.E(strata.Invalid, "segment %d of object %s has no shard %d", seg.Number, seg.Origin, i)
		}
		w.shards = append(w.shards, recordOf(seg, i, from.Layout().ShardLen()))
	}
	if w.memory, err = s.memory.AcquireLast(ctx, len(w.shards), from.Layout().ShardLen()); err != nil {
		return nil, err
	}
	if w.maker, err = from.Rebuilder(r.Renew, w.memory.Bodies); err != nil {
		w.memory.Close()
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

func (w *renewer) close() {
	w.from.Close()
	w.memory.Close()
}

// make reads the segment and fills the bodies; their roots are those on record.
func (w *renewer) make(ctx context.Context) error {
	for r := range w.from.Layout().Rows() {
		chunks, err := w.from.Row(ctx, r)
		if err != nil {
			return err
		}
		if err := w.maker.Add(chunks, r); err != nil {
			return err
		}
		w.from.Recycle(chunks)
	}
	for i := range w.shards {
		root := strata.Root(blake3.Sum256(w.memory.Bodies[i]))
		if w.shards[i].Root != (strata.Root{}) && root != w.shards[i].Root {
			return strata.E(strata.Corrupt, "shard %d of segment %d of object %s comes out with another root than is on record: the metadata is damaged",
				w.shards[i].Index, w.segment.Number, w.segment.Origin)
		}
		w.shards[i].Root = root
	}
	return nil
}

// place sends shards, each to a miner of its own, and records where they are.
func (s *Store) place(ctx context.Context, p *placer, shards []catalog.Shard, bodies [][]byte) (Renewed, error) {
	placed := make([]bool, len(shards))
	errs := make([]error, len(shards))
	var g errgroup.Group
	for i, h := range shards {
		g.Go(func() error {
			placed[i], errs[i] = p.settle(ctx, h, bodies[i])
			return nil
		})
	}
	_ = g.Wait() // each error is in errs
	var out Renewed
	for i, ok := range placed {
		if ok {
			out.Placed = append(out.Placed, shards[i].Index)
			out.Written += int64(len(bodies[i]))
		}
	}
	s.nudge() // old places are in the queue
	if len(out.Placed) > 0 {
		return out, nil // the rest is for another time
	}
	return out, errors.Join(errs...)
}
