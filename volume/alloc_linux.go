package volume

import (
	"errors"

	"golang.org/x/sys/unix"
)

func (f osFile) Allocate(off, n int64) error {
	return tolerate(unix.Fallocate(int(f.Fd()), 0, off, n))
}

func (f osFile) Punch(off, n int64) error {
	return tolerate(unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, n))
}

// tolerate lets file systems pass that cannot pre-allocate or punch.
func tolerate(err error) error {
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINTR) {
		return nil
	}
	return err
}
