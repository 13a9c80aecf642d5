package sqlite

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/gofrs/flock"

	"strata"
)

// lockRole takes a role of a file for this process and leaves its pid in the
// lock file. The lock itself is the kernel's, so a crash gives it up; a pid left
// in the file means nothing without it.
func lockRole(path string, role Role) (*flock.Flock, error) {
	name := path + "." + string(role) + ".lock"
	l := flock.New(name, flock.SetPermissions(0o600))
	ok, err := l.TryLock()
	if err != nil {
		return nil, fmt.Errorf("cannot lock the metadata file: %w", err)
	}
	if !ok {
		return nil, strata.E(strata.Locked, "the metadata file %s is in use by another %s%s: stop it, or use another --db_path", path, role, holder(name))
	}
	if err := os.WriteFile(name, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot write the lock file: %w", err), l.Close())
	}
	return l, nil
}

// holder names the process that holds a lock file, or nothing when it has not
// written its pid yet.
func holder(name string) string {
	b, err := os.ReadFile(name)
	pid, perr := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || perr != nil {
		return ""
	}
	return fmt.Sprintf(" (pid %d)", pid)
}
