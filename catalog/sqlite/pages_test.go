package sqlite

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"strata"
	"strata/catalog"
	"strata/wire"
)

// drawSector is any sector that a validator could know.
func drawSector(t *rapid.T, number uint64) catalog.Sector {
	s := catalog.Sector{Cohort: rapid.Uint64().Draw(t, "cohort"), Checked: rapid.Bool().Draw(t, "checked"), Void: rapid.Bool().Draw(t, "void")}
	s.Entry = wire.Entry{
		Number: number, State: wire.State(rapid.IntRange(1, 4).Draw(t, "state")), Changed: rapid.Uint64().Draw(t, "changed"),
		Root: strata.Root{byte(number), 7},
	}
	if s.Entry.State == wire.Data {
		s.Entry.Tail = rapid.Uint32Range(2, 1000).Draw(t, "tail") * 64
		for i := range rapid.Uint32Range(0, 3).Draw(t, "shards") {
			s.Entry.Shards = append(s.Entry.Shards, wire.ShardEntry{Root: strata.Root{byte(i), byte(number)}, Offset: 10 * i, Length: 5000, Deleted: i == 1})
		}
	}
	return s
}

// What is written in any order, over what was there, is what is read.
func TestPagesKeepSectors(t *testing.T) {
	ctx := context.Background()
	db := ledgerAt(t, filepath.Join(t.TempDir(), "strata.db"))
	defer db.Close()
	miner := byte(0)
	rapid.Check(t, func(t *rapid.T) {
		miner++
		p := catalog.Partition{Miner: strata.Hotkey{1, miner}, Validator: strata.Hotkey{2}}
		record := catalog.MinerRecord{Hotkey: p.Miner}
		want := map[uint64]catalog.Sector{}
		for range rapid.IntRange(1, 4).Draw(t, "pulls") {
			var changed []catalog.Sector
			for _, n := range rapid.SliceOfN(rapid.Uint64Range(0, 3*pageSectors), 1, 30).Draw(t, "numbers") {
				changed = append(changed, drawSector(t, n))
				want[n] = changed[len(changed)-1]
			}
			if err := db.SavePull(ctx, record, p, wire.Head{Validator: p.Validator}, changed); err != nil {
				t.Fatal(err)
			}
			var marks []catalog.Mark
			for n, s := range want {
				if rapid.Bool().Draw(t, "mark") {
					s.Cohort, s.Void, s.Checked = 9, !s.Void, !s.Checked
					want[n] = s
					marks = append(marks, catalog.Mark{Validator: p.Validator, Number: n, Cohort: 9, Void: s.Void, Checked: s.Checked})
				}
			}
			if err := db.SaveMarks(ctx, record, marks); err != nil {
				t.Fatal(err)
			}
		}
		last := int64(-1)
		seen := 0
		err := db.Sectors(ctx, p, func(s catalog.Sector) error {
			if int64(s.Entry.Number) <= last {
				t.Errorf("sector %d after %d", s.Entry.Number, last)
			}
			last = int64(s.Entry.Number)
			seen++
			if diff := cmp.Diff(want[s.Entry.Number], s); diff != "" {
				t.Error(diff)
			}
			return nil
		})
		if err != nil || seen != len(want) {
			t.Errorf("%d sectors, want %d: %v", seen, len(want), err)
		}
		for n, s := range want {
			if got, err := db.Sector(ctx, p, n); err != nil || !cmp.Equal(got, s) {
				t.Errorf("sector %d = %+v, %v", n, got, err)
			}
		}
	})
}

// A validator's state of a sector takes at most 64 bytes on disk beside its
// root, the manifest's signature and all indexes included.
func TestSectorsAreSmallOnDisk(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "strata.db")
	db := ledgerAt(t, path)
	const partitions, each = 40, 400 // as a miner of 100 TB has for each of 64 validators
	for i := range partitions {
		p := catalog.Partition{Miner: strata.Hotkey{byte(i % 4)}, Validator: strata.Hotkey{byte(i)}}
		var changed []catalog.Sector
		var marks []catalog.Mark
		for n := range uint64(each) {
			changed = append(changed, catalog.Sector{Entry: wire.Entry{Number: uint64(i)*each + n, Root: strata.Root{byte(n), 3}, State: wire.Filler, Changed: 1_800_000_000 + n}})
			marks = append(marks, catalog.Mark{Validator: p.Validator, Number: uint64(i)*each + n, Cohort: 7})
		}
		record := catalog.MinerRecord{Hotkey: p.Miner}
		// Arriving one by one is how it is while a miner seals.
		for n := range changed {
			if i > 1 {
				break
			}
			if err := db.SavePull(ctx, record, p, wire.Head{Validator: p.Validator}, changed[n:n+1]); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.SavePull(ctx, record, p, wire.Head{Validator: p.Validator}, changed); err != nil {
			t.Fatal(err)
		}
		if err := db.SaveMarks(ctx, record, marks); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	empty := ledgerAt(t, filepath.Join(t.TempDir(), "strata.db"))
	if err := empty.Close(); err != nil {
		t.Fatal(err)
	}
	size := func(path string) int64 {
		st, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return st.Size()
	}
	got := float64(size(path)-size(empty.path)) / (partitions * each)
	t.Logf("%.1f bytes a sector", got)
	if got > 32+64 {
		t.Errorf("a sector takes %.1f bytes, want at most 96 with its root", got)
	}
}

// Damage is told, whatever it is, and read as nothing else.
func TestDamagedPage(t *testing.T) {
	good := encodePage([]packed{{Sector: sectorFixture(1)}, {Sector: sectorFixture(3)}})
	if got, err := decodePage(0, good); err != nil || len(got) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	for n := range good {
		if n == 2+binaryVarintLen || n > 2 && n == (len(good)-2)/2+2 {
			continue // a page of one sector is a page
		}
		if _, err := decodePage(0, good[:n]); n > 2 && strata.CodeOf(err) != strata.Corrupt {
			t.Errorf("%d bytes of %d gave %v", n, len(good), err)
		}
	}
	swapped := encodePage([]packed{{Sector: sectorFixture(3)}, {Sector: sectorFixture(1)}})
	for _, b := range [][]byte{nil, {9}, {pageVersion}, swapped, append(good[:len(good):len(good)], 0)} {
		if _, err := decodePage(0, b); strata.CodeOf(err) != strata.Corrupt {
			t.Errorf("%x gave %v", b, err)
		}
	}
}

// binaryVarintLen is the length of the fixture's smallest Changed.
const binaryVarintLen = 1

func TestJournal(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "strata.db")
	db := ledgerAt(t, path)
	p := catalog.Partition{Miner: strata.Hotkey{1}, Validator: strata.Hotkey{2}}
	record := func(entries ...string) catalog.MinerRecord {
		r := catalog.MinerRecord{Hotkey: p.Miner}
		for _, e := range entries {
			r.Journal = append(r.Journal, []byte(e))
		}
		return r
	}
	for i, err := range []error{
		db.SaveMiners(ctx, []catalog.MinerRecord{record("a"), record("b", "c")}),
		db.SavePull(ctx, record("d"), p, wire.Head{Validator: p.Validator}, []catalog.Sector{sectorFixture(1)}),
		db.SaveMarks(ctx, record("e"), []catalog.Mark{{Validator: p.Validator, Number: 1}}),
		db.Enter(ctx, [][]byte{[]byte("f")}),
	} {
		if err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	// What was not written is not entered.
	if err := db.SaveMarks(ctx, record("x"), []catalog.Mark{{Validator: p.Validator, Number: 2}}); strata.CodeOf(err) != strata.NotFound {
		t.Errorf("a mark of an unknown sector gave %v", err)
	}
	read := func(after uint64) (text string, last uint64) {
		t.Helper()
		got, err := db.Entries(ctx, after, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range got {
			text, last = text+string(e.Entry), e.Seq
		}
		return text, last
	}
	if text, last := read(0); text != "abcdef" || last != 6 {
		t.Errorf("journal %q up to %d", text, last)
	}
	if text, _ := read(4); text != "ef" {
		t.Errorf("after 4: %q", text)
	}
	if err := db.Forget(ctx, 6); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = ledgerAt(t, path)
	defer db.Close()
	if err := db.Enter(ctx, [][]byte{[]byte("g")}); err != nil {
		t.Fatal(err)
	}
	if text, last := read(6); text != "g" || last != 7 {
		t.Errorf("after 6: %q up to %d", text, last)
	}
	for _, skip := range []uint64{3, 100} {
		if err := db.Skip(ctx, skip); err != nil {
			t.Fatal(err)
		}
	}
	if last, err := db.Last(ctx); err != nil || last != 100 {
		t.Errorf("last = %d, %v", last, err)
	}
}
