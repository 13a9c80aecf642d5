package pipeline

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"sync/atomic"
	"testing"

	"strata"
	"strata/internal/hugepage"
	"strata/merkle"
	"strata/volume/vfs"
)

// counting is a Pace that counts, and can refuse.
type counting struct {
	wrote, read atomic.Int64
	most        int64 // written before it refuses; 0: never
}

var errRefused = errors.New("refused")

func (c *counting) Write(_ context.Context, n int) error {
	if c.wrote.Add(int64(n)); c.most > 0 && c.wrote.Load() > c.most {
		return errRefused
	}
	return nil
}

func (c *counting) Read(_ context.Context, n int) error {
	c.read.Add(int64(n))
	return nil
}

// flipping is a disk that returns one bit wrong, or fails, at a place.
type flipping struct {
	vfs.File
	at  int64
	err error
}

func (f flipping) ReadDirect(b []byte, off int64) (int, error) {
	n, err := f.File.ReadDirect(b, off)
	if f.at >= off && f.at < off+int64(n) {
		b[f.at-off] ^= 4
		err = f.err
	}
	return n, err
}

func filledBuffer(t *testing.T, n int) []byte {
	t.Helper()
	m, err := hugepage.Alloc(strata.ByteSize(n))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Free)
	r := rand.NewChaCha8([32]byte{byte(n)})
	_, _ = r.Read(m.Bytes())
	return m.Bytes()
}

func place(t *testing.T, off int64) Place {
	t.Helper()
	f, err := vfs.OS{}.Open(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return Place{File: f, Off: off, Sync: f.Sync, Pace: Unbound{}}
}

func TestWriteReadsBack(t *testing.T) {
	for _, n := range []int{merkle.GroupSize, 1 << 20, 2*Piece + 3*merkle.GroupSize} {
		buf := filledBuffer(t, n)
		p, c := place(t, 1<<20), &counting{}
		p.Pace = c
		freed := 0
		var seen []uint64
		tree, err := p.Write(t.Context(), buf, func() { freed++ }, func(done, total uint64) {
			if total != 2*uint64(n) || (len(seen) > 0 && done <= seen[len(seen)-1]) {
				t.Errorf("%d of %d after %v", done, total, seen)
			}
			if freed > 1 || (freed == 0) != (done <= uint64(n)) {
				t.Errorf("the buffer is given back %d times at %d of %d", freed, done, total)
			}
			seen = append(seen, done)
		})
		if err != nil || tree.Root() != merkle.Build(buf).Root() {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if len(seen) == 0 || seen[len(seen)-1] != 2*uint64(n) {
			t.Errorf("%d bytes: the end is not told: %v", n, seen)
		}
		if c.wrote.Load() != int64(n) || c.read.Load() != int64(n) {
			t.Errorf("%d bytes: paced %d and %d", n, c.wrote.Load(), c.read.Load())
		}
		got := make([]byte, n)
		if _, err := p.File.ReadAt(got, p.Off); err != nil || !bytes.Equal(got, buf) {
			t.Errorf("%d bytes: the file holds others, %v", n, err)
		}
	}
}

// A bit that the disk turns never becomes a root.
func TestWriteFindsFlippedBits(t *testing.T) {
	buf := filledBuffer(t, Piece+merkle.GroupSize)
	for _, at := range []int64{0, 12345, Piece - 1, Piece, Piece + merkle.GroupSize - 1} {
		p := place(t, 0)
		p.File = flipping{p.File, at, nil}
		if _, err := p.Write(t.Context(), buf, func() {}, nil); strata.CodeOf(err) != strata.Corrupt {
			t.Errorf("a bit of byte %d: %v", at, err)
		}
		p.File = flipping{p.File.(flipping).File, at, errRefused}
		if _, err := p.Write(t.Context(), buf, func() {}, nil); !errors.Is(err, errRefused) {
			t.Errorf("byte %d cannot be read: %v", at, err)
		}
	}
}

// Memory that changes after it was hashed or while it is written is found, too.
func TestWriteFindsChangedMemory(t *testing.T) {
	buf := filledBuffer(t, 3*Piece)
	p := place(t, 0)
	p.Sync = func() error { // everything is hashed, and on its way
		flip := []byte{buf[Piece] ^ 1}
		_, err := p.File.WriteAt(flip, Piece)
		return errors.Join(err, p.File.Sync())
	}
	if _, err := p.Write(t.Context(), buf, func() {}, nil); strata.CodeOf(err) != strata.Corrupt {
		t.Error(err)
	}
}

func TestWriteStops(t *testing.T) {
	buf := filledBuffer(t, 3*Piece)
	p := place(t, 0)
	p.Pace = &counting{most: Piece}
	// What a disk that hangs may still read is given back when it is settled.
	var settled func()
	p.Settled = func(do func()) { settled = do }
	freed := 0
	if _, err := p.Write(t.Context(), buf, func() { freed++ }, nil); !errors.Is(err, errRefused) || freed > 0 {
		t.Errorf("%v, given back %d times", err, freed)
	}
	if settled(); freed != 1 {
		t.Errorf("given back %d times", freed)
	}
	p.Settled = nil
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p.Pace = Unbound{}
	if _, err := p.Write(ctx, buf, func() {}, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := p.Root(ctx, int64(len(buf)), nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	p.Sync = func() error { return errRefused }
	if _, err := p.Write(t.Context(), buf, func() {}, nil); !errors.Is(err, errRefused) {
		t.Errorf("a sync that failed: %v", err)
	}
}
