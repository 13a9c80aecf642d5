package disk

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"strata"
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

// TestSettled: what was lent is given back when the last of what was given up has
// returned, and at once when nothing was.
func TestSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := &faultfs.FS{}
		d := alone(t, fs)
		defer func() { _ = d.Close() }()
		path := filepath.Join(d.Dir(), "some")
		given := 0
		give := func() { given++ }
		if d.Settled(give); given != 1 || d.Unsettled() {
			t.Fatal("nothing was given up")
		}
		first, second := fs.Hang(path+"1"), fs.Hang(path+"2")
		for _, name := range []string{"1", "2"} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if _, err := Ask(ctx, d, func() (vfs.File, error) { return fs.Open(path + name) }); err == nil {
				t.Error("the disk that hangs has answered")
			}
			cancel()
		}
		d.Settled(give)
		d.Settled(give)
		first()
		synctest.Wait()
		if given != 1 || !d.Unsettled() {
			t.Errorf("given back %d times while the second is under way", given)
		}
		second()
		synctest.Wait()
		if given != 3 || d.Unsettled() {
			t.Errorf("given back %d times", given)
		}
		if err := d.Settle(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestSpace: a disk that hangs is waited for only if it never said what it has.
func TestSpace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := &faultfs.FS{}
		d := alone(t, fs)
		defer func() { _ = d.Close() }()
		release := fs.Hang(d.Dir())
		began := time.Now()
		if _, err := d.Space(); strata.CodeOf(err) != strata.Unavailable || time.Since(began) != AnswerWithin {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		synctest.Wait() // it is known to hang
		release()
		for !d.Works() {
			time.Sleep(time.Second)
		}
		said, err := d.Space()
		if err != nil || said.Total == 0 {
			t.Fatalf("%+v, %v", said, err)
		}
		release = fs.Hang(d.Dir())
		defer release()
		for _, want := range []time.Duration{prompt, prompt} {
			began = time.Now()
			if last, err := d.Space(); err != nil || last != said || time.Since(began) != want {
				t.Errorf("after %s: %+v, %v", time.Since(began), last, err)
			}
		}
		time.Sleep(AnswerWithin)
		began = time.Now()
		if last, err := d.Space(); err != nil || last != said || time.Since(began) != 0 || d.Works() {
			t.Errorf("silent, after %s: %+v, %v", time.Since(began), last, err)
		}
	})
}
