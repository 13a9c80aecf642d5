package vfs

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Allocate implements File.
func (f *osFile) Allocate(off, n int64) error {
	return tolerate(unix.Fallocate(int(f.Fd()), 0, off, n))
}

// Punch implements File.
func (f *osFile) Punch(off, n int64) error {
	return tolerate(unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, n))
}

// Sync implements File: fdatasync makes the bytes permanent and what is needed
// to find them (size, extents), but not the time of the last write, for which
// fsync would commit the file system's journal each time.
func (f *osFile) Sync() error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var serr error
	err = c.Control(func(fd uintptr) {
		for serr = unix.EINTR; serr == unix.EINTR; {
			serr = unix.Fdatasync(int(fd))
		}
	})
	return errors.Join(err, serr)
}

// tolerate lets file systems pass that cannot pre-allocate or punch.
func tolerate(err error) error {
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINTR) {
		return nil
	}
	return err
}

// refused says whether a file system does not do direct I/O after all.
func refused(err error) bool { return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) }

// forget asks the system to drop clean pages of a place from its cache.
func (f *osFile) forget(off, n int64) {
	_ = unix.Fadvise(int(f.Fd()), off, n, unix.FADV_DONTNEED) // advice
}
