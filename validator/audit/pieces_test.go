package audit

import (
	"testing"

	"strata/envelope"
	"strata/wire"
)

func TestPieces(t *testing.T) {
	const row = envelope.ChunkSealed
	for _, c := range []struct {
		size, leaf uint64
		which      int
		off, n     uint64
	}{
		{500, 0, 0, 0, 500},
		{500, 0, 2, 0, 500},
		{10 * row, 63, 0, 0, row},
		{10 * row, 64, 0, row, row},
		{10 * row, 64, 1, row, 4 * row},
		{10 * row, 64 * 8, 1, 8 * row, 2 * row},
		{10 * row, 64, 2, row, 9 * row},
		{10*row + 1, 640, 0, 10 * row, 1},
		{wire.MaxShard, 0, 2, 0, wire.MaxShard},
	} {
		if off, n := pieceAt(c.size, c.leaf, c.which); off != c.off || n != c.n {
			t.Errorf("%+v: %d bytes from %d", c, n, off)
		}
	}
}
