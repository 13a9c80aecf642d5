package validator

import (
	"context"
	"sync"

	"strata"
	"strata/chain"
)

// follow looks at every head, keeps one worker for each miner, forms cohorts
// and sets weights. A node that fails now is asked again at the next head.
func (v *Validator) follow(ctx context.Context) error {
	heads, err := v.Chain.Heads(ctx)
	if err != nil {
		return err
	}
	workers := &workers{v: v, running: map[strata.Hotkey]func(){}}
	defer workers.stop()
	workers.match(ctx)
	for h := range heads {
		if v.advance(ctx, h) {
			workers.match(ctx)
		}
		v.tend(ctx, h)
	}
	return ctx.Err()
}

// tend does what else a new head asks for: cohorts, weights, and the account.
func (v *Validator) tend(ctx context.Context, h chain.Head) {
	v.books.FormCohorts(ctx)
	v.weights.Turn(ctx, h)
	v.account.Publish(h.Number)
}

// advance takes over a head and says whether the metagraph was read with it.
func (v *Validator) advance(ctx context.Context, h chain.Head) bool {
	if !v.subnet.Advance(h) {
		return false
	}
	if _, err := v.refresh(ctx, h.Hash); err != nil {
		v.Log.Warn("the metagraph was not read", "block", h.Number, "err", err)
		return false
	}
	return true
}

// refresh reads the metagraph and the subnet's settings at a block, and takes them
// over.
func (v *Validator) refresh(ctx context.Context, at strata.BlockHash) (*chain.Metagraph, error) {
	g, changed, err := v.subnet.Refresh(ctx, at)
	if err != nil {
		return nil, err
	}
	v.books.Meet(g.Neurons)
	if changed {
		return g, v.account.Restate(ctx)
	}
	return g, nil
}

// workers are the goroutines that deal with miners, each miner with its own, so
// that a slow one delays nobody.
type workers struct {
	v       *Validator
	running map[strata.Hotkey]func() // cancels
	group   sync.WaitGroup
}

// match starts a worker for each miner that serves and stops those of miners
// that are gone.
func (w *workers) match(ctx context.Context) {
	serving := w.v.attend()
	for hotkey, cancel := range w.running {
		if !serving[hotkey] {
			cancel()
			delete(w.running, hotkey)
		}
	}
	for _, b := range w.v.books.All() {
		if !serving[b.Hotkey] || w.running[b.Hotkey] != nil {
			continue
		}
		ctx, cancel := context.WithCancel(ctx)
		w.running[b.Hotkey] = cancel
		w.group.Go(func() { w.v.visitLoop(ctx, b) })
		w.group.Go(func() { w.v.auditLoop(ctx, b) })
	}
}

// attend notes which miners serve.
func (v *Validator) attend() map[strata.Hotkey]bool {
	serving := v.subnet.Serving(v.self)
	v.books.Attend(serving)
	return serving
}

func (w *workers) stop() {
	for _, cancel := range w.running {
		cancel()
	}
	w.group.Wait()
}
