package volume

import (
	"context"

	"strata"
	"strata/volume/disk"
	"strata/volume/index"
	"strata/wire"
)

// shardRow is the row of a shard, and where it was found.
type shardRow struct {
	index.Shard
	disk  *disk.Disk
	nodes []byte // of its tree, where findTree found it
}

// findShard returns the row of a shard of p, or nil if it is on no disk that
// works.
func (s *Store) findShard(ctx context.Context, p *partition, root strata.Root) (*shardRow, error) {
	return s.find(ctx, func(x *index.Index, r *shardRow) (found bool, err error) {
		r.Shard, found, err = x.Shard(ctx, p.validator, root)
		return found, err
	})
}

// findTree is findShard with the nodes of the shard's tree.
func (s *Store) findTree(ctx context.Context, p *partition, root strata.Root) (*shardRow, error) {
	return s.find(ctx, func(x *index.Index, r *shardRow) (found bool, err error) {
		r.Shard, r.nodes, found, err = x.ShardTree(ctx, p.validator, root)
		return found, err
	})
}

func (s *Store) find(ctx context.Context, look func(*index.Index, *shardRow) (bool, error)) (*shardRow, error) {
	for _, d := range s.working() {
		r, err := disk.Ask(ctx, d, func() (*shardRow, error) {
			r := &shardRow{disk: d}
			found, err := look(d.Index(), r)
			if !found {
				return nil, err
			}
			return r, nil
		})
		switch {
		case err != nil && d.Silent():
		case err != nil:
			return nil, err
		case r != nil:
			return r, nil
		}
	}
	return nil, nil
}

// shardsOf returns the rows of a sector by offset.
func shardsOf(ctx context.Context, d *disk.Disk, v strata.Hotkey, number uint64) ([]index.Shard, error) {
	return disk.Ask(ctx, d, func() ([]index.Shard, error) { return d.Index().ShardsOf(ctx, v, number) })
}

// entries returns a sector's shards as the manifest lists them.
func entries(ctx context.Context, d *disk.Disk, v strata.Hotkey, number uint64) ([]wire.ShardEntry, error) {
	return disk.Ask(ctx, d, func() ([]wire.ShardEntry, error) { return d.Index().Entries(ctx, v, number) })
}
