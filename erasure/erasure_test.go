package erasure_test

import (
	"bytes"
	"encoding/hex"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"strata"
	"strata/erasure"
)

// codeRow cuts plain into a row of c and encodes it.
func codeRow(t testing.TB, c *erasure.Codec, plain []byte) [][]byte {
	t.Helper()
	n := c.ChunkLen(len(plain))
	padded := append(bytes.Clone(plain), make([]byte, n*c.K()-len(plain))...)
	row := make([][]byte, c.Total())
	for i := range row {
		row[i] = make([]byte, n)
		if i < c.K() {
			copy(row[i], padded[i*n:])
		}
	}
	if err := c.EncodeRow(row); err != nil {
		t.Fatal(err)
	}
	return row
}

func mustNew(t testing.TB, k, total int) *erasure.Codec {
	t.Helper()
	c, err := erasure.New(erasure.RS8, k, total)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestKnownAnswer pins the code: shards on disks depend on it. The rows of 2 of 4
// are (3 2) and (2 3), from the Vandermonde matrix by hand.
func TestKnownAnswer(t *testing.T) {
	for _, v := range []struct {
		k, total int
		plain    string
		want     []string // parity chunks
	}{
		{1, 3, "0102", []string{"0102", "0102"}},
		{2, 4, "01020304", []string{"050e", "0708"}},
		{3, 3, "010203", nil},
	} {
		plain, _ := hex.DecodeString(v.plain)
		row := codeRow(t, mustNew(t, v.k, v.total), plain)
		for i, want := range v.want {
			if got := hex.EncodeToString(row[v.k+i]); got != want {
				t.Errorf("%d of %d, parity %d: %s, want %s", v.k, v.total, i, got, want)
			}
		}
	}
}

func TestAnyKGiveTheRow(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		total := rapid.IntRange(1, 40).Draw(rt, "total")
		k := rapid.IntRange(1, total).Draw(rt, "k")
		plain := rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(rt, "plain")
		c := mustNew(t, k, total)
		row := codeRow(t, c, plain)
		want := bytes.Join(row[:k], nil)
		for _, i := range rapid.Permutation(index(total)).Draw(rt, "order")[:total-k] {
			row[i] = row[i][:0]
		}
		if err := c.ReconstructRow(row); err != nil {
			rt.Fatal(err)
		}
		if got := bytes.Join(row[:k], nil); !bytes.Equal(got, want) {
			rt.Fatalf("%x, want %x", got, want)
		}
	})
}

func index(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func TestRefused(t *testing.T) {
	for _, v := range []struct {
		name     string
		k, total int
	}{{"rs8", 0, 3}, {"rs8", 4, 3}, {"rs8", -1, 3}, {"rs8", 10, 256}, {"", 2, 3}, {"leopard", 2, 3}} {
		if _, err := erasure.New(v.name, v.k, v.total); strata.CodeOf(err) != strata.Invalid {
			t.Errorf("%+v: %v, want code invalid", v, err)
		}
	}
	c := mustNew(t, 2, 4)
	chunk := make([]byte, 8)
	big := make([]byte, erasure.MaxChunk+1)
	for _, v := range []struct {
		name        string
		row         [][]byte
		encode, fix strata.Code
	}{
		{"none", nil, strata.Invalid, strata.Invalid},
		{"too many", [][]byte{chunk, chunk, chunk, chunk, chunk}, strata.Invalid, strata.Invalid},
		{"unequal", [][]byte{chunk, chunk[:7], chunk, chunk}, strata.Invalid, strata.Invalid},
		{"too large", [][]byte{big, big, big, big}, strata.Invalid, strata.Invalid},
		{"all empty", make([][]byte, 4), strata.Unavailable, strata.Unavailable},
		{"one", [][]byte{nil, nil, chunk, nil}, strata.Unavailable, strata.Unavailable},
		{"two", [][]byte{nil, nil, chunk, chunk}, strata.Unavailable, ""},
	} {
		if got := strata.CodeOf(c.EncodeRow(v.row)); got != v.encode {
			t.Errorf("%s: encode gives %q, want %q", v.name, got, v.encode)
		}
		if got := strata.CodeOf(c.ReconstructRow(v.row)); got != v.fix {
			t.Errorf("%s: reconstruct gives %q, want %q", v.name, got, v.fix)
		}
	}
}

// FuzzRow: whatever k, total, bytes and losses, a row is refused or comes back.
func FuzzRow(f *testing.F) {
	f.Add(2, 6, []byte("some plaintext"), uint64(0b110011))
	f.Add(10, 30, []byte{1}, uint64(0))
	f.Add(1, 1, []byte("x"), uint64(1))
	f.Add(300, -1, []byte("x"), uint64(1))
	f.Fuzz(func(t *testing.T, k, total int, plain []byte, keep uint64) {
		c, err := erasure.New(erasure.RS8, k, total)
		if err != nil || len(plain) == 0 || len(plain) > 1<<16 {
			return
		}
		row := codeRow(t, c, plain)
		want := bytes.Join(row[:k], nil)
		kept := 0
		for i := range row {
			if keep>>(i%64)&1 == 1 {
				kept++
			} else {
				row[i] = nil
			}
		}
		err = c.ReconstructRow(row)
		if (err == nil) != (kept >= k) {
			t.Fatalf("%d of %d kept, %d needed: %v", kept, total, k, err)
		}
		if err == nil && !bytes.Equal(bytes.Join(row[:k], nil), want) {
			t.Fatal("another row came back")
		}
	})
}

func BenchmarkEncodeRow(b *testing.B) {
	c := mustNew(b, 10, 30)
	plain := make([]byte, 10*65520)
	rand.NewChaCha8([32]byte{}).Read(plain)
	row := codeRow(b, c, plain)
	b.SetBytes(int64(len(plain)))
	for b.Loop() {
		if err := c.EncodeRow(row); err != nil {
			b.Fatal(err)
		}
	}
}
