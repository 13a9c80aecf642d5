package volume

import (
	"cmp"
	"context"
	"slices"

	"strata"
	"strata/allocation"
	"strata/volume/disk"
	"strata/volume/index"
	"strata/volume/layout"
	"strata/volume/vfs"
	"strata/wire"
)

// SetTargets applies a plan: how many sectors each validator shall have on each
// disk, the volumes being named by Config.Paths. Validators that the plan does
// not name stay as they are; volumes that a target leaves out get none.
//
// Missing sectors get a number and a slot and wait for Seal. Numbers run from
// 0: the lowest free ones are taken, so that a partition of n sectors holds the
// numbers below n, which are the only ones validators accept. Surplus filler is
// released, the highest numbers first; sectors with shards, and those that are
// being sealed at this moment, stay until a later plan.
//
// A crash between two steps leaves a partition between the old plan and the
// new; applying the plan again completes it.
func (s *Store) SetTargets(ctx context.Context, targets []allocation.Target) error {
	s.planning.Lock()
	defer s.planning.Unlock()
	for _, t := range targets {
		counts, err := s.counts(t)
		if err != nil {
			return err
		}
		if err := s.retarget(ctx, s.ensurePartition(t.Validator), counts); err != nil {
			return err
		}
	}
	for _, d := range s.disks {
		// A crash before this leaves an old list, which Open writes anew.
		if err := writeList(d, s.partitionList(d)); err != nil {
			return err
		}
	}
	return nil
}

// writeList writes a disk's partition.json, or gives up with it.
func writeList(d *disk.Disk, list []layout.Entry) error {
	_, err := disk.Ask(context.Background(), d, func() (struct{}, error) { return struct{}{}, layout.Write(d.Dir(), list) })
	return err
}

// counts returns a target's sectors by disk.
func (s *Store) counts(t allocation.Target) ([]uint32, error) {
	counts := make([]uint32, len(s.disks))
	for _, h := range t.Holdings {
		i := slices.Index(s.cfg.Paths, h.Volume)
		if i < 0 || h.Sectors > 1<<31 {
			return nil, strata.E(strata.Invalid, "plan puts %d sectors of %s on %s, which is none of this miner's paths or too small", h.Sectors, t.Validator, h.Volume)
		}
		counts[i] += uint32(h.Sectors)
	}
	return counts, nil
}

func (s *Store) retarget(ctx context.Context, p *partition, counts []uint32) error {
	for _, d := range s.disks {
		// A cut or a hole that was given up may still be made: no slot there is
		// given out again before.
		if err := d.Settle(ctx); err != nil {
			return err
		}
	}
	// Every disk learns of the validator before any sector is there, since a
	// head is kept on all of them.
	for i, d := range s.disks {
		if err := d.Commit(func(tx index.Tx) error {
			return tx.SetTarget(p.validator, counts[i])
		}); err != nil {
			return err
		}
	}
	p.mu.Lock()
	p.targets = counts
	surplus := p.surplus(s.disks)
	p.mu.Unlock()
	for _, c := range surplus {
		if err := s.release(p, c); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	for i, d := range s.disks {
		if err := s.trim(p, d); err != nil {
			return err
		}
		if err := s.enqueue(p, d, counts[i]); err != nil {
			return err
		}
	}
	return nil
}

// surplus picks what to release and marks it busy: on each disk, filler with a
// number that the partition as a whole no longer reaches, then the highest
// numbers above the disk's count. The caller holds mu.
func (p *partition) surplus(disks []*disk.Disk) []*sector {
	total := uint64(0)
	for _, n := range p.targets {
		total += uint64(n)
	}
	var out []*sector
	for _, d := range disks {
		keep := int(p.targets[d.At()])
		var free []*sector
		for _, c := range p.sectors {
			switch {
			case c.disk != d || c.slot < 0:
			case c.idle():
				free = append(free, c)
			default:
				keep--
			}
		}
		slices.SortFunc(free, func(a, b *sector) int { return cmp.Compare(a.number, b.number) })
		for i, c := range free {
			if i >= keep || c.number >= total {
				c.busy = true
				out = append(out, c)
			}
		}
	}
	return out
}

// idle says whether the sector holds nothing but filler and nobody works on it.
func (c *sector) idle() bool {
	return !c.busy && !c.unsure && c.puts == 0 && c.pins == 0 && c.shards == 0 && c.slot >= 0
}

// release gives up a sector that is marked busy. A crash before the commit
// leaves the sector whole; after it the slot is free and its bytes are garbage
// that the next sector of the slot overwrites.
func (s *Store) release(p *partition, c *sector) error {
	hole := &sector{disk: c.disk, number: c.number, slot: -1, state: wire.Gone, root: c.root}
	err := s.alter(p, c, func(tx index.Tx, _ uint64) (bool, error) {
		if c.root == (strata.Root{}) {
			// Never sealed, so never in a manifest: nobody need be told.
			return true, tx.Drop(p.validator, c.number)
		}
		return true, tx.Release(p.validator, c.number)
	}, func(sequence uint64) {
		hole.changed = sequence
		p.become(c, wire.Gone) // for a reader that still holds c
		if c.root == (strata.Root{}) {
			delete(p.sectors, c.number)
			return
		}
		p.sectors[c.number] = hole
	})
	if err != nil {
		p.mu.Lock()
		c.busy = false
		p.mu.Unlock()
		return err
	}
	c.crown.Drop(s.crowns)
	return s.vacate(p, c)
}

// vacate clears the record of a released slot and gives its space back.
func (s *Store) vacate(p *partition, c *sector) error {
	f, err := c.disk.Patient(p.validator)
	if err != nil {
		return err
	}
	if length, err := f.Data.Size(); err != nil || length <= s.offset(c) {
		return err // nothing was ever written there
	}
	if err := f.Hashes.ClearRecord(c.slot); err != nil {
		return err
	}
	if err := f.Data.Punch(s.offset(c), s.size()); err != nil {
		return vfs.Classify(err, "giving back space in", c.disk.Dir())
	}
	return nil
}

// trim cuts both files after the last slot in use.
func (s *Store) trim(p *partition, d *disk.Disk) error {
	p.mu.Lock()
	slots, known := int64(0), false
	for _, c := range p.sectors {
		if c.disk == d {
			known = true
			slots = max(slots, c.slot+1)
		}
	}
	p.mu.Unlock()
	if !known {
		return nil
	}
	f, err := d.Patient(p.validator)
	if err != nil {
		return err
	}
	for _, cut := range []struct {
		f    vfs.File
		want int64
	}{{f.Data, slots * s.size()}, {f.Hashes, slots * f.Hashes.RecordSize()}} {
		length, err := cut.f.Size()
		if err != nil {
			return err
		}
		if length <= cut.want {
			continue
		}
		if err := cut.f.Truncate(cut.want); err != nil {
			return vfs.Classify(err, "cutting files in", d.Dir())
		}
	}
	return nil
}

// enqueue gives numbers and slots on d to as many sectors as are missing
// there. They are durable before anything is written to the slots.
func (s *Store) enqueue(p *partition, d *disk.Disk, want uint32) error {
	p.publish.RLock() // a queued number keeps its last manifest entry: no head in between
	defer p.publish.RUnlock()
	p.mu.Lock()
	fresh := p.missing(d, int(want))
	p.mu.Unlock()
	err := d.Commit(func(tx index.Tx) error {
		for _, c := range fresh {
			if err := tx.Enqueue(index.Sector{Validator: p.validator, Number: c.number, Slot: c.slot, Root: c.root, Changed: c.changed}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || len(fresh) == 0 {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range fresh {
		p.sectors[c.number] = c
	}
	return nil
}

// missing makes the sectors that d lacks: the lowest numbers that no disk has,
// in the lowest free slots. The caller holds mu.
func (p *partition) missing(d *disk.Disk, want int) []*sector {
	slots := map[int64]bool{}
	for _, c := range p.sectors {
		if c.disk == d && c.slot >= 0 {
			slots[c.slot] = true
		}
	}
	var fresh []*sector
	number, slot := uint64(0), int64(0)
	for n := len(slots); n < want; n++ {
		old := p.sectors[number]
		for old != nil && old.slot >= 0 {
			number++
			old = p.sectors[number]
		}
		for slots[slot] {
			slot++
		}
		c := &sector{disk: d, number: number, slot: slot}
		if old != nil {
			c.root, c.changed, c.hashed = old.root, old.changed, true
		}
		fresh = append(fresh, c)
		number++
		slot++
	}
	return fresh
}
