package volume

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"strata"
	"strata/volume/hashes"
	"strata/volume/layout"
)

// fixedFS says that a disk of 1 GiB has so much free, less alice's sectors.
type fixedFS struct {
	quick
	devices map[string]uint64 // by path; one that is not here is not known
}

const diskFree = 512 << 20

func (f *fixedFS) Space(path string) (uint64, uint64, error) {
	free := uint64(diskFree)
	if st, err := os.Stat(filepath.Join(path, layout.DataName(alice))); err == nil {
		free -= uint64(st.Size())
	}
	return 1 << 30, free, nil
}

func (f *fixedFS) Device(path string) (uint64, bool) {
	id, ok := f.devices[path]
	return id, ok
}

// onFixed opens a store on n paths whose free space is known. same says how
// many of them, from the first, lie on one file system.
func onFixed(t *testing.T, n, same int) *Store {
	t.Helper()
	fs := &fixedFS{devices: map[string]uint64{}}
	paths := make([]string, n)
	for i := range paths {
		paths[i] = t.TempDir()
		if i < same {
			fs.devices[layout.Dir(paths[i], "w", "h")] = 7
		}
	}
	cfg := testConfig(paths...)
	cfg.fs = fs
	return mustOpen(t, cfg)
}

// sum is what a threshold is taken of, in sectors.
func sum(t *testing.T, s *Store) (sectors uint64) {
	t.Helper()
	list, err := s.Disks()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		sectors += uint64(d.Free+d.Used) / tinySector
	}
	return sectors
}

// What there is to divide is the same before sealing, at any moment of it,
// after it, and after a stop in its midst.
func TestSpaceStaysTheSameWhileSealing(t *testing.T) {
	s := onFixed(t, 1, 1)
	want := sum(t, s)
	plan(t, s, alice, 12)
	if got := sum(t, s); got != want {
		t.Fatalf("queued: %d sectors instead of %d", got, want)
	}
	ctx, cancel := context.WithCancel(context.Background())
	pieces := 0
	err := s.Seal(ctx, 1, func(_, _ strata.ByteSize) {
		if got := sum(t, s); got != want {
			t.Errorf("while sealing: %d sectors instead of %d", got, want)
		}
		if pieces++; pieces == 5 {
			cancel()
		}
	})
	if err == nil {
		t.Fatal("the cancelled call went through")
	}
	// The power goes when the next sector has its space.
	f, err := s.disks[0].Open(alice)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Data.Truncate(6 * tinySector); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, s)
	if got := sum(t, s); got != want {
		t.Fatalf("opened again: %d sectors instead of %d", got, want)
	}
	fill(t, s)
	if got := sum(t, s); got != want {
		t.Fatalf("sealed: %d sectors instead of %d", got, want)
	}
}

// A disk is counted once, however many paths lie on it.
func TestSpaceOfPathsOnOneDisk(t *testing.T) {
	const usable = diskFree - (1<<30)/100
	one := uint64(usable-usable/1025) / tinySector
	for name, c := range map[string]struct {
		paths, same int
		want        uint64
	}{
		"one path":         {1, 1, one},
		"three on one":     {3, 3, one},
		"two and another":  {3, 2, 2 * one},
		"system is silent": {2, 0, 2 * one},
	} {
		t.Run(name, func(t *testing.T) {
			got := sum(t, onFixed(t, c.paths, c.same))
			if got > c.want || got+uint64(c.paths) < c.want { // each path may leave a rest
				t.Errorf("%d sectors instead of %d", got, c.want)
			}
		})
	}
}

// A disk that is divided without a rest holds sectors and their nodes.
func TestSpaceHoldsNodesToo(t *testing.T) {
	s := onFixed(t, 1, 1)
	list, err := s.Disks()
	if err != nil {
		t.Fatal(err)
	}
	n := uint64(list[0].Free) / tinySector
	need := strata.ByteSize(n * uint64(s.size()+s.size()/hashes.Ratio))
	if usable := strata.ByteSize(diskFree - reserve(1<<30)); need > usable {
		t.Errorf("%d sectors and their nodes need %s, there are %s", n, need, usable)
	}
}
