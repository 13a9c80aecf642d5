package segment

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"strata/envelope"
	"strata/erasure"
)

// TestRebuilderMakesTheSameBytes: whichever shards are made again, and whichever
// parity chunks are at hand, they come out as the encoder made them.
func TestRebuilderMakesTheSameBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.IntRange(1, 6).Draw(t, "k")
		total := rapid.IntRange(k, 12).Draw(t, "total")
		plain := make([]byte, rapid.IntRange(1, 3*k*envelope.ChunkPlain).Draw(t, "size"))
		rand.NewChaCha8([32]byte{byte(k)}).Read(plain)
		key := envelope.Key{byte(total)}
		codec, err := erasure.New(erasure.RS8, k, total)
		if err != nil {
			t.Fatal(err)
		}
		shards := make([][]byte, total)
		e, err := NewEncoder(codec, key, 7, shards)
		if err != nil {
			t.Fatal(err)
		}
		l := Layout{k, int64(len(plain))}
		for rest := plain; len(rest) > 0; {
			n := min(len(rest), int(l.RowPlain()))
			if err := e.Add(bytes.Clone(rest[:n]), n == len(rest)); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if e.Rows() != l.Rows() || e.Size() != l.Size {
			t.Fatalf("%d rows of %d bytes, want %d of %d", e.Rows(), e.Size(), l.Rows(), l.Size)
		}

		lost := rapid.SliceOfNDistinct(rapid.IntRange(0, total-1), 1, total, rapid.ID).Draw(t, "to be made")
		slices.Sort(lost)
		bodies := make([][]byte, len(lost))
		b, err := NewRebuilder(codec, key, 7, l, lost, bodies)
		if err != nil {
			t.Fatal(err)
		}
		for r := range l.Rows() {
			if err := b.Add(opened(t, shards, key, l, r, rapid.SliceOfN(rapid.Bool(), total, total).Draw(t, "parity at hand")), r); err != nil {
				t.Fatal(err)
			}
		}
		for i, at := range lost {
			if !bytes.Equal(bodies[i], shards[at]) {
				t.Errorf("shard %d comes out with other bytes", at)
			}
		}
	})
}

// opened returns row r as a reader has it: all data chunks, and parity chunks at will.
func opened(t *rapid.T, shards [][]byte, key envelope.Key, l Layout, r int, parity []bool) [][]byte {
	row := make([][]byte, len(shards))
	for i, body := range shards {
		if i >= l.K && !parity[i] {
			continue
		}
		sealer, err := NewSealer(key, 7, i)
		if err != nil {
			t.Fatal(err)
		}
		sealed := body[l.ShardOff(r):][:l.ChunkLen(r)+envelope.Overhead]
		if row[i], err = sealer.OpenChunk(nil, sealed, uint64(r), l.Last(r)); err != nil {
			t.Fatal(err)
		}
	}
	return row
}
