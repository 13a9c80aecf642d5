package object

import (
	"encoding/hex"
	"math/big"
	"math/rand/v2"
	"net/netip"
	"slices"
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
	e, err := newEncoder(c, envelope.Key{1, 2, 3}, 5, make([][]byte, 4))
	if err != nil {
		t.Fatal(err)
	}
	plain := make([]byte, 2*envelope.ChunkPlain+7)
	rand.NewChaCha8([32]byte{}).Read(plain)
	if err := e.add(plain[:2*envelope.ChunkPlain], false); err != nil {
		t.Fatal(err)
	}
	if err := e.add(plain[2*envelope.ChunkPlain:], true); err != nil {
		t.Fatal(err)
	}
	want := []string{"8d2d067dcb194681", "cc00a23e1e2ab902", "86b12410a767dbdf", "97cd79d892c4c20f"}
	for i, h := range e.records() {
		if got := hex.EncodeToString(h.Root[:8]); got != want[i] || h.Length != envelope.ChunkSealed+padLast {
			t.Errorf("shard %d: root %s…, %d bytes, want %s…", i, got, h.Length, want[i])
		}
	}
}

// TestLayoutSums: rows and chunks cover a segment exactly, and shards are as
// long as their chunks.
func TestLayoutSums(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := layout{k: rapid.IntRange(1, 30).Draw(t, "k"), size: rapid.Int64Range(1, maxSegment).Draw(t, "size")}
		var plain, sealed int64
		for r := range l.rows() {
			if l.shardOff(r) != sealed {
				t.Fatalf("row %d at %d, want %d", r, l.shardOff(r), sealed)
			}
			plain += l.rowLen(r)
			sealed += int64(l.chunkLen(r) + envelope.Overhead)
			if spare := int64(l.chunkLen(r)*l.k) - l.rowLen(r); spare < 0 || spare >= int64(l.k)*padLast || !l.last(r) && spare > 0 || l.chunkLen(r) > envelope.ChunkPlain {
				t.Fatalf("row %d has %d bytes in chunks of %d", r, l.rowLen(r), l.chunkLen(r))
			}
		}
		if plain != l.size || sealed != l.shardLen() || !l.valid() {
			t.Fatalf("rows have %d of %d bytes, shards %d of %d", plain, l.size, sealed, l.shardLen())
		}
	})
}

func TestSchemeFits(t *testing.T) {
	for _, p := range []strata.Profile{strata.LocalProfile, strata.TestProfile, strata.MainProfile} {
		for miners := 1; miners <= 40; miners++ {
			k, _, success, total := placement.Scale(miners)
			s := newScheme(k, success, total, p, int64(defaultMemory))
			full := int64(s.rows) * int64(s.rowPlain())
			shard := layout{k, full}.shardLen()
			if full > maxSegment || shard > int64(p.MaxShard()) || 2*shard*int64(total) > int64(defaultMemory) || s.rows < 1 {
				t.Errorf("%s, %d miners: %d rows, segments of %d, shards of %d", p.Name, miners, s.rows, full, shard)
			}
		}
	}
}

// TestSpaceLeft compares the formula with a search for the largest x.
func TestSpaceLeft(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		free := rapid.SliceOfN(rapid.Int64Range(0, 50), 1, 8).Draw(t, "free")
		need := rapid.IntRange(1, 8).Draw(t, "need")
		var miners []Candidate
		for _, f := range free {
			miners = append(miners, Candidate{Candidate: placement.Candidate{Addr: netip.IPv6Loopback(), Free: strata.ByteSize(f)}})
		}
		var want int64
		for x := int64(1); x <= 50*8; x++ {
			sum := new(big.Int)
			for _, f := range free {
				sum.Add(sum, big.NewInt(min(f, x)))
			}
			if sum.Cmp(big.NewInt(x*int64(need))) >= 0 {
				want = x
			}
		}
		if got := spaceLeft(miners, 3, need); got != 3*want {
			t.Fatalf("free %v, %d needed: %d, want 3 × %d", slices.Sorted(slices.Values(free)), need, got, want)
		}
	})
}
