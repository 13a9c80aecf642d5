package hashes

import (
	"bytes"
	"testing"

	"strata/merkle"
)

// size is that of a small sector, of sixteen groups.
const size = 1 << 20

func FuzzDecode(f *testing.F) {
	tree := merkle.Build(make([]byte, size))
	root, good := tree.Root(), encode(5, tree)
	f.Add(good)
	f.Add(good[:64])
	f.Add(make([]byte, 1024))
	f.Fuzz(func(t *testing.T, b []byte) {
		number, got, ok := decode(b)
		if !ok {
			return
		}
		if number == 5 && got != root && bytes.Equal(b, good) {
			t.Fatal("the good record has another root")
		}
		if sum := checksum(b); !bytes.Equal(sum[:], b[24:32]) {
			t.Fatal("a record with a wrong checksum passed")
		}
	})
}

func TestRecordTorn(t *testing.T) {
	good := encode(5, merkle.Build(make([]byte, size)))
	if len(good) != size/1024 {
		t.Fatalf("record of %d bytes", len(good))
	}
	if _, _, ok := decode(good); !ok {
		t.Fatal("a whole record does not pass")
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1
		if _, _, ok := decode(bad); ok {
			t.Fatalf("byte %d changed, and it passes", i)
		}
	}
}
