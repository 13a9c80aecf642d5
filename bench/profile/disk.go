package profile

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"strata"
	"strata/internal/hugepage"
	"strata/volume/vfs"
)

// Leaves is how many leaves an audit asks for at most.
const Leaves = 16

// answers is how many audits' worth of reads are measured.
const answers = 40

// Disk is how a disk answers: Leaves random kilobytes, read at once past the
// cache, so many times.
type Disk struct {
	Answers         int
	Median, Slowest time.Duration
}

// measureDisk reads from a file that it makes in dir and removes. A crash
// leaves the file, whose name says what it was.
func measureDisk(ctx context.Context, dir string, span strata.ByteSize) (d Disk, err error) {
	span = span / writePiece * writePiece
	if span == 0 {
		return d, strata.E(strata.Invalid, "reads must be spread over at least %s", strata.ByteSize(writePiece))
	}
	_, free, err := vfs.OS{}.Space(dir)
	if err != nil {
		return d, strata.E(strata.Invalid, "measure the disk at %s: %w", dir, err)
	}
	if uint64(span) > free {
		return d, strata.E(strata.NoSpace, "measuring the disk at %s takes %s, and %s are free: free some space or spread the reads over less", dir, span, strata.ByteSize(free))
	}
	sub, err := os.MkdirTemp(dir, "strata-bench-")
	if err != nil {
		return d, strata.E(strata.Invalid, "measure the disk at %s: %w", dir, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(sub)) }()
	f, err := vfs.OS{}.Open(filepath.Join(sub, "reads"))
	if err != nil {
		return d, err
	}
	defer f.Close()
	if err := write(ctx, f, span); err != nil {
		return d, err
	}
	return read(ctx, f, span)
}

// writePiece is the size of one write.
const writePiece = 4 << 20

// write fills the file with bytes that no disk can compress or share.
func write(ctx context.Context, f vfs.File, span strata.ByteSize) error {
	m, err := hugepage.Alloc(writePiece)
	if err != nil {
		return err
	}
	defer m.Free()
	noise := rand.NewChaCha8([32]byte{1})
	for at := int64(0); at < int64(span); at += writePiece {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		_, _ = noise.Read(m.Bytes()) // never fails
		if _, err := f.WriteDirect(m.Bytes(), at); err != nil {
			return strata.E(strata.NoSpace, "measure the disk: %w", err)
		}
	}
	return f.Sync()
}

// read measures answers.
func read(ctx context.Context, f vfs.File, span strata.ByteSize) (Disk, error) {
	m, err := hugepage.Alloc(Leaves * vfs.Align)
	if err != nil {
		return Disk{}, err
	}
	defer m.Free()
	places := rand.New(rand.NewPCG(1, 1))
	took := make([]time.Duration, answers)
	for i := range took {
		if ctx.Err() != nil {
			return Disk{}, ctx.Err()
		}
		if took[i], err = answer(f, m.Bytes(), places, uint64(span)); err != nil {
			return Disk{}, strata.E(strata.Unavailable, "measure the disk: %w", err)
		}
	}
	slices.Sort(took)
	return Disk{Answers: answers, Median: took[answers/2], Slowest: took[answers-1]}, nil
}

// answer reads Leaves random leaves at once. A leaf is a kilobyte, but past the
// cache a disk is read in units of vfs.Align.
func answer(f vfs.File, buf []byte, places *rand.Rand, span uint64) (time.Duration, error) {
	var at [Leaves]int64
	for i := range at {
		at[i] = int64(places.Uint64N(span/vfs.Align)) * vfs.Align
	}
	var errs [Leaves]error
	var wg sync.WaitGroup
	began := time.Now()
	for i := range at {
		wg.Go(func() { _, errs[i] = f.ReadDirect(buf[i*vfs.Align:(i+1)*vfs.Align], at[i]) })
	}
	wg.Wait()
	return time.Since(began), errors.Join(errs[:]...)
}
