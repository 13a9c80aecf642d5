package link

import (
	"testing"
	"time"
)

// newPulse is a pulse with a clock that wait moves.
func newPulse(endpoints int) (p *pulse, wait func(time.Duration)) {
	now := time.Unix(1_700_000_000, 0)
	p = &pulse{now: func() time.Time { return now }, endpoints: endpoints, limit: 28 * time.Second}
	p.connected()
	return p, func(d time.Duration) { now = now.Add(d) }
}

// stallsAfter returns after how long, to the second, a node that tells of
// nothing counts as stalled.
func stallsAfter(t *testing.T, p *pulse, wait func(time.Duration)) time.Duration {
	t.Helper()
	for waited := time.Second; waited < time.Hour; waited += time.Second {
		wait(time.Second)
		if limit, stalled := p.stalled(); stalled {
			if limit >= waited || limit < waited-time.Second {
				t.Errorf("after %s it says %s", waited, limit)
			}
			return limit
		}
	}
	return 0
}

func TestPulseFollowsTheBlockTime(t *testing.T) {
	for blockTime, want := range map[time.Duration]time.Duration{
		0: 28 * time.Second, 250 * time.Millisecond: 28 * time.Second, 12 * time.Second: 36 * time.Second, time.Minute: 3 * time.Minute,
	} {
		p, wait := newPulse(1)
		p.expect(blockTime)
		for number := range uint64(5) { // blocks in time are no stall
			p.block(number + 1)
			wait(max(blockTime, time.Second))
			if _, stalled := p.stalled(); stalled {
				t.Errorf("block time %s: block %d came in time", blockTime, number+2)
			}
		}
		p.block(9)
		if got := stallsAfter(t, p, wait); got != want {
			t.Errorf("block time %s: a stall after %s, want %s", blockTime, got, want)
		}
	}
	p, wait := newPulse(1)
	p.limit, p.fixed = time.Second, true
	p.expect(time.Minute)
	if got := stallsAfter(t, p, wait); got != time.Second {
		t.Errorf("asked for a second: %s", got)
	}
}

// TestPulseOfChainWithoutBlocks: where no endpoint shows a block, they are tried
// ever more seldom; a block makes it as before.
func TestPulseOfChainWithoutBlocks(t *testing.T) {
	p, wait := newPulse(2)
	p.block(7)
	for i, want := range []time.Duration{28, 28, 56, 56, 112, 112, 224, 224, 448, 448, 896, 896, 896, 896} {
		if got := stallsAfter(t, p, wait); got != want*time.Second {
			t.Fatalf("stall %d after %s, want %s", i, got, want*time.Second)
		}
		p.connected()
		p.block(7 - uint64(i%2)) // the head as it was, or one behind
	}
	p.block(8)
	if got := stallsAfter(t, p, wait); got != 28*time.Second {
		t.Errorf("after a block: %s", got)
	}
	p.connected()
	p.block(3)
	p.block(4) // behind, but it goes on
	if got := stallsAfter(t, p, wait); got != 28*time.Second {
		t.Errorf("a node that is behind: %s", got)
	}
}

// TestDefaultsNotice: whatever happens to the node, it is noticed within 30 s.
func TestDefaultsNotice(t *testing.T) {
	o := Options{}.WithDefaults()
	if o.ProbeEvery+o.Timeout > 30*time.Second || leastPatience+leastPatience/16 > 30*time.Second {
		t.Errorf("%+v", o)
	}
}
