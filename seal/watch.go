package seal

import "context"

// FillWatched is Fill that says how far it is: watch gets the steps done and
// those of the whole fill, a step being one block in one pass. All steps take
// about as long, so that done/total is the part of the time that has passed. It
// is called by the filling goroutine every few milliseconds and once at the end.
func (s Sector) FillWatched(ctx context.Context, buf []byte, watch func(done, total uint64)) error {
	w := &watched{Context: ctx, watch: watch, blocks: uint64(s.Blocks), total: uint64(s.Blocks) * uint64(s.Passes)}
	if err := s.Fill(w, buf); err != nil {
		return err
	}
	watch(w.total, w.total)
	return nil
}

// watched is a context that tells how far a fill is: Fill looks at its context
// at the beginning of every pass and every ctxEvery blocks from there.
type watched struct {
	context.Context
	watch               func(done, total uint64)
	done, blocks, total uint64
}

// Err implements context.Context.
func (w *watched) Err() error {
	err := w.Context.Err()
	if err == nil && w.done < w.total {
		w.watch(w.done, w.total)
		w.done += min(ctxEvery, w.blocks-w.done%w.blocks)
	}
	return err
}
