package segment

import (
	"encoding/hex"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"strata"
	"strata/envelope"
	"strata/erasure"
	"strata/placement"
)

// TestLayoutPinned pins the bytes of shards: a change here loses stored files.
func TestLayoutPinned(t *testing.T) {
	c, err := erasure.New(erasure.RS8, 2, 4)
	if err != nil {
		t.Fatal(err)
	}
	e, err := NewEncoder(c, envelope.Key{1, 2, 3}, 5, make([][]byte, 4))
	if err != nil {
		t.Fatal(err)
	}
	plain := make([]byte, 2*envelope.ChunkPlain+7)
	rand.NewChaCha8([32]byte{}).Read(plain)
	if err := e.Add(plain[:2*envelope.ChunkPlain], false); err != nil {
		t.Fatal(err)
	}
	if err := e.Add(plain[2*envelope.ChunkPlain:], true); err != nil {
		t.Fatal(err)
	}
	want := []string{"8d2d067dcb194681", "cc00a23e1e2ab902", "86b12410a767dbdf", "97cd79d892c4c20f"}
	for i, h := range e.Records() {
		if got := hex.EncodeToString(h.Root[:8]); got != want[i] || h.Length != envelope.ChunkSealed+padLast {
			t.Errorf("shard %d: root %s…, %d bytes, want %s…", i, got, h.Length, want[i])
		}
	}
}

// TestLayoutSums: rows and chunks cover a segment exactly, and shards are as
// long as their chunks.
func TestLayoutSums(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := Layout{K: rapid.IntRange(1, 30).Draw(t, "k"), Size: rapid.Int64Range(1, MaxSize).Draw(t, "size")}
		var plain, sealed int64
		for r := range l.Rows() {
			if l.ShardOff(r) != sealed {
				t.Fatalf("row %d at %d, want %d", r, l.ShardOff(r), sealed)
			}
			plain += l.RowLen(r)
			sealed += int64(l.ChunkLen(r) + envelope.Overhead)
			if spare := int64(l.ChunkLen(r)*l.K) - l.RowLen(r); spare < 0 || spare >= int64(l.K)*padLast || !l.Last(r) && spare > 0 || l.ChunkLen(r) > envelope.ChunkPlain {
				t.Fatalf("row %d has %d bytes in chunks of %d", r, l.RowLen(r), l.ChunkLen(r))
			}
		}
		if plain != l.Size || sealed != l.ShardLen() || !l.Valid() {
			t.Fatalf("rows have %d of %d bytes, shards %d of %d", plain, l.Size, sealed, l.ShardLen())
		}
	})
}

func TestSchemeFits(t *testing.T) {
	const memory = 96 << 20 // of a store, by default
	for _, p := range []strata.Profile{strata.LocalProfile, strata.TestProfile, strata.MainProfile} {
		for miners := 1; miners <= 40; miners++ {
			k, _, success, total := placement.Scale(miners)
			s := NewScheme(k, success, total, p, memory)
			full := s.FullSize()
			shard := s.ShardLen(full)
			if full > MaxSize || shard > int64(p.MaxShard()) || 2*shard*int64(total) > memory || s.Rows < 1 {
				t.Errorf("%s, %d miners: %d rows, segments of %d, shards of %d", p.Name, miners, s.Rows, full, shard)
			}
		}
	}
}
