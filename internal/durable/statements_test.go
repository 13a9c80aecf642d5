package durable_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"strata/internal/durable"
)

// TestStatements: what is parsed once runs as what is parsed each time, in
// transactions and beside them, and also where it cannot be parsed.
func TestStatements(t *testing.T) {
	db, err := durable.OpenDB(t.Context(), filepath.Join(t.TempDir(), "x.db"), 2)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Write.Exec("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)"); err != nil {
		t.Fatal(err)
	}
	writes, reads := durable.NewStatements(db.Write), durable.NewStatements(db.Read)
	for i := range 3 {
		writes.Prepare()
		begun, err := db.Write.Begin()
		if err != nil {
			t.Fatal(err)
		}
		tx := writes.In(begun)
		for j := range 3 {
			if _, err := tx.Exec("INSERT INTO t VALUES ($1, $2)", 10*i+j, fmt.Sprint(j)); err != nil {
				t.Fatal(i, j, err)
			}
		}
		var n int
		if err := tx.QueryRow("SELECT COUNT(*) FROM t").Scan(&n); err != nil || n != 3*(i+1) {
			t.Fatalf("%d rows, %v", n, err)
		}
		rows, err := tx.QueryContext(t.Context(), "SELECT a FROM t WHERE b = $1 ORDER BY a", "2")
		if err != nil {
			t.Fatal(err)
		}
		if got := column(t, rows); len(got) != i+1 || got[i] != 10*i+2 {
			t.Fatalf("%v", got)
		}
		if _, err := tx.Exec("INSERT INTO nothing VALUES (1)"); err == nil {
			t.Fatal("a wrong statement ran")
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		if err := reads.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM t").Scan(&n); err != nil || n != 3*(i+1) {
			t.Fatalf("%d rows outside, %v", n, err)
		}
		if err := reads.QueryRowContext(t.Context(), "SELECT nothing").Scan(&n); err == nil {
			t.Fatal("a wrong query ran")
		}
	}
	// Many at once, and more queries than are kept.
	var wg sync.WaitGroup
	for i := range 400 {
		wg.Go(func() {
			rows, err := reads.QueryContext(t.Context(), fmt.Sprintf("SELECT a FROM t WHERE a < $1 AND a <> %d", 100+i%300), 15)
			if err != nil {
				t.Error(err)
				return
			}
			if got := column(t, rows); len(got) != 6 {
				t.Errorf("%v", got)
			}
		})
	}
	wg.Wait()
}

func column(t *testing.T, rows *sql.Rows) (out []int) {
	defer rows.Close()
	for rows.Next() {
		var a int
		if err := rows.Scan(&a); err != nil {
			t.Error(err)
		}
		out = append(out, a)
	}
	if err := rows.Err(); err != nil {
		t.Error(err)
	}
	return out
}
