package book

import "context"

// Turn is a lock whose wait ends with a context. It is made by NewTurn.
type Turn chan struct{}

// NewTurn returns one that is free.
func NewTurn() Turn { return make(Turn, 1) }

// Take waits for the turn. The only error is the context's.
func (t Turn) Take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// try takes the turn if it is free.
func (t Turn) try() bool {
	select {
	case t <- struct{}{}:
		return true
	default:
		return false
	}
}

// Give gives back a turn that was taken.
func (t Turn) Give() { <-t }
