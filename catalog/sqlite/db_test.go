package sqlite

import (
	"path/filepath"
	"strings"
	"testing"

	"strata"
)

func openT(t *testing.T, path string) *DB {
	t.Helper()
	db, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// TestConnections: an acknowledged write is synced, readers cannot write, and
// references hold.
func TestConnections(t *testing.T) {
	db := openT(t, filepath.Join(t.TempDir(), "strata.db"))
	for _, c := range []struct{ pragma, want string }{
		{"journal_mode", "wal"}, {"synchronous", "2"}, {"foreign_keys", "1"}, {"busy_timeout", "10000"},
	} {
		var got string
		if err := db.w.QueryRowContext(t.Context(), "PRAGMA "+c.pragma).Scan(&got); err != nil || got != c.want {
			t.Errorf("%s is %q (%v), want %q", c.pragma, got, err, c.want)
		}
	}
	if _, err := exec(t.Context(), db.file.Read, `DELETE FROM buckets`); err == nil {
		t.Error("a reader's connection can write")
	}
	if _, err := exec(t.Context(), db.w, `INSERT INTO upload_parts VALUES ($1, 1, $1)`, []byte{1}); err == nil {
		t.Error("a part of no upload was accepted")
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "strata.db")
	db := openT(t, path)
	if _, err := exec(t.Context(), db.w, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)`); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), path)
	if strata.CodeOf(err) != strata.Conflict || !strings.Contains(err.Error(), "newer version") {
		t.Fatalf("%v, want code conflict", err)
	}
}

// TestPlans: the queries that run for each file or tick use an index.
func TestPlans(t *testing.T) {
	db := openT(t, filepath.Join(t.TempDir(), "strata.db"))
	for _, q := range []string{
		selectObjects + ` WHERE bucket = 'b' AND object_key = x'00' AND is_current = 1`,
		selectObjects + ` WHERE bucket = 'b' AND is_current = 1 AND object_key >= x'00' AND object_key < x'01' ORDER BY object_key LIMIT 5`,
		selectObjects + ` WHERE id = x'00'`,
		`SELECT h.idx FROM segments s JOIN shards h ON h.origin = s.origin AND h.number = s.number WHERE s.object_id = x'00' ORDER BY s.seq, h.idx`,
		`SELECT miner FROM deletions WHERE next_attempt <= 5 ORDER BY next_attempt, miner, root LIMIT 5`,
		`SELECT id FROM objects WHERE state = 'pending' AND created < 5 AND state <> 'committed'`,
		`DELETE FROM shards WHERE (origin, number) IN (SELECT origin, number FROM segments WHERE object_id = x'00')`,
		`SELECT 1 FROM deletions WHERE object_id = x'00'`,
	} {
		plan, err := all(t.Context(), db.w, func(s scanner) (detail string, err error) {
			var id, parent, unused int
			err = s.Scan(&id, &parent, &unused, &detail)
			return detail, err
		}, "EXPLAIN QUERY PLAN "+q)
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range plan {
			if strings.HasPrefix(step, "SCAN ") {
				t.Errorf("%s\n\treads a whole table: %q", q, plan)
			}
		}
	}
}
