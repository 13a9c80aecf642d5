package volume

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"strata"
	"strata/merkle"
	"strata/volume/disk"
	"strata/volume/index"
	"strata/volume/pipeline"
	"strata/volume/vfs"
	"strata/wire"
)

// Seal fills all queued sectors, with that many workers, and returns when none
// is left. While a sector is written, synced and read back from its disk, the
// next is filled. report, if not nil, is told the part of the time that has
// passed, never twice at once. Cancelling ctx stops it with ctx's error within a
// piece or a part of a fill, and loses the sectors under way, as a crash does;
// calling again continues after the last finished one.
//
// A disk that fails or is full is set aside: the others go on, and it is tried
// now and then and taken up again when it works. Its error is returned once
// there is nothing else left to do; code NoSpace for a full one.
func (s *Store) Seal(ctx context.Context, workers int, report Progress) error {
	if workers < 1 {
		return strata.E(strata.Invalid, "no worker to seal with: a worker needs %s of free memory", s.cfg.Profile.SectorSize())
	}
	q := newSealing(s)
	jobs := q.waiting()
	if jobs == 0 {
		return nil
	}
	probing, stop := context.WithCancel(ctx)
	var prober sync.WaitGroup
	prober.Go(func() { q.probe(probing) })
	err := pipeline.Run(ctx, pipeline.Config{
		Workers: min(workers, jobs), Buffers: min(pipeline.Buffers(workers, len(s.disks), s.cfg.Profile.SectorSize()), jobs), Lanes: len(s.disks),
		Size: s.cfg.Profile.SectorSize(), Jobs: jobs, Report: report,
	}, q)
	stop()
	prober.Wait()
	if err != nil {
		return err
	}
	return q.failures()
}

// job is a sector of a partition.
type job struct {
	p *partition
	c *sector
}

// queued lists all sectors to be sealed: low numbers first, so that every
// validator gets its first sectors early.
func (s *Store) queued() []job {
	var list []job
	s.eachSector(func(p *partition, c *sector) {
		if c.state == index.Queued && !c.busy && !c.unsure {
			list = append(list, job{p, c})
		}
	})
	slices.SortFunc(list, job.compare)
	return list
}

func (j job) compare(o job) int {
	return cmp.Or(cmp.Compare(j.c.number, o.c.number), slices.Compare(j.p.validator[:], o.p.validator[:]))
}

// take marks a queued sector busy, unless something else has it or it was released.
func (p *partition) take(c *sector) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.busy || c.unsure || c.state != index.Queued || p.sectors[c.number] != c {
		return false
	}
	c.busy = true
	return true
}

// leave ends what take began.
func (p *partition) leave(c *sector) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.busy = false
}

// filling is a queued sector on its way through the pipeline.
type filling struct {
	job
	s *Store
}

// Lane implements pipeline.Job.
func (j filling) Lane() int { return j.c.disk.At() }

// Fill implements pipeline.Job.
func (j filling) Fill(ctx context.Context, buf []byte, watch pipeline.Watch) error {
	if err := j.s.roomFor(j.c.disk); err != nil {
		return err
	}
	return j.s.identity(j.p.validator, j.c.number).FillWatched(ctx, buf, watch)
}

// Store implements pipeline.Job. A crash at any point before the commit leaves
// a queued sector, which is filled again to the same bytes. So does a disk that
// hangs: what it writes late is what is written again.
func (j filling) Store(ctx context.Context, buf []byte, free func(), watch pipeline.Watch) error {
	s := j.s
	tree, err := s.writeSector(ctx, j.job, buf, free, watch)
	if err != nil {
		return err
	}
	root := tree.Root()
	if j.c.root != (strata.Root{}) && j.c.root != root {
		return strata.E(strata.Corrupt, "sector %d of validator %s fills to another root than before: check this machine's memory", j.c.number, j.p.validator.Short())
	}
	if err := s.writeRecord(j.job, tree); err != nil {
		return err
	}
	// Data and nodes are on disk: only now may the index promise them.
	return s.alter(j.p, j.c, func(tx index.Tx, _ uint64) (bool, error) {
		return true, tx.Sealed(j.p.validator, j.c.number, root)
	}, func(uint64) {
		j.p.become(j.c, wire.Filler)
		j.c.root, j.c.tail, j.c.end, j.c.holes = root, 0, 0, nil
	})
}

// writeSector writes buf to the start of the sector's slot, syncs it and makes
// sure that the disk holds it. It calls free once buf is not needed, after an error
// when the disk does not read it any more.
func (s *Store) writeSector(ctx context.Context, j job, buf []byte, free func(), watch pipeline.Watch) (merkle.Tree, error) {
	d := j.c.disk
	f, err := s.claim(j, int64(len(buf)))
	if err != nil {
		free()
		return merkle.Tree{}, err
	}
	place := pipeline.Place{File: f.Data, Off: s.offset(j.c), Sync: f.SyncData, Settled: d.Settled, Pace: d.Gate().Writing(s.sealRate), Piece: s.cfg.piece}
	tree, err := place.Write(ctx, buf, free, watch)
	if err != nil {
		return tree, vfs.Classify(err, "sealing in", d.Dir())
	}
	return tree, nil
}

// claim takes disk space for the first n bytes of the sector's slot, and returns
// the files that it lies in.
func (s *Store) claim(j job, n int64) (*disk.Files, error) {
	d := j.c.disk
	s.claiming[d.At()] <- struct{}{} // whoever has it is done when patience ends
	defer func() { <-s.claiming[d.At()] }()
	f, err := d.Patient(j.p.validator)
	if err != nil {
		return nil, err
	}
	if err := f.Data.Allocate(s.offset(j.c), n); err != nil {
		return nil, vfs.Classify(err, "reserving space in", d.Dir())
	}
	j.p.mu.Lock()
	defer j.p.mu.Unlock()
	j.c.claimed = true
	return f, nil
}

// writeRecord writes and syncs the sector's record. A crash leaves a torn
// record, which its checksum shows, of a sector that the index calls queued.
func (s *Store) writeRecord(j job, tree merkle.Tree) error {
	f, err := j.c.disk.Patient(j.p.validator)
	if err != nil {
		return err
	}
	return f.Hashes.WriteRecord(j.c.slot, j.c.number, tree)
}
