package hashes

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"strata"
	"strata/internal/background"
	"strata/internal/durable"
	"strata/internal/hugepage"
	"strata/merkle"
	"strata/seal"
	"strata/volume/layout"
	"strata/volume/vfs"
)

// Fill recomputes one miner's sectors for a verifier that wants to know
// their roots without trusting anybody: each is filled in memory and only its
// record is kept, in dir/hashes-<miner ss58> at the place of its number. It
// returns the roots in the order of sectors, which may differ in nothing but
// their number. What an earlier call finished is not filled again; a torn
// record is. ctx stops it. report, if not nil, is told of every sector, never
// twice at once.
//
// dir's partition.json says which chain, subnet and shape the records are of;
// others give code Conflict. One call at a time works in a directory: a second
// gets code Locked.
func Fill(ctx context.Context, dir string, sectors []seal.Sector, workers int, report func(done, total strata.ByteSize)) ([]strata.Root, error) {
	if len(sectors) == 0 {
		return nil, nil
	}
	if err := sameMiner(sectors); err != nil {
		return nil, err
	}
	if workers < 1 {
		return nil, strata.E(strata.Invalid, "no worker to fill with: a worker needs %s of free memory", strata.ByteSize(sectors[0].Size()))
	}
	if err := durable.MkdirAll(dir); err != nil {
		return nil, err
	}
	lock, err := durable.AcquireLock(filepath.Join(dir, "hashes.lock"))
	if err != nil {
		return nil, err
	}
	roots, err := fill(ctx, dir, sectors, workers, report)
	return roots, errors.Join(err, lock.Release())
}

func fill(ctx context.Context, dir string, sectors []seal.Sector, workers int, report func(done, total strata.ByteSize)) ([]strata.Root, error) {
	if err := enlist(dir, sectors); err != nil {
		return nil, err
	}
	f, err := vfs.OS{}.Open(filepath.Join(dir, layout.HashesName(sectors[0].Miner)))
	if err != nil {
		return nil, err
	}
	if report == nil {
		report = func(_, _ strata.ByteSize) {}
	}
	h := &hashing{f: File{f, dir, sectors[0].Size()}, sectors: sectors, roots: make([]strata.Root, len(sectors)), report: report}
	h.total = strata.ByteSize(len(sectors)) * strata.ByteSize(sectors[0].Size())
	err = errors.Join(h.run(ctx, min(workers, len(sectors))), f.Close())
	return h.roots, err
}

// enlist makes sure that the hashes file is of these sectors' identity, and
// says so in partition.json before the file exists.
func enlist(dir string, sectors []seal.Sector) error {
	list, err := layout.Read(dir)
	if err != nil {
		return err
	}
	most := uint64(0)
	for _, s := range sectors {
		most = max(most, s.Number+1)
	}
	want := layout.OfHashes(sectors[0], uint32(most))
	i := slices.IndexFunc(list, func(e layout.Entry) bool { return e.Path == want.Path })
	if i < 0 {
		if _, err := os.Stat(filepath.Join(dir, want.Path)); err == nil {
			return strata.E(strata.Conflict, "%s is not in %s, so nobody knows of which chain it is: delete it or use another --db_path", want.Path, filepath.Join(dir, layout.ListFile))
		}
		return layout.Write(dir, append(list, want))
	}
	had, now := list[i], layout.OfHashes(sectors[0], max(want.NChunks, list[i].NChunks))
	had.NChunks, had.Size = now.NChunks, now.Size // more sectors than last time are welcome
	list[i] = now
	if had != now {
		return strata.E(strata.Conflict, "%s is of another chain, subnet, validator or profile: nothing was touched; delete it or use another --db_path", filepath.Join(dir, want.Path))
	}
	return layout.Write(dir, list)
}

func sameMiner(sectors []seal.Sector) error {
	first := sectors[0]
	if err := first.Validate(); err != nil {
		return err
	}
	if first.Size() < merkle.GroupSize {
		return strata.E(strata.Invalid, "sectors of %d bytes are smaller than one group of %d bytes", first.Size(), merkle.GroupSize)
	}
	for _, s := range sectors {
		// The number is the place in the file, which must stay a sane size.
		if s.Miner != first.Miner || s.Blocks != first.Blocks || s.Passes != first.Passes || s.Genesis != first.Genesis || s.Netuid != first.Netuid || s.Validator != first.Validator || s.Number >= 1<<31 {
			return strata.E(strata.Invalid, "sector %d of %s cannot share a hashes file with sector %d of %s", s.Number, s.Miner.Short(), first.Number, first.Miner.Short())
		}
	}
	return nil
}

// hashing is one call of Fill.
type hashing struct {
	f       File
	sectors []seal.Sector
	roots   []strata.Root
	report  func(done, total strata.ByteSize)
	total   strata.ByteSize

	mu   sync.Mutex // guards what follows
	next int
	done strata.ByteSize
	err  error
}

func (h *hashing) run(ctx context.Context, workers int) error {
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			background.Lower()
			m, err := hugepage.Alloc(strata.ByteSize(h.sectors[0].Size()))
			if err != nil {
				h.mu.Lock()
				defer h.mu.Unlock()
				h.err = err // all workers lack the same memory
				return
			}
			defer m.Free()
			for h.one(ctx, m.Bytes()) {
			}
		})
	}
	wg.Wait()
	return errors.Join(ctx.Err(), h.err)
}

// one does the next sector and says whether to go on.
func (h *hashing) one(ctx context.Context, buf []byte) bool {
	h.mu.Lock()
	i := h.next
	h.next++
	stop := h.err != nil || ctx.Err() != nil || i >= len(h.sectors)
	h.mu.Unlock()
	if stop {
		return false
	}
	root, err := h.root(ctx, h.sectors[i], buf)
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		if ctx.Err() == nil {
			h.err = errors.Join(h.err, err)
		}
		return false
	}
	h.roots[i] = root
	h.done += strata.ByteSize(len(buf))
	h.report(h.done, h.total)
	return true
}

// root returns the root from the file or fills the sector. A crash leaves a
// record that is whole, or one whose checksum shows that it is not.
func (h *hashing) root(ctx context.Context, s seal.Sector, buf []byte) (strata.Root, error) {
	rec := make([]byte, h.f.RecordSize())
	if n, _ := h.f.ReadAt(rec, int64(s.Number)*h.f.RecordSize()); n == len(rec) {
		if number, root, ok := decode(rec); ok && number == s.Number {
			return root, nil
		}
	}
	if err := s.Fill(ctx, buf); err != nil {
		return strata.Root{}, err
	}
	tree := merkle.Build(buf)
	return tree.Root(), h.f.WriteRecord(int64(s.Number), s.Number, tree)
}
