package peer

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzSpan: any Range header gives an error or a range within the shard.
func FuzzSpan(f *testing.F) {
	seeds, err := os.ReadDir(filepath.Join("testdata", "fuzz", f.Name()))
	if err != nil || len(seeds) == 0 {
		f.Fatalf("no committed seeds: %v", err)
	}
	f.Fuzz(func(t *testing.T, header string, size uint64) {
		off, n, err := span([]string{header}, size)
		if err == nil && (n == 0 || off >= size || n > size-off) {
			t.Errorf("%q of %d bytes: %d+%d", header, size, off, n)
		}
	})
}
