package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"strata"
	"strata/catalog"
	"strata/internal/durable"
)

// segmentColumns are what scanSegment reads.
const segmentColumns = `s.origin, s.number, s.codec, s.k, s.total, s.success, s.size, s.wrapped_key, s.key_id,
	h.idx, h.miner, h.root, h.length, h.state`

// repairable are the objects whose segments are kept whole.
const repairable = `o.state IN ('committed', 'part')`

// Unsettled implements catalog.Repairs. It walks the segments in the order of
// their key; a page costs what lies between its first and last segment.
func (db *DB) Unsettled(ctx context.Context, after catalog.SegmentRef, sound []strata.Hotkey, limit int) ([]catalog.Segment, error) {
	args := []any{after.Origin[:], int64(after.Number), limit}
	places := []string{"$1"} // no hotkey, and no empty list, which not every database takes
	for i := range sound {
		args = append(args, sound[i][:])
		places = append(places, fmt.Sprintf("$%d", len(args)))
	}
	segs, err := all(ctx, db.r, scanSegment, `WITH page AS (
		SELECT s.origin, s.number FROM segments s JOIN objects o ON o.id = s.object_id
		WHERE (s.origin, s.number) > ($1, $2) AND `+repairable+` AND EXISTS (SELECT 1 FROM shards h
			WHERE h.origin = s.origin AND h.number = s.number AND (h.state <> 'stored' OR h.miner NOT IN (`+strings.Join(places, ", ")+`)))
		ORDER BY s.origin, s.number LIMIT $3)
		SELECT `+segmentColumns+` FROM page p JOIN segments s ON s.origin = p.origin AND s.number = p.number
		JOIN shards h ON h.origin = s.origin AND h.number = s.number ORDER BY s.origin, s.number, h.idx`, args...)
	return joinShards(segs), db.fail(err)
}

// Segment implements catalog.Repairs.
func (db *DB) Segment(ctx context.Context, ref catalog.SegmentRef) (catalog.Segment, error) {
	rows, err := all(ctx, db.r, scanSegment, `SELECT `+segmentColumns+` FROM segments s JOIN objects o ON o.id = s.object_id
		JOIN shards h ON h.origin = s.origin AND h.number = s.number
		WHERE s.origin = $1 AND s.number = $2 AND `+repairable+` ORDER BY h.idx`, ref.Origin[:], int64(ref.Number))
	if err != nil {
		return catalog.Segment{}, db.fail(err)
	}
	if len(rows) == 0 {
		return catalog.Segment{}, strata.E(strata.NotFound, "segment %d of object %s was deleted meanwhile", ref.Number, ref.Origin)
	}
	return joinShards(rows)[0], nil
}

// joinShards puts rows of one shard each together; they come by segment.
func joinShards(rows []catalog.Segment) (out []catalog.Segment) {
	for _, s := range rows {
		if last := len(out) - 1; last >= 0 && out[last].Ref() == s.Ref() {
			out[last].Shards = append(out[last].Shards, s.Shards[0])
		} else {
			out = append(out, s)
		}
	}
	return out
}

// Reserve implements catalog.Repairs. A crash after it leaves a deletion of a
// shard that may never be sent, which does no harm.
func (db *DB) Reserve(ctx context.Context, ref catalog.SegmentRef, miner strata.Hotkey, root strata.Root, due time.Time) error {
	return db.write(ctx, func(tx *durable.Tx) error {
		n, err := exec(ctx, tx, `INSERT INTO deletions (miner, root, object_id, next_attempt)
			SELECT $3, $4, s.object_id, $5 FROM segments s JOIN objects o ON o.id = s.object_id
			WHERE s.origin = $1 AND s.number = $2 AND `+repairable+`
			AND NOT EXISTS (SELECT 1 FROM shards h WHERE h.miner = $3 AND h.root = $4 AND h.state <> 'lost') ON CONFLICT DO NOTHING`,
			ref.Origin[:], int64(ref.Number), miner[:], root[:], nanos(due))
		if err == nil && n == 0 {
			return strata.E(strata.Conflict, "segment %d of object %s is gone, or miner %s has the shard or is still to delete it", ref.Number, ref.Origin, miner.Short())
		}
		return err
	})
}

// PlaceShard implements catalog.Repairs. A crash before it leaves the reserved
// deletion, after it the new place, and the old one in the queue.
func (db *DB) PlaceShard(ctx context.Context, ref catalog.SegmentRef, h catalog.Shard) error {
	return db.write(ctx, func(tx *durable.Tx) error {
		owner, err := ownerOf(ctx, tx, ref)
		if err != nil {
			return err
		}
		if _, err := exec(ctx, tx, `INSERT INTO shards (origin, number, idx, miner, root, length, state)
			VALUES ($1, $2, $3, $4, $5, $6, 'stored') ON CONFLICT DO NOTHING`,
			ref.Origin[:], int64(ref.Number), h.Index, h.Miner[:], h.Root[:], h.Length); err != nil {
			return err
		}
		// A shard's arrival alone is no change for the backup; a new record is.
		if _, err := exec(ctx, tx, `UPDATE segments SET seq = seq WHERE origin = $1 AND number = $2`, ref.Origin[:], int64(ref.Number)); err != nil {
			return err
		}
		at := []any{ref.Origin[:], int64(ref.Number), h.Index}
		if err := moveShard(ctx, tx, owner, h.Miner, at); err != nil {
			return err
		}
		n, err := exec(ctx, tx, `UPDATE shards SET state = 'stored' WHERE origin = $1 AND number = $2 AND idx = $3 AND root = $4`, append(at, h.Root[:])...)
		if err == nil && n == 0 {
			return strata.E(strata.Conflict, "shard %d of segment %d of object %s has another root on record", h.Index, ref.Number, ref.Origin)
		}
		return err
	})
}

// ownerOf returns the living object that a segment belongs to.
func ownerOf(ctx context.Context, tx *durable.Tx, ref catalog.SegmentRef) (strata.ObjectID, error) {
	owner, err := scanID(tx.QueryRowContext(ctx, `SELECT o.id FROM segments s JOIN objects o ON o.id = s.object_id
		WHERE s.origin = $1 AND s.number = $2 AND `+repairable, ref.Origin[:], int64(ref.Number)))
	if errors.Is(err, sql.ErrNoRows) {
		return owner, strata.E(strata.Conflict, "segment %d of object %s was deleted meanwhile", ref.Number, ref.Origin)
	}
	return owner, err
}

// LetGo implements catalog.Repairs. A crash leaves both or neither.
func (db *DB) LetGo(ctx context.Context, ref catalog.SegmentRef, index int) error {
	return db.write(ctx, func(tx *durable.Tx) error {
		owner, err := ownerOf(ctx, tx, ref)
		if err != nil {
			return err
		}
		n, err := exec(ctx, tx, `UPDATE shards SET state = 'lost' WHERE origin = $1 AND number = $2 AND idx = $3`, ref.Origin[:], int64(ref.Number), index)
		if err != nil {
			return err
		}
		if n == 0 {
			return strata.E(strata.NotFound, "segment %d of object %s has no shard %d", ref.Number, ref.Origin, index)
		}
		_, err = exec(ctx, tx, `INSERT INTO deletions (miner, root, object_id, next_attempt)
			SELECT miner, root, $4, 0 FROM shards WHERE origin = $1 AND number = $2 AND idx = $3 ON CONFLICT DO NOTHING`,
			ref.Origin[:], int64(ref.Number), index, owner[:])
		return err
	})
}

// SettleShard implements catalog.Repairs.
func (db *DB) SettleShard(ctx context.Context, miner strata.Hotkey, p catalog.Placed, to catalog.ShardState) (was bool, err error) {
	err = db.write(ctx, func(tx *durable.Tx) error {
		n, err := exec(ctx, tx, `UPDATE shards SET state = $7 WHERE origin = $1 AND number = $2 AND idx = $3 AND miner = $4 AND root = $5 AND state = $6
			AND EXISTS (SELECT 1 FROM segments s JOIN objects o ON o.id = s.object_id WHERE s.origin = $1 AND s.number = $2 AND `+repairable+`)`,
			p.Origin[:], int64(p.Number), p.Index, miner[:], p.Root[:], string(p.State), string(to))
		was = n > 0
		return err
	})
	return was, err
}
