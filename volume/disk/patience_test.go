package disk

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"strata/volume/vfs"
	"strata/volume/vfs/faultfs"
)

// alone is a disk in a bubble, with nothing on it.
func alone(t *testing.T, fs vfs.FS) *Disk {
	t.Helper()
	var d *Disk
	var err error
	d, err = Open(t.Context(), Config{Dir: t.TempDir(), FS: fs, Log: slog.New(slog.DiscardHandler), Attend: func() { _ = d.Try(context.Background()) }})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestAskIsBounded: what is left behind on a disk that hangs does not grow with
// those who ask.
func TestAskIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := &faultfs.FS{}
		d := alone(t, fs)
		defer func() { _ = d.Close() }()
		release := fs.Hang(d.Dir())
		var wg sync.WaitGroup
		for range 2 * MostAsked {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_, err := Ask(ctx, d, func() (vfs.File, error) { return fs.Open(filepath.Join(d.Dir(), "some")) })
				if err == nil {
					t.Error("the disk that hangs has answered")
				}
			})
		}
		wg.Wait()
		if got := len(d.hush.slots); got != MostAsked || d.Silent() {
			t.Errorf("%d requests are under way, want %d; given up: %v", got, MostAsked, d.Silent())
		}
		time.Sleep(AnswerWithin)
		if !d.Silent() || d.Works() {
			t.Error("nobody waits any more, and nobody noticed")
		}
		release()
		synctest.Wait()
		if got := len(d.hush.slots); got != 0 {
			t.Errorf("%d requests have not come back", got)
		}
	})
}
