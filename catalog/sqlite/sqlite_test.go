package sqlite_test

import (
	"path/filepath"
	"testing"

	"strata/catalog"
	"strata/catalog/catalogtest"
	"strata/catalog/sqlite"
)

func TestConformance(t *testing.T) {
	catalogtest.Run(t, func(t *testing.T, dir string) catalog.Catalog {
		db, err := sqlite.Open(t.Context(), filepath.Join(dir, "a b%20?#ü", "strata.db"), sqlite.Gateway)
		if err != nil {
			t.Fatal(err)
		}
		return db
	})
}
