package cheaters

import (
	"bytes"
	"context"
	"io"
	"slices"
	"time"

	"strata"
	"strata/merkle"
	"strata/seal"
	"strata/wallet"
	"strata/wire"
)

const (
	// seek is what a read of one leaf takes: a hard disk's.
	seek = 10 * time.Millisecond
	// group is the leaves of a merkle group, in which shards are laid.
	group = merkle.GroupSize / merkle.LeafSize
)

// disk is an honest miner with its sectors in memory. Cheaters embed it and do
// something else in some of its methods.
type disk struct {
	w       *world
	key     *wallet.Key
	parts   map[strata.Hotkey]*part
	leaving bool // as its heads say
}

// part is what a miner holds for one validator.
type part struct {
	head    wire.Head
	dirty   bool
	sectors []*sector // ascending
}

// sector is one entry of the manifest and what can be opened of it.
type sector struct {
	entry  wire.Entry
	filler *content
	shards map[strata.Root]*content
}

// newDisk registers a miner under a name.
func newDisk(w *world, name string) (*disk, error) {
	key, err := w.lib.key(name)
	if err != nil {
		return nil, err
	}
	return &disk{w: w, key: key, parts: map[strata.Hotkey]*part{}}, nil
}

func (d *disk) hotkey() strata.Hotkey { return d.key.Hotkey() }

func (d *disk) part(v strata.Hotkey) *part {
	p := d.parts[v]
	if p == nil {
		p = &part{}
		d.parts[v] = p
	}
	return p
}

// find returns a sector of a partition, nil if there is none.
func (p *part) find(number uint64) *sector {
	i, ok := slices.BinarySearchFunc(p.sectors, number, compareNumber)
	if !ok {
		return nil
	}
	return p.sectors[i]
}

func compareNumber(s *sector, n uint64) int {
	switch {
	case s.entry.Number < n:
		return -1
	case s.entry.Number > n:
		return 1
	}
	return 0
}

// claim lists a sector with that content as its filler.
func (d *disk) claim(v strata.Hotkey, number uint64, c *content) {
	p := d.part(v)
	i, there := slices.BinarySearchFunc(p.sectors, number, compareNumber)
	if !there {
		p.sectors = slices.Insert(p.sectors, i, &sector{})
	}
	s := p.sectors[i]
	s.entry, s.filler, s.shards = wire.Entry{Number: number, Root: c.root, State: wire.Filler}, c, map[strata.Root]*content{}
	p.touch(s)
}

// touch notes a sector for the next head.
func (p *part) touch(s *sector) {
	s.entry.Changed, p.dirty = p.head.Sequence+1, true
}

// identity is what a sector is computed from.
func (d *disk) identity(v strata.Hotkey, number uint64) seal.Sector {
	return seal.Sector{
		Genesis: d.w.domain.Genesis, Netuid: d.w.domain.Netuid, Miner: d.hotkey(), Validator: v,
		Number: number, Blocks: d.w.profile.Blocks, Passes: d.w.profile.Passes,
	}
}

// seal fills n sectors, divided among the validators by the rule, numbered from
// one on, and lists them.
func (d *disk) seal(from, n int) error {
	return d.each(from, n, func(v strata.Hotkey, number uint64) error {
		c, err := d.w.lib.sector(d.identity(v, number))
		if err == nil {
			d.claim(v, number, c)
		}
		return err
	})
}

// each calls f for n sectors from a number on, divided among the validators by
// stake.
func (d *disk) each(from, n int, f func(v strata.Hotkey, number uint64) error) error {
	shares, err := d.w.shares(n)
	if err != nil {
		return err
	}
	for i, v := range d.w.validators {
		for range shares[i] {
			if err := f(v.hotkey, uint64(from)); err != nil {
				return err
			}
			from++
		}
	}
	return nil
}

// Status says who the miner is.
func (d *disk) Status(context.Context) wire.Status {
	s := wire.Status{
		Version: "zoo", Hotkey: d.hotkey(), Genesis: d.w.domain.Genesis, Netuid: d.w.domain.Netuid, Profile: d.w.profile.Name,
		Limits: wire.Limits{MaxShard: uint64(d.w.profile.MaxShard())},
	}
	for _, v := range d.w.validators {
		n := uint64(len(d.part(v.hotkey).sectors))
		s.Partitions = append(s.Partitions, wire.Partition{Validator: v.hotkey, Sealed: n, Target: n})
	}
	return s
}

// Authorize admits permitted validators.
func (d *disk) Authorize(_ context.Context, caller strata.Hotkey, what wire.Action, _ strata.Hotkey) error {
	if d.w.validator(caller) == nil {
		return strata.E(strata.Forbidden, "%s has no permit to %s", caller, what)
	}
	return nil
}

// Manifest shows a partition.
func (d *disk) Manifest(_ context.Context, q wire.ManifestQuery) (wire.ManifestPage, error) {
	p := d.parts[q.Validator]
	if p == nil || len(p.sectors) == 0 {
		return wire.ManifestPage{}, strata.E(strata.NotFound, "no partition for %s", q.Validator)
	}
	return p.page(d, q)
}

// page cuts a page out of a partition, under a head that is signed anew if
// anything has changed.
func (p *part) page(d *disk, q wire.ManifestQuery) (wire.ManifestPage, error) {
	if err := p.publish(d, q.Validator); err != nil {
		return wire.ManifestPage{}, err
	}
	page := wire.ManifestPage{Head: p.head}
	size := wire.HeadSize + 5
	for _, s := range p.sectors {
		if s.entry.Number < q.After || s.entry.Changed <= q.Since {
			continue
		}
		if size += s.entry.Size(); size > wire.MaxPage {
			page.More = true
			break
		}
		page.Entries = append(page.Entries, s.entry)
	}
	return page, nil
}

func (p *part) publish(d *disk, v strata.Hotkey) error {
	if !p.dirty && p.head.Leaving == d.leaving {
		return nil
	}
	h := wire.Head{Validator: v, Sequence: p.head.Sequence + 1, Leaving: d.leaving}
	if p.head.Sequence > 0 {
		h.Previous = p.head.Hash(d.w.domain)
	}
	var hashes [][32]byte
	for _, s := range p.sectors {
		if s.entry.Listed() {
			hashes = append(hashes, s.entry.Hash())
		}
		if s.entry.State == wire.Filler || s.entry.State == wire.Data {
			h.Sectors++
		}
		h.Shards += uint32(len(s.entry.Shards))
	}
	h.EntriesRoot = wire.EntriesRoot(slices.Values(hashes))
	if err := h.Sign(d.w.domain, d.key); err != nil {
		return err
	}
	p.head, p.dirty = h, false
	return nil
}

// Audit opens leaves, one read after the other.
func (d *disk) Audit(ctx context.Context, _ strata.Hotkey, r wire.AuditRequest) (wire.AuditResponse, error) {
	var a wire.AuditResponse
	for _, ref := range r.Leaves {
		a.Openings = append(a.Openings, d.open(ctx, r.Partition, ref))
	}
	return a, nil
}

func (d *disk) open(ctx context.Context, v strata.Hotkey, ref wire.LeafRef) wire.Opening {
	spend(ctx, seek)
	if s := d.part(v).find(ref.Sector); s != nil {
		if c := s.at(ref); c != nil {
			return c.open(ref.Leaf)
		}
	}
	return wire.Opening{Missing: true}
}

// at returns the content that a leaf is in, nil for none.
func (s *sector) at(ref wire.LeafRef) *content {
	switch {
	case ref.Shard != strata.Root{}:
		return s.shards[ref.Shard]
	case ref.Leaf < s.entry.Tail || s.entry.State != wire.Filler && s.entry.State != wire.Data:
		return nil
	}
	return s.filler
}

// PutShard lays a shard over the filler of the first sector with room.
func (d *disk) PutShard(_ context.Context, v strata.Hotkey, root strata.Root, size int64, body io.Reader, o wire.Order) (wire.Receipt, error) {
	data, err := io.ReadAll(io.LimitReader(body, size+1))
	if err != nil {
		return wire.Receipt{}, err
	}
	c := newContent(data)
	if c.root != root || int64(len(data)) != size || o.Root != root {
		return wire.Receipt{}, strata.E(strata.Corrupt, "the body is not shard %s", root)
	}
	s, err := d.lay(v, c, o)
	if err != nil {
		return wire.Receipt{}, err
	}
	last := s.entry.Shards[len(s.entry.Shards)-1]
	r := wire.Receipt{
		Validator: v, Root: root, Length: uint64(size), Sector: s.entry.Number, Offset: last.Offset,
		Sequence: s.entry.Changed, UnixNano: uint64(d.w.now.UnixNano()),
	}
	return r, r.Sign(d.w.domain, d.key)
}

// lay puts a shard's content where there is room.
func (d *disk) lay(v strata.Hotkey, c *content, o wire.Order) (*sector, error) {
	p := d.part(v)
	need := uint32((len(c.data)+merkle.GroupSize-1)/merkle.GroupSize) * group
	for _, s := range p.sectors {
		e := &s.entry
		if (e.State != wire.Filler && e.State != wire.Data) || e.Tail+need > d.w.profile.Blocks {
			continue
		}
		e.Shards = append(slices.Clone(e.Shards), wire.ShardEntry{Root: c.root, Offset: e.Tail, Length: uint32(len(c.data)), Order: &o})
		e.Tail, e.State = e.Tail+need, wire.Data
		s.shards[c.root] = c
		p.touch(s)
		return s, nil
	}
	return nil, strata.E(strata.NoSpace, "no filler is left for %s", v)
}

// shard returns a stored shard's content, nil if there is none.
func (d *disk) shard(v strata.Hotkey, root strata.Root) *content {
	for _, s := range d.part(v).sectors {
		if c := s.shards[root]; c != nil {
			return c
		}
	}
	return nil
}

// ShardRange opens a shard for reading.
func (d *disk) ShardRange(_ context.Context, v strata.Hotkey, root strata.Root) (wire.ShardSource, error) {
	c := d.shard(v, root)
	if c == nil {
		return wire.ShardSource{}, strata.E(strata.NotFound, "no shard %s", root)
	}
	return wire.ShardSource{
		Size: uint64(len(c.data)), Tree: c.tree, Data: bytes.NewReader(c.data), Close: func() error { return nil },
	}, nil
}

// Games neither delete shards nor keep superblocks.

// DeleteShard finds nothing to delete.
func (d *disk) DeleteShard(_ context.Context, _ strata.Hotkey, root strata.Root) error {
	return strata.E(strata.NotFound, "no shard %s", root)
}

// RestoreShard finds nothing to restore.
func (d *disk) RestoreShard(_ context.Context, _ strata.Hotkey, root strata.Root) error {
	return strata.E(strata.NotFound, "no shard %s", root)
}

// Retain keeps everything.
func (d *disk) Retain(context.Context, strata.Hotkey, wire.Retain) (wire.RetainResult, error) {
	return wire.RetainResult{}, nil
}

// PutSuperblock forgets it.
func (d *disk) PutSuperblock(context.Context, strata.Hotkey, wire.Superblock) error { return nil }

// GetSuperblock has none.
func (d *disk) GetSuperblock(context.Context, strata.Hotkey) (wire.Superblock, error) {
	return wire.Superblock{}, strata.E(strata.NotFound, "no superblock")
}
