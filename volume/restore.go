package volume

import (
	"context"

	"strata"
)

// RestoreShard takes a deletion back: the shard is live again, with a later
// sequence. One that is live stays as it is. Code NotFound if it is not here, or
// was forgotten when its undelete window ended. A crash leaves it deleted or
// live; to restore it again changes nothing.
func (s *Store) RestoreShard(ctx context.Context, validator strata.Hotkey, root strata.Root) error {
	p, err := s.partition(validator)
	if err != nil {
		return err
	}
	done, err := p.claim(ctx, root)
	if err != nil {
		return err
	}
	defer done()
	row, err := s.findShard(ctx, p, root)
	if err != nil {
		return err
	}
	back := row != nil
	if back && row.deleted > 0 {
		if back, err = s.mark(p, row, 0); err != nil {
			return err
		}
	}
	if !back {
		return s.notHere(p, root)
	}
	return nil
}
