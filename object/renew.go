package object

import (
	"context"

	"strata/object/renew"
)

// Rebuild re-creates shards of a segment and stores them anew, as renew.Renewer does.
func (s *Store) Rebuild(ctx context.Context, r renew.Request) (renew.Result, error) {
	defer s.nudge() // old places are in the queue
	return s.renewer.Rebuild(ctx, r)
}

// Copy moves shards of a segment to other miners, as renew.Renewer does.
func (s *Store) Copy(ctx context.Context, r renew.Request) (renew.Result, error) {
	defer s.nudge()
	return s.renewer.Copy(ctx, r)
}
