package seal

import (
	"bytes"
	"context"
	"errors"
	"testing"
)

func TestFillWatchedTellsEveryStretch(t *testing.T) {
	for _, blocks := range []uint32{16, ctxEvery, 4 * ctxEvery} {
		s := Sector{Blocks: blocks, Passes: 4}
		plain, buf := make([]byte, s.Size()), make([]byte, s.Size())
		if err := s.Fill(context.Background(), plain); err != nil {
			t.Fatal(err)
		}
		var seen []uint64
		err := s.FillWatched(context.Background(), buf, func(done, total uint64) {
			if total != uint64(blocks)*4 {
				t.Errorf("%d blocks: %d steps in all", blocks, total)
			}
			seen = append(seen, done)
		})
		if err != nil || !bytes.Equal(plain, buf) {
			t.Fatalf("%d blocks: watching changes the bytes, or fails: %v", blocks, err)
		}
		step := uint64(min(ctxEvery, blocks))
		if want := int(uint64(blocks) * 4 / step); len(seen) != want+1 {
			t.Fatalf("%d blocks: told %d times, want %d", blocks, len(seen), want+1)
		}
		for i, done := range seen {
			if done != uint64(i)*step {
				t.Fatalf("%d blocks: look %d says %d steps, want %d: Fill must look at its context evenly", blocks, i, done, uint64(i)*step)
			}
		}
	}
}

func TestFillWatchedStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	s := Sector{Blocks: 16, Passes: 4}
	told := 0
	err := s.FillWatched(ctx, make([]byte, s.Size()), func(uint64, uint64) { told++; cancel() })
	if !errors.Is(err, context.Canceled) || told != 1 {
		t.Errorf("%v after being told %d times", err, told)
	}
}
