package volume

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"strata"
	"strata/internal/durable"
	"strata/volume/layout"
)

// Reset deletes all that a hotkey stores under cfg's paths, users' shards
// included, so that the next Open starts over. Directories of another hotkey,
// chain or profile are refused with code Conflict and left alone, as are those
// in use (Locked). A crash in between leaves some files; Reset again.
func Reset(cfg Config) error {
	cfg, err := cfg.complete()
	if err != nil {
		return err
	}
	for _, path := range cfg.Paths {
		if err := resetDir(cfg, layout.Dir(path, cfg.Wallet, cfg.Hotkey)); err != nil {
			return err
		}
	}
	return nil
}

func resetDir(cfg Config, dir string) error {
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
			if err := checkPartitions(cfg, dir, list); err != nil {
				return err
			}
		}
		if err := checkIndexHeader(filepath.Join(dir, layout.IndexFile)); err != nil {
			return err
		}
		return removeFiles(dir)
	}()
	return errors.Join(err, lock.Release())
}

// removeFiles deletes what this package puts into a directory, the list last:
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

// checkIndexHeader refuses a database that is somebody else's: in the
// directory of a hotkey that is a validator lies its metadata, under the same
// name. An application id is at byte 68 of every SQLite file
// (https://www.sqlite.org/fileformat.html); what is no database may go.
func checkIndexHeader(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("start over: %w", err)
	}
	defer f.Close()
	head := make([]byte, 72)
	if _, err := io.ReadFull(f, head); err != nil {
		return nil // shorter than any database
	}
	if bytes.HasPrefix(head, []byte("SQLite format 3\x00")) && binary.BigEndian.Uint32(head[68:]) != applicationID {
		return strata.E(strata.Conflict, "%s is not a miner's index (a validator's or gateway's metadata?): nothing was deleted", path)
	}
	return nil
}
