package vfs

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"strata/internal/hugepage"
)

// Both ways of writing and reading see the same file, aligned or not, on file
// systems with direct I/O and without.
func TestDirectAndOrdinarySeeTheSame(t *testing.T) {
	dirs := map[string]string{"disk": t.TempDir()}
	if dir, err := os.MkdirTemp("/dev/shm", "vfs"); err == nil {
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		dirs["memory"] = dir
	}
	m, err := hugepage.Alloc(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Free()
	b := m.Bytes()
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(b)
	for name, dir := range dirs {
		for _, c := range []struct {
			name     string
			at, n    int // in b
			off      int64
			aligned  bool
			allocate bool
		}{
			{"aligned", 0, 1 << 20, 8192, true, true},
			{"a hole before it", 4096, 8192, 1 << 21, true, false},
			{"memory is odd", 512, 8192, 4096, false, true},
			{"length is odd", 0, 5000, 4096, false, true},
			{"place is odd", 0, 4096, 100, false, true},
			{"nothing", 0, 0, 0, false, false},
		} {
			t.Run(name+"/"+c.name, func(t *testing.T) {
				f, err := OS{}.Open(filepath.Join(dir, "f"))
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				if (f.(*osFile).direct(b[c.at:c.at+c.n], c.off) != nil) && !c.aligned {
					t.Error("what is not aligned would go past the cache")
				}
				roundTrip(t, f, b[c.at:c.at+c.n], c.off, c.allocate)
			})
		}
	}
}

func roundTrip(t *testing.T, f File, want []byte, off int64, allocate bool) {
	t.Helper()
	if allocate {
		if err := f.Allocate(off, int64(len(want))); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := f.WriteDirect(want, off); n != len(want) || err != nil {
		t.Fatalf("%d bytes, %v", n, err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	for name, read := range map[string]func([]byte, int64) (int, error){"direct": f.ReadDirect, "ordinary": f.ReadAt} {
		got, err := hugepage.Alloc(1 << 20)
		if err != nil {
			t.Fatal(err)
		}
		b := got.Bytes()[:len(want)]
		if n, err := read(b, off); n != len(want) || err != nil || !bytes.Equal(b, want) {
			t.Errorf("%s: %d bytes, %v, equal %v", name, n, err, bytes.Equal(b, want))
		}
		got.Free()
	}
}

// A file system that refuses direct I/O when it is used, or a path that another
// file has taken, is written the ordinary way.
func TestDirectIsGivenUp(t *testing.T) {
	dir := t.TempDir()
	f, err := OS{}.Open(filepath.Join(dir, "f"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "f"), filepath.Join(dir, "mine")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "f"), []byte("another's"), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := hugepage.Alloc(Align)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Free()
	roundTrip(t, f, m.Bytes(), 0, true)
	o := f.(*osFile)
	if o.past != nil {
		t.Error("the file that came to the path would be written")
	}
	if o.past, err = os.Open(filepath.Join(dir, "f")); err != nil {
		t.Fatal(err)
	}
	o.giveUp(o.past)
	roundTrip(t, f, m.Bytes(), 0, true)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteDirect(m.Bytes(), 0); err == nil {
		t.Error("a closed file was written")
	}
	b, err := os.ReadFile(filepath.Join(dir, "f"))
	if err != nil || string(b) != "another's" {
		t.Errorf("%q, %v", b, err)
	}
}
