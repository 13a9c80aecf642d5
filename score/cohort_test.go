package score

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// A merged cohort promises no more than its parts: whatever bad fractions they
// hide, missing both is no likelier than missing the whole with its checks.
func TestMergeIsConservative(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := Cohort{ID: 1, Bytes: rapid.Uint64Range(1, 1<<30).Draw(t, "a"), Checks: rapid.Uint64Range(0, 500).Draw(t, "na")}
		b := Cohort{ID: 2, Bytes: rapid.Uint64Range(1, 1<<30).Draw(t, "b"), Checks: rapid.Uint64Range(0, 500).Draw(t, "nb")}
		a.Failed = rapid.Uint64Range(0, a.Checks).Draw(t, "fa")
		b.Failed = rapid.Uint64Range(0, b.Checks).Draw(t, "fb")
		sum, ok := merge(a, b)
		if !ok || sum.Bytes != a.Bytes+b.Bytes || !sum.Has(1) || !sum.Has(2) || sum.Has(3) || sum.Has(0) {
			t.Fatalf("%+v and %+v become %+v", a, b, sum)
		}
		if sum.Checks < min(a.Checks, b.Checks) || sum.Checks > a.Checks+b.Checks || sum.Failed > sum.Checks {
			t.Fatalf("%+v and %+v become %+v", a, b, sum)
		}
		g, h := rapid.Float64Range(0, 0.9).Draw(t, "g"), rapid.Float64Range(0, 0.9).Draw(t, "h")
		share := float64(a.Bytes) / float64(sum.Bytes)
		apart := float64(a.Checks)*math.Log1p(-g) + float64(b.Checks)*math.Log1p(-h)
		whole := float64(sum.Checks) * math.Log1p(-(share*g + (1-share)*h))
		if apart > whole+1e-6 {
			t.Errorf("%+v and %+v miss %v and %v with e^%v, as one with e^%v", a, b, g, h, apart, whole)
		}
		// Mismatches are not diluted: the failed share is at least that of the parts.
		if a.Checks > 0 && b.Checks > 0 && sum.Failed < sum.Checks {
			parts := share*float64(a.Failed)/float64(a.Checks) + (1-share)*float64(b.Failed)/float64(b.Checks)
			if got := float64(sum.Failed) / float64(sum.Checks); got < parts-1e-9 {
				t.Errorf("%+v and %+v have %v failed, as one %v", a, b, parts, got)
			}
		}
	})
}

func TestMergeThatDoesNotFit(t *testing.T) {
	if _, ok := merge(Cohort{Bytes: 1 << 63}, Cohort{Bytes: 1 << 63}); ok {
		t.Error("bytes wrapped")
	}
	big := Cohort{ID: 1, Bytes: 1, Checks: math.MaxUint64}
	if sum, ok := merge(big, Cohort{ID: 2, Bytes: math.MaxUint64 - 1, Checks: 3}); !ok || sum.Checks != 3 {
		t.Errorf("merged %+v", sum)
	}
}

// grow is a miner that adds sectors each six hours for years, gets 30 checks for
// each arrival and a trickle of 12 a day in proportion to bytes. It fails if a
// merge costs credit.
func grow(t *testing.T, years int, added func(i int, have uint64) uint64) Miner {
	t.Helper()
	r := Rules{Penalty: 1, LeafBucket: 300, LeafKeep: 24, Sector: sector}
	rng := rand.New(rand.NewPCG(1, 2))
	var m Miner
	apply := func(e Event) {
		t.Helper()
		next, err := m.Apply(r, e)
		if err != nil {
			t.Fatal(err)
		}
		if before, after := provenBytes(m), provenBytes(next); after < before {
			t.Fatalf("%+v takes the proven bytes from %d to %d", e, before, after)
		}
		m = next
	}
	have, most := uint64(0), 0
	for i := range years * 365 * 4 {
		block := uint64(i+1) * 1800
		if n := added(i, have); n > 0 {
			have += n
			id := uint64(i + 1)
			apply(Event{Kind: Arrived, Block: block, Cohort: id, Bytes: n * sector})
			for range ArrivalChecks(n) {
				apply(Event{Kind: Matched, Block: block, Cohort: id})
			}
		}
		for range 3 {
			at, id := rng.Uint64N(have*sector), uint64(0)
			for _, c := range m.Cohorts {
				if at < c.Bytes {
					id = c.ID
					break
				}
				at -= c.Bytes
			}
			apply(Event{Kind: Matched, Block: block, Cohort: id})
		}
		most = max(most, len(m.Cohorts))
	}
	if most > 12 {
		t.Errorf("a miner without mismatches has had %d cohorts", most)
	}
	return m
}

// provenBytes is the credit without the leaves.
func provenBytes(m Miner) (sum uint64) {
	for _, c := range m.Cohorts {
		sum += c.proven()
	}
	return sum
}

// Growing never costs what was there, and records stay small: by a constant, by
// doubling, at random, in small steps and then one large.
func TestGrowth(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for name, added := range map[string]func(int, uint64) uint64{
		"steadily":   func(int, uint64) uint64 { return 10 },
		"one by one": func(int, uint64) uint64 { return 1 },
		"doubling":   func(i int, have uint64) uint64 { return max(1, have*uint64(min(1, max(0, 30-i)))) },
		"at random":  func(int, uint64) uint64 { return rng.Uint64N(1<<rng.Uint64N(16) + 1) },
		"long, then at once": func(i int, have uint64) uint64 {
			if i == 1000 {
				return 1000 * have
			}
			return 10
		},
	} {
		t.Run(name, func(t *testing.T) {
			first := added
			m := grow(t, 2, func(i int, have uint64) uint64 { return max(first(i, have), uint64(max(0, 1-i))) })
			t.Logf("%d cohorts", len(m.Cohorts))
		})
	}
}

// Many mismatches leave many records that do not go together: they are bounded
// all the same, at the liar's cost.
func TestCohortsAreBounded(t *testing.T) {
	m := Miner{}
	for i := range uint64(200) {
		m = after(t, m, Event{Kind: Arrived, Block: i, Cohort: i + 1, Bytes: (i%7 + 2) * 40 * sector})
		m = after(t, m, repeat(Event{Kind: Matched, Block: i, Cohort: i + 1}, 30)...)
		m = after(t, m, Event{Kind: Mismatched, Block: i, Cohort: i + 1, Bytes: sector})
		if len(m.Cohorts) > MaxCohorts {
			t.Fatalf("%d cohorts", len(m.Cohorts))
		}
	}
	var bytes, want uint64
	for _, c := range m.Cohorts {
		bytes += c.Bytes
	}
	for i := range uint64(200) {
		want += ((i%7+2)*40 - 1) * sector
	}
	if bytes != want {
		t.Errorf("cohorts have %d bytes, want %d", bytes, want)
	}
	// And unchecked ones, which a validator cannot keep up with.
	for i := range uint64(200) {
		m = after(t, m, Event{Kind: Arrived, Block: 200, Cohort: 1000 + i, Bytes: sector})
	}
	if len(m.Cohorts) > MaxCohorts {
		t.Errorf("%d cohorts", len(m.Cohorts))
	}
}

// Events of cohorts that were merged reach what they have become.
func TestMergedCohortAnswersToItsIDs(t *testing.T) {
	m := after(t, proven(t), Event{Kind: Arrived, Block: 6, Cohort: 5, Bytes: 100 * sector})
	m = after(t, m, repeat(Event{Kind: Matched, Block: 6, Cohort: 5}, 30)...)
	if want := []Cohort{{ID: 5, First: 1, Bytes: 200 * sector, Checks: 60}}; !reflect.DeepEqual(m.Cohorts, want) {
		t.Fatalf("cohorts %+v, want %+v", m.Cohorts, want)
	}
	m = after(t, m, Event{Kind: Matched, Block: 6, Cohort: 1}, Event{Kind: Withdrawn, Block: 6, Cohort: 5, Bytes: sector},
		Event{Kind: Mismatched, Block: 6, Cohort: 1, Bytes: sector})
	if want := []Cohort{{ID: 5, First: 1, Bytes: 198 * sector, Checks: 62, Failed: 1}}; !reflect.DeepEqual(m.Cohorts, want) {
		t.Errorf("cohorts %+v, want %+v", m.Cohorts, want)
	}
	if c, ok := m.Cohort(1); !ok || c.ID != 5 {
		t.Errorf("cohort 1 is now %+v, %v", c, ok)
	}
	if _, ok := m.Cohort(6); ok {
		t.Error("cohort 6 is there")
	}
}

// What is false and in no cohort, because it was taken back or not yet counted,
// moves the standing and no bytes.
func TestMismatchOutsideCohorts(t *testing.T) {
	m := after(t, proven(t), Event{Kind: Mismatched, Block: 6})
	if m.Standing != Suspended || !reflect.DeepEqual(m.Cohorts, proven(t).Cohorts) {
		t.Errorf("after it: %+v", m)
	}
	if m = after(t, m, Event{Kind: Mismatched, Block: 6}); m.Standing != Penalised {
		t.Errorf("after another: %s", m.Standing)
	}
}
