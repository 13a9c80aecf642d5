package volume

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"strata"
	"strata/merkle"
	"strata/volume/disk"
	"strata/volume/hashes"
	"strata/volume/layout"
	"strata/wire"
)

func scrub(t testing.TB, s *Store) Scrubbed {
	t.Helper()
	r, err := s.Scrub(context.Background(), 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// harm flips one bit of a file, past the store's own descriptors' knowledge.
func harm(t testing.TB, d *disk.Disk, name string, at int64) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(d.Dir(), name), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1 << rand.IntN(8)
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
}

func TestScrubFindsNothing(t *testing.T) {
	s := sealed(t, 3)
	data, root := blob(1, 100_000)
	put(t, s, alice, data)
	before, _ := manifest(t, s, alice, 0)
	var told []strata.ByteSize
	r, err := s.Scrub(context.Background(), 0, func(done, total strata.ByteSize) {
		if total != 3*tinySector || (len(told) > 0 && done <= told[len(told)-1]) {
			t.Errorf("%d of %d after %v", done, total, told)
		}
		told = append(told, done)
	})
	if err != nil || !r.Whole() || r.Sectors != 3 || len(r.Mended) > 0 {
		t.Errorf("%+v, %v", r, err)
	}
	if len(told) < 9 || told[len(told)-1] != 3*tinySector {
		t.Errorf("told %v", told)
	}
	if after, _ := manifest(t, s, alice, 0); after != before {
		t.Error("a scrub that found nothing changed the manifest")
	}
	check(t, s, alice, root)
}

// TestScrubMendsFiller: a bit that flipped anywhere in a sector's filler or
// record is found, and the sector has its old root and all its bytes again.
func TestScrubMendsFiller(t *testing.T) {
	const record = tinySector / hashes.Ratio
	for name, c := range map[string]struct {
		file string
		at   int64 // in slot 1
		data bool  // the sector holds a shard, in its first group
	}{
		"first byte":                 {layout.DataName(alice), tinySector, false},
		"last byte":                  {layout.DataName(alice), 2*tinySector - 1, false},
		"tail of a data sector":      {layout.DataName(alice), 2*tinySector - 5, true},
		"record header":              {layout.HashesName(alice), record + 3, false},
		"a group's node":             {layout.HashesName(alice), record + 32 + 100, false},
		"a high node":                {layout.HashesName(alice), 2*record - 40, false},
		"the root":                   {layout.HashesName(alice), 2*record - 1, false},
		"a node below a data sector": {layout.HashesName(alice), 2*record - 33, true},
		"record header, data sector": {layout.HashesName(alice), record + 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := sealed(t, 3)
			var want []strata.Root
			if c.data {
				for i := uint64(0); ; i++ {
					data, root := blob(i, tinySector/16)
					if r := put(t, s, alice, data); r.Sector == 1 {
						want = append(want, root)
						break
					}
					want = append(want, root)
				}
			}
			harm(t, s.disks[0], c.file, c.at)
			r := scrub(t, s)
			if !r.Whole() || len(r.Mended) != 1 || r.Mended[0].Number != 1 || r.Mended[0].Why == "" {
				t.Errorf("%+v", r)
			}
			if again := scrub(t, s); !again.Whole() || len(again.Mended) > 0 {
				t.Errorf("the second time: %+v", again)
			}
			check(t, s, alice, want...)
			check(t, reopen(t, s), alice, want...)
		})
	}
}

// TestScrubWithdrawsFirst: at no moment does the manifest claim what a scrub
// has found damaged.
func TestScrubWithdrawsFirst(t *testing.T) {
	s := sealed(t, 2)
	data, _ := blob(1, tinySector/4)
	put(t, s, alice, data)
	harm(t, s.disks[0], layout.DataName(alice), 1234)
	harm(t, s.disks[0], layout.DataName(alice), tinySector-1)
	part := s.ensurePartition(alice)
	src, err := s.OpenShard(context.Background(), alice, merkle.Build(data).Root()) // so that it cannot be mended yet
	if err != nil {
		t.Fatal(err)
	}
	r := scrub(t, s)
	if len(r.Left) != 1 || len(r.Shards) != 1 || part.sector(0).state != wire.Withdrawn {
		t.Errorf("%+v", r)
	}
	if o := audit(t, s, alice, wire.LeafRef{Sector: 0, Leaf: 1023}); !o.Missing {
		t.Error("what is damaged is answered for")
	}
	if err := src.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestScrubNamesDamagedShards: their bytes cannot be had again here; all others
// are kept, and the sector comes back once the shard is deleted.
func TestScrubNamesDamagedShards(t *testing.T) {
	ck := &clock{now: start}
	cfg := testConfig(t.TempDir())
	cfg.Clock = ck.Now
	s := mustOpen(t, cfg)
	plan(t, s, alice, 3)
	fill(t, s)
	bad, badRoot := blob(1, 70_000)
	good, goodRoot := blob(2, 50_000)
	first := put(t, s, alice, bad)
	second := put(t, s, alice, good)
	if first.Sector != second.Sector {
		t.Fatal("the two lie in two sectors")
	}
	harm(t, s.disks[0], layout.DataName(alice), int64(first.Sector)*tinySector+int64(first.Offset)*strata.BlockSize+12_345)
	r := scrub(t, s)
	want := DamagedShard{alice, badRoot, first.Sector, s.disks[0].Dir()}
	if r.Whole() || len(r.Shards) != 1 || r.Shards[0] != want || len(r.Left) != 1 {
		t.Fatalf("%+v", r)
	}
	if _, err := readShard(s, alice, goodRoot); err != nil {
		t.Errorf("the shard beside it: %v", err)
	}
	if again := scrub(t, s); len(again.Shards) != 1 {
		t.Errorf("the second time: %+v", again)
	}
	if err := s.DeleteShard(context.Background(), alice, badRoot); err != nil {
		t.Fatal(err)
	}
	ck.Add(tiny.Undelete)
	if err := s.Compact(context.Background()); err != nil {
		t.Fatal(err)
	}
	if again := scrub(t, s); !again.Whole() || len(again.Mended) > 0 {
		t.Errorf("after the shard was deleted: %+v", again)
	}
	check(t, s, alice, goodRoot)
}

// TestScrubGoesOn: a scrub that was stopped goes on where it was, also after a
// restart, and begins anew after it was through.
func TestScrubGoesOn(t *testing.T) {
	s := sealed(t, 8)
	ctx, cancel := context.WithCancel(context.Background())
	r, err := s.Scrub(ctx, 0, func(done, _ strata.ByteSize) {
		if done > 3*tinySector {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || r.Sectors != 3 {
		t.Fatalf("%d sectors, %v", r.Sectors, err)
	}
	s = reopen(t, s)
	harm(t, s.disks[0], layout.DataName(alice), 100) // behind it
	if r := scrub(t, s); r.Sectors != 5 || len(r.Mended) > 0 {
		t.Errorf("the rest: %+v", r)
	}
	if r := scrub(t, s); r.Sectors != 8 || len(r.Mended) != 1 {
		t.Errorf("all of them: %+v", r)
	}
	if err := os.WriteFile(filepath.Join(s.disks[0].Dir(), layout.ScrubFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := scrub(t, s); r.Sectors != 8 {
		t.Errorf("with a note that cannot be read: %+v", r)
	}
}

// TestScrubRate: reads stay below the rate, but for what fits into one piece.
func TestScrubRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(t.Context(), testConfig(t.TempDir()))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		plan(t, s, alice, 12)
		fill(t, s)
		began := time.Now()
		if _, err := s.Scrub(t.Context(), strata.MiB, nil); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 8*time.Second || took > 9*time.Second {
			t.Errorf("12 MiB took %s at 1 MiB a second, want 8 s", took)
		}
	})
}

// TestScrubOfAFailedDisk: a disk that is away damages nothing: it is an error,
// the other disk is done, and no sector is withdrawn.
func TestScrubOfAFailedDisk(t *testing.T) {
	s, fs, _ := twoDisks(t, 3)
	fill(t, s)
	fs.Fail(s.disks[1].Dir())
	r, err := s.Scrub(context.Background(), 0, nil)
	if strata.CodeOf(err) != strata.Unavailable || r.Sectors != 3 || !r.Whole() {
		t.Errorf("%+v, %v", r, err)
	}
	for number := range uint64(6) {
		c := s.ensurePartition(alice).sector(number)
		if o := audit(t, s, alice, wire.LeafRef{Sector: number}); o.Missing != (c.disk == s.disks[1]) {
			t.Errorf("a leaf of a disk that is away: missing %v", o.Missing)
		}
		if c.state != wire.Filler {
			t.Errorf("sector %d is in state %v", number, c.state)
		}
	}
	fs.Mend(s.disks[1].Dir())
	if r := scrub(t, s); r.Sectors != 6 || len(r.Mended) > 0 {
		t.Errorf("when it is back: %+v", r)
	}
	check(t, s, alice)
}

// TestScrubCrashTable: power goes at any write of a scrub that mends.
func TestScrubCrashTable(t *testing.T) {
	data, root := blob(1, 30_000)
	crashTable(t, func(s *Store) {
		plan(t, s, alice, 2)
		fill(t, s)
		put(t, s, alice, data)
		manifest(t, s, alice, 0)
		harm(t, s.disks[0], layout.DataName(alice), 2*tinySector-7)
		harm(t, s.disks[0], layout.HashesName(alice), 60)
	}, func(s *Store) error {
		r, err := s.Scrub(context.Background(), 0, nil)
		if err == nil && !r.Whole() {
			err = errors.New("not mended")
		}
		return err
	}, func(t *testing.T, s *Store, _ bool) {
		if r := scrub(t, s); !r.Whole() {
			t.Errorf("%+v", r)
		}
		check(t, s, alice, root)
	})
}

// TestScrubBesideEverything: puts and audits go on, and nothing sound is taken
// for damaged.
func TestScrubBesideEverything(t *testing.T) {
	s := sealed(t, 6)
	stop := make(chan struct{})
	done := make(chan []strata.Root)
	go func() {
		var roots []strata.Root
		for i := uint64(0); ; i++ {
			select {
			case <-stop:
				done <- roots
				return
			default:
			}
			data, root := blob(i, 20_000)
			if _, err := s.PutShard(context.Background(), alice, root, int64(len(data)), bytes.NewReader(data), nil); err == nil {
				roots = append(roots, root)
			}
		}
	}()
	for range 5 {
		if r := scrub(t, s); !r.Whole() || len(r.Mended) > 0 {
			t.Errorf("%+v", r)
		}
	}
	close(stop)
	check(t, s, alice, <-done...)
}
