package health

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"strata/placement"
)

func codec(miners int) Codec {
	k, _, success, total := placement.Scale(miners)
	return Codec{K: k, Success: success, Total: total}
}

func TestThresholdIsPlacements(t *testing.T) {
	for n := 1; n <= 40; n++ {
		_, repair, _, _ := placement.Scale(n)
		if got := codec(n).Threshold(); got != repair {
			t.Errorf("%d miners: threshold %d, placement says %d", n, got, repair)
		}
	}
}

func TestUrgent(t *testing.T) {
	for _, c := range []struct{ miners, urgent, threshold int }{
		{1, 1, 1}, {2, 2, 2}, {3, 2, 2}, {6, 3, 3}, {8, 3, 4}, {12, 6, 7}, {30, 13, 16},
	} {
		got := codec(c.miners)
		if got.Urgent() != c.urgent || got.Threshold() != c.threshold {
			t.Errorf("%d miners: urgent below %d and repaired below %d, want %d and %d", c.miners, got.Urgent(), got.Threshold(), c.urgent, c.threshold)
		}
	}
}

func TestNeed(t *testing.T) {
	of := func(safe, leaving, doubtful int) Segment {
		return Segment{Codec: codec(30), Safe: safe, Leaving: leaving, Doubtful: doubtful}
	}
	for _, c := range []struct {
		s    Segment
		want Need
	}{
		{of(30, 0, 0), Nothing},
		{of(16, 0, 0), Nothing},
		{of(13, 0, 3), Nothing}, // a restart is waited for
		{of(15, 0, 0), Repair},
		{of(13, 0, 2), Repair},
		{of(12, 0, 18), Urgent}, // too few to wait
		{of(9, 3, 18), Urgent},
		{of(29, 1, 0), Moving},
		{of(12, 4, 0), Moving},
		{of(12, 3, 0), Repair},
		{of(9, 0, 21), Unreadable},
		{of(0, 0, 0), Unreadable},
	} {
		if got := c.s.Need(); got != c.want {
			t.Errorf("%d safe, %d leaving, %d doubtful of 10/16/24/30: %s, want %s", c.s.Safe, c.s.Leaving, c.s.Doubtful, got, c.want)
		}
	}
}

func TestOrder(t *testing.T) {
	want := []Segment{
		{Codec: codec(30), Safe: 8},              // unreadable
		{Codec: codec(30), Safe: 10},             // the next loss is the last
		{Codec: codec(6), Safe: 2},               // the same with fewer shards that could be it
		{Codec: codec(30), Safe: 8, Leaving: 3},  // one to spare
		{Codec: codec(30), Safe: 15},             // five
		{Codec: codec(30), Safe: 12, Leaving: 4}, // moves only
		{Codec: codec(30), Safe: 29, Leaving: 1}, // moves only
		{Codec: codec(30), Safe: 16},             // nothing
		{Codec: codec(30), Safe: 30},             // nothing
	}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortStableFunc(got, Compare)
	if !slices.Equal(got, want) {
		t.Errorf("order is\n%+v\nwant\n%+v", got, want)
	}
}

func TestRenew(t *testing.T) {
	calm := Segment{Codec: codec(30), Safe: 13, Doubtful: 2}
	urgent := Segment{Codec: codec(30), Safe: 11, Doubtful: 4}
	for _, c := range []struct {
		s    Segment
		x    Condition
		want bool
	}{
		{calm, Missing, true}, {calm, Leaving, true}, {calm, Doubtful, false}, {calm, Safe, false},
		{urgent, Doubtful, true}, {urgent, Safe, false},
	} {
		if got := c.s.Renew(c.x); got != c.want {
			t.Errorf("%s, condition %d: renew %v", c.s.Need(), c.x, got)
		}
	}
}

// Whatever is known of the shards, losing one never makes a segment less
// needy or later in the queue, and re-creating what is to be renewed is enough.
func TestRuleIsMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := codec(rapid.IntRange(1, 40).Draw(t, "miners"))
		shards := make([]Condition, c.Total)
		for i := range shards {
			shards[i] = Condition(rapid.IntRange(0, 3).Draw(t, "condition"))
		}
		s := Count(c, shards)
		after := make([]Condition, c.Total)
		for i, x := range shards {
			if after[i] = x; s.Renew(x) {
				after[i] = Safe
			}
		}
		if n := s.Need(); n >= Repair && Count(c, after).Need() != Nothing {
			t.Fatalf("%+v needs %s, and %s after a whole repair", s, n, Count(c, after).Need())
		}
		i := rapid.IntRange(0, c.Total-1).Draw(t, "lost")
		shards[i] = Missing
		worse := Count(c, shards)
		if class(worse) < class(s) && s.Need() != Moving {
			t.Fatalf("%+v needs %s; with one shard less, %s", s, s.Need(), worse.Need())
		}
		if s.Need() >= Repair && Compare(worse, s) > 0 && worse != s {
			t.Fatalf("%+v comes before %+v", s, worse)
		}
		if s.Need() >= Repair && s.Spare() < 0 != (s.Need() == Unreadable) {
			t.Fatalf("%+v: spare %d", s, s.Spare())
		}
	})
}
