package sqlite_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"strata"
	"strata/catalog"
	"strata/catalog/catalogtest"
	"strata/catalog/sqlite"
)

func TestConformance(t *testing.T) {
	catalogtest.Run(t, func(t *testing.T, dir string) catalog.Catalog {
		path := filepath.Join(dir, "a b%20?#ü", "strata.db") // no part of a name is special
		db := open(t, path)
		if _, err := os.Stat(path); err != nil {
			t.Fatal(err)
		}
		return db
	})
}

func open(t *testing.T, path string, roles ...sqlite.Role) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), path, roles...)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func closeDB(t *testing.T, db *sqlite.DB) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestSecondOfARoleIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "strata.db")
	first := open(t, path, sqlite.Gateway, sqlite.Validator)
	for _, role := range []sqlite.Role{sqlite.Gateway, sqlite.Validator} {
		_, err := sqlite.Open(t.Context(), path, role)
		if strata.CodeOf(err) != strata.Locked || !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
			t.Errorf("%s: %v, want code locked and the process", role, err)
		}
	}
	closeDB(t, first)
	closeDB(t, open(t, path, sqlite.Gateway))
}

func TestRolesShareTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "strata.db")
	v := open(t, path, sqlite.Validator)
	defer closeDB(t, v)
	g := open(t, path, sqlite.Gateway)
	defer closeDB(t, g)
	var wg sync.WaitGroup
	for i, db := range []*sqlite.DB{v, g} {
		wg.Go(func() {
			for j := range 20 {
				if err := db.CreateBucket(t.Context(), catalog.Bucket{Name: fmt.Sprint(i, "-", j)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if b, err := v.Buckets(t.Context()); err != nil || len(b) != 40 {
		t.Fatalf("%d buckets (%v), want 40", len(b), err)
	}
}

func TestStartTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "strata.db")
	var wg sync.WaitGroup
	for _, role := range []sqlite.Role{sqlite.Gateway, sqlite.Validator} {
		wg.Go(func() {
			db, err := sqlite.Open(t.Context(), path, role)
			if err != nil {
				t.Error(err)
				return
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// filled makes a file with some pages and returns its bytes and one object's id.
func filled(t *testing.T) ([]byte, strata.ObjectID) {
	path := filepath.Join(t.TempDir(), "strata.db")
	db := open(t, path)
	ctx := t.Context()
	if err := db.CreateBucket(ctx, catalog.Bucket{Name: "b"}); err != nil {
		t.Fatal(err)
	}
	var id strata.ObjectID
	for i := range 60 {
		id = strata.ObjectID{0: byte(i), 1: 1}
		o := catalog.Object{ID: id, Bucket: "b", Key: fmt.Sprintf("%03d%s", i, strings.Repeat("k", 200)), Created: time.Unix(1, 0)}
		if err := db.Begin(ctx, o); err != nil {
			t.Fatal(err)
		}
		if err := db.Commit(ctx, o, catalog.Condition{}); err != nil {
			t.Fatal(err)
		}
	}
	closeDB(t, db) // moves the log into the file
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b, id
}

func TestDamage(t *testing.T) {
	good, id := filled(t)
	for name, damage := range map[string]func([]byte) []byte{
		"no database": func([]byte) []byte { return bytes.Repeat([]byte("hello "), 1000) },
		"header":      func(b []byte) []byte { b[5] ^= 0xff; return b },
		"schema page": func(b []byte) []byte { clear(b[100:4096]); return b },
		"all but the first page": func(b []byte) []byte {
			for i := 4096; i < len(b); i++ {
				b[i] = 0xa5
			}
			return b
		},
		"cut short": func(b []byte) []byte { return b[:8192] },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "strata.db")
			if err := os.WriteFile(path, damage(bytes.Clone(good)), 0o600); err != nil {
				t.Fatal(err)
			}
			err := readAll(t.Context(), path, id)
			if strata.CodeOf(err) != strata.Corrupt {
				t.Fatalf("%v, want code corrupt", err)
			}
			if s := err.Error(); !strings.Contains(s, path) || !strings.Contains(s, "backup") || strings.Contains(s, "\n") {
				t.Fatalf("%q does not say in one line which file and what to do", s)
			}
		})
	}
}

// readAll opens a file and reads what filled has written.
func readAll(ctx context.Context, path string, id strata.ObjectID) error {
	db, err := sqlite.Open(ctx, path)
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.ListObjects(ctx, catalog.List{Bucket: "b"}); err != nil {
		return err
	}
	_, err = db.Object(ctx, id)
	return err
}

// TestPowerLoss opens what the disk holds after each acknowledged write: a copy
// of the file and its log, taken while the file is open.
func TestPowerLoss(t *testing.T) {
	path := filepath.Join(t.TempDir(), "strata.db")
	db := open(t, path, sqlite.Gateway)
	defer closeDB(t, db)
	for i := range 5 {
		if err := db.CreateBucket(t.Context(), catalog.Bucket{Name: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
		image := filepath.Join(t.TempDir(), "strata.db")
		for _, suffix := range []string{"", "-wal"} {
			b, err := os.ReadFile(path + suffix)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(image+suffix, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		after := open(t, image, sqlite.Gateway)
		b, err := after.Buckets(t.Context())
		if err != nil || len(b) != i+1 {
			t.Fatalf("%d buckets (%v) after the power was lost, want %d", len(b), err, i+1)
		}
		closeDB(t, after)
	}
}

func TestManyAtOnce(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "strata.db"))
	defer closeDB(t, db)
	ctx := t.Context()
	if err := db.CreateBucket(ctx, catalog.Bucket{Name: "b"}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 10 {
				o := catalog.Object{ID: strata.ObjectID{byte(i), byte(j), 1}, Bucket: "b", Key: "k"}
				if err := db.Begin(ctx, o); err != nil {
					t.Error(err)
				}
				if err := db.Commit(ctx, o, catalog.Condition{}); err != nil {
					t.Error(err)
				}
				if _, err := db.Lookup(ctx, "b", "k"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if l, err := db.ListObjects(ctx, catalog.List{Bucket: "b"}); err != nil || len(l) != 1 {
		t.Fatalf("%d current objects of one key (%v)", len(l), err)
	}
}

// BenchmarkSegments reads the records of an object of 33 segments with 30 shards.
func BenchmarkSegments(b *testing.B) {
	db, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "strata.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	if err := db.CreateBucket(b.Context(), catalog.Bucket{Name: "b"}); err != nil {
		b.Fatal(err)
	}
	id := strata.ObjectID{1}
	if err := db.Begin(b.Context(), catalog.Object{ID: id, Bucket: "b", Key: "k"}); err != nil {
		b.Fatal(err)
	}
	for n := range uint64(33) {
		seg := catalog.Segment{Origin: id, Number: n, Codec: "rs8", K: 10, Total: 30, Success: 24, Size: 1, Wrapped: make([]byte, 80), KeyID: "0123456789abcdef"}
		for i := range 30 {
			seg.Shards = append(seg.Shards, catalog.Shard{Index: i, Miner: strata.Hotkey{byte(i)}, Root: strata.Root{byte(n), byte(i)}, Length: 1 << 20, State: catalog.Stored})
		}
		if err := db.AddSegment(b.Context(), id, n, seg); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		segs, err := db.Segments(b.Context(), id)
		if err != nil || len(segs) != 33 || len(segs[32].Shards) != 30 {
			b.Fatal(len(segs), err)
		}
	}
}
