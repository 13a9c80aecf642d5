package volume

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"strata"
	"strata/internal/durable"
	"strata/merkle"
	"strata/volume/disk"
	"strata/volume/layout"
	"strata/volume/pipeline"
	"strata/volume/vfs"
	"strata/volume/yield"
	"strata/wire"
)

// Scrubbed is what a Scrub found.
type Scrubbed struct {
	Sectors uint64          // read and compared
	Mended  []DamagedSector // filler that was sealed again, nodes that were written again
	Left    []DamagedSector // withdrawn, and not mended: they hold damaged shards, or are in use
	Shards  []DamagedShard  // users' shards whose bytes are no more theirs
}

// Whole says whether nothing that was read is damaged any more.
func (r Scrubbed) Whole() bool { return len(r.Left)+len(r.Shards) == 0 }

// DamagedSector names a sector and what was wrong with it.
type DamagedSector struct {
	Validator strata.Hotkey
	Number    uint64
	Dir       string
	Why       string
}

// DamagedShard names a shard that cannot be read back: its validator's gateway
// has to repair it from others.
type DamagedShard struct {
	Validator strata.Hotkey
	Root      strata.Root
	Sector    uint64
	Dir       string
}

// scrubMark is what layout.ScrubFile keeps on each disk: the last sector that a
// scrub is done with.
type scrubMark struct {
	Validator strata.Hotkey `json:"validator"`
	Number    uint64        `json:"number"`
}

// markEach is how much a scrub reads of a disk between two notes of how far it is.
const markEach = 1 << 30

// Scrub reads all sectors and shards from their disks, all disks at once, and
// compares them with their roots, at most rate bytes in a second altogether (0:
// no bound); requests go first. What is damaged is withdrawn from the manifest
// before anybody asks for it; filler is then sealed again to its root, and
// damaged nodes are written again. Shards are only named: their bytes are
// elsewhere.
//
// Cancelling ctx, or a crash, stops it between two pieces; the next call goes
// on where it was. An error says that a disk does not work; the others are done
// then, and what was found is returned with it.
func (s *Store) Scrub(ctx context.Context, bytes strata.ByteSize, report Progress) (Scrubbed, error) {
	r := &scrubbing{s: s, rate: yield.Limiter(bytes), report: report}
	lists := make([][]job, len(s.disks))
	errs := make([]error, len(s.disks))
	for i, d := range s.disks {
		lists[i] = s.toScrub(d)
		r.total += strata.ByteSize(len(lists[i])) * s.cfg.Profile.SectorSize()
	}
	var wg sync.WaitGroup
	for i, d := range s.disks {
		wg.Go(func() { errs[i] = r.disk(ctx, d, lists[i]) })
	}
	wg.Wait()
	r.sort()
	if ctx.Err() != nil {
		return r.found, ctx.Err()
	}
	return r.found, errors.Join(errs...)
}

// toScrub lists a disk's sealed sectors in order, from where the last scrub
// stopped.
func (s *Store) toScrub(d *disk.Disk) []job {
	var list []job
	s.eachSector(func(p *partition, c *sector) {
		if c.disk == d && listed(c.state) {
			list = append(list, job{p, c})
		}
	})
	slices.SortFunc(list, func(a, b job) int { return a.mark().compare(b.mark()) })
	if last, ok := scrubbed(d); ok {
		list = slices.DeleteFunc(list, func(j job) bool { return j.mark().compare(last) <= 0 })
	}
	return list
}

func (j job) mark() scrubMark { return scrubMark{j.p.validator, j.c.number} }

func (m scrubMark) compare(o scrubMark) int {
	if c := slices.Compare(m.Validator[:], o.Validator[:]); c != 0 {
		return c
	}
	return int(min(max(int64(m.Number-o.Number), -1), 1))
}

// scrubbed returns how far the last scrub came, if it did not end. A note that
// cannot be read is none.
func scrubbed(d *disk.Disk) (m scrubMark, ok bool) {
	b, err := disk.Ask(context.Background(), d, func() ([]byte, error) { return os.ReadFile(filepath.Join(d.Dir(), layout.ScrubFile)) })
	if err != nil || len(b) > 1<<10 || json.Unmarshal(b, &m) != nil {
		return scrubMark{}, false
	}
	return m, true
}

// scrubbing is one call of Scrub.
type scrubbing struct {
	s      *Store
	rate   *rate.Limiter
	report Progress
	total  strata.ByteSize

	mu    sync.Mutex // guards what follows, and is held during a report
	done  strata.ByteSize
	found Scrubbed
}

// disk scrubs the sectors of one disk. A crash leaves an old note: what came
// after it is read again.
func (r *scrubbing) disk(ctx context.Context, d *disk.Disk, list []job) error {
	unnoted := int64(0)
	for i, j := range list {
		err := r.sector(ctx, j)
		switch {
		case ctx.Err() != nil && i > 0:
			return r.note(d, list[i-1].mark())
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return strata.E(strata.Unavailable, "the disk of %s does not work, it was not scrubbed: %w", d.Dir(), err)
		}
		if unnoted += r.s.size(); unnoted >= markEach {
			unnoted = 0
			if err := r.note(d, j.mark()); err != nil {
				return err
			}
		}
	}
	_, err := disk.Ask(context.Background(), d, func() (struct{}, error) {
		return struct{}{}, os.Remove(filepath.Join(d.Dir(), layout.ScrubFile))
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return vfs.Classify(err, "ending a scrub of", d.Dir())
	}
	return nil
}

func (r *scrubbing) note(d *disk.Disk, m scrubMark) error {
	path := filepath.Join(d.Dir(), layout.ScrubFile)
	b, err := json.Marshal(m)
	if err != nil {
		return strata.E(strata.Internal, "encode %s: %w", path, err)
	}
	_, err = disk.Ask(context.Background(), d, func() (struct{}, error) {
		return struct{}{}, durable.WriteFile(path, append(b, '\n'), 0o600)
	})
	return err
}

// visit is a sector that is being scrubbed.
type visit struct {
	job
	told strata.ByteSize // of its size, as progress
}

// progress tells that n bytes more of a sector are done; all of its bytes and
// shards together count as its size.
func (r *scrubbing) progress(v *visit, n strata.ByteSize) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n = min(n, r.s.cfg.Profile.SectorSize()-v.told)
	v.told += n
	if r.done += n; r.report != nil && n > 0 {
		r.report(r.done, r.total)
	}
}

// watch tells the progress of one read of a sector.
func (r *scrubbing) watch(v *visit) func(done uint64) {
	last := uint64(0)
	return func(done uint64) {
		r.progress(v, strata.ByteSize(done-last))
		last = done
	}
}

// sector scrubs one sector. An error is the disk's.
func (r *scrubbing) sector(ctx context.Context, at job) error {
	j := &visit{job: at}
	defer func() { r.progress(j, r.s.cfg.Profile.SectorSize()) }()
	why, err := r.filler(ctx, j)
	if err != nil {
		return err
	}
	bad, err := r.shards(ctx, j)
	if err != nil {
		return err
	}
	if len(bad) > 0 && why == nil {
		why = strata.E(strata.Corrupt, "%d of its shards are damaged", len(bad))
	}
	r.mu.Lock()
	r.found.Sectors++
	r.found.Shards = append(r.found.Shards, bad...)
	r.mu.Unlock()
	if why == nil && j.state() != wire.Withdrawn {
		return nil
	}
	if why != nil {
		why = r.s.withdraw(j.p, j.c, why) // the error is made of why
	} else {
		why = strata.E(strata.Corrupt, "it was found damaged before")
	}
	return r.mend(ctx, j.job, why)
}

func (j job) state() wire.State {
	j.p.mu.Lock()
	defer j.p.mu.Unlock()
	return j.c.state
}

// mend empties a withdrawn sector as far as it can and seals it again.
func (r *scrubbing) mend(ctx context.Context, j job, why error) error {
	r.s.compacting.Lock() // its memory is one sector's
	err := r.s.compactSector(ctx, j)
	r.s.compacting.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	d := DamagedSector{j.p.validator, j.c.number, j.c.disk.Dir(), why.Error()}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil && j.state() == wire.Filler {
		r.found.Mended = append(r.found.Mended, d)
	} else {
		r.found.Left = append(r.found.Left, d)
	}
	return nil
}

// place is where a scrub reads.
func (r *scrubbing) place(d *disk.Disk, f *disk.Files, off int64) pipeline.Place {
	return pipeline.Place{File: f.Data, Off: off, Settled: d.Settled, Pace: d.Gate().Reading(r.rate), Piece: r.s.cfg.piece}
}

// filler compares a sector's filler with its root. why is what is wrong with it.
func (r *scrubbing) filler(ctx context.Context, j *visit) (why, err error) {
	for {
		c, before := j.p.view(j.c.number, r.s.cfg.Profile.Blocks-1)
		if c != j.c || !before.ok {
			return nil, nil // it holds no filler, or is no more
		}
		_, why = disk.Reread(ctx, j.c.disk, func() (struct{}, error) { return struct{}{}, r.readFiller(ctx, j) })
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case strata.CodeOf(why) == strata.Unavailable:
			return nil, why
		case why == nil:
			return nil, nil
		}
		// A put may have taken what was read, or a plan the sector.
		if again, after := j.p.view(j.c.number, r.s.cfg.Profile.Blocks-1); again == c && after == before {
			return why, nil
		}
	}
}

// readFiller reads a sector from its tail on and compares each group with the
// record, whose nodes must lead to the root. Where there is nothing but filler,
// a record that is damaged is written again.
func (r *scrubbing) readFiller(ctx context.Context, j *visit) error {
	s := r.s
	f, err := j.c.disk.Patient(j.p.validator)
	if err != nil {
		return err
	}
	j.p.mu.Lock()
	root, tail := j.c.root, int64(j.c.tail)*strata.BlockSize
	j.p.mu.Unlock()
	if tail == 0 {
		return r.readWhole(ctx, j, f, root)
	}
	tree, err := f.Hashes.ReadRecord(j.c.slot, j.c.number, root)
	if err != nil {
		return err
	}
	group := uint64(tail) / merkle.GroupSize
	return r.place(j.c.disk, f, s.offset(j.c)+tail).Read(ctx, s.size()-tail, func(piece []byte) error {
		for ; len(piece) > 0; piece = piece[merkle.GroupSize:] {
			want, err := tree.ReadNode(0, group)
			if err != nil {
				return err
			}
			if merkle.GroupNode(piece[:merkle.GroupSize], group) != want && !j.p.overlaid(j.c, group) {
				return strata.E(strata.Corrupt, "its bytes from %d on are not those that were sealed", group*merkle.GroupSize)
			}
			group++
		}
		return nil
	}, r.watch(j))
}

// overlaid says whether a put has taken a group since.
func (p *partition) overlaid(c *sector, group uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return group*merkle.GroupSize < uint64(c.tail)*strata.BlockSize
}

func (r *scrubbing) readWhole(ctx context.Context, j *visit, f *disk.Files, root strata.Root) error {
	b := merkle.NewBuilder(uint64(r.s.size()))
	err := r.place(j.c.disk, f, r.s.offset(j.c)).Read(ctx, r.s.size(), func(piece []byte) error {
		_, err := b.Write(piece)
		return err
	}, r.watch(j))
	if err != nil {
		return err
	}
	tree, err := b.Tree()
	switch {
	case err != nil:
		return err
	case tree.Root() != root:
		if _, v := j.p.view(j.c.number, 0); !v.ok {
			return nil // a put came meanwhile; what it left is for the next scrub
		}
		return strata.E(strata.Corrupt, "its bytes are not those that were sealed")
	}
	if _, err := f.Hashes.ReadRecord(j.c.slot, j.c.number, root); strata.CodeOf(err) != strata.Corrupt {
		return err
	}
	return r.renew(j.job, tree)
}

// renew writes a damaged record again; openings fail until then, so the sector
// need not be withdrawn.
func (r *scrubbing) renew(j job, tree merkle.Tree) error {
	if !j.p.seize(j.c) {
		return nil // somebody writes it
	}
	err := r.s.writeRecord(j, tree)
	j.p.let(j.c, r.s.size(), err)
	if err != nil {
		return err
	}
	j.c.crown.Drop(r.s.crowns)
	r.s.cfg.Log.Warn("damaged nodes of a sector were written again", "validator", j.p.validator, "sector", j.c.number, "dir", j.c.disk.Dir())
	r.mu.Lock()
	defer r.mu.Unlock()
	r.found.Mended = append(r.found.Mended, DamagedSector{j.p.validator, j.c.number, j.c.disk.Dir(), "its tree's nodes were damaged"})
	return nil
}

// shards compares the shards of a sector with their roots and returns those
// that are damaged.
func (r *scrubbing) shards(ctx context.Context, j *visit) (bad []DamagedShard, err error) {
	rows, err := shardsOf(ctx, j.c.disk, j.p.validator, j.c.number)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		why, err := r.shard(ctx, j, row.Root)
		if err != nil {
			return bad, err
		}
		if why != nil {
			r.s.cfg.Log.Error("shard damaged", "validator", j.p.validator, "sector", j.c.number, "shard", row.Root, "dir", j.c.disk.Dir(), "err", why)
			bad = append(bad, DamagedShard{j.p.validator, row.Root, j.c.number, j.c.disk.Dir()})
		}
	}
	return bad, nil
}

func (r *scrubbing) shard(ctx context.Context, j *visit, root strata.Root) (why, err error) {
	row, c, err := r.s.pinShard(ctx, j.p, root)
	if strata.CodeOf(err) == strata.NotFound {
		return nil, nil // it is forgotten since
	}
	if err != nil {
		return nil, err
	}
	defer j.p.unpin(c)
	has, why := disk.Reread(ctx, c.disk, func() (strata.Root, error) {
		f, err := c.disk.Patient(j.p.validator)
		if err != nil {
			return root, err
		}
		return r.place(c.disk, f, r.s.offset(c)+row.Start).Root(ctx, row.Length, r.watch(j))
	})
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case strata.CodeOf(why) == strata.Unavailable:
		return nil, why
	case why == nil && has != root:
		why = strata.E(strata.Corrupt, "its bytes have another root")
	}
	return why, nil
}

// sort puts what was found in order: disks are scrubbed at once.
func (r *scrubbing) sort() {
	byPlace := func(a, b DamagedSector) int {
		return scrubMark{a.Validator, a.Number}.compare(scrubMark{b.Validator, b.Number})
	}
	slices.SortFunc(r.found.Mended, byPlace)
	slices.SortFunc(r.found.Left, byPlace)
	slices.SortFunc(r.found.Shards, func(a, b DamagedShard) int {
		if c := (scrubMark{a.Validator, a.Sector}).compare(scrubMark{b.Validator, b.Sector}); c != 0 {
			return c
		}
		return slices.Compare(a.Root[:], b.Root[:])
	})
}

// tendEach is how long one pass of Tend over everything takes at most.
const tendEach = 30 * 24 * time.Hour

// Tend keeps what is sealed sound while a miner serves: it reads crowns into
// memory, then makes one Scrub, so slowly that it takes tendEach or 1 MiB in a
// second, whichever is faster, and logs what it found. Call it again after a
// while.
func (s *Store) Tend(ctx context.Context) error {
	if err := s.Warm(ctx); err != nil {
		return err
	}
	var bytes strata.ByteSize
	for _, st := range s.Stats() {
		bytes += st.Bytes
	}
	r, err := s.Scrub(ctx, max(strata.MiB, bytes/strata.ByteSize(tendEach/time.Second)), nil)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil || !r.Whole() || len(r.Mended) > 0 {
		s.cfg.Log.Warn("sectors were scrubbed", "sectors", r.Sectors, "mended", len(r.Mended), "still_damaged", len(r.Left), "damaged_shards", len(r.Shards), "err", err)
	}
	return nil
}
