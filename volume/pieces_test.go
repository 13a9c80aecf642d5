package volume

import (
	"testing"
	"unsafe"

	"github.com/ncw/directio"
)

// A shard gets a buffer of its size, and only so many large ones are out.
func TestPieces(t *testing.T) {
	var p pieces
	check := func(size int64, want int) func() {
		t.Helper()
		buf, done := p.lend(size)
		if off := uintptr(unsafe.Pointer(&buf[0])) % directio.AlignSize; len(buf) != want || off != 0 {
			t.Errorf("a shard of %d bytes gets %d, %d after an aligned address; want %d", size, len(buf), off, want)
		}
		return done
	}
	for range 2 { // given back, all can be lent again
		var lent []func()
		for range mostPieces {
			lent = append(lent, check(bigPiece, bigPiece))
		}
		lent = append(lent, check(bigPiece, plainPiece), check(1, smallPiece), check(smallPiece, smallPiece),
			check(smallPiece+1, plainPiece), check(plainPiece, plainPiece), check(plainPiece+1, plainPiece))
		for _, done := range lent {
			done()
		}
	}
}
