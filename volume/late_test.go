package volume

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"strata"
	"strata/merkle"
	"strata/volume/disk"
	"strata/volume/layout"
	"strata/volume/vfs/faultfs"
)

// file is the path of a file on the disk that can hang.
func (h *hanging) file(name string) string { return filepath.Join(h.s.disks[1].Dir(), name) }

// only lets puts go to the disk that can hang.
func (h *hanging) only(t *testing.T) {
	t.Helper()
	h.fs.Fail(h.s.disks[0].Dir())
	_ = h.s.disks[0].Try(t.Context())
}

// both ends only.
func (h *hanging) both(t *testing.T) {
	t.Helper()
	h.fs.Mend(h.s.disks[0].Dir())
	if err := h.s.disks[0].Try(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// refused puts a shard to a disk that hangs, which has to say so when patience
// ends.
func (h *hanging) refused(t *testing.T, data []byte) {
	t.Helper()
	began := time.Now()
	_, err := h.s.PutShard(t.Context(), alice, merkle.Build(data).Root(), int64(len(data)), bytes.NewReader(data), nil)
	if strata.CodeOf(err) != strata.Unavailable || !strings.Contains(err.Error(), "does not answer") {
		t.Fatalf("a put to the disk that hangs: %v", err)
	}
	if took := time.Since(began); took != disk.AnswerWithin {
		t.Fatalf("it took %s", took)
	}
}

// back waits until the disk that hung is sure again.
func (h *hanging) back(t *testing.T) {
	t.Helper()
	for h.s.attend(); !h.s.disks[1].Works() || h.s.disks[1].InDoubt(); h.s.attend() {
		time.Sleep(time.Second)
	}
}

// TestLateWrite: a put to a disk that hangs is refused when patience ends, and what
// it writes later, when others are acknowledged, comes over none of them.
func TestLateWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHanging(t, nil)
		defer h.s.Close()
		h.only(t)
		refused, _ := blob(50, tinySector/8)
		path := h.file(layout.DataName(alice)) + faultfs.Writes
		release := h.fs.Hang(path)
		h.refused(t, refused)
		h.fs.Pass(path) // it answers again, but for that write
		h.back(t)
		var stored []strata.Root
		for i := range uint64(64) { // as many as there is room for
			data, root := blob(100+i, tinySector/8)
			if _, err := h.s.PutShard(t.Context(), alice, root, int64(len(data)), bytes.NewReader(data), nil); err != nil {
				break
			}
			stored = append(stored, root)
		}
		if len(stored) < 8 {
			t.Fatalf("%d shards were stored", len(stored))
		}
		// Nor is its sector sealed again under it.
		if err := h.s.Compact(t.Context()); err != nil {
			t.Fatal(err)
		}
		release()
		synctest.Wait()
		// It was held until then, like the memory that it was written from.
		if file, err := os.ReadFile(h.file(layout.DataName(alice))); err != nil || !bytes.Contains(file, refused[:len(refused)/2]) {
			t.Errorf("what was written late is not what was put: %v", err)
		}
		h.both(t)
		check(t, h.s, alice, stored...)
		// The region is free again.
		again, root := blob(51, tinySector/8)
		h.only(t)
		put(t, h.s, alice, again)
		h.both(t)
		check(t, h.s, alice, append(stored, root)...)
	})
}

// TestLateCommit: a put whose commit hangs is refused, and may be there when the
// disk answers: then it counts, can be deleted, and leaves when it is forgotten.
func TestLateCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ck := &clock{now: start}
		h := newHanging(t, func(c *Config) { c.Clock = ck.Now })
		defer h.s.Close()
		h.only(t)
		first, _ := blob(49, tinySector/8)
		put(t, h.s, alice, first) // so that the next needs no commit but its own
		data, root := blob(50, tinySector/8)
		release := h.fs.Hang(h.file(layout.IndexFile))
		h.refused(t, data)
		release()
		h.back(t)
		h.both(t)
		if err := h.s.Compact(t.Context()); err != nil {
			t.Fatal(err)
		}
		counted := func(want uint64) {
			t.Helper()
			listed := uint64(0)
			for _, e := range check(t, h.s, alice) {
				listed += uint64(len(e.Shards))
			}
			if st := stats(h.s, alice); st.Shards != want || listed != want {
				t.Fatalf("%d shards are counted, %d listed, want %d", st.Shards, listed, want)
			}
		}
		counted(4)
		for _, root := range []strata.Root{root, merkle.Build(first).Root()} {
			if err := h.s.DeleteShard(t.Context(), alice, root); err != nil {
				t.Fatal(err)
			}
		}
		ck.Add(tiny.Undelete + time.Second)
		if err := h.s.Compact(t.Context()); err != nil {
			t.Fatal(err)
		}
		counted(2)
	})
}

// TestSealBesideAHang: sealing gives a disk that hangs up when patience ends; the
// others are sealed, and what it writes late comes over nothing.
func TestSealBesideAHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHanging(t, nil)
		defer h.s.Close()
		s := h.s
		plan(t, s, alice, 6, 6)
		path := h.file(layout.DataName(alice)) + faultfs.Writes
		release := h.fs.Hang(path)
		ctx, cancel := context.WithTimeout(t.Context(), 10*disk.AnswerWithin)
		defer cancel()
		if err := s.Seal(ctx, 2, nil); strata.CodeOf(err) != strata.Unavailable || !strings.Contains(err.Error(), "does not answer") {
			t.Fatalf("sealing: %v", err)
		}
		if on := [2]int{sealedOn(s, s.disks[0]), sealedOn(s, s.disks[1])}; on != [2]int{6, 2} {
			t.Fatalf("%v sectors are sealed", on)
		}
		// It answers, but for the write that was given up: its sector waits for it.
		h.fs.Pass(path)
		h.back(t)
		if err := s.Seal(ctx, 2, nil); err != nil {
			t.Fatal(err)
		}
		if n := sealedOn(s, s.disks[1]); n == 6 {
			t.Fatalf("%d sectors are sealed on the disk with a write that was given up", n)
		}
		release()
		synctest.Wait()
		fill(t, s)
		if n := sealedOn(s, s.disks[1]); n != 6 {
			t.Fatalf("%d sectors are sealed", n)
		}
		check(t, s, alice, h.shards[:]...)
	})
}

// TestTendBesideAHang: a scrub and a compaction leave out a disk that hangs, and do
// the others.
func TestTendBesideAHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ck := &clock{now: start}
		h := newHanging(t, func(c *Config) { c.Clock = ck.Now })
		defer h.s.Close()
		s := h.s
		release := h.fs.Hang(s.disks[1].Dir())
		began := time.Now()
		found, err := s.Scrub(t.Context(), 0, nil)
		if strata.CodeOf(err) != strata.Unavailable || !strings.Contains(err.Error(), s.disks[1].Dir()) || found.Sectors != 2 || !found.Whole() {
			t.Fatalf("a scrub found %+v, %v", found, err)
		}
		for _, root := range h.shards {
			if err := s.DeleteShard(t.Context(), alice, root); err != nil && strata.CodeOf(err) != strata.Unavailable {
				t.Fatal(err)
			}
		}
		ck.Add(tiny.Undelete + time.Second)
		if err := s.Compact(t.Context()); err != nil && strata.CodeOf(err) != strata.Unavailable {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 2*disk.AnswerWithin {
			t.Errorf("it took %s", took)
		}
		if _, err := s.OpenShard(t.Context(), alice, h.shards[0]); err == nil {
			t.Error("the other disk's shard was not forgotten")
		}
		if st := stats(s, alice); st.Filler != 3 {
			t.Errorf("%+v: the other disk's sector was not sealed again", st)
		}
		release()
		h.back(t)
		if found, err := s.Scrub(t.Context(), 0, nil); err != nil || found.Sectors != 4 || !found.Whole() {
			t.Errorf("the disk is back, a scrub found %+v, %v", found, err)
		}
		check(t, s, alice, h.shards[1])
	})
}

// TestCompactionHangs: what compaction writes late to a sector comes over no shard
// that was put there since.
func TestCompactionHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ck := &clock{now: start}
		h := newHanging(t, func(c *Config) { c.Clock = ck.Now })
		defer h.s.Close()
		s := h.s
		if err := s.DeleteShard(t.Context(), alice, h.shards[1]); err != nil {
			t.Fatal(err)
		}
		ck.Add(tiny.Undelete + time.Second)
		path := h.file(layout.DataName(alice)) + faultfs.Writes
		release := h.fs.Hang(path)
		if err := s.Compact(t.Context()); strata.CodeOf(err) != strata.Unavailable {
			t.Fatalf("compaction: %v", err)
		}
		h.fs.Pass(path)
		h.back(t)
		h.only(t)
		var stored []strata.Root
		for i := range uint64(16) {
			data, root := blob(100+i, tinySector/8)
			if _, err := s.PutShard(t.Context(), alice, root, int64(len(data)), bytes.NewReader(data), nil); err != nil {
				break
			}
			stored = append(stored, root)
		}
		if len(stored) == 0 {
			t.Fatal("nothing was stored")
		}
		release()
		synctest.Wait()
		h.both(t)
		check(t, s, alice, stored...)
		if err := s.Compact(t.Context()); err != nil {
			t.Fatal(err)
		}
		check(t, s, alice, stored...)
	})
}

// TestSpaceOfAHang: a disk that hangs holds up nobody who asks for the space of
// all; what it said last is used.
func TestSpaceOfAHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newJournal()
		h := newHanging(t, func(c *Config) { c.Log = log.logger() })
		defer h.s.Close()
		before, err := h.s.Disks()
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		release := h.fs.Hang(h.s.disks[1].Dir())
		began := time.Now()
		during, err := h.s.Disks()
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("it took %s", took)
		}
		if during[1] != before[1] || during[0].Used != before[0].Used {
			t.Errorf("%+v while it hangs, %+v before", during, before)
		}
		if log.count("age=1h0m1s") != 1 {
			t.Errorf("the log says\n%s", log.b.String())
		}
		time.Sleep(disk.AnswerWithin)
		if h.s.disks[1].Works() {
			t.Error("it hangs, and nobody noticed")
		}
		release()
		h.back(t)
		if after, err := h.s.Disks(); err != nil || after[1].Used != before[1].Used || log.count("age=") != 1 {
			t.Errorf("%+v, %v", after, err)
		}
	})
}

// TestPlanWaitsForAHang: what a plan has cut from a file, late, takes nothing that a
// later plan has put there.
func TestPlanWaitsForAHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHanging(t, nil)
		defer h.s.Close()
		s := h.s
		plan(t, s, alice, 4, 4)
		fill(t, s)
		path := h.file(layout.DataName(alice))
		release := h.fs.Hang(path)
		if err := s.SetTargets(t.Context(), target(s, alice, 4, 2)); strata.CodeOf(err) != strata.Unavailable {
			t.Fatalf("a plan that cuts a file of the disk that hangs: %v", err)
		}
		h.fs.Pass(path)
		h.back(t)
		if err := s.SetTargets(t.Context(), target(s, alice, 4, 4)); strata.CodeOf(err) != strata.Unavailable {
			t.Fatalf("a plan before it was cut: %v", err)
		}
		release()
		synctest.Wait()
		plan(t, s, alice, 4, 4)
		fill(t, s)
		check(t, s, alice, h.shards[:]...)
		if st := stats(s, alice); st.Sealed != 8 {
			t.Errorf("%+v", st)
		}
	})
}
