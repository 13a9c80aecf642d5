package volume

import (
	"cmp"
	"context"
	"sync"

	"strata"
	"strata/volume/disk"
	"strata/volume/index"
	"strata/wire"
)

// working returns the disks that work.
func (s *Store) working() []*disk.Disk {
	var list []*disk.Disk
	for _, d := range s.disks {
		if d.Works() {
			list = append(list, d)
		}
	}
	return list
}

// everywhere does what is kept on every disk. One that does not work is left
// out: when it is back, the others know better. An error means that it was done
// on none, or not on a disk that works.
func (s *Store) everywhere(do func(*disk.Disk) error) error {
	done, last := 0, error(nil)
	for _, d := range s.working() {
		err := do(d)
		if err != nil && d.Try(context.Background()) == nil {
			return err
		}
		if last = cmp.Or(last, err); err == nil {
			done++
		}
	}
	switch {
	case done > 0:
		return nil
	case last != nil:
		return last
	}
	return strata.E(strata.Unavailable, "none of this miner's disks works: attach them again")
}

// notHere says why a shard was not found.
func (s *Store) notHere(p *partition, root strata.Root) error {
	for _, d := range s.disks {
		if !d.Works() {
			return strata.E(strata.Unavailable, "shard %s of %s may be on the disk of %s, which does not work", root, p.validator.Short(), d.Dir())
		}
	}
	return strata.E(strata.NotFound, "shard %s is not in the partition of %s", root, p.validator.Short())
}

// attend tries the disks that are away. The sectors of one that stays away
// leave the manifests, as they do when a miner starts without it; when it is
// back, they are there again with their roots.
func (s *Store) attend() {
	var wg sync.WaitGroup
	for _, d := range s.disks {
		wg.Go(func() { s.attendTo(d) })
	}
	wg.Wait()
}

func (s *Store) attendTo(d *disk.Disk) {
	if !d.Works() && d.Try(context.Background()) == nil {
		s.cfg.Log.Info("disk is back", "dir", d.Dir())
	}
	if d.Works() {
		s.clear(d)
	}
	lost := d.Overdue()
	if lost == d.Lost() {
		return
	}
	if lost {
		s.cfg.Log.Error("disk is away: validators are told no more of its sectors until it is back", "dir", d.Dir())
	}
	s.republish(func() { d.Lose(lost) })
}

// republish makes a change that alters manifests between two heads.
func (s *Store) republish(change func()) {
	var parts []*partition
	for _, v := range s.Validators() {
		p := s.ensurePartition(v)
		p.publish.Lock()
		parts = append(parts, p)
	}
	change()
	for _, p := range parts {
		p.mu.Lock()
		p.dirty = true
		p.mu.Unlock()
		p.publish.Unlock()
	}
}

// sameSectors refuses an index that does not have the sectors of d. A root that
// it has beyond what is known is of a commit that was in doubt when the disk
// went.
func (s *Store) sameSectors(ctx context.Context, d *disk.Disk, x *index.Index) error {
	has := 0
	err := x.EachSector(ctx, func(r index.Sector) error {
		if r.Slot < 0 {
			return nil
		}
		if has++; !s.holds(d, r) {
			return strata.E(strata.Conflict, "it holds other sectors than before")
		}
		return nil
	})
	if err != nil {
		return err
	}
	known := 0
	s.eachSector(func(_ *partition, c *sector) {
		if c.disk == d && c.state != wire.Gone {
			known++
		}
	})
	if has != known {
		return strata.E(strata.Conflict, "it holds %d sectors, %d before", has, known)
	}
	return nil
}

// holds says whether a row is of a sector that is known to lie in that slot of d.
func (s *Store) holds(d *disk.Disk, r index.Sector) bool {
	p, err := s.partition(r.Validator)
	if err != nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.sectors[r.Number]
	return c != nil && c.disk == d && c.slot == r.Slot && (c.root == r.Root || c.root == strata.Root{})
}

// clear ends the doubt about a disk that hung and answers again: what was under
// way has been done or not, and entries are hashed anew from its index.
func (s *Store) clear(d *disk.Disk) {
	if !d.InDoubt() || d.Commit(func(index.Tx) error { return nil }) != nil {
		return
	}
	s.republish(func() {
		s.eachSector(func(p *partition, c *sector) {
			if c.disk == d {
				c.hashed = false
			}
		})
		d.Sure()
	})
}
