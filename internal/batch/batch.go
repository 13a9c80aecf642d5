// Package batch lets those who do the same costly thing at the same moment do it
// together: one fsync or one transaction for all who wait.
package batch

import "sync"

// Group runs work in batches: whoever arrives while a batch runs joins the
// next one. So many puts at once share one fsync and one index transaction.
// The zero value is ready; it is safe for concurrent use and starts no
// goroutine: the first waiter of a batch runs it.
type Group[T any] struct {
	mu      sync.Mutex
	pending []*waiter[T]
	running bool
}

type waiter[T any] struct {
	item T
	wake chan bool // true: run the next batch; false: done, see err
	err  error
}

// Do hands item to a batch and returns its error. run gets the items of one
// batch, in order of arrival, and returns one error for each.
func (g *Group[T]) Do(item T, run func([]T) []error) error {
	w := &waiter[T]{item: item, wake: make(chan bool, 1)}
	g.mu.Lock()
	g.pending = append(g.pending, w)
	lead := !g.running
	g.running = true
	g.mu.Unlock()
	if !lead && !<-w.wake {
		return w.err
	}
	g.lead(w, run)
	return w.err
}

// lead runs the batch that waits now, of which w is one, and names the next leader.
func (g *Group[T]) lead(w *waiter[T], run func([]T) []error) {
	g.mu.Lock()
	batch := g.pending
	g.pending = nil
	g.mu.Unlock()

	items := make([]T, len(batch))
	for i, b := range batch {
		items[i] = b.item
	}
	for i, err := range run(items) {
		batch[i].err = err
		if batch[i] != w {
			batch[i].wake <- false
		}
	}

	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.pending) == 0 {
		g.running = false
		return
	}
	g.pending[0].wake <- true
}
