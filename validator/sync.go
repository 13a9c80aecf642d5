package validator

import (
	"context"
	"sync"
	"time"

	"strata"
	"strata/allocation"
	"strata/catalog"
	"strata/chain"
	"strata/score"
)

const (
	// refreshEach is how many blocks a metagraph may be old.
	refreshEach = 5
	// chainLimit is how long a node may take for an answer, or to get weights
	// into a block: new heads wait for it.
	chainLimit = 2 * time.Minute
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
		v.formCohorts(ctx)
		v.maybeWeigh(ctx, h)
		v.publish(h.Number)
	}
	return ctx.Err()
}

// advance takes over a head and says whether the metagraph was read with it.
func (v *Validator) advance(ctx context.Context, h chain.Head) bool {
	v.mu.Lock()
	v.head = h
	due := h.Number >= v.graph.Head.Number+refreshEach || h.Number < v.graph.Head.Number
	v.mu.Unlock()
	if !due {
		return false
	}
	if _, err := v.refresh(ctx, h.Hash); err != nil {
		v.Log.Warn("the metagraph was not read", "block", h.Number, "err", err)
		return false
	}
	return true
}

func (v *Validator) formCohorts(ctx context.Context) {
	for _, b := range v.all() {
		if err := b.formCohort(ctx); err != nil && ctx.Err() == nil {
			v.Log.Error("a cohort was not written", "miner", b.hotkey, "err", err)
		}
	}
}

// refresh reads the metagraph and the subnet's settings at a block.
func (v *Validator) refresh(ctx context.Context, at strata.BlockHash) (*chain.Metagraph, error) {
	ctx, cancel := context.WithTimeout(ctx, chainLimit)
	defer cancel()
	g, err := v.Chain.Metagraph(ctx, v.Domain.Netuid, at)
	if err != nil {
		return nil, err
	}
	params, err := v.Chain.Hyperparameters(ctx, v.Domain.Netuid)
	if err != nil {
		return nil, err
	}
	if v.takeOver(g, params) {
		return g, v.restate(ctx)
	}
	return g, nil
}

// takeOver makes a metagraph and settings the present ones, and says whether the
// rules have changed with them.
func (v *Validator) takeOver(g *chain.Metagraph, params chain.Hyperparameters) (changed bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	before := v.rules
	v.graph, v.params, v.rules = g, params, score.RulesFor(v.Profile, params.Tempo)
	v.stakes = sharesOf(g, v.eligible())
	if g.Head.Number > v.head.Number {
		v.head = g.Head
	}
	for _, n := range g.Neurons {
		b := v.books[n.Hotkey]
		if n.Hotkey == v.self || b == nil && !n.Axon.Served() {
			continue
		}
		if b == nil {
			b = newBook(v, catalog.MinerRecord{Hotkey: n.Hotkey})
			v.books[n.Hotkey] = b
		}
		b.mu.Lock()
		b.row = n
		b.mu.Unlock()
	}
	return before != score.Rules{} && before != v.rules
}

// permitted returns the validators whose partitions count, ourselves included.
func (v *Validator) permitted() []strata.Hotkey {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := []strata.Hotkey{v.self}
	for _, h := range v.eligible() {
		if h != v.self {
			out = append(out, h)
		}
	}
	return out
}

// eligible returns the validators for which miners keep partitions. The caller
// holds mu.
func (v *Validator) eligible() (out []strata.Hotkey) {
	rows := make([]allocation.Neuron, len(v.graph.Neurons))
	for i, n := range v.graph.Neurons {
		rows[i] = allocation.Neuron{Hotkey: n.Hotkey, Permit: n.Permit, Stake: n.Stake, StakeBefore: n.Stake}
	}
	for _, e := range allocation.Eligible(rows, strata.Hotkey{}) {
		out = append(out, e.Hotkey)
	}
	return out
}

// clock returns what scores are computed with: the rules and the present block.
func (v *Validator) clock() (score.Rules, uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.rules, v.head.Number
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
	serving := w.v.serving()
	for hotkey, cancel := range w.running {
		if !serving[hotkey] {
			cancel()
			delete(w.running, hotkey)
		}
	}
	for _, b := range w.v.all() {
		if !serving[b.hotkey] || w.running[b.hotkey] != nil {
			continue
		}
		ctx, cancel := context.WithCancel(ctx)
		w.running[b.hotkey] = cancel
		w.group.Go(func() { w.v.pullLoop(ctx, b) })
		w.group.Go(func() { w.v.auditLoop(ctx, b) })
	}
}

// serving returns the miners with an address, and notes it in their books.
func (v *Validator) serving() map[strata.Hotkey]bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := map[strata.Hotkey]bool{}
	for _, n := range v.graph.Neurons {
		out[n.Hotkey] = n.Hotkey != v.self && n.Axon.Served()
	}
	for hotkey, b := range v.books {
		b.setPresent(out[hotkey])
	}
	return out
}

func (w *workers) stop() {
	for _, cancel := range w.running {
		cancel()
	}
	w.group.Wait()
}

func (b *book) setPresent(is bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.present = is
}
