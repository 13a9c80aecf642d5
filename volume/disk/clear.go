package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"strata/internal/durable"
	"strata/volume/index"
	"strata/volume/layout"
)

// Clear deletes all that a hotkey stores in a directory. One of another identity
// is refused with code Conflict and left alone, as is one in use (Locked) and one
// with somebody else's database (Conflict). A crash in between leaves some files;
// Clear again.
func Clear(dir string, id layout.Identity) error {
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	lock, err := durable.AcquireLock(filepath.Join(dir, layout.LockFile))
	if err != nil {
		return err
	}
	err = func() error {
		// A list that cannot be read is what --restart is for; one that can
		// must be ours.
		if list, err := layout.Read(dir); err == nil {
			if err := checkList(dir, id, list); err != nil {
				return err
			}
		}
		if err := index.Foreign(dir); err != nil {
			return err
		}
		return removeFiles(dir)
	}()
	return errors.Join(err, lock.Release())
}

// removeFiles deletes what a miner puts into a directory, the list last:
// as long as it stands, a missing index is noticed.
func removeFiles(dir string) error {
	names, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("list %s to start over: %w", dir, err)
	}
	var doomed []string
	for _, e := range names {
		n := e.Name()
		if strings.HasPrefix(n, "data-") || strings.HasPrefix(n, "hashes-") || n == layout.IndexFile || n == layout.IndexFile+"-wal" || n == layout.IndexFile+"-shm" || n == layout.ScrubFile || n == layout.ProbeFile {
			doomed = append(doomed, n)
		}
	}
	for _, n := range append(doomed, layout.ListFile) {
		if err := os.Remove(filepath.Join(dir, n)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("start over: %w", err)
		}
	}
	return durable.SyncDir(dir)
}
