package chance

import (
	"testing"
	"time"
)

func TestExponential(t *testing.T) {
	var sum time.Duration
	for range 2000 {
		d := Source(Secret).Exponential(time.Second)
		if d < 0 || d > 10*time.Second {
			t.Fatalf("a wait of %s", d)
		}
		sum += d
	}
	if mean := sum / 2000; mean < 850*time.Millisecond || mean > 1150*time.Millisecond { // ± 7 standard errors
		t.Errorf("the mean wait is %s, want 1 s", mean)
	}
}
