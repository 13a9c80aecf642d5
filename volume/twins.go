package volume

import (
	"strata"
	"strata/volume/index"
)

// adopt takes a sector that an index holds. Two disks may know a number: it was
// released on one and came to the other, then the one with a slot counts; or a
// disk was left out of a run, a plan gave its numbers out again, and it is back.
// Both have slots then, of the same filler, and the one with shards counts; the
// other is returned, to be given up (part). Code Conflict if both have shards: a
// number has one place, so one of the two disks cannot be used beside the other,
// and nothing is changed.
func (p *partition) adopt(c *sector) (twin *sector, err error) {
	old := p.sectors[c.number]
	switch {
	case old == nil:
		p.sectors[c.number] = c
	case c.slot < 0 && (old.slot >= 0 || old.changed >= c.changed):
	case old.slot < 0:
		p.sectors[c.number] = c
	case old.shards > 0 && c.shards > 0:
		return nil, strata.E(strata.Conflict, "sector %d of validator %s is in %s and in %s, and both hold users' shards: one was left out of a run, and its sectors were made anew on the other; leave one of the two out",
			c.number, p.validator, old.disk.Dir(), c.disk.Dir())
	case c.shards > 0 || old.shards == 0 && old.state == index.Queued:
		p.sectors[c.number] = c
		return old, nil
	default:
		return c, nil
	}
	return nil, nil
}

// part gives up the twins of sectors, so that their slots are free. They have no
// shards. A crash between two commits leaves the rest for the next Open; before a
// twin is gone, the head that comes next shows the entry that stays, since the
// last one may have shown the twin's.
func (s *Store) part(twins []job) error {
	for _, j := range twins {
		p, twin := j.p, j.c
		c := p.sectors[twin.number]
		if !twin.hashed || !c.hashed || twin.hash != c.hash {
			c.changed, c.hashed = p.head.Sequence+1, false
			if err := c.disk.Commit(func(tx index.Tx) error { return tx.Change(p.validator, c.number, c.changed) }); err != nil {
				return err
			}
		}
		if err := twin.disk.Commit(func(tx index.Tx) error { return tx.Drop(p.validator, twin.number) }); err != nil {
			return err
		}
		s.cfg.Log.Info("sector is on two disks, given up on one", "validator", p.validator, "sector", twin.number, "kept", c.disk.Dir(), "given_up", twin.disk.Dir())
	}
	return nil
}
