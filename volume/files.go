package volume

import (
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	usage "github.com/shirou/gopsutil/v4/disk"

	"strata"
	"strata/internal/durable"
)

// fileSystem is the seam under sector files and index: the operations after
// which a crash can leave something different. Tests put a layer here that
// cuts at the Nth of them. Implementations are safe for concurrent use.
type fileSystem interface {
	// open opens a file for reading and writing; a missing one is created, and
	// its name is permanent when open returns.
	open(path string) (file, error)
	// commit commits a transaction of the index.
	commit(tx *sql.Tx) error
	// space returns the size of the file system that holds path and what is
	// free there for an ordinary user, in bytes.
	space(path string) (total, free uint64, err error)
	// device returns a number that two paths have in common if they lie on one
	// file system, and false where the system does not say.
	device(path string) (id uint64, ok bool)
}

// file is a data or hashes file.
type file interface {
	io.ReaderAt
	io.WriterAt
	// Sync makes all writes so far permanent.
	Sync() error
	// Truncate cuts or extends (with a hole) the file.
	Truncate(size int64) error
	// Size returns the file's length in bytes.
	Size() (int64, error)
	// Allocate takes disk space for n bytes at off, extending the file. Where
	// the system cannot, it does nothing and writes take the space.
	Allocate(off, n int64) error
	// Punch gives the space of n bytes at off back; they read as zero. Where
	// the system cannot, it does nothing and the space waits to be reused.
	Punch(off, n int64) error
	Close() error
}

// osFS is the real file system.
type osFS struct{}

func (osFS) open(path string) (file, error) {
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
	return osFile{f}, nil
}

func (osFS) commit(tx *sql.Tx) error { return tx.Commit() }

func (osFS) space(path string) (total, free uint64, err error) {
	u, err := usage.Usage(path)
	if err != nil {
		return 0, 0, fmt.Errorf("ask for the free space at %s: %w", path, err)
	}
	return u.Total, u.Free, nil
}

type osFile struct{ *os.File }

func (f osFile) Size() (int64, error) {
	st, err := f.Stat()
	if err != nil {
		return 0, fmt.Errorf("size of sector file: %w", err)
	}
	return st.Size(), nil
}

// diskError gives an error of a sector file its code and the way out.
func diskError(err error, doing, path string) error {
	if durable.IsFull(err) {
		return strata.E(strata.NoSpace, "disk full while %s %s: free some space and run again, it continues where it stopped: %w", doing, path, err)
	}
	return fmt.Errorf("%s %s: %w", doing, path, err)
}
