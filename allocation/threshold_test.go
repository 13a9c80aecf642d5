package allocation

import (
	"testing"

	"pgregory.net/rapid"

	"strata"
)

func TestParseThreshold(t *testing.T) {
	for s, want := range map[string]Threshold{
		"1": One, "1.0": One, "0.5": One / 2, ".25": One / 4, "0.0001": 100_000, "0.000000001": 1, " 0.9 ": 900_000_000, "1.": One,
	} {
		if got, err := ParseThreshold(s); err != nil || got != want {
			t.Errorf("ParseThreshold(%q) = %d, %v; want %d", s, got, err, want)
		}
	}
	for _, s := range []string{"", ".", "0", "0.0", "-1", "1.1", "1.000000001", "0.0000000001", "1e-3", "0,5", "NaN", "0.+5", "99999999999999999999", "0.5.5"} {
		var got Threshold
		if err := got.UnmarshalText([]byte(s)); strata.CodeOf(err) != strata.Invalid || got != 0 {
			t.Errorf("threshold %q: %d, %v", s, got, err)
		}
	}
}

func TestThresholdText(t *testing.T) {
	for want, v := range map[string]Threshold{"1": One, "0.5": One / 2, "0.0001": 100_000, "0.000000001": 1, "0": 0} {
		if v.String() != want {
			t.Errorf("%d prints as %s, want %s", uint32(v), v, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		v := Threshold(rapid.Uint32Range(1, uint32(One)).Draw(t, "ppb"))
		var got Threshold
		if err := got.UnmarshalText([]byte(v.String())); err != nil || got != v {
			t.Errorf("%d prints as %s and reads as %d, %v", uint32(v), v, uint32(got), err)
		}
	})
}

func TestCapacity(t *testing.T) {
	for name, c := range map[string]struct {
		t    Threshold
		s    Space
		want strata.ByteSize
	}{
		"half":              {One / 2, Space{Free: 100, Used: 0}, 50},
		"used counts":       {One / 2, Space{Free: 60, Used: 40}, 50},
		"rounded down":      {One / 2, Space{Free: 101}, 50},
		"reserve binds":     {One, Space{Free: 100, Used: 20, Reserve: 30}, 90},
		"reserve is met":    {One / 2, Space{Free: 100, Used: 20, Reserve: 30}, 60},
		"all reserve":       {One, Space{Free: 10, Reserve: 30}, 0},
		"largest numbers":   {One, Space{Free: 1<<64 - 1, Used: 1<<64 - 1}, 1<<64 - 1},
		"above one":         {One + 5, Space{Free: 100}, 100},
		"a billionth of TB": {1, Space{Free: 1e12}, 1000},
	} {
		if got := c.t.Capacity(c.s); got != c.want {
			t.Errorf("%s: %d, want %d", name, uint64(got), uint64(c.want))
		}
	}
}

func TestSmallestThreshold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var spaces []Space
		for range rapid.IntRange(1, 3).Draw(t, "disks") {
			spaces = append(spaces, Space{
				Free: strata.ByteSize(rapid.Uint64Range(0, 1<<36).Draw(t, "free")),
				Used: strata.ByteSize(rapid.Uint64Range(0, 1<<36).Draw(t, "used")), Reserve: strata.GiB,
			})
		}
		n := rapid.Uint64Range(1, 64).Draw(t, "sectors")
		got, err := SmallestThreshold(spaces, strata.GiB, n)
		if err != nil {
			if strata.CodeOf(err) != strata.NoSpace || missing(One, spaces, strata.GiB, n) == 0 {
				t.Fatalf("%v, though all of the disks hold %d sectors", err, n)
			}
			return
		}
		if missing(got, spaces, strata.GiB, n) != 0 || missing(got-1, spaces, strata.GiB, n) == 0 {
			t.Fatalf("threshold %s is not the smallest for %d sectors", got, n)
		}
	})
	if _, err := SmallestThreshold(nil, 0, 1); strata.CodeOf(err) != strata.Invalid {
		t.Errorf("no sector size: %v", err)
	}
}
