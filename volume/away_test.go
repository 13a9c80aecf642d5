package volume

import (
	"bytes"
	"context"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"strata"
	"strata/volume/disk"
	"strata/volume/vfs/faultfs"
	"strata/wire"
)

// TestDiskAway: what lies on the other disk is served, stored, listed and
// deleted as ever; of the one that is away nothing is forgotten.
func TestDiskAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := &faultfs.FS{}
		cfg := testConfig(t.TempDir(), t.TempDir())
		cfg.fs = fs
		s, err := Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		plan(t, s, alice, 2, 2)
		fill(t, s)
		var on [2][]strata.Root
		for i := uint64(0); len(on[1]) == 0; i++ {
			data, root := blob(i, tinySector/4)
			r := put(t, s, alice, data)
			at := s.ensurePartition(alice).sector(r.Sector).disk.At()
			on[at] = append(on[at], root)
		}
		before, _ := manifest(t, s, alice, 0)

		fs.Fail(s.disks[1].Dir())
		if o := audit(t, s, alice, wire.LeafRef{Sector: 3, Leaf: 1023}); !o.Missing {
			t.Error("a leaf of the disk that is away")
		}
		if _, err := readShard(s, alice, on[0][0]); err != nil {
			t.Errorf("a shard of the other disk: %v", err)
		}
		if _, err := s.OpenShard(t.Context(), alice, on[1][0]); strata.CodeOf(err) != strata.Unavailable {
			t.Errorf("a shard of the disk that is away: %v", err)
		}
		if err := s.DeleteShard(t.Context(), alice, on[1][0]); strata.CodeOf(err) != strata.Unavailable {
			t.Errorf("its deletion: %v", err)
		}
		if err := s.DeleteShard(t.Context(), alice, on[0][0]); err != nil {
			t.Errorf("a deletion on the other disk: %v", err)
		}
		if err := s.StoreSuperblock(t.Context(), alice, wire.Superblock{Version: 1, Payload: []byte("x")}); err != nil {
			t.Errorf("a superblock: %v", err)
		}
		short, entries := manifest(t, s, alice, 0)
		if short.Sequence <= before.Sequence || short.Sectors != 4 || len(entries) != 4 {
			t.Errorf("a disk that is away for a moment changes the list: %+v", short)
		}

		time.Sleep(disk.LostAfter + time.Second)
		if err := s.Compact(t.Context()); err != nil {
			t.Error(err)
		}
		long, entries := manifest(t, s, alice, 0)
		if long.Sectors != 2 || len(entries) != 2 || rootOf(entries) != long.EntriesRoot {
			t.Errorf("a disk that stays away is listed: %+v, %d entries", long, len(entries))
		}

		fs.Mend(s.disks[1].Dir())
		if err := s.Compact(t.Context()); err != nil {
			t.Error(err)
		}
		if back, _ := manifest(t, s, alice, 0); back.Sectors != 4 || back.Sequence <= long.Sequence {
			t.Errorf("the disk is back, the list says %+v", back)
		}
		check(t, s, alice, on[1]...)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if s, err = Open(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		check(t, s, alice, on[1]...)
		if b, err := s.LoadSuperblock(t.Context(), alice); err != nil || b.Version != 1 {
			t.Errorf("the superblock: %+v, %v", b, err)
		}
	})
}

// Puts go where there is a disk that works.
func TestPutsAvoidADiskThatIsAway(t *testing.T) {
	s, fs, _ := twoDisks(t, 2)
	fill(t, s)
	fs.Fail(s.disks[0].Dir())
	stored := 0
	for i := range uint64(6) {
		data, root := blob(i, 10_000)
		if _, err := s.PutShard(context.Background(), alice, root, int64(len(data)), bytes.NewReader(data), nil); err == nil {
			stored++
			if _, err := readShard(s, alice, root); err != nil {
				t.Error(err)
			}
		}
		_ = s.disks[0].Try(t.Context()) // whoever met the failure has done so
	}
	if stored < 5 {
		t.Errorf("%d of 6 puts found the disk that works", stored)
	}
	fs.Mend(s.disks[0].Dir())
	if err := s.Compact(context.Background()); err != nil {
		t.Fatal(err)
	}
	check(t, s, alice)
}

// TestRemount: a disk that was unmounted and mounted again is another one to
// the system. It is taken up without a restart.
func TestRemount(t *testing.T) {
	s, _, log := twoDisks(t, 3)
	d := s.disks[1]
	away := d.Dir() + ".away"
	fail := onceOn(s, d, func() {
		if err := os.Rename(d.Dir(), away); err != nil {
			t.Error(err)
		}
	})
	mount := func() {
		if err := os.CopyFS(d.Dir(), os.DirFS(away)); err != nil {
			t.Error(err)
		}
	}
	if err := s.Seal(context.Background(), 1, func(_, _ strata.ByteSize) { fail() }); err == nil {
		// What was open may have sufficed; now it is all closed.
		if err := d.Try(t.Context()); err == nil {
			t.Fatal("a disk that is gone works")
		}
	}
	mount()
	if err := s.Compact(context.Background()); err != nil {
		t.Fatal(err)
	}
	fill(t, s)
	data, root := blob(1, 5000)
	put(t, s, alice, data)
	if n := len(check(t, s, alice, root)); n != 6 {
		t.Errorf("%d entries of 6\n%s", n, log.b.String())
	}
	check(t, reopen(t, s), alice, root)
}

// TestAnotherDiskIsRefused: what comes to a disk's place and is not what was
// there is left alone.
func TestAnotherDiskIsRefused(t *testing.T) {
	other := mustOpen(t, testConfig(t.TempDir()))
	plan(t, other, alice, 1)
	fill(t, other)
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	for name, place := range map[string]func(t *testing.T, dir string){
		"nothing": func(*testing.T, string) {},
		"an empty directory": func(t *testing.T, dir string) {
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
		},
		"another disk of this hotkey": func(t *testing.T, dir string) {
			if err := os.CopyFS(dir, os.DirFS(other.disks[0].Dir())); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := sealed(t, 2)
			d := s.disks[0]
			if err := os.Rename(d.Dir(), d.Dir()+".away"); err != nil {
				t.Fatal(err)
			}
			place(t, d.Dir())
			if err := d.Try(t.Context()); strata.CodeOf(err) != strata.Unavailable {
				t.Errorf("%v", err)
			}
			if err := os.RemoveAll(d.Dir()); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(d.Dir()+".away", d.Dir()); err != nil {
				t.Fatal(err)
			}
			if err := d.Try(t.Context()); err != nil {
				t.Error(err)
			}
			check(t, s, alice)
		})
	}
}
