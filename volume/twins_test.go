package volume

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"strata"
	"strata/volume/vfs/faultfs"
)

// leftOut returns two disks with sectors of the same numbers: the second, which
// had them first, was left out while a plan gave them out again on the first.
// Each has the shards that are put on it.
func leftOut(t *testing.T, base string, onFirst, onSecond []byte) (one, two string) {
	t.Helper()
	one, two = filepath.Join(base, "one"), filepath.Join(base, "two")
	s := mustOpen(t, testConfig(one, two))
	plan(t, s, alice, 0, 2)
	fill(t, s)
	if onSecond != nil {
		put(t, s, alice, onSecond)
	}
	manifest(t, s, alice, 0)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, testConfig(one))
	plan(t, s, alice, 4)
	fill(t, s)
	if onFirst != nil {
		put(t, s, alice, onFirst)
	}
	manifest(t, s, alice, 0)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return one, two
}

// TestDiskLeftOut: a disk that was left out of a run comes back with its shards,
// and room is found on both.
func TestDiskLeftOut(t *testing.T) {
	body, root := blob(1, 3000)
	for name, c := range map[string]struct {
		onFirst, onSecond []byte
		wanted            []strata.Root
	}{
		"filler":               {nil, nil, nil},
		"shards on the first":  {body, nil, []strata.Root{root}},
		"shards on the second": {nil, body, []strata.Root{root}},
	} {
		t.Run(name, func(t *testing.T) {
			one, two := leftOut(t, t.TempDir(), c.onFirst, c.onSecond)
			s := mustOpen(t, testConfig(one, two))
			before, _ := manifest(t, s, alice, 0)
			if n := len(check(t, s, alice, c.wanted...)); n != 4 {
				t.Fatalf("%d entries, want 4", n)
			}
			s = reopen(t, s)
			if again, _ := manifest(t, s, alice, 0); again != before {
				t.Fatalf("another head after opening again: %+v, %+v", again, before)
			}
			for range 2 {
				plan(t, s, alice, 4, 3)
				fill(t, s)
				if n := len(check(t, s, alice, c.wanted...)); n != 7 {
					t.Fatalf("%d entries, want 7", n)
				}
				s = reopen(t, s)
			}
		})
	}
}

// TestChangesAfterADiskLeftOut: who knew the first disk's entries is told which of
// them are others now.
func TestChangesAfterADiskLeftOut(t *testing.T) {
	body, root := blob(1, 3000)
	one, two := leftOut(t, t.TempDir(), nil, body)
	s := mustOpen(t, testConfig(one))
	known, _ := manifest(t, s, alice, 0)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, testConfig(one, two))
	_, changes := manifest(t, s, alice, known.Sequence)
	for _, e := range changes {
		if e.Number == 0 && len(e.Shards) == 1 && e.Shards[0].Root == root {
			return
		}
	}
	t.Fatalf("changes %+v are without the sector that came back", changes)
}

func TestTwoDisksWithShardsOfOneNumber(t *testing.T) {
	body, root := blob(1, 3000)
	other, otherRoot := blob(2, 3000)
	one, two := leftOut(t, t.TempDir(), body, other)
	_, err := Open(context.Background(), testConfig(one, two))
	if strata.CodeOf(err) != strata.Conflict || !strings.Contains(err.Error(), one) || !strings.Contains(err.Error(), two) {
		t.Fatal(err)
	}
	for path, root := range map[string]strata.Root{one: root, two: otherRoot} {
		s := mustOpen(t, testConfig(path))
		check(t, s, alice, root)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDiskLeftOutCrashTable cuts the power at each write of opening.
func TestDiskLeftOutCrashTable(t *testing.T) {
	body, root := blob(1, 3000)
	base := quickDir(t)
	leftOut(t, base, nil, body)
	total := openCut(t, base, root, &faultfs.FS{})
	for at := 1; at <= total; at++ {
		openCut(t, base, root, &faultfs.FS{At: at, Keep: faultfs.KeepAll})
		openCut(t, base, root, &faultfs.FS{At: at, Keep: faultfs.KeepAll, Done: true})
	}
}

// openCut opens a copy of two disks while the power goes, and then again.
func openCut(t *testing.T, base string, root strata.Root, fs *faultfs.FS) int {
	t.Helper()
	dir := filepath.Join(quickDir(t), "copy")
	if err := os.CopyFS(dir, os.DirFS(base)); err != nil {
		t.Fatal(err)
	}
	cfg := testConfig(filepath.Join(dir, "one"), filepath.Join(dir, "two"))
	cfg.fs = fs
	s, err := Open(context.Background(), cfg)
	if (err == nil) != (fs.At == 0) {
		t.Fatalf("cut at %d (done %v): %v", fs.At, fs.Done, err)
	}
	if err == nil {
		_ = s.Close() // the power may be gone
	}
	if _, err := fs.Crash(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, testConfig(cfg.Paths...))
	plan(t, s, alice, 4, 3)
	fill(t, s)
	if n := len(check(t, s, alice, root)); n != 7 {
		t.Fatalf("cut at %d (done %v): %d entries, want 7", fs.At, fs.Done, n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return fs.Count()
}
