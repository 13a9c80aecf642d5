package volume

import (
	"context"
	"io"
	"sync"

	"strata"
	"strata/merkle"
	"strata/volume/disk"
	"strata/volume/hashes"
	"strata/volume/index"
	"strata/volume/vfs"
	"strata/wire"
)

// OpenLeaves answers an audit of one partition: one opening for each leaf, in
// order. Leaves are read at the same time, so that a disk can order its
// seeks. What is not here comes back as Missing. Bytes that cannot be read, or
// that do not match the root, are logged, the sector is withdrawn from the
// manifest, and the answer is Missing rather than false.
func (s *Store) OpenLeaves(ctx context.Context, req wire.AuditRequest) (wire.AuditResponse, error) {
	p, err := s.partition(req.Partition)
	if err != nil {
		return wire.AuditResponse{}, err
	}
	if err := req.Validate(); err != nil {
		return wire.AuditResponse{}, err
	}
	in, cancel := s.inTime(ctx)
	defer cancel()
	out := make([]wire.Opening, len(req.Leaves))
	var wg sync.WaitGroup
	for i, ref := range req.Leaves {
		wg.Go(func() { out[i] = s.openLeaf(in, p, ref) })
	}
	wg.Wait()
	return wire.AuditResponse{Openings: out}, ctx.Err()
}

// inTime ends a little before an audit's answer would be too late, so that one
// disk that hangs does not take the leaves of the others with it.
func (s *Store) inTime(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.cfg.Profile.Deadline <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, s.cfg.Profile.Deadline*19/20)
}

func (s *Store) openLeaf(ctx context.Context, p *partition, ref wire.LeafRef) wire.Opening {
	open := s.openShardLeaf
	if ref.Shard == (strata.Root{}) {
		open = s.openFiller
	}
	o, err := open(ctx, p, ref)
	if err != nil {
		if code := strata.CodeOf(err); code != strata.NotFound && ctx.Err() == nil {
			s.cfg.Log.Error("audited leaf cannot be opened", "validator", p.validator, "sector", ref.Sector, "shard", ref.Shard, "leaf", ref.Leaf, "err", err)
		}
		return wire.Opening{Missing: true}
	}
	return wire.Opening{Opening: o}
}

// view is what an opening of filler needs to know of a sector.
type view struct {
	slot int64
	root strata.Root
	ok   bool // the leaf is intact filler
}

func (p *partition) view(number uint64, leaf uint32) (*sector, view) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.sectors[number]
	if c == nil {
		return nil, view{}
	}
	ok := (c.state == wire.Filler || c.state == wire.Data) && leaf >= c.tail
	return c, view{c.slot, c.root, ok}
}

func (s *Store) openFiller(ctx context.Context, p *partition, ref wire.LeafRef) (merkle.Opening, error) {
	gone := strata.E(strata.NotFound, "leaf %d of sector %d is not filler here", ref.Leaf, ref.Sector)
	c, before := p.view(ref.Sector, ref.Leaf)
	if c == nil || !before.ok || ref.Leaf >= s.cfg.Profile.Blocks {
		return merkle.Opening{}, gone
	}
	o, err := disk.Reread(ctx, c.disk, func() (merkle.Opening, error) {
		return disk.Ask(ctx, c.disk, func() (merkle.Opening, error) { return s.readFiller(p, c, ref.Leaf, before.root) })
	})
	if err == nil || strata.CodeOf(err) == strata.Unavailable {
		return o, err
	}
	// A put may have taken the leaf, or a plan the sector, while it was read.
	if again, after := p.view(ref.Sector, ref.Leaf); again != c || after != before {
		return merkle.Opening{}, gone
	}
	return merkle.Opening{}, s.withdraw(p, c, err)
}

func (s *Store) readFiller(p *partition, c *sector, leaf uint32, root strata.Root) (merkle.Opening, error) {
	f, err := c.disk.Open(p.validator)
	if err != nil {
		return merkle.Opening{}, err
	}
	defer c.disk.Gate().Serve()()
	group, err := readGroup(f.Data, s.offset(c), uint64(s.size()), uint64(leaf))
	if err != nil {
		return merkle.Opening{}, err
	}
	return openChecked(group, uint64(s.size()), uint64(leaf), root, f.Hashes.Nodes(c.slot, &c.crown, s.crowns))
}

func (s *Store) openShardLeaf(ctx context.Context, p *partition, ref wire.LeafRef) (merkle.Opening, error) {
	row, c, err := s.pinShard(ctx, p, ref.Shard)
	if err != nil {
		return merkle.Opening{}, err
	}
	defer p.unpin(c)
	size, leaf := uint64(row.Length), uint64(ref.Leaf)
	if row.Number != ref.Sector || leaf*merkle.LeafSize >= size {
		return merkle.Opening{}, strata.E(strata.NotFound, "shard %s has no leaf %d in sector %d", ref.Shard, leaf, ref.Sector)
	}
	tree, err := row.load()
	if err != nil {
		return merkle.Opening{}, err
	}
	read := func() (merkle.Opening, error) {
		f, err := c.disk.Open(p.validator)
		if err != nil {
			return merkle.Opening{}, err
		}
		group, err := readGroup(c.disk.Gate().Reader(f.Data), s.offset(c)+row.Start, size, leaf)
		if err != nil {
			return merkle.Opening{}, err
		}
		return openChecked(group, size, leaf, ref.Shard, tree)
	}
	o, err := disk.Reread(ctx, c.disk, func() (merkle.Opening, error) { return disk.Ask(ctx, c.disk, read) })
	if err == nil || strata.CodeOf(err) == strata.Unavailable {
		return o, err
	}
	return merkle.Opening{}, s.withdraw(p, c, err)
}

// readGroup reads the 64 KiB group (less at the end) that holds a leaf of the
// size bytes at base.
func readGroup(src io.ReaderAt, base int64, size, leaf uint64) ([]byte, error) {
	at := leaf * merkle.LeafSize / merkle.GroupSize * merkle.GroupSize
	group := make([]byte, min(merkle.GroupSize, size-at))
	if _, err := src.ReadAt(group, base+int64(at)); err != nil {
		return nil, vfs.Classify(err, "reading", "a sector")
	}
	return group, nil
}

// openChecked makes an opening and verifies it as the asker will.
func openChecked(group []byte, size, leaf uint64, root strata.Root, nodes merkle.NodeReader) (merkle.Opening, error) {
	o, err := merkle.Open(size, leaf, group, nodes)
	if err != nil {
		return o, err
	}
	return o, o.Verify(root, size, leaf)
}

// withdraw takes a damaged sector out of the proof and returns why. A crash
// before the commit leaves it to be found again.
func (s *Store) withdraw(p *partition, c *sector, why error) error {
	c.crown.Drop(s.crowns)
	s.cfg.Log.Error("sector damaged and withdrawn: check the disk", "validator", p.validator, "sector", c.number, "dir", c.disk.Dir(), "err", why)
	err := s.alter(p, c, func(tx index.Tx, _ uint64) (bool, error) {
		return tx.Withdraw(p.validator, c.number)
	}, func(uint64) {
		if c.state == wire.Filler || c.state == wire.Data {
			p.become(c, wire.Withdrawn)
		}
	})
	if err != nil {
		return strata.E(strata.Corrupt, "%w; and it could not be withdrawn: %v", why, err)
	}
	return strata.E(strata.Corrupt, "sector %d is damaged: %w", c.number, why)
}

// Warm reads the crowns of all sealed sectors into memory, as far as they have
// room there, so that an opening takes two reads of its disk rather than three.
// Requests go first. A crown that cannot be read is left to its first opening.
func (s *Store) Warm(ctx context.Context) error {
	if hashes.CrownSize(s.size()) == 0 {
		return nil // sectors so small have none
	}
	var list []job
	s.eachSector(func(p *partition, c *sector) {
		if listed(c.state) && !c.crown.Known() {
			list = append(list, job{p, c})
		}
	})
	for _, j := range list {
		if s.crowns.Left() < hashes.CrownSize(s.size()) {
			return nil
		}
		if err := j.c.disk.Gate().Wait(ctx); err != nil {
			return err
		}
		if f, err := j.c.disk.Patient(j.p.validator); err == nil {
			_, _ = f.Hashes.Nodes(j.c.slot, &j.c.crown, s.crowns).ReadCrown()
		}
	}
	return ctx.Err()
}
