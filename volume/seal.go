package volume

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/shirou/gopsutil/v4/mem"

	"strata"
	"strata/merkle"
	"strata/wire"
)

// writePiece is how much of a sector is written between two looks at the
// context.
const writePiece = 8 << 20

// Progress is told how far a Seal or a FillHashes is: the bytes done by this
// call, and those that it began with. Rate and time left are the receiver's to
// compute, who has a clock.
type Progress = func(done, total strata.ByteSize)

// EffectiveWorkers lowers a wished number of sealing workers to the processor
// cores and to three quarters of the memory that is free now, since each
// worker holds one sector in memory. reason says why it is lower, for the plan
// that a person reads; it is empty when it is not. The number is 0 when memory
// does not suffice for one sector.
func EffectiveWorkers(wish int, sector strata.ByteSize) (n int, reason string, err error) {
	m, err := mem.VirtualMemory()
	if err != nil {
		return 0, "", fmt.Errorf("ask for free memory: %w", err)
	}
	n, reason = limitWorkers(wish, runtime.NumCPU(), strata.ByteSize(m.Available), sector)
	return n, reason, nil
}

func limitWorkers(wish, cores int, free, sector strata.ByteSize) (int, string) {
	n, reason := wish, ""
	if n > cores {
		n, reason = cores, fmt.Sprintf("%d workers instead of %d: there are %d cores", cores, wish, cores)
	}
	if fit := int(min(free/4*3/sector, 1<<20)); n > fit {
		n, reason = fit, fmt.Sprintf("%d workers instead of %d: each needs %s of memory, and %s are free", fit, wish, sector, free)
	}
	return n, reason
}

// sealing is one call of Seal.
type sealing struct {
	s      *Store
	report Progress

	mu     sync.Mutex // guards what follows
	queue  []job
	done   strata.ByteSize
	total  strata.ByteSize
	failed map[*disk]error // disks that take no more in this call
}

// job is a sector of a partition.
type job struct {
	p *partition
	c *sector
}

// Seal fills all queued sectors, with that many workers, and returns when none
// is left. report, if not nil, is called after every piece written, never
// twice at once. Cancelling ctx stops it with ctx's error within a piece or a
// part of a fill; calling again continues after the last finished sector. A
// full disk gives code NoSpace, once the other disks are done.
func (s *Store) Seal(ctx context.Context, workers int, report Progress) error {
	if workers < 1 {
		return strata.E(strata.Invalid, "no worker to seal with: a worker needs %s of free memory", s.cfg.Profile.SectorSize())
	}
	if report == nil {
		report = func(_, _ strata.ByteSize) {}
	}
	q := &sealing{s: s, report: report, queue: s.queued(), failed: map[*disk]error{}}
	q.total = strata.ByteSize(len(q.queue)) * s.cfg.Profile.SectorSize()
	var wg sync.WaitGroup
	for range min(workers, len(q.queue)) {
		wg.Go(func() { q.work(ctx) })
	}
	wg.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var errs []error
	for _, d := range s.disks {
		errs = append(errs, q.failed[d])
	}
	return errors.Join(errs...)
}

// queued lists all sectors to be sealed: low numbers first, so that every
// validator gets its first sectors early, and disks take turns.
func (s *Store) queued() []job {
	var list []job
	for _, v := range s.Validators() {
		p := s.ensurePartition(v)
		p.mu.Lock()
		for _, c := range p.sectors {
			if c.state == queued && !c.busy {
				list = append(list, job{p, c})
			}
		}
		p.mu.Unlock()
	}
	slices.SortFunc(list, func(a, b job) int {
		return cmp.Or(cmp.Compare(a.c.number, b.c.number), slices.Compare(a.p.validator[:], b.p.validator[:]))
	})
	return list
}

func (q *sealing) work(ctx context.Context) {
	buf := make([]byte, q.s.size())
	for ctx.Err() == nil {
		j, ok := q.next()
		if !ok {
			return
		}
		err := q.s.sealSector(ctx, j, buf, q.progress)
		j.p.mu.Lock()
		j.c.busy = false
		j.p.mu.Unlock()
		if err != nil && ctx.Err() == nil {
			q.mu.Lock()
			q.failed[j.c.disk] = err
			q.mu.Unlock()
		}
	}
}

// next takes a job that is still wanted and marks it busy.
func (q *sealing) next() (job, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.queue) > 0 {
		j := q.queue[0]
		q.queue = q.queue[1:]
		if q.failed[j.c.disk] == nil && j.p.take(j.c) {
			return j, true
		}
	}
	return job{}, false
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

func (q *sealing) progress(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.done += strata.ByteSize(n)
	q.report(q.done, q.total)
}

// sealSector fills one queued sector. A crash at any point before the last
// commit leaves a queued sector, which is filled again to the same bytes.
func (s *Store) sealSector(ctx context.Context, j job, buf []byte, progress func(int)) error {
	if err := s.roomFor(j.c.disk); err != nil {
		return err
	}
	if err := s.identity(j.p.validator, j.c.number).Fill(ctx, buf); err != nil {
		return err
	}
	tree := merkle.Build(buf)
	if j.c.root != (strata.Root{}) && j.c.root != tree.Root() {
		return strata.E(strata.Corrupt, "sector %d of validator %s fills to another root than before: check this machine's memory", j.c.number, j.p.validator.Short())
	}
	if err := s.writeSector(ctx, j, buf, progress); err != nil {
		return err
	}
	if err := s.writeRecord(j, tree); err != nil {
		return err
	}
	// Data and nodes are on disk: only now may the index promise them.
	return s.alter(j.p, j.c, func(tx *txn, _ uint64) (bool, error) {
		root := tree.Root()
		return true, exec(tx, "UPDATE sectors SET state = $3, root = $4, tail = 0, used = 0 WHERE validator = $1 AND number = $2",
			j.p.validator[:], j.c.number, wire.Filler, root[:])
	}, func(uint64) {
		j.p.become(j.c, wire.Filler)
		j.c.root, j.c.tail, j.c.end, j.c.holes = tree.Root(), 0, 0, nil
	})
}

// writeSector writes buf to the start of the sector's slot and syncs it.
func (s *Store) writeSector(ctx context.Context, j job, buf []byte, progress func(int)) error {
	f, err := j.c.disk.open(j.p.validator)
	if err != nil {
		return err
	}
	base := s.offset(j.c)
	if err := s.claim(j, f, int64(len(buf))); err != nil {
		return diskError(err, "reserving space in", j.c.disk.dir)
	}
	for off := 0; off < len(buf); off += writePiece {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		piece := buf[off:min(off+writePiece, len(buf))]
		if _, err := f.data.WriteAt(piece, base+int64(off)); err != nil {
			return diskError(err, "writing a sector to", j.c.disk.dir)
		}
		progress(len(piece))
	}
	if err := f.syncData(); err != nil {
		return diskError(err, "syncing a sector to", j.c.disk.dir)
	}
	return nil
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

// roomFor refuses another sector on a disk that has only its reserve left.
func (s *Store) roomFor(d *disk) error {
	total, free, err := s.cfg.fs.Space(d.dir)
	if err != nil {
		return err
	}
	if need := uint64(s.size()) + reserve(total); free < need {
		return strata.E(strata.NoSpace, "disk full: %s has %s free, a sector and the reserve need %s: free some space and run again, it continues where it stopped",
			d.dir, strata.ByteSize(free), strata.ByteSize(need))
	}
	return nil
}
