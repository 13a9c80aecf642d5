package vfs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/ncw/directio"
	usage "github.com/shirou/gopsutil/v4/disk"

	"strata/internal/durable"
)

// OS is the real file system.
type OS struct{}

// Open implements FS.
func (OS) Open(path string) (File, error) {
	_, statErr := os.Stat(path)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open sector file: %w", err)
	}
	if errors.Is(statErr, os.ErrNotExist) {
		if err := durable.SyncDir(filepath.Dir(path)); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	return &osFile{File: f}, nil
}

// indexReaders is how many read one index at once.
const indexReaders = 4

// OpenIndex implements FS: commits are on disk when they return.
func (OS) OpenIndex(ctx context.Context, path string) (*durable.DB, error) {
	return durable.OpenDB(ctx, path, indexReaders)
}

// Commit implements FS.
func (OS) Commit(_ string, tx *sql.Tx) error { return tx.Commit() }

// Space implements FS.
func (OS) Space(path string) (total, free uint64, err error) {
	u, err := usage.Usage(path)
	if err != nil {
		return 0, 0, fmt.Errorf("ask for the free space at %s: %w", path, err)
	}
	return u.Total, u.Free, nil
}

// osFile is a file with a second descriptor, opened at first need, that goes
// past the cache.
type osFile struct {
	*os.File

	mu    sync.Mutex // guards what follows
	past  *os.File   // nil: not opened yet, or refused
	asked bool       // past was opened or refused, or the file is closed
}

// Size implements File.
func (f *osFile) Size() (int64, error) {
	st, err := f.Stat()
	if err != nil {
		return 0, fmt.Errorf("size of sector file: %w", err)
	}
	return st.Size(), nil
}

// WriteDirect implements File.
func (f *osFile) WriteDirect(b []byte, off int64) (int, error) {
	if d := f.direct(b, off); d != nil {
		n, err := d.WriteAt(b, off)
		if !unfit(err) {
			return n, err
		}
		f.giveUp(d)
	}
	return f.WriteAt(b, off)
}

// ReadDirect implements File.
func (f *osFile) ReadDirect(b []byte, off int64) (int, error) {
	if d := f.direct(b, off); d != nil {
		n, err := d.ReadAt(b, off)
		if !unfit(err) {
			return n, err
		}
		f.giveUp(d)
	}
	f.forget(off, int64(len(b)))
	return f.ReadAt(b, off)
}

// direct returns the descriptor that goes past the cache, or nil if there is
// none or b does not fit it.
func (f *osFile) direct(b []byte, off int64) *os.File {
	if len(b) == 0 || len(b)%Align != 0 || off%Align != 0 || address(b)%Align != 0 {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.asked {
		f.asked = true
		if d, err := directio.OpenFile(f.Name(), os.O_RDWR, 0); err == nil {
			f.past = f.same(d)
		}
	}
	return f.past
}

// same returns d if it is the same file as f, and not one that has come to its
// path since; else it closes d and returns nil.
func (f *osFile) same(d *os.File) *os.File {
	mine, err := f.Stat()
	its, derr := d.Stat()
	if err == nil && derr == nil && os.SameFile(mine, its) {
		return d
	}
	_ = d.Close() // nothing was written through it
	return nil
}

// giveUp stops trying to go past the cache: the file system took the flag, and
// refuses the call.
func (f *osFile) giveUp(d *os.File) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.past == d {
		f.past = nil
		_ = d.Close() // nothing was written through it
	}
}

// unfit says whether a call must be made the ordinary way: the file system does
// no direct I/O after all, or another call has just found that out.
func unfit(err error) bool { return refused(err) || errors.Is(err, os.ErrClosed) }

// Close implements File.
func (f *osFile) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = true
	err := f.File.Close()
	if f.past != nil {
		err = errors.Join(err, f.past.Close())
		f.past = nil
	}
	return err
}
