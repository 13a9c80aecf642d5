package cheaters

import (
	"context"
	"io"
	"slices"
	"time"

	"strata"
	"strata/erasure"
	"strata/wire"
)

// keeper is a miner that does something else with users' shards than keep them.
type keeper struct {
	*disk
	refuses strata.Code   // answers puts with it; "": takes them
	seldom  time.Duration // takes a shard in that time, and says of others that they come too fast
	last    time.Time     // when it did
	hangs   bool          // takes shards for ever and signs for none
	spreads bool          // takes a shard for each sector and no more
	drops   bool          // forgets a shard's bytes as soon as it has signed for it
	unlists bool          // and takes it out of the manifest, filler again
	frozen  bool          // and shows no manifest any more once it has credit
	failing bool
	// reads is how many of ten reads of shards it refuses, after the time that it
	// lets them wait.
	reads, asked int
	stalls       time.Duration
	// skips is how many looks it does not answer for each that it does.
	skips int
	// leaves says at which blocks its heads say that it leaves; nil: never.
	leaves func(block uint64) bool
}

// tick leaves or stays.
func (k *keeper) tick(block uint64) error {
	k.leaving = k.leaves != nil && k.leaves(block)
	return nil
}

// PutShard refuses, or takes the shard and loses it.
func (k *keeper) PutShard(ctx context.Context, v strata.Hotkey, root strata.Root, size int64, body io.Reader, o wire.Order) (wire.Receipt, error) {
	if k.refuses != "" {
		return wire.Receipt{}, strata.E(k.refuses, "not now")
	}
	if k.seldom > 0 && k.w.now.Sub(k.last) < k.seldom {
		return wire.Receipt{}, strata.E(strata.Throttled, "slow down")
	}
	k.last = k.w.now
	if k.hangs {
		return wire.Receipt{}, errHung
	}
	if k.spreads {
		return k.spread(v, root, size, body, o)
	}
	r, err := k.disk.PutShard(ctx, v, root, size, body, o)
	if err != nil || !k.drops {
		return r, err
	}
	s := k.part(v).find(r.Sector)
	s.shards[root] = nil
	if k.unlists {
		s.entry.Shards, s.entry.Tail, s.entry.State = nil, 0, wire.Filler
	}
	k.failing = k.failing || k.frozen
	return r, nil
}

// spread lays a shard into a sector that has none, and says that it has no room
// once all have.
func (k *keeper) spread(v strata.Hotkey, root strata.Root, size int64, body io.Reader, o wire.Order) (wire.Receipt, error) {
	p := k.part(v)
	free := slices.IndexFunc(p.sectors, func(s *sector) bool { return len(s.entry.Shards) == 0 })
	if free < 0 {
		return wire.Receipt{}, strata.E(strata.NoSpace, "every sector has its shard")
	}
	all := p.sectors
	p.sectors = all[free:]
	defer func() { p.sectors = all }()
	return k.disk.PutShard(context.Background(), v, root, size, body, o)
}

// ShardRange refuses some reads.
func (k *keeper) ShardRange(ctx context.Context, v strata.Hotkey, root strata.Root) (wire.ShardSource, error) {
	if k.asked++; k.asked*7%10 < k.reads { // any ten in a row have one of each remainder
		spend(ctx, k.stalls)
		return wire.ShardSource{}, strata.E(strata.Unavailable, "the disk is busy")
	}
	return k.disk.ShardRange(ctx, v, root)
}

// Manifest shows nothing new if the miner froze it, or at a look that it skips.
func (k *keeper) Manifest(ctx context.Context, q wire.ManifestQuery) (wire.ManifestPage, error) {
	look := k.w.now.Unix() / int64(k.w.rules.Pace.Pull/time.Second)
	if k.skips > 0 && look%int64(k.skips+1) > 0 {
		return wire.ManifestPage{}, strata.E(strata.Unavailable, "no answer")
	}
	if k.failing {
		return wire.ManifestPage{}, strata.E(strata.Internal, "manifest database is busy")
	}
	return k.disk.Manifest(ctx, q)
}

// joinKeeper makes the joining of a miner that treats shards so.
func joinKeeper(change func(*keeper)) func(*world, int, bool) error {
	return func(w *world, sectors int, cheat bool) error {
		d, err := newDisk(w, "Cheater0")
		if err != nil {
			return err
		}
		k := &keeper{disk: d}
		if cheat {
			change(k)
		}
		if err := k.tick(0); err != nil {
			return err
		}
		w.member(d.hotkey(), k)
		return d.seal(0, sectors)
	}
}

// rebuilder is a miner that forgets shards and computes them, when it is asked,
// from those of its friends or from what it has itself uploaded.
type rebuilder struct {
	*disk
	drops    bool
	friends  []*disk
	restored map[strata.Root]*content // nil in it: tried in vain
}

// PutShard signs for the shard and forgets its bytes.
func (r *rebuilder) PutShard(ctx context.Context, v strata.Hotkey, root strata.Root, size int64, body io.Reader, o wire.Order) (wire.Receipt, error) {
	receipt, err := r.disk.PutShard(ctx, v, root, size, body, o)
	if err == nil && r.drops {
		r.part(v).find(receipt.Sector).shards[root] = nil
	}
	return receipt, err
}

// Audit puts back what it can compute before it answers.
func (r *rebuilder) Audit(ctx context.Context, caller strata.Hotkey, q wire.AuditRequest) (wire.AuditResponse, error) {
	if r.drops {
		for _, ref := range q.Leaves {
			if s := r.part(q.Partition).find(ref.Sector); s != nil && ref.Shard != (strata.Root{}) {
				s.shards[ref.Shard] = r.restore(q.Partition, ref.Shard)
			}
		}
	}
	return r.disk.Audit(ctx, caller, q)
}

// ShardRange puts a shard back if it can compute it.
func (r *rebuilder) ShardRange(ctx context.Context, v strata.Hotkey, root strata.Root) (wire.ShardSource, error) {
	for _, s := range r.part(v).sectors {
		if c, listed := s.shards[root]; listed && c == nil {
			s.shards[root] = r.restore(v, root)
		}
	}
	return r.disk.ShardRange(ctx, v, root)
}

// restore computes a shard, or returns nil.
func (r *rebuilder) restore(v strata.Hotkey, root strata.Root) *content {
	if c, tried := r.restored[root]; tried {
		return c
	}
	c := r.uploaded(root)
	if c == nil {
		c = r.decoded(v, root)
	}
	r.restored[root] = c
	return c
}

// uploaded looks among the chunks of what the miner has stored as a customer.
func (r *rebuilder) uploaded(root strata.Root) *content {
	for _, chunk := range r.w.users.known {
		if c := newContent(chunk); c.root == root {
			return c
		}
	}
	return nil
}

// decoded tries every two shards of the friends that arrived with it, as every
// two of the segment's.
func (r *rebuilder) decoded(v strata.Hotkey, root strata.Root) *content {
	when, ok := r.arrived(v, root)
	if !ok {
		return nil
	}
	var others [][]byte
	for _, f := range r.friends {
		for _, s := range f.part(v).sectors {
			for _, e := range s.entry.Shards {
				if c := s.shards[e.Root]; c != nil && e.Order.Nonce == when {
					others = append(others, c.data)
				}
			}
		}
	}
	const k, total = 2, 6 // what the rule gives six miners
	if len(others) < k {
		return nil
	}
	codec, err := erasure.New(erasure.RS8, k, total)
	if err != nil {
		return nil
	}
	for i := range total {
		for j := range total {
			if c := among(codec, i, others[0], j, others[1], root); c != nil {
				return c
			}
		}
	}
	return nil
}

// among makes a segment of two shards, taken for numbers i and j of it, and looks
// whether the one with that root is in it.
func among(codec *erasure.Codec, i int, a []byte, j int, b []byte, root strata.Root) *content {
	if i == j {
		return nil
	}
	row := make([][]byte, codec.Total())
	row[i], row[j] = slices.Clone(a), slices.Clone(b)
	if codec.ReconstructRow(row) != nil {
		return nil
	}
	for n := codec.K(); n < len(row); n++ {
		row[n] = make([]byte, len(a))
	}
	if codec.EncodeRow(row) != nil {
		return nil
	}
	for _, chunk := range row {
		if c := newContent(chunk); c.root == root {
			return c
		}
	}
	return nil
}

// arrived returns when a shard was ordered: all of a segment are at once.
func (r *rebuilder) arrived(v strata.Hotkey, root strata.Root) (uint64, bool) {
	for _, s := range r.part(v).sectors {
		for _, e := range s.entry.Shards {
			if e.Root == root {
				return e.Order.Nonce, true
			}
		}
	}
	return 0, false
}

// joinRebuilder makes a rebuilder with so many friends, honest and paid for
// themselves.
func joinRebuilder(friends int, generated bool) func(*world, int, bool) error {
	return func(w *world, sectors int, cheat bool) error {
		d, err := newDisk(w, "Cheater0")
		if err != nil {
			return err
		}
		r := &rebuilder{disk: d, drops: cheat, restored: map[strata.Root]*content{}}
		w.users.generated = generated
		for i := range friends {
			f, err := newDisk(w, "Friend"+string(rune('0'+i)))
			if err != nil {
				return err
			}
			w.join(f.hotkey(), f)
			if err := f.seal(0, sectors); err != nil {
				return err
			}
			r.friends = append(r.friends, f)
		}
		w.member(d.hotkey(), r)
		return d.seal(0, sectors)
	}
}

// forger is a miner that lists shards of bytes that it can compute, with orders
// that it has signed itself.
type forger struct{ *disk }

// joinForger makes half of the forger's claims such shards.
func joinForger(w *world, sectors int, cheat bool) error {
	d, err := newDisk(w, "Cheater0")
	if err != nil {
		return err
	}
	w.member(d.hotkey(), &forger{d})
	if err := d.seal(0, sectors); err != nil || !cheat {
		return err
	}
	return fillWithOrdered(w, d, sectors, sectors, &seat{hotkey: d.hotkey(), key: d.key}, w.validators[0])
}

// fillWithOrdered claims n more sectors in a validator's partition: sealed once,
// so that their roots are true, and then full of invented shards that a key has
// ordered. None of their bytes are kept.
func fillWithOrdered(w *world, d *disk, from, n int, by, in *seat) error {
	for number := from; number < from+n; number++ {
		sealed, err := w.lib.sector(d.identity(in.hotkey, uint64(number)))
		if err != nil {
			return err
		}
		d.claim(in.hotkey, uint64(number), sealed)
		s := d.part(in.hotkey).find(uint64(number))
		for i := range w.profile.Blocks / group {
			c := w.lib.invented(invention{uint64(number)<<8 | uint64(i) | 1<<40, group * strata.BlockSize})
			o, err := order(w, by, d.hotkey(), c.root, c.data)
			if err != nil {
				return err
			}
			s.entry.Shards = append(s.entry.Shards, wire.ShardEntry{Root: c.root, Offset: i * group, Length: uint32(len(c.data)), Order: &o})
			s.shards[c.root] = c
		}
		s.entry.Tail, s.entry.State = w.profile.Blocks, wire.Data
	}
	return nil
}
