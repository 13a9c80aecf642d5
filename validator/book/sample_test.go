package book

import (
	"math/rand/v2"
	"testing"

	"strata/validator/chance"
)

// A sample is uniform: each of many sectors is in it with the same chance.
func TestSampleIsUniform(t *testing.T) {
	one := chance.Source(rand.NewChaCha8([32]byte{7}).Uint64) // for ever, not one that is seldom off
	hits := make([]int, 4*sampleSize)
	for range 400 {
		var s sample
		for n := range hits {
			s.add(Place{Number: uint64(n)}, one.Below)
		}
		if len(s.places) != sampleSize {
			t.Fatalf("%d sectors wait, want %d", len(s.places), sampleSize)
		}
		for _, p := range s.places {
			hits[p.Number]++
		}
	}
	for n, h := range hits { // 100 expected, with a deviation of 8.7
		if h < 50 || h > 150 {
			t.Errorf("sector %d was drawn %d times of 400", n, h)
		}
	}
}
