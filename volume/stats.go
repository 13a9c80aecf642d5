package volume

import (
	"fmt"

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
func (s *Store) Disks() ([]allocation.Disk, error) {
	s.claiming.Lock() // no sector moves from free to used while both are counted
	defer s.claiming.Unlock()
	list := make([]allocation.Disk, len(s.disks))
	sharing := s.sharing()
	for i, d := range s.disks {
		total, free, err := s.cfg.fs.Space(d.Dir())
		if err != nil {
			return nil, err
		}
		free -= min(free, reserve(total))
		free -= free / (hashes.Ratio + 1) // for nodes
		list[i] = allocation.Disk{Path: s.cfg.Paths[i], Space: allocation.Space{Free: strata.ByteSize(free / sharing[i])}}
	}
	s.eachSector(func(_ *partition, c *sector) {
		if listed(c.state) || c.claimed {
			list[c.disk.At()].Used += strata.ByteSize(s.size())
		}
	})
	return list, nil
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
func (s *Store) sharing() []uint64 {
	n := map[string]uint64{}
	names := make([]string, len(s.disks))
	for i, d := range s.disks {
		id, ok := s.cfg.fs.Device(d.Dir())
		if names[i] = fmt.Sprint(id); !ok {
			names[i] = "path " + d.Dir()
		}
		n[names[i]]++
	}
	out := make([]uint64, len(names))
	for i, name := range names {
		out[i] = n[name]
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
