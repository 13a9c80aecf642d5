package volume

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"strata"
	"strata/internal/durable"
	"strata/internal/hugepage"
	"strata/merkle"
	"strata/seal"
	"strata/volume/pipeline"
	"strata/wire"
)

// Progress is told how far a Seal or a FillHashes is: the part of its time that
// has passed, as bytes of what this call has to do.
type Progress = func(done, total strata.ByteSize)

// EffectiveWorkers lowers a wished number of sealing workers to what the processor
// has room for, if it is more than its cores, and to three quarters of the memory that is free now: each worker holds
// one sector in memory while it fills it, and beside them one is being written.
// A single worker gets along without that one. reason says why the number is
// lower, for the plan that a person reads; it is empty when it is not. The
// number is 0 when memory does not suffice for one sector.
func EffectiveWorkers(wish int, sector strata.ByteSize) (n int, reason string, err error) {
	free, err := hugepage.Available()
	if err != nil {
		return 0, "", err
	}
	n, reason = limitWorkers(wish, places(runtime.NumCPU(), seal.ISAs()[0]), free, sector)
	return n, reason, nil
}

// place is a number of workers that a processor has room for, and why.
type place struct {
	cores int
	n     int // for who wants more than cores
	why   string
}

// places returns how many sectors are filled at once while others are hashed,
// written, read back and hashed again. With AVX-512 a fill is so fast that this is
// half a core's work for each that fills: a worker on the last core as well adds
// a tenth or two to what gets sealed, for a sector's memory and the time of all
// else on the machine. Slower fills leave time for one.
func places(cores int, isa seal.ISA) place {
	if isa == seal.AVX512 && cores > 1 {
		return place{cores, cores - 1, fmt.Sprintf("one of %d cores hashes and writes", cores)}
	}
	return place{cores, cores, fmt.Sprintf("cores: %d", cores)}
}

func limitWorkers(wish int, most place, free, sector strata.ByteSize) (int, string) {
	n, reason := wish, ""
	if n > most.cores {
		n, reason = most.n, fmt.Sprintf("workers: %d instead of %d: %s", most.n, wish, most.why)
	}
	fit := sectorsIn(free, sector)
	if fit > 1 {
		fit-- // for the sector that is being written
	}
	if n > fit {
		n, reason = fit, fmt.Sprintf("workers: %d instead of %d: each needs %s of memory, one sector more is being written, and %s are free", fit, wish, sector, free)
	}
	return n, reason
}

// HashWorkers is EffectiveWorkers for FillHashes, which writes no sectors.
func HashWorkers(wish int, sector strata.ByteSize) (n int, err error) {
	free, err := hugepage.Available()
	return min(wish, runtime.NumCPU(), sectorsIn(free, sector)), err
}

// sectorsIn returns how many sectors sealing may hold in memory at once.
func sectorsIn(free, sector strata.ByteSize) int { return int(min(free/4*3/sector, 1<<20)) }

// buffers returns how many sectors a Seal holds in memory: one for each worker
// and, as far as there is memory, one for each disk.
func (s *Store) buffers(workers int) int {
	free, err := hugepage.Available()
	if err != nil {
		return workers
	}
	return max(min(sectorsIn(free, s.cfg.Profile.SectorSize()), workers+len(s.disks)), 1)
}

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
		Workers: min(workers, jobs), Buffers: min(s.buffers(workers), jobs), Lanes: len(s.disks),
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
		if c.state == queued && !c.busy {
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
	if c.busy || c.state != queued || p.sectors[c.number] != c {
		return false
	}
	c.busy = true
	return true
}

// filling is a queued sector on its way through the pipeline.
type filling struct {
	job
	s *Store
}

// Lane implements pipeline.Job.
func (j filling) Lane() int { return j.c.disk.at }

// Fill implements pipeline.Job.
func (j filling) Fill(ctx context.Context, buf []byte, watch pipeline.Watch) error {
	if err := j.s.roomFor(j.c.disk); err != nil {
		return err
	}
	return j.s.identity(j.p.validator, j.c.number).FillWatched(ctx, buf, watch)
}

// Store implements pipeline.Job. A crash at any point before the commit leaves
// a queued sector, which is filled again to the same bytes.
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
	return s.alter(j.p, j.c, func(tx *durable.Tx, _ uint64) (bool, error) {
		return true, exec(tx, "UPDATE sectors SET state = $3, root = $4, tail = 0, used = 0 WHERE validator = $1 AND number = $2",
			j.p.validator[:], j.c.number, wire.Filler, root[:])
	}, func(uint64) {
		j.p.become(j.c, wire.Filler)
		j.c.root, j.c.tail, j.c.end, j.c.holes = root, 0, 0, nil
	})
}

// writeSector writes buf to the start of the sector's slot, syncs it and makes
// sure that the disk holds it.
func (s *Store) writeSector(ctx context.Context, j job, buf []byte, free func(), watch pipeline.Watch) (merkle.Tree, error) {
	f, err := j.c.disk.open(j.p.validator)
	if err != nil {
		return merkle.Tree{}, err
	}
	if err := s.claim(j, f, int64(len(buf))); err != nil {
		return merkle.Tree{}, diskError(err, "reserving space in", j.c.disk.dir)
	}
	place := pipeline.Place{File: f.data, Off: s.offset(j.c), Sync: f.syncData, Pace: pace{&j.c.disk.gate, s.sealRate, unbound}, Piece: s.cfg.piece}
	tree, err := place.Write(ctx, buf, free, watch)
	if err != nil {
		return tree, diskError(err, "sealing in", j.c.disk.dir)
	}
	return tree, nil
}

// claim takes disk space for the first n bytes of the sector's slot.
func (s *Store) claim(j job, f *files, n int64) error {
	s.claiming.RLock()
	defer s.claiming.RUnlock()
	if err := f.data.Allocate(s.offset(j.c), n); err != nil {
		return err
	}
	j.p.mu.Lock()
	defer j.p.mu.Unlock()
	j.c.claimed = true
	return nil
}

// writeRecord writes and syncs the sector's record. A crash leaves a torn
// record, which its checksum shows, of a sector that the index calls queued.
func (s *Store) writeRecord(j job, tree merkle.Tree) error {
	f, err := j.c.disk.open(j.p.validator)
	if err != nil {
		return err
	}
	if _, err := f.hashes.WriteAt(encodeRecord(j.c.number, tree), j.c.slot*recordSize(s.size())); err != nil {
		return diskError(err, "writing nodes to", j.c.disk.dir)
	}
	if err := f.hashes.Sync(); err != nil {
		return diskError(err, "syncing nodes to", j.c.disk.dir)
	}
	return nil
}
