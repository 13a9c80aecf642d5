package fraud

import "context"

// Hear deals with the proofs of one source, all of them new.
func Hear(ctx context.Context, d *Desk, source Accuser) error {
	return d.hear(ctx, source, map[string]bool{})
}
