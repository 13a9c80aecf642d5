package index

import (
	"context"
	"database/sql"
	"errors"

	"strata"
	"strata/internal/durable"
	"strata/merkle"
	"strata/wire"
)

// Queued is the state of a sector that has a slot but is not sealed yet: no
// manifest shows it.
const Queued wire.State = 0

// Partition is what the index keeps of a validator.
type Partition struct {
	Validator strata.Hotkey
	Target    uint32    // sectors wanted on this disk
	Head      wire.Head // last one signed; sequence 0 if none was
}

// Sector is the row of a sector.
type Sector struct {
	Validator strata.Hotkey
	Number    uint64
	Slot      int64 // place in the data file; -1: released
	State     wire.State
	Root      strata.Root // zero until first sealed
	Tail      uint32      // first leaf of intact filler
	Changed   uint64      // sequence of the head that shows it
	Hash      [32]byte    // of the manifest entry
	Hashed    bool        // Hash is known
	Shards    uint32
	Live      uint64 // bytes of the shards
	Used      int64  // end of the last shard ever committed
}

// Shard is the row of a shard.
type Shard struct {
	ID       int64
	Root     strata.Root
	Number   uint64 // of the sector
	Start    int64  // byte offset in the sector
	Length   int64  // bytes
	Sequence uint64 // of the receipt
	Created  int64  // unix nanoseconds
	Deleted  int64  // unix nanoseconds; 0: live
}

// End is where the shard's last block ends in the sector.
func (s Shard) End() int64 {
	return s.Start + (s.Length+strata.BlockSize-1)/strata.BlockSize*strata.BlockSize
}

// Partitions returns all partitions.
func (x *Index) Partitions(ctx context.Context) ([]Partition, error) {
	return list(ctx, x, "SELECT validator, target, head FROM partitions", func(scan scanner) (p Partition, err error) {
		var v, head []byte
		if err := scan(&v, &p.Target, &head); err != nil {
			return p, err
		}
		if len(v) != 32 {
			return p, x.damaged("a validator's key is not 32 bytes")
		}
		p.Validator = strata.Hotkey(v)
		if head == nil {
			return p, nil
		}
		if p.Head, err = wire.DecodeHead(head); err != nil {
			return p, x.damaged("a manifest head cannot be read")
		}
		return p, nil
	})
}

const sectorColumns = "validator, number, coalesce(slot, -1), state, root, tail, changed, hash, shards, live, used"

// readSector returns a row, with code Corrupt if it makes no sense.
func readSector(scan scanner) (s Sector, err error) {
	var v, root, hash []byte
	if err := scan(&v, &s.Number, &s.Slot, &s.State, &root, &s.Tail, &s.Changed, &hash, &s.Shards, &s.Live, &s.Used); err != nil {
		return s, err
	}
	if len(v) != 32 || len(root) != 32 || (len(hash) != 32 && len(hash) != 0) || s.State > wire.Gone ||
		(s.Slot < 0) != (s.State == wire.Gone) {
		return s, strata.E(strata.Corrupt, "sector %d makes no sense", s.Number)
	}
	copy(s.Validator[:], v)
	copy(s.Root[:], root)
	s.Hashed = copy(s.Hash[:], hash) == 32
	return s, nil
}

// EachSector visits all sectors and never their shards, so that it costs the
// same with one shard or a million. visit's error ends it.
func (x *Index) EachSector(ctx context.Context, visit func(Sector) error) error {
	return x.each(ctx, "SELECT "+sectorColumns+" FROM sectors", func(scan scanner) error {
		s, err := readSector(scan)
		if strata.CodeOf(err) == strata.Corrupt {
			return x.damaged(err.Error())
		}
		if err != nil {
			return err
		}
		return visit(s)
	})
}

// Superblock returns a validator's superblock, and false if there is none.
func (x *Index) Superblock(ctx context.Context, v strata.Hotkey) (b wire.Superblock, found bool, err error) {
	var raw []byte
	q := x.db.Read.QueryRowContext(ctx, "SELECT coalesce((SELECT superblock FROM partitions WHERE validator = $1), x'')", v[:])
	if err := q.Scan(&raw); err != nil || len(raw) == 0 {
		return b, false, durable.ClassifyDB(err, x.path)
	}
	if b, err = wire.DecodeSuperblock(raw); err != nil {
		return b, false, x.damaged("a superblock cannot be read")
	}
	return b, true, nil
}

const shardColumns = "id, root, number, start, length, sequence, created, deleted"

func (x *Index) shard(scan scanner, more ...any) (s Shard, err error) {
	var root []byte
	if err := scan(append([]any{&s.ID, &root, &s.Number, &s.Start, &s.Length, &s.Sequence, &s.Created, &s.Deleted}, more...)...); err != nil {
		return s, err
	}
	if copy(s.Root[:], root) != 32 {
		return s, x.damaged("a shard's root is not 32 bytes")
	}
	return s, nil
}

// Shard returns the row of a shard, deleted or not, and false if it is not here.
func (x *Index) Shard(ctx context.Context, v strata.Hotkey, root strata.Root) (Shard, bool, error) {
	return x.find(ctx, "SELECT "+shardColumns+" FROM shards WHERE validator = $1 AND root = $2", v, root)
}

// ShardTree is Shard with the nodes of the shard's tree, see LoadTree.
func (x *Index) ShardTree(ctx context.Context, v strata.Hotkey, root strata.Root) (s Shard, nodes []byte, found bool, err error) {
	s, found, err = x.find(ctx, "SELECT "+shardColumns+", nodes FROM shards LEFT JOIN trees USING (id) WHERE validator = $1 AND root = $2", v, root, &nodes)
	return s, nodes, found, err
}

func (x *Index) find(ctx context.Context, query string, v strata.Hotkey, root strata.Root, more ...any) (Shard, bool, error) {
	s, err := x.shard(x.reads.QueryRowContext(ctx, query, v[:], root[:]).Scan, more...)
	if errors.Is(err, sql.ErrNoRows) {
		return s, false, nil
	}
	return s, err == nil, durable.ClassifyDB(err, x.path)
}

// LoadTree makes a shard's tree of its nodes. Code Corrupt if they are not those
// of its root.
func (x *Index) LoadTree(s Shard, nodes []byte) (merkle.Tree, error) {
	tree, err := merkle.Load(uint64(s.Length), nodes)
	if err == nil && tree.Root() != s.Root {
		err = x.damaged("a shard's tree has another root")
	}
	return tree, err
}

// ShardsOf returns the shards of a sector by offset.
func (x *Index) ShardsOf(ctx context.Context, v strata.Hotkey, number uint64) ([]Shard, error) {
	return list(ctx, x, "SELECT "+shardColumns+" FROM shards WHERE validator = $1 AND number = $2 ORDER BY start", func(scan scanner) (Shard, error) {
		return x.shard(scan)
	}, v[:], number)
}

// ShardsAfter returns the first of a validator's shards, by root, with roots above
// one (nil: all), at most limit of them.
func (x *Index) ShardsAfter(ctx context.Context, v strata.Hotkey, root []byte, limit int) ([]Shard, error) {
	return list(ctx, x, "SELECT "+shardColumns+" FROM shards WHERE validator = $1 AND root > coalesce($2, x'') ORDER BY root LIMIT $3", func(scan scanner) (Shard, error) {
		return x.shard(scan)
	}, v[:], root, limit)
}

// Entries returns a sector's shards as the manifest lists them.
func (x *Index) Entries(ctx context.Context, v strata.Hotkey, number uint64) ([]wire.ShardEntry, error) {
	return list(ctx, x, "SELECT "+shardColumns+", orders FROM shards JOIN trees USING (id) WHERE validator = $1 AND number = $2 ORDER BY start", func(scan scanner) (wire.ShardEntry, error) {
		var order []byte
		s, err := x.shard(scan, &order)
		if err != nil {
			return wire.ShardEntry{}, err
		}
		e := wire.ShardEntry{Root: s.Root, Offset: uint32(s.Start / strata.BlockSize), Length: uint32(s.Length), Deleted: s.Deleted > 0}
		if len(order) > 0 {
			o, err := wire.DecodeOrder(order)
			if err != nil {
				return e, x.damaged("a storage order cannot be read")
			}
			e.Order = &o
		}
		return e, nil
	}, v[:], number)
}

// Place names a sector.
type Place struct {
	Validator strata.Hotkey
	Number    uint64
}

// Expired returns the sectors with shards deleted at cutoff, in unix nanoseconds,
// or before.
func (x *Index) Expired(ctx context.Context, cutoff int64) ([]Place, error) {
	return list(ctx, x, "SELECT DISTINCT validator, number FROM shards WHERE deleted > 0 AND deleted <= $1", func(scan scanner) (p Place, err error) {
		var v []byte
		if err := scan(&v, &p.Number); err != nil {
			return p, err
		}
		if len(v) != 32 {
			return p, x.damaged("a validator's key is not 32 bytes")
		}
		p.Validator = strata.Hotkey(v)
		return p, nil
	}, cutoff)
}

// scanner is the Scan of a row.
type scanner = func(...any) error

// list returns one value for each row of a query.
func list[T any](ctx context.Context, x *Index, query string, read func(scanner) (T, error), args ...any) ([]T, error) {
	var all []T
	err := x.each(ctx, query, func(scan scanner) error {
		one, err := read(scan)
		if err == nil {
			all = append(all, one)
		}
		return err
	}, args...)
	return all, err
}

// each visits the rows of a query.
func (x *Index) each(ctx context.Context, query string, visit func(scanner) error, args ...any) error {
	rows, err := x.db.Read.QueryContext(ctx, query, args...)
	if err != nil {
		return durable.ClassifyDB(err, x.path)
	}
	defer rows.Close()
	for rows.Next() {
		if err := visit(rows.Scan); err != nil {
			return durable.ClassifyDB(err, x.path)
		}
	}
	return durable.ClassifyDB(rows.Err(), x.path)
}
