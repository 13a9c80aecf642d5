package validator

import (
	"context"
	"sync"
	"time"

	"strata"
	"strata/catalog"
	"strata/object"
)

// Witness notes what miners do to the shards of a gateway whose validator is
// another process. It is safe for concurrent use.
type Witness struct {
	to  catalog.Refusals
	now func() time.Time

	line line // over which shards go to miners

	mu     sync.Mutex // guards what follows
	miners map[strata.Hotkey]*puts
}

// NewWitness returns one that tells the validator by to; nil for now means
// time.Now.
func NewWitness(to catalog.Refusals, now func() time.Time) *Witness {
	if now == nil {
		now = time.Now
	}
	return &Witness{to: to, now: now, miners: map[strata.Hotkey]*puts{}}
}

// Watch returns a transport whose puts are noted.
func (w *Witness) Watch(t object.Transport) object.Transport { return judge{t, w.sent} }

func (w *Witness) sent(miner strata.Hotkey, size int, err error) {
	now := w.now()
	if err == nil {
		w.line.note(now)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.miners[miner]
	if p == nil {
		p = &puts{}
		w.miners[miner] = p
	}
	p.sent(now, size, err)
}

// Save hands over what was noted since the last time. What cannot be written is
// kept for the next; a crash forgives it.
func (w *Witness) Save(ctx context.Context) error {
	refused := w.take()
	err := w.to.AddRefusals(ctx, w.now(), refused)
	if err == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for miner, n := range refused {
		if w.miners[miner] == nil {
			w.miners[miner] = &puts{}
		}
		w.miners[miner].refused = min(w.miners[miner].refused+n, catalog.MaxRefusals)
	}
	return err
}

// take returns the refusals and forgets them, and miners to which nothing was sent
// for so long that what they took excuses nothing.
func (w *Witness) take() map[strata.Hotkey]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[strata.Hotkey]int{}
	for miner, p := range w.miners {
		p.settle(w.now(), &w.line)
		if p.refused > 0 {
			out[miner] = p.refused
		}
		if p.refused = 0; w.now().Sub(p.began) >= 2*time.Minute && len(p.away) == 0 {
			delete(w.miners, miner)
		}
	}
	return out
}
