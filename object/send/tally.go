package send

import (
	"context"
	"errors"

	"strata/catalog"
)

// tally is what became of a segment's sends so far.
type tally struct {
	stored int
	errs   []error
	news   []catalog.ShardUpdate // not yet in the catalog
}

func (t *tally) add(o outcome) {
	state := catalog.Stored
	switch {
	case o.err == nil:
		t.stored++
	case errors.Is(o.err, context.Canceled), errors.Is(o.err, errLate):
		// The miner may have stored it all the same.
		t.errs = append(t.errs, o.err)
		return
	default:
		state = catalog.Lost
		t.errs = append(t.errs, o.err)
	}
	t.news = append(t.news, catalog.ShardUpdate{Index: o.index, State: state})
}

// record hands the news to fn, if there is any.
func (t *tally) record(fn func(context.Context, []catalog.ShardUpdate) error) error {
	if len(t.news) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), recordLimit)
	defer cancel()
	err := fn(ctx, t.news)
	t.news = nil
	return err
}
