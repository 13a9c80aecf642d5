package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"strata"
	"strata/catalog"
	"strata/internal/durable"
)

// AddSegment implements catalog.Objects. It is called before the first shard is
// sent: a crash from here on leaves rows that name every shard that may exist.
func (db *DB) AddSegment(ctx context.Context, id strata.ObjectID, seq uint64, s catalog.Segment) error {
	return db.write(ctx, func(tx *durable.Tx) error { return addSegment(ctx, tx, id, seq, s) })
}

func addSegment(ctx context.Context, tx *durable.Tx, id strata.ObjectID, seq uint64, s catalog.Segment) error {
	n, err := exec(ctx, tx, `INSERT INTO segments (origin, number, object_id, seq, codec, k, total, success, size, wrapped_key, key_id)
		SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11 FROM objects WHERE id = $3 AND state = 'pending' ON CONFLICT DO NOTHING`,
		s.Origin[:], int64(s.Number), id[:], int64(seq), s.Codec, s.K, s.Total, s.Success, s.Size, s.Wrapped, s.KeyID)
	if err != nil {
		return err
	}
	if n == 0 {
		return strata.E(strata.Conflict, "object %s is no longer being written, or has a segment %d already", id, s.Number)
	}
	return insertShards(ctx, tx, s)
}

func insertShards(ctx context.Context, tx *durable.Tx, s catalog.Segment) error {
	for _, h := range s.Shards {
		_, err := exec(ctx, tx, `INSERT INTO shards (origin, number, idx, miner, root, length, state) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			s.Origin[:], int64(s.Number), h.Index, h.Miner[:], h.Root[:], h.Length, string(h.State))
		if err != nil {
			return err
		}
	}
	return nil
}

// UpdateShards implements catalog.Objects. A crash leaves all of the update or
// none of it; in particular no old place is forgotten.
func (db *DB) UpdateShards(ctx context.Context, origin strata.ObjectID, number uint64, updates []catalog.ShardUpdate) error {
	return db.write(ctx, func(tx *durable.Tx) error { return updateShards(ctx, tx, origin, number, updates) })
}

func updateShards(ctx context.Context, tx *durable.Tx, origin strata.ObjectID, number uint64, updates []catalog.ShardUpdate) error {
	if len(updates) == 0 {
		return nil
	}
	owner, err := scanID(tx.QueryRowContext(ctx, `SELECT o.id FROM segments s JOIN objects o ON o.id = s.object_id
		WHERE s.origin = $1 AND s.number = $2 AND o.state <> 'deleted'`, origin[:], int64(number)))
	if errors.Is(err, sql.ErrNoRows) {
		return strata.E(strata.Conflict, "segment %d of object %s was deleted meanwhile", number, origin)
	}
	if err != nil {
		return err
	}
	for _, u := range updates {
		if err := updateShard(ctx, tx, owner, origin, number, u); err != nil {
			return err
		}
	}
	return nil
}

func updateShard(ctx context.Context, tx *durable.Tx, owner, origin strata.ObjectID, number uint64, u catalog.ShardUpdate) error {
	at := []any{origin[:], int64(number), u.Index}
	if !u.Miner.IsZero() {
		if err := moveShard(ctx, tx, owner, u.Miner, at); err != nil {
			return err
		}
	}
	n, err := exec(ctx, tx, `UPDATE shards SET state = $4 WHERE origin = $1 AND number = $2 AND idx = $3`, append(at, string(u.State))...)
	if err == nil && n == 0 {
		return strata.E(strata.NotFound, "segment %d of object %s has no shard %d", number, origin, u.Index)
	}
	return err
}

// moveShard queues a shard's old place for deletion, due at once, and records
// the new one, which must not be in the queue any more.
func moveShard(ctx context.Context, tx *durable.Tx, owner strata.ObjectID, miner strata.Hotkey, at []any) error {
	_, err := exec(ctx, tx, `INSERT INTO deletions (miner, root, object_id, next_attempt)
		SELECT miner, root, $5, 0 FROM shards WHERE origin = $1 AND number = $2 AND idx = $3 AND miner <> $4 ON CONFLICT DO NOTHING`,
		append(at, miner[:], owner[:])...)
	if err != nil {
		return err
	}
	if _, err = exec(ctx, tx, `UPDATE shards SET miner = $4 WHERE origin = $1 AND number = $2 AND idx = $3`, append(at, miner[:])...); err != nil {
		return err
	}
	_, err = exec(ctx, tx, `DELETE FROM deletions WHERE miner = $4 AND root =
		(SELECT root FROM shards WHERE origin = $1 AND number = $2 AND idx = $3)`, append(at, miner[:])...)
	return err
}

// Segments implements catalog.Objects. It reads segments and shards in one
// statement, so that they agree.
func (db *DB) Segments(ctx context.Context, id strata.ObjectID) ([]catalog.Segment, error) {
	rows, err := all(ctx, db.r, scanSegment, `SELECT s.origin, s.number, s.codec, s.k, s.total, s.success, s.size, s.wrapped_key, s.key_id,
		h.idx, h.miner, h.root, h.length, h.state
		FROM segments s JOIN shards h ON h.origin = s.origin AND h.number = s.number WHERE s.object_id = $1 ORDER BY s.seq, h.idx`, id[:])
	if err != nil {
		return nil, db.fail(err)
	}
	var out []catalog.Segment
	for _, s := range rows {
		last := len(out) - 1
		if last >= 0 && out[last].Origin == s.Origin && out[last].Number == s.Number {
			out[last].Shards = append(out[last].Shards, s.Shards[0])
		} else {
			out = append(out, s)
		}
	}
	return out, nil
}

// scanSegment reads a segment with one of its shards.
func scanSegment(row scanner) (s catalog.Segment, err error) {
	var origin, miner, root []byte
	var number int64
	var h catalog.Shard
	var state string
	if err = row.Scan(&origin, &number, &s.Codec, &s.K, &s.Total, &s.Success, &s.Size, &s.Wrapped, &s.KeyID,
		&h.Index, &miner, &root, &h.Length, &state); err != nil {
		return s, err
	}
	s.Number, h.State = uint64(number), catalog.ShardState(state)
	err = errors.Join(fixed(s.Origin[:], origin), fixed(h.Miner[:], miner), fixed(h.Root[:], root))
	s.Shards = []catalog.Shard{h}
	return s, err
}

// SegmentHeads implements catalog.Objects.
func (db *DB) SegmentHeads(ctx context.Context, id strata.ObjectID) ([]catalog.Segment, error) {
	segs, err := all(ctx, db.r, scanHead, `SELECT origin, number, codec, k, total, success, size, wrapped_key, key_id
		FROM segments WHERE object_id = $1 ORDER BY seq`, id[:])
	return segs, db.fail(err)
}

func scanHead(row scanner) (s catalog.Segment, err error) {
	var origin []byte
	var number int64
	if err = row.Scan(&origin, &number, &s.Codec, &s.K, &s.Total, &s.Success, &s.Size, &s.Wrapped, &s.KeyID); err != nil {
		return s, err
	}
	s.Number = uint64(number)
	return s, fixed(s.Origin[:], origin)
}

// Shards implements catalog.Objects.
func (db *DB) Shards(ctx context.Context, ref catalog.SegmentRef) ([]catalog.Shard, error) {
	shards, err := all(ctx, db.r, scanShard, `SELECT idx, miner, root, length, state FROM shards
		WHERE origin = $1 AND number = $2 ORDER BY idx`, ref.Origin[:], int64(ref.Number))
	return shards, db.fail(err)
}

func scanShard(row scanner) (h catalog.Shard, err error) {
	var miner, root []byte
	var state string
	if err = row.Scan(&h.Index, &miner, &root, &h.Length, &state); err != nil {
		return h, err
	}
	h.State = catalog.ShardState(state)
	return h, errors.Join(fixed(h.Miner[:], miner), fixed(h.Root[:], root))
}
