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
	p, row, release, err := s.claimShard(ctx, validator, root)
	if err != nil {
		return err
	}
	defer release()
	if row.Deleted == 0 {
		return nil
	}
	back, err := s.mark(p, row, 0)
	if err == nil && !back {
		err = s.notHere(p, root) // purged just now
	}
	return err
}

// claimShard finds a shard, deleted or not, that nobody else may mark or move
// until release. Code NotFound if it is not here.
func (s *Store) claimShard(ctx context.Context, validator strata.Hotkey, root strata.Root) (p *partition, row *shardRow, release func(), err error) {
	if p, err = s.partition(validator); err != nil {
		return nil, nil, nil, err
	}
	if release, err = p.claim(ctx, root); err != nil {
		return nil, nil, nil, err
	}
	row, err = s.findShard(ctx, p, root)
	if err == nil && row == nil {
		err = s.notHere(p, root)
	}
	if err != nil {
		release()
		return nil, nil, nil, err
	}
	return p, row, release, nil
}
