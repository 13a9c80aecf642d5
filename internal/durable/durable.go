// Package durable holds the few operations on which everything that survives a
// crash is built: replacing a file whole, making a directory's changes
// permanent, a lock that one process holds, and SQLite opened the project's way.
package durable

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"strata"
)

// WriteFile replaces the file at path by data, with the permission bits of
// perm. A crash at any point leaves either the old file or the new one, whole;
// when WriteFile has returned nil it is the new one. A leftover of a crash is
// a file ".<name>-*.tmp" beside it, which may be deleted. A full disk gives
// code NoSpace and the old file.
func WriteFile(path string, data []byte, perm os.FileMode) error {
	tmp, err := writeTemp(path, data, perm)
	if err != nil {
		return classifyFile(err, path)
	}
	if err := os.Rename(tmp, path); err != nil {
		_ = os.Remove(tmp)
		return classifyFile(err, path)
	}
	return SyncDir(filepath.Dir(path))
}

// writeTemp writes and syncs a new file beside path. A crash here leaves the
// old file and a stray temporary one.
func writeTemp(path string, data []byte, perm os.FileMode) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*.tmp")
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(perm)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

// MkdirAll makes a directory and its missing parents, with mode 0700, and makes
// their names permanent.
func MkdirAll(dir string) error {
	dir = filepath.Clean(dir)
	if st, err := os.Stat(dir); err == nil && st.IsDir() {
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := MkdirAll(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return classifyFile(err, dir)
	}
	return SyncDir(parent)
}

// SyncDir makes the creations, renames and removals in dir permanent. On
// Windows, which has no such call and journals names itself, it does nothing.
func SyncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open directory %s to sync it: %w", dir, err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) {
		return fmt.Errorf("sync directory %s: %w", dir, err)
	}
	return nil
}

// IsFull says whether err comes from a full disk or an exhausted quota.
func IsFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || isQuota(err)
}

func classifyFile(err error, path string) error {
	switch {
	case IsFull(err):
		return strata.E(strata.NoSpace, "no space left to write %s: free some space on that disk: %w", path, err)
	case errors.Is(err, os.ErrPermission):
		return strata.E(strata.Forbidden, "not allowed to write %s: check its owner and mode: %w", path, err)
	default:
		return fmt.Errorf("write %s: %w", path, err)
	}
}
