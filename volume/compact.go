package volume

import (
	"context"
	"errors"
	"io"
	"slices"

	"strata"
	"strata/internal/hugepage"
	"strata/merkle"
	"strata/volume/disk"
	"strata/volume/index"
	"strata/wire"
)

// Compact forgets the shards whose undelete window has ended, moves what is
// live out of sectors that have become a quarter empty or were withdrawn, and
// seals sectors without shards again, to their old root: they are filler once
// more. One sector's worth of memory is used at a time. Sectors in use by a
// reader or a put are left for the next call, as are those for whose shards
// there is no room, and all of a disk that does not work until it is back.
// Cancelling ctx stops it cleanly. Call it regularly.
func (s *Store) Compact(ctx context.Context) error {
	s.compacting.Lock()
	defer s.compacting.Unlock()
	s.attend()
	cutoff := s.cfg.Clock().Add(-s.cfg.Profile.Undelete).UnixNano()
	var errs []error
	for _, d := range s.working() {
		err := errors.Join(s.makeSure(d), s.purge(ctx, d, cutoff))
		if err != nil && !d.Silent() {
			return err
		}
		errs = append(errs, err) // of one that hangs: the others go on
	}
	for _, j := range s.wasted() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !j.c.disk.Works() {
			continue // it hangs since
		}
		if err := s.compactSector(ctx, j); err != nil && strata.CodeOf(err) != strata.NoSpace {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// makeSure takes from the index what is in the sectors of a disk of which it may
// have more than is known, since a commit was given up while the disk hung.
func (s *Store) makeSure(d *disk.Disk) error {
	var list []job
	s.eachSector(func(p *partition, c *sector) {
		if c.disk == d && c.unsure {
			list = append(list, job{p, c})
		}
	})
	for _, j := range list {
		if !j.p.occupy(j.c, true) {
			continue // a put is under way: the next call does it
		}
		var row index.Sector
		var found bool
		err := s.alter(j.p, j.c, func(tx index.Tx, _ uint64) (_ bool, err error) {
			row, found, err = tx.Sector(j.p.validator, j.c.number)
			return true, err
		}, func(sequence uint64) { j.p.correct(j.c, row, found, sequence) })
		j.p.let(j.c, s.size(), err)
		if err != nil {
			return err
		}
	}
	return nil
}

// correct makes a sector what its row says, which may have been released. The
// caller holds mu.
func (p *partition) correct(c *sector, row index.Sector, found bool, sequence uint64) {
	c.unsure = false
	switch {
	case !found:
		p.become(c, wire.Gone)
		delete(p.sectors, c.number)
	case row.Slot < 0:
		p.become(c, wire.Gone)
		p.sectors[c.number] = &sector{disk: c.disk, number: c.number, slot: -1, state: wire.Gone, root: row.Root, changed: sequence}
	default:
		p.become(c, row.State)
		c.root, c.tail, c.shards, c.live = row.Root, row.Tail, row.Shards, row.Live
		if c.end = max(c.end, row.Used); row.State == wire.Filler {
			c.end, c.holes = 0, nil
		}
	}
}

// purge forgets deleted shards of one disk, a transaction for each sector.
func (s *Store) purge(ctx context.Context, d *disk.Disk, cutoff int64) error {
	jobs, err := s.expired(ctx, d, cutoff)
	if err != nil {
		return err
	}
	for _, j := range jobs {
		if err := s.forget(j, cutoff); err != nil {
			return err
		}
	}
	return nil
}

// expired lists the sectors of d with shards deleted at cutoff or before.
func (s *Store) expired(ctx context.Context, d *disk.Disk, cutoff int64) ([]job, error) {
	places, err := disk.Ask(ctx, d, func() ([]index.Place, error) { return d.Index().Expired(ctx, cutoff) })
	if err != nil {
		return nil, err
	}
	var jobs []job
	for _, at := range places {
		p := s.ensurePartition(at.Validator)
		if c := p.sector(at.Number); c != nil && c.disk == d {
			jobs = append(jobs, job{p, c})
		}
	}
	return jobs, nil
}

// forget removes a sector's expired shards from the index. Their bytes stay
// until the sector is sealed again, for whoever still reads them.
func (s *Store) forget(j job, cutoff int64) error {
	var count uint32
	var length uint64
	return s.alter(j.p, j.c, func(tx index.Tx, _ uint64) (_ bool, err error) {
		count, length, err = tx.ForgetShards(j.p.validator, j.c.number, cutoff)
		return count > 0, err
	}, func(uint64) {
		j.p.left++
		j.c.shards -= count
		j.c.live -= length
	})
}

// wasted lists the sectors worth compacting, those without shards first: they
// become room for the rest.
func (s *Store) wasted() []job {
	var list []job
	s.eachSector(func(p *partition, c *sector) {
		used := c.state == wire.Data && (c.shards == 0 || c.live <= uint64(c.end)/4*3)
		if (used || c.state == wire.Withdrawn) && !c.busy && !c.unsure && c.puts == 0 && c.disk.Works() {
			list = append(list, job{p, c})
		}
	})
	empty := func(j job) int { return min(int(j.c.shards), 1) }
	slices.SortStableFunc(list, func(a, b job) int { return empty(a) - empty(b) })
	return list
}

// compactSector empties a sector as far as it can and, when nothing is left in
// it and nobody reads it, seals it again.
func (s *Store) compactSector(ctx context.Context, j job) (err error) {
	if !j.p.seize(j.c) {
		return nil
	}
	defer func() { j.p.let(j.c, s.size(), err) }()
	rows, err := shardsOf(ctx, j.c.disk, j.p.validator, j.c.number)
	if err != nil {
		return err
	}
	var errs []error
	for _, row := range rows {
		if err := s.move(ctx, j, row); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return errs[0] // the rest say the same of other shards
	}
	j.p.mu.Lock()
	free := j.c.shards == 0 && j.c.pins == 0
	j.p.mu.Unlock()
	if !free {
		return nil
	}
	return s.reseal(ctx, j)
}

// seize marks a sector busy, unless it is or a put is under way in it, or it is
// not sure what is in it.
func (p *partition) seize(c *sector) bool { return p.occupy(c, false) }

func (p *partition) occupy(c *sector, unsure bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.busy || c.puts > 0 || c.unsure != unsure || p.sectors[c.number] != c {
		return false
	}
	c.busy = true
	return true
}

// let ends what seize began, with an error when nothing that was given up is
// under way on the disk: filler that is written late must not come over a shard.
func (p *partition) let(c *sector, size int64, err error) {
	done := func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		c.busy = false
		p.offer(c, size)
	}
	if err == nil {
		done()
		return
	}
	c.disk.Settled(done)
}

// move copies a shard to another sector of the same disk. A crash before the
// commit leaves it where it was, after it where it went: one transaction
// changes the row and both sectors.
func (s *Store) move(ctx context.Context, j job, seen index.Shard) error {
	release, err := j.p.claim(ctx, seen.Root)
	if err != nil {
		return err
	}
	defer release()
	row, err := s.findShard(ctx, j.p, seen.Root)
	if err != nil || row == nil || row.disk != j.c.disk || row.Number != j.c.number {
		return err
	}
	f, err := j.c.disk.Patient(j.p.validator)
	if err != nil {
		return err
	}
	r, err := s.reserve(j.p, row.Length, j.c.disk)
	if err != nil {
		return err
	}
	src := io.NewSectionReader(f.Data, s.offset(j.c)+row.Start, row.Length)
	if _, err := s.receive(ctx, j.p, r, row.Root, row.Length, src); err != nil {
		s.abandon(j.p, r)
		return strata.E(strata.CodeOf(err), "shard %s cannot be moved out of sector %d: %w", row.Root, j.c.number, err)
	}
	return s.commitMove(j, row, r)
}

func (s *Store) commitMove(j job, row *shardRow, r region) error {
	err := s.alter(j.p, r.c, func(tx index.Tx, next uint64) (bool, error) {
		return true, tx.MoveShard(j.p.validator, row.Shard, r.c.number, r.start, next)
	}, func(next uint64) {
		r.c.puts--
		r.c.shards++
		r.c.live += uint64(row.Length)
		j.p.left++
		j.c.shards--
		j.c.live -= uint64(row.Length)
		j.c.changed, j.c.hashed = next, false
	})
	if err != nil {
		r.c.disk.Settled(func() { j.p.unsure(r.c, j.c) })
	}
	return err
}

// reseal makes an empty sector filler again: what shards overwrote is written
// back. Until the commit the sector is a data sector without shards whose tail
// is intact, so a crash anywhere before it leaves that, and the next call does
// it again. A withdrawn sector is written whole, nodes included. Filler that
// comes out with another root is never shown: a number's root cannot change.
func (s *Store) reseal(ctx context.Context, j job) error {
	m, err := hugepage.Alloc(s.cfg.Profile.SectorSize())
	if err != nil {
		return err
	}
	buf := m.Bytes()
	if err := s.identity(j.p.validator, j.c.number).Fill(ctx, buf); err != nil {
		m.Free()
		return err
	}
	return s.rewrite(ctx, j, buf, m.Free)
}

// rewrite puts filler back to its place, and calls free once buf is not needed.
func (s *Store) rewrite(ctx context.Context, j job, buf []byte, free func()) error {
	tree := merkle.Build(buf)
	j.p.mu.Lock()
	root, state, tail := j.c.root, j.c.state, int(j.c.tail)*strata.BlockSize
	j.p.mu.Unlock()
	if tree.Root() != root {
		free()
		return strata.E(strata.Corrupt, "sector %d of validator %s does not fill to its root: it stays out of use; check this machine's memory", j.c.number, j.p.validator.Short())
	}
	if state == wire.Withdrawn {
		tail = len(buf)
		if err := s.writeRecord(j, tree); err != nil {
			free()
			return err
		}
	}
	if _, err := s.writeSector(ctx, j, buf[:tail], free, nil); err != nil {
		return err
	}
	return s.alter(j.p, j.c, func(tx index.Tx, _ uint64) (bool, error) {
		return true, tx.Sealed(j.p.validator, j.c.number, root)
	}, func(uint64) {
		j.p.become(j.c, wire.Filler)
		j.c.tail, j.c.end, j.c.holes = 0, 0, nil
	})
}
