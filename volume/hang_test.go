package volume

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"strata"
	"strata/volume/disk"
	"strata/volume/vfs/faultfs"
	"strata/wire"
)

// hanging is a store of two disks of two sectors each, with a shard on each,
// whose second disk can hang.
type hanging struct {
	t      *testing.T
	s      *Store
	fs     *faultfs.FS
	shards [2]strata.Root // by disk
}

func newHanging(t *testing.T, change func(*Config)) *hanging {
	t.Helper()
	h := &hanging{t: t, fs: &faultfs.FS{}}
	cfg := testConfig(t.TempDir(), t.TempDir())
	cfg.fs, cfg.Profile.Deadline = h.fs, 500*time.Millisecond
	if change != nil {
		change(&cfg)
	}
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	h.s = s
	plan(t, s, alice, 2, 2)
	fill(t, s)
	for i := range h.shards {
		other := s.disks[1-i]
		h.fs.Fail(other.Dir()) // so that the put goes to this one
		_ = other.Try(t.Context())
		data, root := blob(uint64(i), tinySector/4)
		if r := put(t, s, alice, data); h.disk(r.Sector) != i {
			t.Fatalf("shard %d went to disk %d", i, h.disk(r.Sector))
		}
		h.shards[i] = root
		h.fs.Mend(other.Dir())
		if err := other.Try(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// disk returns the place of the disk that a sector lies on.
func (h *hanging) disk(sector uint64) int { return h.s.ensurePartition(alice).sector(sector).disk.At() }

// filler returns the last leaf of each sector, and which disk it is on.
func (h *hanging) filler() (leaves []wire.LeafRef, on []int) {
	_, entries := manifest(h.t, h.s, alice, 0)
	for _, e := range entries {
		if e.Tail < h.s.cfg.Profile.Blocks {
			leaves, on = append(leaves, wire.LeafRef{Sector: e.Number, Leaf: h.s.cfg.Profile.Blocks - 1}), append(on, h.disk(e.Number))
		}
	}
	return leaves, on
}

// TestDiskHangs: a disk that neither answers nor fails costs its own leaves, and
// none of the other's; after half a minute it is away, after two more its
// sectors are listed no more, and when it answers again all is as it was.
func TestDiskHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHanging(t, nil)
		s := h.s
		leaves, on := h.filler()
		audited := func(within time.Duration) {
			t.Helper()
			begun := time.Now()
			res, err := s.OpenLeaves(t.Context(), wire.AuditRequest{Partition: alice, Leaves: leaves})
			if err != nil {
				t.Fatal(err)
			}
			if took := time.Since(begun); took > within {
				t.Errorf("the answer took %s, longer than %s", took, within)
			}
			for i, o := range res.Openings {
				if o.Missing != (on[i] == 1) {
					t.Errorf("a leaf on disk %d: missing %v", on[i], o.Missing)
				}
			}
		}
		before, _ := manifest(t, s, alice, 0)
		release := h.fs.Hang(s.disks[1].Dir())
		audited(s.cfg.Profile.Deadline - time.Millisecond)
		if !s.disks[1].Works() {
			t.Error("one late answer is no hang")
		}
		// Whoever waits for a commit there is told why.
		if err := s.DeleteShard(t.Context(), alice, h.shards[1]); strata.CodeOf(err) != strata.Unavailable || !strings.Contains(err.Error(), "does not answer for 30s") {
			t.Errorf("a deletion on the disk that hangs: %v", err)
		}
		audited(0)
		if _, err := readShard(s, alice, h.shards[0]); err != nil {
			t.Errorf("a shard of the other disk: %v", err)
		}
		if _, err := s.OpenShard(t.Context(), alice, h.shards[1]); strata.CodeOf(err) != strata.Unavailable {
			t.Errorf("a shard of the disk that hangs: %v", err)
		}
		data, _ := blob(99, 5000)
		if r := put(t, s, alice, data); h.disk(r.Sector) != 0 {
			t.Error("a put went to the disk that hangs")
		}
		if err := s.StoreSuperblock(t.Context(), alice, wire.Superblock{Version: 1, Payload: []byte("x")}); err != nil {
			t.Errorf("a superblock: %v", err)
		}
		// The list has its shards, which nobody can read now; it is asked for again.
		if _, err := s.Manifest(t.Context(), wire.ManifestQuery{Validator: alice}, 0, func(*wire.Head) error { return nil }); strata.CodeOf(err) != strata.Unavailable {
			t.Errorf("a list: %v", err)
		}

		time.Sleep(disk.LostAfter + time.Minute)
		lost, entries := manifest(t, s, alice, 0)
		if lost.Sectors != 2 || lost.Sequence <= before.Sequence || rootOf(entries) != lost.EntriesRoot {
			t.Errorf("a disk that hangs for long is listed: %+v", lost)
		}

		release()
		time.Sleep(disk.ProbeMost)
		if !s.disks[1].Works() || s.disks[1].InDoubt() {
			t.Fatal("the disk answers, and is away")
		}
		back, entries := manifest(t, s, alice, 0)
		if back.Sectors != 4 || rootOf(entries) != back.EntriesRoot {
			t.Errorf("the disk is back, the list says %+v", back)
		}
		check(t, s, alice, h.shards[0])
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s, err := Open(t.Context(), s.cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		if again, _ := manifest(t, s, alice, 0); again.EntriesRoot != back.EntriesRoot {
			t.Error("what was told after the hang is not what the indexes hold")
		}
		check(t, s, alice, h.shards[0])
	})
}

// TestHangHoldsNoLock: a change that waits for a disk that hangs lets the others
// of its partition go on when patience ends: manifests, puts and openings.
func TestHangHoldsNoLock(t *testing.T) {
	h := newHanging(t, func(c *Config) {
		c.Profile.Deadline = 0
		c.patience = []time.Duration{0, 4 * time.Second} // the other has its time, however busy the machine is
	})
	defer func() { _ = h.s.Close() }()
	leaves, on := h.filler()
	release := h.fs.Hang(h.s.disks[1].Dir())
	defer release()
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if err := h.s.DeleteShard(context.Background(), alice, h.shards[1]); strata.CodeOf(err) != strata.Unavailable {
				t.Errorf("a deletion on the disk that hangs: %v", err)
			}
		})
		wg.Go(func() {
			_, err := h.s.Manifest(context.Background(), wire.ManifestQuery{Validator: alice}, 0, func(*wire.Head) error { return nil })
			if err != nil && strata.CodeOf(err) != strata.Unavailable {
				t.Error(err)
			}
		})
		wg.Go(func() {
			res, err := h.s.OpenLeaves(context.Background(), wire.AuditRequest{Partition: alice, Leaves: leaves})
			for i, o := range res.Openings {
				if o.Missing != (on[i] == 1) {
					t.Errorf("a leaf on disk %d: missing %v, %v", on[i], o.Missing, err)
				}
			}
		})
	}
	wg.Wait()
	data, _ := blob(99, 5000)
	if r := put(t, h.s, alice, data); h.disk(r.Sector) != 0 {
		t.Error("a put went to the disk that hangs")
	}
	release()
	for !h.s.disks[1].Works() || h.s.disks[1].InDoubt() {
		h.s.attend()
	}
	if m, entries := manifest(t, h.s, alice, 0); m.Sectors != 4 || rootOf(entries) != m.EntriesRoot {
		t.Errorf("the disk is back, the list says %+v", m)
	}
}

// TestHangIsNoticed: a disk that hangs is away though nobody waits for it any
// more, and closing does not wait for it either.
func TestHangIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHanging(t, nil)
		leaves, on := h.filler()
		d := h.s.disks[1]
		release := h.fs.Hang(d.Dir())
		for i, ref := range leaves {
			if o := audit(t, h.s, alice, ref); on[i] == 1 && !o.Missing {
				t.Error("a leaf of the disk that hangs")
			}
		}
		time.Sleep(disk.AnswerWithin)
		if d.Works() {
			t.Error("nobody waits any more, and nobody noticed")
		}
		if err := h.s.Close(); strata.CodeOf(err) != strata.Unavailable {
			t.Errorf("closed: %v", err)
		}
		release()
		synctest.Wait()
	})
}
