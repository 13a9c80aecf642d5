package sqlite

import (
	"bytes"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"

	"strata"
	"strata/catalog"
	"strata/internal/durable"
	"strata/score"
)

// older makes a database as the version before 00011 left it, with one miner that
// it calls leaving, and returns what that version knew.
func older(t *testing.T, path string) catalog.MinerRecord {
	t.Helper()
	r := catalog.MinerRecord{Hotkey: strata.Hotkey{1}, NextCohort: 5, Passed: 10, Failed: 1, LastSeen: time.Unix(7, 0).UTC(),
		Score: score.Miner{Block: 9, Leaving: true, Cohorts: []score.Cohort{{ID: 4, Bytes: 8, Checks: 2}}}}
	fresh := ledgerAt(t, filepath.Join(t.TempDir(), "strata.db"))
	defer fresh.Close()
	if err := fresh.SaveMiners(t.Context(), []catalog.MinerRecord{r}); err != nil {
		t.Fatal(err)
	}
	var scored []byte
	if err := fresh.w.QueryRowContext(t.Context(), `SELECT score FROM ledger_miners`).Scan(&scored); err != nil {
		t.Fatal(err)
	}
	db, err := durable.OpenDB(t.Context(), path, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db.Write, files, goose.WithLogger(goose.NopLogger()), goose.WithDisableGlobalRegistry(true))
	if err == nil {
		_, err = p.UpTo(t.Context(), 10)
	}
	if err == nil {
		_, err = db.Write.ExecContext(t.Context(), `INSERT INTO ledger_miners (hotkey, score, next_cohort, passed, failed, last_seen, leaving)
			VALUES ($1, $2, 5, 10, 1, $3, 1)`, r.Hotkey[:], scored, r.LastSeen.UnixNano())
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func wantMiner(t *testing.T, db *DB, want catalog.MinerRecord) {
	t.Helper()
	got, err := db.Miners(t.Context())
	if err != nil || len(got) != 1 || cmp.Diff(want, got[0]) != "" {
		t.Errorf("%v, %s", err, cmp.Diff([]catalog.MinerRecord{want}, got))
	}
	if _, err := exec(t.Context(), db.w, `UPDATE ledger_miners SET leaving = 1`); err == nil {
		t.Error("the column is there still")
	}
}

// TestOlderLedger: what an earlier version wrote is there after its column is gone.
func TestOlderLedger(t *testing.T) {
	path := filepath.Join(t.TempDir(), "strata.db")
	want := older(t, path)
	db := ledgerAt(t, path)
	defer db.Close()
	wantMiner(t, db, want)
}

// TestOlderBackup: a backup that names the column is imported without it.
func TestOlderBackup(t *testing.T) {
	path := filepath.Join(t.TempDir(), "strata.db")
	want := older(t, path)
	db := ledgerAt(t, path)
	var now bytes.Buffer
	if err := db.ExportLedger(t.Context(), &now); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	// As the version before wrote it: its columns in the order of the table.
	lines := strings.SplitAfter(now.String(), "\n")
	lines[0] = strings.Replace(lines[0], `"last_seen"`, `"last_seen","leaving"`, 1)
	lines[1] = strings.Replace(lines[1], `]}`, `,"i1"]}`, 1)
	if !strings.Contains(lines[0], `"ledger_miners"`) || !strings.Contains(lines[0], `"leaving"`) {
		t.Fatalf("the backup begins with %s", lines[0])
	}
	into := ledgerAt(t, filepath.Join(t.TempDir(), "strata.db"))
	defer into.Close()
	if err := into.Import(t.Context(), strings.NewReader(strings.Join(lines, ""))); err != nil {
		t.Fatal(err)
	}
	wantMiner(t, into, want)
}
