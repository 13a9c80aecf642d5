package sqlite_test

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"strata"
	"strata/catalog"
)

// TestWritesTogether: writes of one moment share a transaction, and one that
// fails or is cancelled takes nothing of the others with it.
func TestWritesTogether(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "strata.db"))
	defer closeDB(t, db)
	if err := db.CreateBucket(t.Context(), catalog.Bucket{Name: "b"}); err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	defer cancel()
	const n = 96
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			ctx, bucket := t.Context(), "b"
			switch i % 4 {
			case 1:
				bucket = "none"
			case 2:
				ctx = gone
			}
			if i == n/2 {
				cancel()
			}
			errs[i] = db.Begin(ctx, catalog.Object{ID: strata.ObjectID{1, byte(i)}, Bucket: bucket, Key: "k", Created: time.Unix(1, 0)})
		})
	}
	wg.Wait()
	for i, err := range errs {
		if i%4 == 1 && strata.CodeOf(err) != strata.NotFound || (i%4 == 0 || i%4 == 3) && err != nil {
			t.Errorf("write %d: %v", i, err)
		}
		_, oerr := db.Object(t.Context(), strata.ObjectID{1, byte(i)})
		if (oerr == nil) != (err == nil) {
			t.Errorf("write %d gave %v, and reading it %v", i, err, oerr)
		}
	}
}
