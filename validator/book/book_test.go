package book

import (
	"testing"
	"time"
)

func TestRoundTrips(t *testing.T) {
	var r roundTrips
	at := time.Unix(0, 0)
	for _, step := range []struct {
		after time.Duration
		took  time.Duration
		want  time.Duration
	}{
		{0, 40, 40}, {time.Hour, 30, 30}, {time.Hour, 50, 30}, {23 * time.Hour, 45, 30}, {2 * time.Hour, 45, 45}, {25 * time.Hour, 500, 100},
	} {
		at = at.Add(step.after)
		r.add(at, step.took)
		if got := r.best(100); got != step.want {
			t.Errorf("after %d: best = %d, want %d", step.took, got, step.want)
		}
	}
}
