package durable

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gofrs/flock"

	"strata"
)

// Lock is an exclusive lock on a file, held by one process (or one open Lock
// within a process) at a time. The operating system releases it when the
// process ends, however it ends.
type Lock struct{ f *flock.Flock }

// AcquireLock takes the lock at path, creating the file, and writes the pid of
// this process to path.pid (beside it, because Windows lets nobody read a
// locked file). It does not wait: if somebody holds the lock the error has code
// Locked and names the holder's pid and the directory. The directory must exist.
func AcquireLock(path string) (*Lock, error) {
	f := flock.New(path)
	ok, err := f.TryLock()
	if err != nil {
		return nil, classifyFile(err, path)
	}
	if !ok {
		return nil, strata.E(strata.Locked, "%s is in use by %s: stop it first, or use another directory",
			filepath.Dir(path), holder(path))
	}
	// A crash between the lock and this write leaves an old pid, but no
	// lock: the next to come takes it.
	if err := os.WriteFile(pidFile(path), []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
		return nil, errors.Join(classifyFile(err, path), f.Close())
	}
	return &Lock{f}, nil
}

func pidFile(path string) string { return path + ".pid" }

// Release gives the lock up. The files stay: removing them would let two
// processes lock two files of one name.
func (l *Lock) Release() error {
	if err := l.f.Close(); err != nil {
		return fmt.Errorf("release lock %s: %w", l.f.Path(), err)
	}
	return nil
}

// holder names the process that wrote its pid beside the lock file.
func holder(path string) string {
	b, err := os.ReadFile(pidFile(path))
	pid := strings.TrimSpace(string(b[:min(len(b), 20)]))
	if _, perr := strconv.Atoi(pid); err != nil || perr != nil {
		return "another process"
	}
	return "process " + pid
}
