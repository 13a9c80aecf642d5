package volume

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"sync"

	"strata"
	"strata/merkle"
	"strata/volume/disk"
	"strata/volume/index"
	"strata/volume/vfs"
	"strata/wire"
)

// region is a span of a sector given to one put.
type region struct {
	c *sector
	span
}

// PutShard stores size bytes of body, whose BLAKE3 root must be root, in the
// validator's partition, and returns the receipt, unsigned. When it has
// returned nil, data and index are on disk. A shard that is here already gives
// its receipt again without reading body; one that was deleted comes back.
// order may be nil; it is kept and shown in the manifest.
//
// Codes: NotFound (no partition), TooLarge (over a quarter of a sector),
// Invalid (body is longer, shorter or of another root; nothing is kept),
// NoSpace (no filler left, or the allocation shrank below what is stored).
func (s *Store) PutShard(ctx context.Context, validator strata.Hotkey, root strata.Root, size int64, body io.Reader, order *wire.Order) (wire.Receipt, error) {
	p, err := s.partition(validator)
	if err != nil {
		return wire.Receipt{}, err
	}
	if size <= 0 {
		return wire.Receipt{}, strata.E(strata.Invalid, "shard of %d bytes: there is nothing to store", size)
	}
	if most := int64(s.cfg.Profile.MaxShard()); size > most {
		return wire.Receipt{}, strata.E(strata.TooLarge, "shard of %d bytes: at most %d fit, a quarter of a sector", size, most)
	}
	done, err := p.claim(ctx, root)
	if err != nil {
		return wire.Receipt{}, err
	}
	defer done()
	if row, err := s.revive(ctx, p, root, size); err != nil || row != nil {
		return row.receipt(validator), err
	}
	r, err := s.reserve(p, size, nil)
	if err != nil {
		return wire.Receipt{}, err
	}
	tree, err := s.receive(ctx, p, r, root, size, body)
	if err != nil {
		s.abandon(p, r)
		return wire.Receipt{}, err
	}
	return s.commitShard(p, r, tree, order)
}

// claim makes those take turns who put, mark or move one root: a second put
// finds the first's shard.
func (p *partition) claim(ctx context.Context, root strata.Root) (done func(), err error) {
	mine := make(chan struct{})
	for {
		p.mu.Lock()
		other, taken := p.incoming[root]
		if !taken {
			p.incoming[root] = mine
		}
		p.mu.Unlock()
		if !taken {
			break
		}
		select {
		case <-other:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return func() {
		p.mu.Lock()
		delete(p.incoming, root)
		p.mu.Unlock()
		close(mine)
	}, nil
}

// revive returns the row of a shard that is here, undeleted, or nil.
func (s *Store) revive(ctx context.Context, p *partition, root strata.Root, size int64) (*shardRow, error) {
	row, err := s.findShard(ctx, p, root)
	if err != nil || row == nil {
		return nil, err
	}
	if row.Length != size {
		return nil, strata.E(strata.Invalid, "shard %s has %d bytes, not %d", root, row.Length, size)
	}
	if row.Deleted == 0 {
		return row, nil
	}
	back, err := s.mark(p, row, 0)
	if err != nil || !back {
		return nil, err // purged just now: it must be sent again
	}
	return row, nil
}

// mark sets when a shard was deleted (0: live), in unix nanoseconds, and says
// whether the shard was still there. The caller has claimed the root, so that
// compaction does not move the shard meanwhile. A revived shard gets a later sequence, so
// that a list made before does not delete it again.
func (s *Store) mark(p *partition, row *shardRow, at int64) (done bool, err error) {
	c := p.sector(row.Number)
	if c == nil {
		return false, nil
	}
	err = s.alter(p, c, func(tx index.Tx, next uint64) (bool, error) {
		if at > 0 {
			return tx.DeleteShard(row.ID, at)
		}
		return tx.RestoreShard(row.ID, next)
	}, func(next uint64) {
		done = true
		row.Deleted = at
		if at == 0 {
			row.Sequence = next
		}
	})
	return done, err
}

func (p *partition) sector(number uint64) *sector {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sectors[number]
}

// receipt is what a put returns for the row; nil gives the zero receipt.
func (r *shardRow) receipt(v strata.Hotkey) wire.Receipt {
	if r == nil {
		return wire.Receipt{}
	}
	return wire.Receipt{Validator: v, Root: r.Root, Length: uint64(r.Length), Sector: r.Number,
		Offset: uint32(r.Start / strata.BlockSize), Sequence: r.Sequence, UnixNano: uint64(r.Created)}
}

// reserve gives a region for size bytes, on one disk if only is not nil. Before
// it returns, the index says that the sector's filler tail starts after the
// region: a crash while the region is written damages nothing that is claimed.
func (s *Store) reserve(p *partition, size int64, only *disk.Disk) (region, error) {
	length := (size + strata.BlockSize - 1) / strata.BlockSize * strata.BlockSize
	p.mu.Lock()
	r, err := p.assign(length, s.size(), only)
	if err != nil {
		p.mu.Unlock()
		return r, err
	}
	need := uint32((r.start+length+merkle.GroupSize-1)/merkle.GroupSize) * (merkle.GroupSize / strata.BlockSize)
	covered := r.c.state == wire.Data && r.c.tail >= need
	p.mu.Unlock()
	if covered {
		return r, nil
	}
	if err := s.raiseTail(p, r.c, need); err != nil {
		p.giveBack(r, s.size())
		return region{}, err
	}
	return r, nil
}

// raiseTail turns the sector into a data sector whose filler starts at leaf
// need or later. The bound moves in steps of 1/64 of a sector, which costs at
// most that much credit and saves most puts this commit.
func (s *Store) raiseTail(p *partition, c *sector, need uint32) error {
	step := max(s.cfg.Profile.Blocks/64, merkle.GroupSize/strata.BlockSize)
	need = min((need+step-1)/step*step, s.cfg.Profile.Blocks)
	return s.alter(p, c, func(tx index.Tx, _ uint64) (bool, error) {
		// A sector withdrawn meanwhile stays so, and keeps what it gets.
		return true, tx.SetTail(p.validator, c.number, need)
	}, func(uint64) {
		c.tail = max(c.tail, need)
		if c.state == wire.Filler {
			p.become(c, wire.Data)
		}
	})
}

// room says whether a put of length bytes fits. A sector lists at most
// wire.MaxShards shards.
func (c *sector) room(length, size int64) bool {
	if int(c.shards)+c.puts >= wire.MaxShards {
		return false
	}
	return c.end+c.pad(length)+length <= size || slices.ContainsFunc(c.holes, func(h span) bool { return h.length >= length })
}

// pad is what is left free before a put of length bytes at the end, so that
// large ones begin where they can be written past the system's cache.
func (c *sector) pad(length int64) int64 {
	if length < merkle.GroupSize {
		return 0
	}
	return -c.end & (vfs.Align - 1)
}

// takeSpan takes length bytes from the first hole that has them, else from the end.
func (c *sector) takeSpan(length int64) span {
	for i, h := range c.holes {
		if h.length < length {
			continue
		}
		if h.length == length {
			c.holes = slices.Delete(c.holes, i, i+1)
		} else {
			c.holes[i] = span{h.start + length, h.length - length}
		}
		return span{h.start, length}
	}
	if pad := c.pad(length); pad > 0 {
		c.holes = append(c.holes, span{c.end, pad})
		c.end += pad
	}
	at := span{c.end, length}
	c.end += length
	return at
}

// giveBack ends a put that stored nothing; its region can be used again.
func (p *partition) giveBack(r region, size int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.offer(r.c, size)
	r.c.puts--
	if r.start+r.length == r.c.end {
		r.c.end = r.start
		return
	}
	r.c.holes = append(r.c.holes, r.span)
	slices.SortFunc(r.c.holes, func(a, b span) int { return cmp.Compare(a.start, b.start) })
}

// abandon ends a put whose bytes were not stored. A write that was given up, since
// the disk hangs, may still happen, at any time: the region stays taken, and its
// sector is neither sealed again nor released, until nothing that was given up is
// under way there. So what is acknowledged later never has its bytes overwritten
// by what was refused before.
func (s *Store) abandon(p *partition, r region) {
	r.c.disk.Settled(func() { p.giveBack(r, s.size()) })
}

// receive streams body into the region, syncs it and checks its root. A crash
// leaves bytes in a region that is claimed neither as filler nor as a shard.
func (s *Store) receive(ctx context.Context, p *partition, r region, root strata.Root, size int64, body io.Reader) (tree merkle.Tree, err error) {
	f, err := r.c.disk.Patient(p.validator)
	if err != nil {
		return merkle.Tree{}, err
	}
	b := merkle.NewBuilder(uint64(size))
	buf, giveBack := shardPieces.lend(size)
	defer func() {
		if err == nil {
			giveBack()
			return
		}
		r.c.disk.Settled(giveBack) // a write that was given up still reads it
	}()
	at := s.offset(r.c) + r.start
	for left := size; left > 0; {
		if ctx.Err() != nil {
			return merkle.Tree{}, ctx.Err()
		}
		piece := buf[:min(left, int64(len(buf)))]
		if _, err := io.ReadFull(body, piece); err != nil {
			return merkle.Tree{}, shortBody(err, root, size)
		}
		if _, err := b.Write(piece); err != nil {
			return merkle.Tree{}, err
		}
		if err := write(r.c.disk, f, piece, at+size-left); err != nil {
			return merkle.Tree{}, err
		}
		left -= int64(len(piece))
	}
	if n, err := io.ReadFull(body, buf[:1]); n > 0 || !errors.Is(err, io.EOF) {
		return merkle.Tree{}, strata.E(strata.Invalid, "shard %s is longer than the %d bytes announced, or does not end: send it again", root, size)
	}
	if tree, err = b.Tree(); err != nil {
		return merkle.Tree{}, err
	}
	if tree.Root() != root {
		return merkle.Tree{}, strata.E(strata.Invalid, "the bytes sent are not shard %s but %s: send it again", root, tree.Root())
	}
	defer r.c.disk.Gate().Serve()()
	if err := f.SyncData(); err != nil {
		return merkle.Tree{}, vfs.Classify(err, "syncing a shard to", r.c.disk.Dir())
	}
	return tree, nil
}

// write writes a piece of a shard, past the system's cache where it is aligned:
// it would be copied there only to be synced at once. Background work on the
// disk waits meanwhile.
func write(d *disk.Disk, f *disk.Files, piece []byte, at int64) error {
	defer d.Gate().Serve()()
	if _, err := f.Data.WriteDirect(piece, at); err != nil {
		return vfs.Classify(err, "writing a shard to", d.Dir())
	}
	return nil
}

func shortBody(err error, root strata.Root, size int64) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return strata.E(strata.Invalid, "shard %s ended before the %d bytes announced: send it again", root, size)
	}
	return strata.E(strata.Unavailable, "shard %s stopped coming: send it again: %w", root, err)
}

// commitShard enters a shard whose bytes are synced. A crash before the commit
// leaves unclaimed bytes, after it a stored shard without acknowledgement.
func (s *Store) commitShard(p *partition, r region, tree merkle.Tree, order *wire.Order) (wire.Receipt, error) {
	row := &shardRow{disk: r.c.disk, Shard: index.Shard{Root: tree.Root(), Number: r.c.number, Start: r.start, Length: int64(tree.Size()), Created: s.cfg.Clock().UnixNano()}}
	var signed []byte
	if order != nil {
		signed = order.Encode()
	}
	ahead := s.ahead(p, r)
	err := s.alter(p, r.c, func(tx index.Tx, next uint64) (bool, error) {
		row.Sequence = next
		if err := tx.InsertShard(p.validator, &row.Shard, tree.Bytes(), signed); err != nil || ahead == 0 {
			return err == nil, err
		}
		return true, tx.SetTail(p.validator, r.c.number, ahead)
	}, func(uint64) {
		r.c.tail = max(r.c.tail, ahead)
		r.c.puts--
		r.c.shards++
		r.c.live += tree.Size()
	})
	if err != nil {
		// The commit may have happened although it failed, or happen yet: the
		// region is left alone until compaction, and the sector until nothing that
		// was given up is under way.
		r.c.disk.Settled(func() { p.unsure(r.c, r.c) })
		return wire.Receipt{}, err
	}
	return row.receipt(p.validator), nil
}

// unsure ends a put whose commit failed, or may have been made: the index may have
// more in the sector than is known, or less in the one it came from.
func (p *partition) unsure(c, from *sector) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.puts--
	c.unsure = c.unsure || c.disk.InDoubt()
	from.unsure = from.unsure || c.unsure
}

// ahead is the tail bound that another put of a region's length would need after
// it, 0 where it has that already or there is no room: put into the commit of
// this one, it saves the next a commit of its own. It costs the credit of one
// shard for each sector that is being written.
func (s *Store) ahead(p *partition, r region) uint32 {
	end := (r.start + 2*r.length + merkle.GroupSize - 1) / merkle.GroupSize * merkle.GroupSize
	need := uint32(end / strata.BlockSize)
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.c.end != r.start+r.length || end > s.size() || need <= r.c.tail {
		return 0
	}
	return need
}

// OpenShard opens a stored shard for reading, a deleted one too while its
// undelete window lasts. The shard stays in place until the source is closed.
// Code NotFound if it is not here.
func (s *Store) OpenShard(ctx context.Context, validator strata.Hotkey, root strata.Root) (wire.ShardSource, error) {
	p, err := s.partition(validator)
	if err != nil {
		return wire.ShardSource{}, err
	}
	row, c, err := s.pinShard(ctx, p, root)
	if err != nil {
		return wire.ShardSource{}, err
	}
	release := sync.OnceFunc(func() { p.unpin(c) })
	tree, err := row.load()
	if err != nil {
		release()
		return wire.ShardSource{}, err
	}
	f, err := disk.Ask(ctx, c.disk, func() (*disk.Files, error) { return c.disk.Open(validator) })
	if err != nil {
		release()
		return wire.ShardSource{}, err
	}
	return wire.ShardSource{
		Size: uint64(row.Length), Tree: tree,
		Data:  io.NewSectionReader(c.disk.Gate().Reader(f.Data), s.offset(c)+row.Start, row.Length),
		Close: func() error { release(); return nil },
	}, nil
}

// pinShard finds a shard, with its tree, and pins its sector: it will not be
// sealed again until unpin. A shard may leave the sector between the look-up and
// the pin; then it is looked up again.
func (s *Store) pinShard(ctx context.Context, p *partition, root strata.Root) (*shardRow, *sector, error) {
	for ctx.Err() == nil {
		left := p.departures()
		row, err := s.findTree(ctx, p, root)
		if err != nil {
			return nil, nil, err
		}
		if row == nil {
			return nil, nil, s.notHere(p, root)
		}
		if c := p.pin(row.Number, left); c != nil {
			return row, c, nil
		}
	}
	return nil, nil, ctx.Err()
}

// departures counts the times that shards left a sector, from when on it may be
// sealed again.
func (p *partition) departures() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.left
}

// pin keeps a sector as it is; nil when shards have left sectors since there were
// so many departures. One that is in the index already and not yet in memory does
// no harm: a sector is sealed again only after it is in memory, and then it is
// looked at for pins.
func (p *partition) pin(number, departures uint64) *sector {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.sectors[number]
	if c == nil || p.left != departures {
		return nil
	}
	c.pins++
	return c
}

func (p *partition) unpin(c *sector) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.pins--
}

// load returns the tree of a row that findTree has found.
func (r *shardRow) load() (merkle.Tree, error) { return r.disk.Index().LoadTree(r.Shard, r.nodes) }

// DeleteShard marks a shard deleted. It counts as live, and can be read and
// put back, until the profile's undelete window ends. Deleting again changes
// nothing; a shard that is not here gives code NotFound.
func (s *Store) DeleteShard(ctx context.Context, validator strata.Hotkey, root strata.Root) error {
	p, row, release, err := s.claimShard(ctx, validator, root)
	if err != nil {
		return err
	}
	defer release()
	_, err = s.mark(p, row, s.cfg.Clock().UnixNano())
	return err
}

// Retain reconciles a partition with a validator's list: shards not listed are
// marked deleted as by DeleteShard, but none whose receipt is later than the
// list's sequence; listed ones that were deleted come back. The list must be
// valid (wire.Retain.Validate).
func (s *Store) Retain(ctx context.Context, validator strata.Hotkey, list wire.Retain) (wire.RetainResult, error) {
	var res wire.RetainResult
	p, err := s.partition(validator)
	if err != nil {
		return res, err
	}
	if err := list.Validate(); err != nil {
		return res, err
	}
	found := make([]bool, len(list.Roots))
	for _, d := range s.disks {
		if err := s.retainOn(ctx, p, d, list, found, &res); err != nil {
			return res, err
		}
	}
	for i, ok := range found {
		if !ok {
			res.Missing = append(res.Missing, list.Roots[i])
		}
	}
	return res, nil
}

// retainEach is how many shards are compared with a list at a time.
const retainEach = 4096

func (s *Store) retainOn(ctx context.Context, p *partition, d *disk.Disk, list wire.Retain, found []bool, res *wire.RetainResult) error {
	var last []byte
	for {
		page, err := disk.Ask(ctx, d, func() ([]index.Shard, error) { return d.Index().ShardsAfter(ctx, p.validator, last, retainEach) })
		if err != nil {
			return err
		}
		for _, seen := range page {
			if err := s.reconcile(ctx, p, seen, list, found, res); err != nil {
				return err
			}
		}
		if len(page) < retainEach {
			return nil
		}
		last = page[len(page)-1].Root[:]
	}
}

// reconcile counts a shard if it is live, and turns its mark where the list says
// otherwise.
func (s *Store) reconcile(ctx context.Context, p *partition, seen index.Shard, list wire.Retain, found []bool, res *wire.RetainResult) error {
	i, wanted := slices.BinarySearchFunc(list.Roots, seen.Root, func(a, b strata.Root) int { return bytes.Compare(a[:], b[:]) })
	if wanted {
		found[i] = true
	}
	live := seen.Deleted == 0
	if live {
		res.Kept++
	}
	if wanted == live || (live && seen.Sequence > list.Sequence) {
		return nil
	}
	done, err := s.remark(ctx, p, seen)
	switch {
	case err != nil:
		return err
	case done && live:
		res.Removed++
		res.Kept--
	case done:
		res.Kept++
	}
	return nil
}

// remark turns the mark of a shard round, if it is still as it was seen.
func (s *Store) remark(ctx context.Context, p *partition, seen index.Shard) (bool, error) {
	release, err := p.claim(ctx, seen.Root)
	if err != nil {
		return false, err
	}
	defer release()
	row, err := s.findShard(ctx, p, seen.Root)
	if err != nil || row == nil || row.Deleted != seen.Deleted || row.Sequence != seen.Sequence {
		return false, err
	}
	at := int64(0)
	if row.Deleted == 0 {
		at = s.cfg.Clock().UnixNano()
	}
	return s.mark(p, row, at)
}
