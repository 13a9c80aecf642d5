package volume

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"strata"
	"strata/seal"
	"strata/volume/hashes"
	"strata/volume/layout"
	"strata/volume/vfs/faultfs"
	"strata/wire"
)

// partitionBytes returns both files of alice's partition on the first disk.
func partitionBytes(t *testing.T, s *Store) (data, hashes []byte) {
	t.Helper()
	var out [2][]byte
	for i, name := range []string{layout.DataName(alice), layout.HashesName(alice)} {
		b, err := os.ReadFile(filepath.Join(s.disks[0].Dir(), name))
		if err != nil {
			t.Fatal(err)
		}
		out[i] = b
	}
	return out[0], out[1]
}

func TestSealLayout(t *testing.T) {
	s := sealed(t, 3)
	data, records := partitionBytes(t, s)
	if len(data) != 3*tinySector || len(records)*1024 != len(data) {
		t.Fatalf("%d bytes of data, %d of hashes", len(data), len(records))
	}
	var sectors []seal.Sector
	buf := make([]byte, tinySector)
	for n := range uint64(3) {
		if err := s.identity(alice, n).Fill(context.Background(), buf); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(data[n*tinySector:(n+1)*tinySector], buf) {
			t.Fatalf("slot %d does not hold sector %d", n, n)
		}
		sectors = append(sectors, s.identity(alice, n))
	}
	// A verifier who trusts nobody gets the same records.
	dir := t.TempDir()
	roots, err := hashes.Fill(t.Context(), dir, sectors, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	if its, err := os.ReadFile(filepath.Join(dir, layout.HashesName(miner))); err != nil || !bytes.Equal(its, records) {
		t.Fatalf("a verifier's records differ from the miner's: %v", err)
	}
	for n, root := range roots {
		if root != sealRoot(t, s, alice, uint64(n)) {
			t.Errorf("sector %d has another root", n)
		}
	}
	check(t, s, alice)
	if st := stats(s, alice); st.Sealed != 3 || st.Filler != 3 || st.Queued != 0 || st.Bytes != 3*tinySector {
		t.Fatalf("%+v", st)
	}
}

func TestSealCrashTable(t *testing.T) {
	whole := sealed(t, 2)
	wantData, wantHashes := partitionBytes(t, whole)
	crashTable(t, func(*Store) {}, func(s *Store) error {
		if err := s.SetTargets(context.Background(), target(s, alice, 2)); err != nil {
			return err
		}
		return s.Seal(context.Background(), 1, nil)
	}, func(t *testing.T, s *Store, finished bool) {
		if finished && stats(s, alice).Sealed != 2 {
			t.Error("finished, but not sealed after opening again")
		}
		if len(s.Validators()) > 0 {
			check(t, s, alice) // what is claimed before resuming
		}
		plan(t, s, alice, 2)
		fill(t, s)
		check(t, s, alice)
		data, hashes := partitionBytes(t, s)
		if !bytes.Equal(data, wantData) || !bytes.Equal(hashes, wantHashes) {
			t.Error("the resumed files differ from those made at once")
		}
	})
}

func TestSealCancelAndResume(t *testing.T) {
	s := mustOpen(t, testConfig(t.TempDir()))
	plan(t, s, alice, 5)
	ctx, cancel := context.WithCancel(context.Background())
	err := s.Seal(ctx, 1, func(_, _ strata.ByteSize) {
		if stats(s, alice).Sealed == 2 {
			cancel()
		}
	})
	if err != context.Canceled {
		t.Fatalf("cancelled seal: %v", err)
	}
	before := stats(s, alice)
	if before.Sealed == 0 || before.Sealed == 5 {
		t.Fatalf("%d sectors sealed after the cancellation", before.Sealed)
	}
	s = reopen(t, s)
	var last [2]strata.ByteSize // done, total
	if err := s.Seal(context.Background(), 3, func(done, total strata.ByteSize) { last = [2]strata.ByteSize{done, total} }); err != nil {
		t.Fatal(err)
	}
	want := strata.ByteSize(5-before.Sealed) * tinySector
	if last[0] != want || last[1] != want {
		t.Fatalf("the second run reported %+v, want %v of both: finished sectors are not done again", last, want)
	}
	check(t, s, alice)
}

func TestSealDiskFull(t *testing.T) {
	for name, set := range map[string]func(*faultfs.FS, bool){
		"write fails":  func(f *faultfs.FS, on bool) { f.Fill(on) },
		"reserve only": func(f *faultfs.FS, on bool) { f.Reserve(on) },
	} {
		t.Run(name, func(t *testing.T) {
			fs := &faultfs.FS{}
			cfg := testConfig(t.TempDir())
			cfg.fs = fs
			s := mustOpen(t, cfg)
			plan(t, s, alice, 2)
			set(fs, true)
			if err := s.Seal(context.Background(), 2, nil); strata.CodeOf(err) != strata.NoSpace {
				t.Fatalf("%v, want NoSpace", err)
			}
			if st := stats(s, alice); st.Queued != 2 {
				t.Fatalf("%+v", st)
			}
			set(fs, false)
			fill(t, s)
			check(t, s, alice)
		})
	}
}

func TestSealNeedsWorker(t *testing.T) {
	s := mustOpen(t, testConfig(t.TempDir()))
	if err := s.Seal(context.Background(), 0, nil); strata.CodeOf(err) != strata.Invalid {
		t.Fatal(err)
	}
}

func TestPlanGrowsAndShrinks(t *testing.T) {
	s := sealed(t, 4)
	h1, _ := manifest(t, s, alice, 0)
	plan(t, s, alice, 2)
	if data, _ := partitionBytes(t, s); len(data) != 2*tinySector {
		t.Fatalf("%d bytes left after releasing half", len(data))
	}
	h2, delta := manifest(t, s, alice, h1.Sequence)
	if len(delta) != 2 || delta[0].Number != 2 || delta[1].Number != 3 || delta[0].State != wire.Gone || h2.Sectors != 2 {
		t.Fatalf("released: %+v of %+v", delta, h2)
	}
	s = reopen(t, s)
	check(t, s, alice)
	plan(t, s, alice, 3)
	if _, delta := manifest(t, s, alice, h1.Sequence); len(delta) != 2 {
		t.Fatal("a number that is queued again is no longer said to be gone")
	}
	fill(t, s)
	h3, delta := manifest(t, s, alice, h2.Sequence)
	if len(delta) != 1 || delta[0].State != wire.Filler || h3.Sectors != 3 {
		t.Fatalf("grown: %+v", delta)
	}
	check(t, s, alice)
}

func TestPlanCrashTable(t *testing.T) {
	crashTable(t, func(s *Store) {
		plan(t, s, alice, 3)
		fill(t, s)
		manifest(t, s, alice, 0)
	}, func(s *Store) error {
		return s.SetTargets(context.Background(), target(s, alice, 1))
	}, func(t *testing.T, s *Store, finished bool) {
		check(t, s, alice)
		if n := stats(s, alice).Sealed; finished && n != 1 {
			t.Errorf("%d sectors after a finished plan", n)
		}
		plan(t, s, alice, 2)
		fill(t, s)
		if n := len(check(t, s, alice)); n < 2 {
			t.Errorf("%d entries", n)
		}
		if data, _ := partitionBytes(t, s); len(data) != 2*tinySector {
			t.Errorf("%d bytes for two sectors", len(data))
		}
	})
}

func TestPlanRefusesUnknownPath(t *testing.T) {
	s := mustOpen(t, testConfig(t.TempDir()))
	tg := target(s, alice, 1)
	tg[0].Holdings[0].Volume = "elsewhere"
	if err := s.SetTargets(context.Background(), tg); strata.CodeOf(err) != strata.Invalid {
		t.Fatal(err)
	}
}

// Numbers stay below the partition's size, since validators accept no others.
func TestNumbersAcrossDisks(t *testing.T) {
	s := mustOpen(t, testConfig(t.TempDir(), t.TempDir()))
	plan(t, s, alice, 2, 3)
	fill(t, s)
	plan(t, s, alice, 0, 3)
	fill(t, s)
	var live []uint64
	for _, e := range check(t, s, alice) {
		if e.State == wire.Filler {
			live = append(live, e.Number)
		}
	}
	if len(live) != 3 || live[2] != 2 {
		t.Fatalf("numbers %v, want 0 1 2", live)
	}
	s = reopen(t, s)
	if n := len(check(t, s, alice)); n != 5 {
		t.Fatalf("%d entries after opening again, want 3 and 2 gone", n)
	}
}
