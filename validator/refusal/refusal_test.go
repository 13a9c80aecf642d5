package refusal

import (
	"context"
	"testing"
	"time"

	"strata"
)

// brokenRefusals cannot be written until it is mended.
type brokenRefusals struct {
	broken bool
	got    map[strata.Hotkey]int
}

func (b *brokenRefusals) AddRefusals(_ context.Context, _ time.Time, shards map[strata.Hotkey]int) error {
	if b.broken {
		return strata.E(strata.NoSpace, "no space left")
	}
	b.got = shards
	return nil
}

func (b *brokenRefusals) TakeRefusals(context.Context, strata.Hotkey) (int, time.Time, error) {
	return 0, time.Time{}, strata.E(strata.Corrupt, "damaged")
}

// TestWitnessKeepsWhatIsNotWritten, forgets what is, and remembers no miner for
// ever.
func TestWitnessKeepsWhatIsNotWritten(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	to := &brokenRefusals{broken: true}
	w := NewWitness(to, func() time.Time { return now })
	a, b := strata.Hotkey{1}, strata.Hotkey{2}
	refused := strata.E(strata.NoSpace, "no")
	w.sent(a, 1, refused)
	if w.Save(t.Context()) == nil {
		t.Error("a write that failed was forgotten")
	}
	w.sent(a, 1, refused)
	w.sent(b, 1, nil)
	to.broken = false
	if err := w.Save(t.Context()); err != nil || len(to.got) != 1 || to.got[a] != 2 {
		t.Errorf("handed over %v, %v", to.got, err)
	}
	if err := w.Save(t.Context()); err != nil || len(to.got) != 0 {
		t.Errorf("handed over again: %v, %v", to.got, err)
	}
	now = now.Add(2 * time.Minute)
	if err := w.Save(t.Context()); err != nil || len(w.miners) != 0 {
		t.Errorf("%d miners are remembered, %v", len(w.miners), err)
	}
}

// TestTooFast: who has taken a fair amount within this minute or the last may say
// that more comes too fast; a shard now and then excuses nothing.
func TestTooFast(t *testing.T) {
	busy := strata.E(strata.Throttled, "slow down")
	for name, c := range map[string]struct {
		shards, size int
		waits        time.Duration // between two
		later        time.Duration
		refused      int
	}{
		"nothing taken":         {0, 0, 0, 0, 1},
		"one a minute":          {5, 1 << 20, time.Minute, 0, 1},
		"many small ones":       {fairShards, 1, 0, 0, 0},
		"one less":              {fairShards - 1, 1, 0, 0, 1},
		"few large ones":        {2, fairBytes / 2, 0, 0, 0},
		"within the minute":     {60, 1 << 20, 900 * time.Millisecond, 0, 0},
		"in the last minute":    {fairShards, 1, 0, time.Minute, 0},
		"in the one before":     {fairShards, 1, 0, 2 * time.Minute, 1},
		"over more than minute": {60, 1 << 20, 3 * time.Second, 0, 1},
	} {
		now := time.Unix(1_800_000_000, 0)
		var p puts
		for range c.shards {
			now = now.Add(c.waits)
			p.sent(now, c.size, nil)
		}
		if p.sent(now.Add(c.later), 1, busy); p.refused != c.refused {
			t.Errorf("%s: %d refusals, want %d", name, p.refused, c.refused)
		}
	}
}
