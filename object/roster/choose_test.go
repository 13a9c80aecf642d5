package roster

import (
	"math/big"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"strata"
	"strata/placement"
)

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
		if got := SpaceLeft(miners, 3, need); got != 3*want {
			t.Fatalf("free %v, %d needed: %d, want 3 × %d", slices.Sorted(slices.Values(free)), need, got, want)
		}
	})
}
