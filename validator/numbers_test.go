package validator

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"strata"
	"strata/score"
	"strata/wire"
)

// A set of ranges is the set that it stands for, whatever is taken out.
func TestNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := slices.Sorted(maps.Keys(rapid.MapOf(rapid.Uint64Range(0, 60), rapid.Bool()).Draw(t, "numbers")))
		var s numbers
		for _, n := range want {
			s.add(n)
		}
		for range 5 {
			if s.count != len(want) || !slices.Equal(slices.Collect(s.all()), want) {
				t.Fatalf("%v is %v", want, s)
			}
			for i, n := range want {
				if s.at(i) != n {
					t.Fatalf("number %d of %v is %d", i, want, s.at(i))
				}
			}
			n := rapid.Uint64Range(0, 61).Draw(t, "out")
			i, found := slices.BinarySearch(want, n)
			if s.has(n) != found {
				t.Fatalf("%v has %d: %v", want, n, s.has(n))
			}
			before := slices.Collect(s.all())
			less := s.without(n)
			if !slices.Equal(slices.Collect(s.all()), before) {
				t.Fatal("without changed the set")
			}
			if s = less; found {
				want = slices.Delete(slices.Clone(want), i, i+1)
			}
		}
	})
	var many numbers
	for n := range uint64(1_000_000) {
		many.add(n)
	}
	if len(many.ranges) != 1 {
		t.Errorf("a million successive numbers take %d ranges", len(many.ranges))
	}
}

// A sample is uniform: each of many sectors is in it with the same chance.
func TestSampleIsUniform(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.v.Chance = rand.NewChaCha8([32]byte{7}).Uint64 // one draw for ever, not one that is seldom off
	hits := make([]int, 4*sampleSize)
	for range 400 {
		var s sample
		for n := range hits {
			s.add(place{number: uint64(n)}, w.v.draw)
		}
		for _, p := range s.places {
			hits[p.number]++
		}
	}
	for n, h := range hits { // 100 expected, with a deviation of 8.7
		if h < 50 || h > 150 {
			t.Errorf("sector %d was drawn %d times of 400", n, h)
		}
	}
}

// TestSampleUsedUp: a miner withdraws most of a large cohort; what is left of it
// is checked nevertheless, with bounded memory.
func TestSampleUsedUp(t *testing.T) {
	w := newWorld(t)
	m := w.miner("//Honest")
	self := w.key.Hotkey()
	const sectors = 5 * sampleSize
	m.seal(self, 0, 20)
	for n := uint64(20); n < sectors; n++ {
		m.fake(self, n, 1) // cheaper to make than true ones, and gone before any check
	}
	w.start()
	w.admit(m)
	if got := len(w.book(m).unchecked[1].places); got != sampleSize {
		t.Errorf("%d sectors wait in memory, want %d", got, sampleSize)
	}
	for n := uint64(20); n < sectors; n++ {
		m.alter(self, n, func(s *sector) { s.entry.State, s.entry.Root = wire.Gone, strata.Root{} })
	}
	w.seen(m)
	w.check(1000)
	if c := w.score(m).Cohorts; len(c) != 1 || c[0].Bytes != 20*sectorSize || c[0].Checks < 20 || c[0].Failed > 0 {
		t.Errorf("cohorts = %+v", c)
	}
	for _, s := range w.sectors(m, self) {
		if s.Listed() && !s.Checked {
			t.Errorf("sector %d was never checked", s.Entry.Number)
		}
	}
	w.wantStanding(m, score.Good)
	w.consistent(m)
}
