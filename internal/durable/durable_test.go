package durable

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"strata"
)

func TestWriteFileReplacesWhole(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "partition.json")
	for _, want := range []string{"first, and longer than the second", "second"} {
		if err := WriteFile(path, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != want {
			t.Fatalf("read %q, %v; want %q", got, err, want)
		}
	}
	st, err := os.Stat(path)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v; want 0600", st.Mode(), err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Fatalf("%d files left beside it, %v", len(left)-1, err)
	}
}

func TestWriteFileFailsClean(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "taken")
	if err := os.MkdirAll(filepath.Join(target, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(target, []byte("x"), 0o600); err == nil {
		t.Fatal("a file replaced a directory")
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Fatalf("a failed write left %d files, %v", len(left)-1, err)
	}
	if err := WriteFile(filepath.Join(dir, "no", "such"), nil, 0o600); err == nil {
		t.Fatal("wrote into a directory that does not exist")
	}
}

func TestMkdirAll(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b", "c")
	for range 2 {
		if err := MkdirAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	if st, err := os.Stat(dir); err != nil || !st.IsDir() {
		t.Fatalf("not made: %v", err)
	}
	if err := SyncDir(filepath.Join(dir, "none")); err == nil {
		t.Fatal("synced a directory that does not exist")
	}
}

func TestIsFull(t *testing.T) {
	for err, want := range map[error]bool{
		syscall.ENOSPC: true, fmt.Errorf("write: %w", syscall.ENOSPC): true, syscall.EIO: false,
	} {
		if IsFull(err) != want {
			t.Errorf("IsFull(%v) = %v", err, !want)
		}
	}
	if strata.CodeOf(classifyFile(syscall.ENOSPC, "f")) != strata.NoSpace {
		t.Error("a full disk is not NoSpace")
	}
	if strata.CodeOf(classifyFile(os.ErrPermission, "f")) != strata.Forbidden {
		t.Error("a refused write is not Forbidden")
	}
}

func TestLockNamesHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := AcquireLock(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = AcquireLock(path)
	if strata.CodeOf(err) != strata.Locked || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Fatalf("second lock: %v; want Locked naming pid %d", err, os.Getpid())
	}
	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	again, err := AcquireLock(path)
	if err != nil {
		t.Fatalf("after release: %v", err)
	}
	if err := again.Release(); err != nil {
		t.Fatal(err)
	}
}

func TestHolderOfGarbage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	for _, content := range []string{"", "no pid", strings.Repeat("9", 1000)} {
		if err := os.WriteFile(pidFile(path), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := holder(path); got != "another process" {
			t.Errorf("holder of %.10q: %q", content, got)
		}
	}
}

func TestOpenDB(t *testing.T) {
	ctx := context.Background()
	// A name with characters that mean something in a URI.
	path := filepath.Join(t.TempDir(), "a b?c#d%41.db")
	db, err := OpenDB(ctx, path, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("the database lies elsewhere: %v", err)
	}
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1"} {
		var got string
		if err := db.Write.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s = %q, %v; want %q", pragma, got, err, want)
		}
	}
	if _, err := db.Write.Exec("CREATE TABLE t (x)"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Read.Exec("INSERT INTO t VALUES (1)"); err == nil {
		t.Error("a reader wrote")
	}
}

func TestOpenDBCorrupt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	garbage := bytes.Repeat([]byte("not a database. "), 512)
	if err := os.WriteFile(path, garbage, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := OpenDB(context.Background(), path, 1)
	if strata.CodeOf(err) != strata.Corrupt {
		t.Fatalf("opened garbage: %v; want Corrupt", err)
	}
	if left, err := os.ReadFile(path); err != nil || !bytes.Equal(left, garbage) {
		t.Fatal("the damaged file was changed")
	}
}
