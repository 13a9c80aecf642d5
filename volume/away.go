package volume

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"sync"
	"time"

	"strata"
	"strata/volume/index"
	"strata/volume/layout"
	"strata/wire"
)

// lostAfter is how long a disk may be away before its sectors leave the
// manifests, which costs their standing with validators.
const lostAfter = 2 * time.Minute

// works says whether the disk does, as far as is known.
func (d *disk) works() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.away.IsZero()
}

// note keeps whether the disk worked when it was tried.
func (d *disk) note(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case err == nil:
		d.away = time.Time{}
		d.hush.silent.Store(false)
	case d.away.IsZero():
		d.away = time.Now()
	}
}

// working returns the disks that work.
func (s *Store) working() []*disk {
	var list []*disk
	for _, d := range s.disks {
		if d.works() {
			list = append(list, d)
		}
	}
	return list
}

// everywhere does what is kept on every disk. One that does not work is left
// out: when it is back, the others know better. An error means that it was done
// on none, or not on a disk that works.
func (s *Store) everywhere(do func(*disk) error) error {
	done, last := 0, error(nil)
	for _, d := range s.working() {
		err := do(d)
		if err != nil && d.try(context.Background()) == nil {
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
		if !d.works() {
			return strata.E(strata.Unavailable, "shard %s of %s may be on the disk of %s, which does not work", root, p.validator.Short(), d.dir)
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

func (s *Store) attendTo(d *disk) {
	if !d.works() && d.try(context.Background()) == nil {
		s.cfg.Log.Info("disk is back", "dir", d.dir)
	}
	if d.works() {
		s.clear(d)
	}
	d.mu.Lock()
	since := d.away
	d.mu.Unlock()
	lost := !since.IsZero() && time.Since(since) >= lostAfter
	if lost == d.lost.Load() {
		return
	}
	if lost {
		s.cfg.Log.Error("disk is away: validators are told no more of its sectors until it is back", "dir", d.dir)
	}
	s.republish(func() { d.lost.Store(lost) })
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

// reattach takes up a disk that was unmounted and mounted again: all that was
// open of it is broken for good. why is what happened to the directory that was
// open.
func (d *disk) reattach(why error) error {
	if _, err := os.Stat(filepath.Join(d.dir, layout.IndexFile)); err != nil {
		return why // nothing of ours is there: neither a lock nor an index may be made
	}
	x, err := d.again()
	if err != nil {
		return strata.E(strata.Unavailable, "%w: %v", why, err)
	}
	old := d.ix.Swap(x)
	d.forget()
	_ = old.close() // of a disk that is no more
	return nil
}

// reopen opens a disk's directory and makes sure that it holds what it held.
func (s *Store) reopen(d *disk) (*held, error) {
	ctx := context.Background()
	x, err := attach(ctx, s.cfg, d.dir)
	if err != nil {
		return nil, err
	}
	if err := s.sameSectors(ctx, d, x.Index); err != nil {
		_ = x.close() // nothing was written
		return nil, err
	}
	return x, nil
}

// sameSectors refuses an index that does not have the sectors of d. A root that
// it has beyond what is known is of a commit that was in doubt when the disk
// went.
func (s *Store) sameSectors(ctx context.Context, d *disk, x *index.Index) error {
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
func (s *Store) holds(d *disk, r index.Sector) bool {
	p, err := s.partition(r.Validator)
	if err != nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.sectors[r.Number]
	return c != nil && c.disk == d && c.slot == r.Slot && (c.root == r.Root || c.root == strata.Root{})
}
