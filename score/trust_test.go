package score

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestTrusted(t *testing.T) {
	r := Rules{Sector: 1}
	const k = 1000
	for name, c := range map[string]struct {
		parts   []Part
		covered uint64
		data    []uint64
	}{
		"nothing":             {nil, 0, nil},
		"filler":              {[]Part{{Listed: 100 * k, Covered: 100 * k, Share: 1000}}, 100 * k, []uint64{0}},
		"full as stake says":  {[]Part{{100 * k, 100 * k, 100 * k, 100_000}, {900 * k, 900 * k, 900 * k, 900_000}}, 1000 * k, []uint64{100 * k, 900 * k}},
		"half as much again":  {[]Part{{150 * k, 150 * k, 150 * k, 100_000}, {850 * k, 850 * k, 0, 900_000}}, 1000 * k, []uint64{150 * k, 0}},
		"uncovered":           {[]Part{{100 * k, 40 * k, 0, PPM}}, 40 * k, []uint64{0}},
		"more data than that": {[]Part{{100 * k, 40 * k, 90 * k, PPM}}, 40 * k, []uint64{40 * k}},
		// 100 of filler, a twentieth of the stake: T = 100 / (1 − 0.075) = 108.1.
		"league":                         {[]Part{{100 * k, 100 * k, 0, 950_000}, {900 * k, 900 * k, 900 * k, 50_000}}, 108_108, []uint64{0, 8109}},
		"league alone, and nothing else": {[]Part{{900 * k, 900 * k, 900 * k, 50_000}}, 1, []uint64{1}},
		"permit lost":                    {[]Part{{100 * k, 100 * k, 0, PPM}, {50 * k, 50 * k, 20 * k, 0}}, 130*k + 1, []uint64{0, 1}},
		"small partitions":               {[]Part{{1, 1, 1, 0}, {1, 1, 1, 0}, {98, 98, 0, PPM}}, 100, []uint64{1, 1, 0}},
	} {
		covered, _, data := Trusted(r, c.parts)
		if diff := int64(covered) - int64(c.covered); diff < -2 || diff > 2 || len(data) != len(c.data) {
			t.Errorf("%s: %d bytes count, want %d; of shards %v", name, covered, c.covered, data)
			continue
		}
		for i := range data {
			if diff := int64(data[i]) - int64(c.data[i]); diff < -2 || diff > 2 {
				t.Errorf("%s: of shards %v count, want %v", name, data, c.data)
			}
		}
	}
}

// Whatever parts there are: no more counts than is covered, filler always does,
// and the order of the parts does not matter.
func TestTrustedProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := Rules{Sector: rapid.Uint64Range(1, 1<<32).Draw(t, "sector")}
		var parts []Part
		var covered, filler uint64
		for range rapid.IntRange(1, 6).Draw(t, "parts") {
			p := Part{Listed: rapid.Uint64Range(0, 1<<50).Draw(t, "listed"), Share: rapid.Uint64Range(0, PPM).Draw(t, "share")}
			p.Covered = rapid.Uint64Range(0, p.Listed).Draw(t, "covered")
			p.Data = rapid.Uint64Range(0, p.Covered).Draw(t, "data")
			parts, covered, filler = append(parts, p), covered+p.Covered, filler+p.Covered-p.Data
		}
		got, _, data := Trusted(r, parts)
		if got > covered || got < filler {
			t.Fatalf("%d bytes count of %d, %d of them filler", got, covered, filler)
		}
		for i, d := range data {
			if d > parts[i].Data {
				t.Fatalf("%d bytes of shards count of %d", d, parts[i].Data)
			}
		}
		slices.Reverse(parts)
		if again, _, _ := Trusted(r, parts); again != got {
			t.Fatalf("in another order %d bytes count, not %d", again, got)
		}
	})
}
