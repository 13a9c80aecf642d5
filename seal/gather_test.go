package seal

import (
	"bytes"
	"context"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"strata"
)

// A block is what its predecessor, its old content and the gathered lines make it.
func TestGatheredLinesAreThoseOfAFill(t *testing.T) {
	s := Sector{Number: 3, Blocks: 64, Passes: 4}
	buf := make([]byte, s.Size())
	if err := s.Fill(context.Background(), buf); err != nil {
		t.Fatal(err)
	}
	// One pass more, by hand, is the fifth of a sector with the same name.
	f := filler{id: s.ID(), n: s.Blocks, buf: bytes.Clone(buf)}
	for j := range s.Blocks {
		list := s.Gathered(nil, 5, j, j+1)
		var r block
		r.load(f.bytesOf((j - 1) & (f.n - 1)))
		r.xor(f.bytesOf(j))
		for k, at := range list {
			for w := range lineSize / 8 {
				r[k*lineSize/8+w] ^= binary.LittleEndian.Uint64(f.buf[int(at)+8*w:])
			}
		}
		r[0] ^= 5
		r[1] ^= uint64(j)
		want := r
		want.perm()
		var wanted blockBytes
		want.storeXor(&r, &wanted)
		f.step(5, j)
		if *f.bytesOf(j) != wanted {
			t.Fatalf("block %d is not made of the lines at %d", j, list)
		}
	}
}

func TestGatheredCountsLines(t *testing.T) {
	s := Sector{Blocks: 64, Passes: 4}
	if got := len(s.Gathered(nil, 1, 0, 64)); got != 63*lines {
		t.Errorf("%d lines in the first pass, want %d", got, 63*lines)
	}
	if got := len(s.Gathered(make([]uint64, 3), 2, 0, 64)); got != 3+64*lines {
		t.Errorf("%d offsets, want %d", got, 3+64*lines)
	}
}

func TestGatherReadsAllLines(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	buf := make([]byte, 64<<10)
	for i := range buf {
		buf[i] = byte(r.Uint32())
	}
	for n := range 100 { // around what it prefetches ahead
		offsets := make([]uint64, n)
		for i := range offsets {
			offsets[i] = r.Uint64N(uint64(len(buf)-lineSize) + 1)
		}
		got, err := Gather(buf, offsets)
		if want := gatherPlainly(buf, offsets); err != nil || got != want {
			t.Errorf("%d lines: %x, want %x; %v", n, got, want, err)
		}
	}
	for _, at := range []uint64{uint64(len(buf)) - lineSize + 1, uint64(len(buf)), 1 << 63, 1<<64 - 1} {
		if _, err := Gather(buf, []uint64{0, at}); strata.CodeOf(err) != strata.Invalid {
			t.Errorf("a line at %d: %v", at, err)
		}
	}
}
