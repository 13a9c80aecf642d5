package fraud

import (
	"context"
	"time"

	"strata"
	"strata/internal/lifecycle"
)

// maxSeen bounds the proofs of one source that are remembered as dealt with.
const maxSeen = 10_000

// Accuser is where others' proofs of fraud come from (auditlog.Peer, Folder).
type Accuser interface {
	Name() string
	List(ctx context.Context) ([]string, error)
	Fetch(ctx context.Context, name string) ([]byte, error)
	// Done says that a proof was dealt with.
	Done(name string) error
}

// Listen asks the accusers for new proofs, now and then.
func (d *Desk) Listen(ctx context.Context, accusers []Accuser, every time.Duration) error {
	seen := make([]map[string]bool, len(accusers))
	for {
		for i, source := range accusers {
			if len(seen[i]) > maxSeen || seen[i] == nil {
				seen[i] = map[string]bool{}
			}
			if err := d.hear(ctx, source, seen[i]); err != nil && ctx.Err() == nil {
				d.Log.Debug("no proofs of fraud were read", "from", source.Name(), "err", err)
			}
		}
		if err := lifecycle.Sleep(ctx, every); err != nil {
			return err
		}
	}
}

// hear deals with the proofs of one source that were not dealt with before.
func (d *Desk) hear(ctx context.Context, source Accuser, seen map[string]bool) error {
	names, err := source.List(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		if seen[name] {
			continue
		}
		proof, err := source.Fetch(ctx, name)
		if err == nil {
			err = d.Accuse(ctx, proof, source.Name())
		}
		switch strata.CodeOf(err) {
		case strata.Unavailable, strata.Throttled, strata.NotFound:
			continue // later
		}
		if err != nil {
			d.Log.Warn("a proof of fraud was not taken", "from", source.Name(), "name", name, "err", err)
		}
		seen[name] = true
		if err := source.Done(name); err != nil {
			return err
		}
	}
	return nil
}
