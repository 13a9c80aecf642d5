package volume

import (
	"cmp"
	"slices"

	"strata"
	"strata/volume/disk"
	"strata/wire"
)

// maxOpen bounds the sectors with data that a put on a disk looks at. Those
// with little left are let go; the next survey finds them again.
const maxOpen = 32

// spare remembers where there is room on one disk of a partition, so that a put
// need not look at every sector. It is a hint: each sector in it is checked
// when it is used, and a put that finds none there has all sectors looked at
// again. The partition's mu guards it.
type spare struct {
	open   []*sector // begun and with something left, at most maxOpen
	filler []*sector // without data, by number
}

// assign picks a sector with room and takes a region of it: a sector with data,
// else filler; of the sectors known, the one with the lowest number. The caller
// holds mu.
func (p *partition) assign(length, size int64, only *disk.Disk) (region, error) {
	target := uint64(0)
	for _, n := range p.targets {
		target += uint64(n)
	}
	if only == nil && p.data > target {
		return region{}, p.full(target)
	}
	c := p.candidate(length, size, only)
	if c == nil {
		p.survey(size, only)
		c = p.candidate(length, size, only)
	}
	if c == nil {
		return region{}, p.full(target)
	}
	c.puts++
	return region{c, c.takeSpan(length)}, nil
}

func (p *partition) full(target uint64) error {
	held := uint64(0)
	for _, c := range p.sectors {
		if c.slot >= 0 {
			held++
		}
	}
	return strata.E(strata.NoSpace, "no room in the partition of %s: %d of its %d sectors hold data, %d are allotted; store elsewhere",
		p.validator.Short(), p.data, held, target)
}

// candidate returns a sector with room for length bytes that spare knows, or nil.
func (p *partition) candidate(length, size int64, only *disk.Disk) *sector {
	var open, filler *sector
	for at := range p.spare {
		if only != nil && only.At() != at {
			continue
		}
		if c := p.fromOpen(at, length, size); c != nil {
			open = lower(open, c)
		} else if c := p.fromFiller(at); c != nil {
			filler = lower(filler, c)
		}
	}
	if open != nil || filler == nil {
		return open
	}
	at := filler.disk.At()
	p.spare[at].filler = p.spare[at].filler[1:]
	p.offer(filler, size)
	return filler
}

// lower returns the sector with the lower number; a may be nil.
func lower(a, b *sector) *sector {
	if a != nil && a.number < b.number {
		return a
	}
	return b
}

// fromOpen returns a begun sector of a disk, and forgets those that are no more.
func (p *partition) fromOpen(at int, length, size int64) (found *sector) {
	s := &p.spare[at]
	s.open = slices.DeleteFunc(s.open, func(c *sector) bool { return !p.usable(c) })
	for _, c := range s.open {
		if c.room(length, size) {
			found = lower(found, c)
		}
	}
	return found
}

// fromFiller returns the first filler of a disk, and forgets those before it
// that are none any more.
func (p *partition) fromFiller(at int) *sector {
	s := &p.spare[at]
	for len(s.filler) > 0 {
		if c := s.filler[0]; p.usable(c) && c.state == wire.Filler && c.end == 0 {
			return c
		}
		s.filler = s.filler[1:]
	}
	return nil
}

// usable says whether a put may go into the sector, if it has room.
func (p *partition) usable(c *sector) bool {
	return !c.busy && !c.unsure && (c.state == wire.Data || c.state == wire.Filler) && p.sectors[c.number] == c && c.disk.Works()
}

// offer makes a sector known as one that may have room. Of too many, the
// fullest is let go.
func (p *partition) offer(c *sector, size int64) {
	s := &p.spare[c.disk.At()]
	if slices.Contains(s.open, c) {
		return
	}
	s.open = append(s.open, c)
	if len(s.open) > maxOpen {
		least := 0
		for i, o := range s.open {
			if o.widest(size) < s.open[least].widest(size) {
				least = i
			}
		}
		s.open = slices.Delete(s.open, least, least+1)
	}
}

// widest returns the largest region that the sector has left.
func (c *sector) widest(size int64) int64 {
	most := size - c.end
	for _, h := range c.holes {
		most = max(most, h.length)
	}
	return most
}

// survey looks at all sectors, or at those of one disk, for room.
func (p *partition) survey(size int64, only *disk.Disk) {
	for at := range p.spare {
		if only == nil || only.At() == at {
			p.spare[at] = spare{}
		}
	}
	for _, c := range p.sectors {
		switch {
		case only != nil && c.disk != only, !p.usable(c):
		case c.state == wire.Filler && c.end == 0:
			s := &p.spare[c.disk.At()]
			s.filler = append(s.filler, c)
		case c.room(strata.BlockSize, size):
			p.offer(c, size)
		}
	}
	for _, s := range p.spare {
		slices.SortFunc(s.filler, func(a, b *sector) int { return cmp.Compare(a.number, b.number) })
	}
}

// become changes a sector's state. The caller holds mu.
func (p *partition) become(c *sector, state wire.State) {
	if c.state == wire.Data {
		p.data--
	}
	if state == wire.Data {
		p.data++
	}
	c.state = state
}
