package volume

import (
	"errors"
	"sync"
	"time"

	"strata"
	"strata/allocation"
	"strata/volume/disk"
	"strata/volume/hashes"
	"strata/volume/index"
	"strata/wire"
)

// reserve is what stays free of a volume: 1 % of it, at most 2 GiB. The
// smaller of the two, so that a small disk is usable at all and a large one
// does not idle tens of gigabytes.
func reserve(total uint64) uint64 { return min(total/100, uint64(2*strata.GiB)) }

// Disks measures all disks: Free is what is left beyond the reserve, Used what
// this hotkey's sectors take, sealed or being sealed. What a threshold is taken of is Free + Used, so
// that filling a disk does not shrink the next plan, nor does looking while a
// sector is being sealed. Free is what is left for sectors when each takes its
// nodes along, which are 1/1024 of it. Paths on one file system share what is
// free there evenly; where the system does not say what lies where (Windows),
// each path counts all of it: give one path for each disk there.
//
// A disk that is slow to say what is free, or hangs, holds nobody up: what it said
// last is used, and how old that is is logged.
func (s *Store) Disks() ([]allocation.Disk, error) {
	looks := make([]look, len(s.disks))
	errs := make([]error, len(s.disks))
	var wg sync.WaitGroup
	for i, d := range s.disks {
		wg.Go(func() { looks[i], errs[i] = s.look(d) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	list := make([]allocation.Disk, len(s.disks))
	sharing := sharing(looks)
	for i, l := range looks {
		free := l.Free - min(l.Free, reserve(l.Total))
		free -= free / (hashes.Ratio + 1) // for nodes
		list[i] = allocation.Disk{Path: s.cfg.Paths[i], Space: allocation.Space{Free: strata.ByteSize(free / sharing[i]), Used: l.used}}
	}
	return list, nil
}

// look is what is free and used of a disk at one moment.
type look struct {
	disk.Space
	used strata.ByteSize
}

// claimPatience is how long one waits for a sector that is taking its space, if
// the disk has been looked at before.
const claimPatience = time.Second

// look looks at a disk while no sector on it moves from free to used, or returns
// what was seen last if one takes long to.
func (s *Store) look(d *disk.Disk) (look, error) {
	last := s.looks[d.At()].Load()
	var late <-chan time.Time
	if last != nil {
		t := time.NewTimer(claimPatience)
		defer t.Stop()
		late = t.C
	}
	select {
	case <-late:
		s.oldLook(d, *last)
		return *last, nil
	case s.claiming[d.At()] <- struct{}{}:
	}
	defer func() { <-s.claiming[d.At()] }()
	has, err := d.Space()
	if err != nil {
		return look{}, err
	}
	l := look{Space: has}
	s.eachSector(func(_ *partition, c *sector) {
		if c.disk == d && (listed(c.state) || c.claimed) {
			l.used += strata.ByteSize(s.size())
		}
	})
	s.looks[d.At()].Store(&l)
	s.oldLook(d, l)
	return l, nil
}

// oldLook says so if a disk's space is not of now.
func (s *Store) oldLook(d *disk.Disk, l look) {
	if age := time.Since(l.At); age >= claimPatience {
		s.cfg.Log.Warn("disk does not say how much is free on it: what it said last is used", "dir", d.Dir(), "age", age.Round(time.Second).String())
	}
}

// findClaimed marks the queued sectors whose slots a stopped Seal may have
// claimed: those that the file reaches over.
func (s *Store) findClaimed(p *partition, d *disk.Disk) error {
	if p.slotsOn(d) == 0 {
		return nil
	}
	f, err := d.Open(p.validator)
	if err != nil {
		return err
	}
	length, err := f.Data.Size()
	if err != nil {
		return err
	}
	for _, c := range p.sectors {
		c.claimed = c.claimed || c.disk == d && c.state == index.Queued && s.offset(c)+s.size() <= length
	}
	return nil
}

// sharing returns for each disk how many of the disks lie on its file system.
func sharing(looks []look) []uint64 {
	out := make([]uint64, len(looks))
	for i, a := range looks {
		for k, b := range looks {
			if i == k || (a.OnDevice && b.OnDevice && a.Device == b.Device) {
				out[i]++
			}
		}
	}
	return out
}

// eachSector visits every sector under its partition's lock.
func (s *Store) eachSector(visit func(*partition, *sector)) {
	for _, v := range s.Validators() {
		p := s.ensurePartition(v)
		p.mu.Lock()
		for _, c := range p.sectors {
			visit(p, c)
		}
		p.mu.Unlock()
	}
}

// Partitions returns what each validator has on each disk, as the allocation
// rule wants it; volumes are named by Config.Paths. Moved is left 0.
func (s *Store) Partitions() []allocation.Partition {
	var list []allocation.Partition
	for _, v := range s.Validators() {
		p := s.ensurePartition(v)
		holdings := make([]allocation.Holding, len(s.disks))
		for i := range holdings {
			holdings[i].Volume = s.cfg.Paths[i]
		}
		p.mu.Lock()
		for _, c := range p.sectors {
			if c.slot < 0 {
				continue
			}
			holdings[c.disk.At()].Sectors++
			if c.shards > 0 || c.puts > 0 {
				holdings[c.disk.At()].Live++
			}
		}
		p.mu.Unlock()
		list = append(list, allocation.Partition{Validator: v, Holdings: holdings})
	}
	return list
}

// Stats is the state of one partition on all disks.
type Stats struct {
	Validator strata.Hotkey
	Target    uint64          // sectors wanted
	Sealed    uint64          // sectors in the manifest that count: filler and data
	Queued    uint64          // sectors to be sealed
	Filler    uint64          // sectors without data: room for more
	Withdrawn uint64          // sectors found damaged
	Bytes     strata.ByteSize // of the sealed sectors
	Shards    uint64          // kept, deleted ones in their undelete window included
	LiveBytes strata.ByteSize // of those
}

// Stats returns the state of every partition, in the order of Validators.
func (s *Store) Stats() []Stats {
	var list []Stats
	for _, v := range s.Validators() {
		p := s.ensurePartition(v)
		p.mu.Lock()
		st := Stats{Validator: v}
		for _, n := range p.targets {
			st.Target += uint64(n)
		}
		for _, c := range p.sectors {
			st.count(c)
		}
		p.mu.Unlock()
		st.Bytes = strata.ByteSize(st.Sealed) * s.cfg.Profile.SectorSize()
		list = append(list, st)
	}
	return list
}

func (st *Stats) count(c *sector) {
	switch c.state {
	case index.Queued:
		st.Queued++
	case wire.Filler:
		st.Sealed++
		st.Filler++
	case wire.Data:
		st.Sealed++
	case wire.Withdrawn:
		st.Withdrawn++
	}
	st.Shards += uint64(c.shards)
	st.LiveBytes += strata.ByteSize(c.live)
}

// Sealed returns how far each partition is, for the miner's status.
func (s *Store) Sealed() []wire.Partition {
	var list []wire.Partition
	for _, st := range s.Stats() {
		list = append(list, wire.Partition{Validator: st.Validator, Sealed: st.Sealed, Target: st.Target})
	}
	return list
}
