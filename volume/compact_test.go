package volume

import (
	"bytes"
	"context"
	"testing"
	"time"

	"strata"
	"strata/volume/hashes"
	"strata/volume/layout"
	"strata/wire"
)

// aged opens a store of three sectors in which one data sector, of four shards,
// has lost three of them for good.
func aged(t *testing.T, ck *clock, s *Store) (kept strata.Root) {
	t.Helper()
	plan(t, s, alice, 3)
	fill(t, s)
	for i := range uint64(4) {
		data, root := blob(i, tinySector/4)
		put(t, s, alice, data)
		if i == 2 {
			kept = root
			continue
		}
		if err := s.DeleteShard(context.Background(), alice, root); err != nil {
			t.Fatal(err)
		}
	}
	manifest(t, s, alice, 0)
	ck.Add(tiny.Undelete)
	return kept
}

func TestCompactRestoresFiller(t *testing.T) {
	ck := &clock{now: start}
	cfg := testConfig(t.TempDir())
	cfg.Clock = ck.Now
	s := mustOpen(t, cfg)
	plan(t, s, alice, 3)
	fill(t, s)
	before, hashes := partitionBytes(t, s)
	kept := aged(t, ck, s)
	if err := s.Compact(context.Background()); err != nil {
		t.Fatal(err)
	}
	after, hashesAfter := partitionBytes(t, s)
	if !bytes.Equal(before[:tinySector], after[:tinySector]) || !bytes.Equal(hashes, hashesAfter) {
		t.Fatal("sector 0 is not the filler that it was")
	}
	entries := check(t, s, alice, kept)
	if entries[0].State != wire.Filler || entries[1].State != wire.Data || len(entries[1].Shards) != 1 {
		t.Fatalf("%+v", entries)
	}
	if st := stats(s, alice); st.Filler != 2 || st.Shards != 1 {
		t.Fatalf("%+v", st)
	}
}

func TestCompactCrashTable(t *testing.T) {
	var kept strata.Root
	crashTable(t, func(s *Store) {
		kept = aged(t, &clock{}, s)
	}, func(s *Store) error {
		s.cfg.Clock = func() time.Time { return start.Add(tiny.Undelete) }
		return s.Compact(context.Background())
	}, func(t *testing.T, s *Store, finished bool) {
		check(t, s, alice, kept)
		s.cfg.Clock = func() time.Time { return start.Add(tiny.Undelete) }
		if err := s.Compact(context.Background()); err != nil {
			t.Error(err)
		}
		if st := stats(s, alice); st.Filler != 2 || st.Shards != 1 || st.Sealed != 3 {
			t.Errorf("%+v", st)
		}
		check(t, s, alice, kept)
	})
}

func TestCompactLeavesReaders(t *testing.T) {
	ck := &clock{now: start}
	cfg := testConfig(t.TempDir())
	cfg.Clock = ck.Now
	s := mustOpen(t, cfg)
	plan(t, s, alice, 1)
	fill(t, s)
	data, root := blob(1, 100_000)
	put(t, s, alice, data)
	src, err := s.OpenShard(context.Background(), alice, root)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteShard(context.Background(), alice, root); err != nil {
		t.Fatal(err)
	}
	ck.Add(tiny.Undelete)
	if err := s.Compact(context.Background()); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(data))
	if _, err := src.Data.ReadAt(got, 0); err != nil || !bytes.Equal(got, data) {
		t.Fatalf("the bytes changed under a reader: %v", err)
	}
	if err := src.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Compact(context.Background()); err != nil {
		t.Fatal(err)
	}
	if e := check(t, s, alice); e[0].State != wire.Filler {
		t.Fatal("not filler after the reader left")
	}
}

// TestPinComesTooLate: whoever has looked a shard up before it left its sector,
// moved or forgotten, and pins the sector after, gets nothing.
func TestPinComesTooLate(t *testing.T) {
	ck := &clock{now: start}
	cfg := testConfig(t.TempDir())
	cfg.Clock = ck.Now
	s := mustOpen(t, cfg)
	plan(t, s, alice, 3)
	fill(t, s)
	p, err := s.partition(alice)
	if err != nil {
		t.Fatal(err)
	}
	kept := aged(t, ck, s) // moves; the others of its sector are forgotten
	before := p.departures()
	row, err := s.findTree(t.Context(), p, kept)
	if err != nil || row == nil {
		t.Fatal(row, err)
	}
	if c := p.pin(row.Number, before); c == nil {
		t.Fatal("not pinned though nothing has left")
	} else {
		p.unpin(c)
	}
	if err := s.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c := p.pin(row.Number, before); c != nil {
		t.Fatal("a sector is pinned that the shard has left")
	}
	_, c, err := s.pinShard(t.Context(), p, kept)
	if err != nil || c.number == row.Number {
		t.Fatalf("%+v, %v", c, err)
	}
	p.unpin(c)
}

// Damage is never answered for: it is withdrawn, and mended where nothing but
// filler was lost.
func TestDamageIsWithdrawn(t *testing.T) {
	for _, c := range []struct {
		name string
		file string
		off  int64
	}{
		{"filler", layout.DataName(alice), 3*tinySector - 100},
		{"group node", layout.HashesName(alice), 2*tinySector/hashes.Ratio + 32 + 5*32},
		{"truncated", layout.DataName(alice), -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := sealed(t, 3)
			damage(t, s, c.file, c.off)
			h, _ := manifest(t, s, alice, 0)
			for leaf := uint32(0); leaf < 1024; leaf += 63 {
				o := audit(t, s, alice, wire.LeafRef{Sector: 2, Leaf: leaf})
				if !o.Missing {
					if err := o.Verify(sealRoot(t, s, alice, 2), tinySector, uint64(leaf)); err != nil {
						t.Fatalf("a false answer: %v", err)
					}
				}
			}
			_, delta := manifest(t, s, alice, h.Sequence)
			if len(delta) != 1 || delta[0].State != wire.Withdrawn {
				t.Fatalf("%+v", delta)
			}
			if err := s.Compact(context.Background()); err != nil {
				t.Fatal(err)
			}
			if st := stats(s, alice); st.Withdrawn != 0 || st.Sealed != 3 {
				t.Fatalf("after mending: %+v", st)
			}
			check(t, s, alice)
		})
	}
}

func damage(t *testing.T, s *Store, name string, off int64) {
	t.Helper()
	f, err := s.disks[0].Open(alice)
	if err != nil {
		t.Fatal(err)
	}
	target := f.Data
	if name == layout.HashesName(alice) {
		target = f.Hashes
	}
	if off < 0 {
		if err := target.Truncate(2*tinySector + 5); err != nil {
			t.Fatal(err)
		}
		return
	}
	b := make([]byte, 1)
	if _, err := target.ReadAt(b, off); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0x40
	if _, err := target.WriteAt(b, off); err != nil {
		t.Fatal(err)
	}
}

func TestDamagedShard(t *testing.T) {
	s := sealed(t, 2)
	data, bad := blob(1, 70_000)
	put(t, s, alice, data)
	other, good := blob(2, 70_000)
	put(t, s, alice, other)
	damage(t, s, layout.DataName(alice), 69_999)
	if o := audit(t, s, alice, wire.LeafRef{Sector: 0, Shard: bad, Leaf: 68}); !o.Missing {
		t.Fatal("a damaged leaf was opened")
	}
	if st := stats(s, alice); st.Withdrawn != 1 {
		t.Fatalf("%+v", st)
	}
	// Compaction saves what can be read.
	if err := s.Compact(context.Background()); strata.CodeOf(err) != strata.Invalid {
		t.Fatalf("moving a damaged shard: %v", err)
	}
	if _, err := readShard(s, alice, good); err != nil {
		t.Fatal(err)
	}
	_, entries := manifest(t, s, alice, 0)
	if entries[0].State != wire.Withdrawn || entries[1].State != wire.Data || entries[1].Shards[0].Root != good {
		t.Fatalf("%+v", entries)
	}
}

func TestAuditRefusals(t *testing.T) {
	s := sealed(t, 1)
	data, root := blob(1, 5000)
	put(t, s, alice, data)
	for name, ref := range map[string]wire.LeafRef{
		"no such sector":    {Sector: 5},
		"past the end":      {Sector: 0, Leaf: 1024},
		"far past the end":  {Sector: 0, Leaf: 1<<32 - 1},
		"overwritten":       {Sector: 0, Leaf: 0},
		"no such shard":     {Sector: 0, Shard: strata.Root{1}},
		"wrong sector":      {Sector: 1, Shard: root},
		"past the shard":    {Sector: 0, Shard: root, Leaf: 5},
		"enormous sector":   {Sector: 1<<64 - 1},
		"far past shard's":  {Sector: 0, Shard: root, Leaf: 1<<32 - 1},
		"reserved, no data": {Sector: 0, Leaf: 63},
	} {
		if o := audit(t, s, alice, ref); !o.Missing {
			t.Errorf("%s: opened", name)
		}
	}
	if st := stats(s, alice); st.Withdrawn != 0 {
		t.Fatal("a wrong question withdrew a sector")
	}
	if _, err := s.OpenLeaves(context.Background(), wire.AuditRequest{Partition: bob, Leaves: make([]wire.LeafRef, 1)}); strata.CodeOf(err) != strata.NotFound {
		t.Error(err)
	}
	if _, err := s.OpenLeaves(context.Background(), wire.AuditRequest{Partition: alice, Leaves: make([]wire.LeafRef, 17)}); strata.CodeOf(err) != strata.Invalid {
		t.Error(err)
	}
}
