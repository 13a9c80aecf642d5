package refusal

import (
	"context"
	"time"

	"strata/catalog"
)

// Witness is the Tally of a gateway whose validator is another process.
type Witness struct {
	*Tally
	to catalog.Refusals
}

// NewWitness returns one that tells the validator by to; nil for now means
// time.Now.
func NewWitness(to catalog.Refusals, now func() time.Time) *Witness {
	return &Witness{NewTally(now), to}
}

// Save hands over what was noted since the last time. What cannot be written is
// kept for the next; a crash forgives it.
func (w *Witness) Save(ctx context.Context) error {
	refused := w.takeAll()
	err := w.to.AddRefusals(ctx, w.now(), refused)
	if err != nil {
		for miner, n := range refused {
			w.Add(miner, n)
		}
	}
	return err
}
