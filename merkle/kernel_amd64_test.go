package merkle

import (
	"slices"
	"testing"
)

// What a processor lacks is never run.
func TestKernelChoiceFallsBack(t *testing.T) {
	for _, c := range []struct {
		avx512, avx2 bool
		want         []string
	}{
		{true, true, []string{"avx512", "avx2"}},
		{false, true, []string{"avx2"}},
		{true, false, []string{"avx512"}},
		{false, false, nil},
	} {
		var got []string
		for _, k := range usable(c.avx512, c.avx2) {
			got = append(got, k.name)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("AVX-512 %v, AVX2 %v: %v, want %v", c.avx512, c.avx2, got, c.want)
		}
	}
}
