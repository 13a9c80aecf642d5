package holding

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// A set of ranges is the set that it stands for, whatever is taken out.
func TestNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := slices.Sorted(maps.Keys(rapid.MapOf(rapid.Uint64Range(0, 60), rapid.Bool()).Draw(t, "numbers")))
		var s Numbers
		for _, n := range want {
			s.Add(n)
		}
		for range 5 {
			if s.count != len(want) || !slices.Equal(slices.Collect(s.All()), want) {
				t.Fatalf("%v is %v", want, s)
			}
			for i, n := range want {
				if s.At(i) != n {
					t.Fatalf("number %d of %v is %d", i, want, s.At(i))
				}
			}
			n := rapid.Uint64Range(0, 61).Draw(t, "out")
			i, found := slices.BinarySearch(want, n)
			if s.Has(n) != found {
				t.Fatalf("%v has %d: %v", want, n, s.Has(n))
			}
			before := slices.Collect(s.All())
			less := s.Without(n)
			if !slices.Equal(slices.Collect(s.All()), before) {
				t.Fatal("without changed the set")
			}
			if s = less; found {
				want = slices.Delete(slices.Clone(want), i, i+1)
			}
		}
	})
	var many Numbers
	for n := range uint64(1_000_000) {
		many.Add(n)
	}
	if len(many.ranges) != 1 {
		t.Errorf("a million successive numbers take %d ranges", len(many.ranges))
	}
}
