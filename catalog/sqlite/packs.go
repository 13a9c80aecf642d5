package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"strata"
	"strata/catalog"
	"strata/internal/durable"
)

// packBucket is the bucket of packs. No other has an empty name, and none of the
// methods that take a bucket's name knows it.
const packBucket = ""

// BeginPack implements catalog.Packs. A crash after it leaves a pending object
// whose rows name every shard that may exist.
func (db *DB) BeginPack(ctx context.Context, id strata.ObjectID, at time.Time, s catalog.Segment) error {
	o := catalog.Object{ID: id, Bucket: packBucket, Key: id.String(), Created: at, State: catalog.Pending}
	return db.write(ctx, func(tx *durable.Tx) error {
		if err := addObject(ctx, tx, o); err != nil {
			return err
		}
		return addSegment(ctx, tx, id, 0, s)
	})
}

// CommitPack implements catalog.Packs. A crash before it leaves a pending pack,
// after it the pack with its objects.
func (db *DB) CommitPack(ctx context.Context, p catalog.Pack) ([]error, error) {
	var errs []error
	err := db.write(ctx, func(tx *durable.Tx) error {
		errs = make([]error, len(p.Objects))
		if err := updateShards(ctx, tx, p.ID, 0, p.Shards); err != nil {
			return err
		}
		if err := finish(ctx, tx, catalog.Object{ID: p.ID, Size: p.Size, Modified: p.At}, catalog.Pending, catalog.Committed); err != nil {
			return err
		}
		good := 0
		buckets := map[string]catalog.Bucket{}
		for i, o := range p.Objects {
			o.Slice.Pack = p.ID
			err := db.addPacked(ctx, tx, o, buckets)
			if strata.CodeOf(err) == strata.Internal && err != nil {
				return err // the database's: nothing of this may stand
			}
			if errs[i] = err; err == nil {
				good++
			}
		}
		if good > 0 {
			return nil
		}
		return drop(ctx, tx, p.ID, p.At)
	})
	return errs, err
}

// addPacked enters one object. What can be wrong with it is found before the
// first row is written, so that an error of it leaves none. buckets are those
// read so far in this transaction.
func (db *DB) addPacked(ctx context.Context, tx *durable.Tx, p catalog.Packed, buckets map[string]catalog.Bucket) error {
	o, s := p.Object, p.Slice
	b, ok := buckets[o.Bucket]
	if !ok {
		var err error
		if b, err = db.bucket(ctx, tx, o.Bucket); err != nil {
			return err
		}
		buckets[o.Bucket] = b
	}
	if err := admissible(o); err != nil {
		return err
	}
	old, err := current(ctx, tx, o.Bucket, o.Key)
	if err != nil {
		return err
	}
	if err := met(p.Condition, old); err != nil {
		return err
	}
	if err := addCommitted(ctx, tx, o, old == (strata.ObjectID{})); err != nil {
		return err
	}
	_, err = exec(ctx, tx, `INSERT INTO slices (object_id, pack_id, start, length, wrapped_key, key_id) VALUES ($1, $2, $3, $4, $5, $6)`,
		o.ID[:], s.Pack[:], s.Off, s.Length, s.Wrapped, s.KeyID)
	if err != nil || old == (strata.ObjectID{}) {
		return err
	}
	if err := supersede(ctx, tx, b, old, o.Modified); err != nil {
		return err
	}
	_, err = exec(ctx, tx, `UPDATE objects SET is_current = 1 WHERE id = $1`, o.ID[:])
	return err
}

// addCommitted enters an object that is complete, as the newest version of its
// key, and as the current one if there is none.
func addCommitted(ctx context.Context, tx *durable.Tx, o catalog.Object, isCurrent bool) error {
	meta, err := encodeMeta(o.Meta)
	if err != nil {
		return err
	}
	n, err := exec(ctx, tx, `INSERT INTO objects (id, bucket, object_key, state, size, digest, content_type, meta, created, modified, is_current, version)
		VALUES ($1, $2, $3, 'committed', $4, $5, $6, $7, $8, $9, $10,
			1 + (SELECT COALESCE(MAX(version), 0) FROM objects WHERE bucket = $2 AND object_key = $3)) ON CONFLICT DO NOTHING`,
		o.ID[:], o.Bucket, []byte(o.Key), o.Size, o.Digest[:], o.ContentType, meta, nanos(o.Created), nanos(o.Modified), flag(isCurrent))
	if err == nil && n == 0 {
		return strata.E(strata.Conflict, "object %s exists already", o.ID)
	}
	return err
}

// Slice implements catalog.Packs.
func (db *DB) Slice(ctx context.Context, id strata.ObjectID) (catalog.Slice, error) {
	s, err := scanSlice(db.r.QueryRowContext(ctx, `SELECT pack_id, start, length, wrapped_key, key_id FROM slices WHERE object_id = $1`, id[:]))
	if errors.Is(err, sql.ErrNoRows) {
		return catalog.Slice{}, nil
	}
	return s, db.fail(err)
}

func scanSlice(row scanner) (s catalog.Slice, err error) {
	var pack []byte
	if err = row.Scan(&pack, &s.Off, &s.Length, &s.Wrapped, &s.KeyID); err != nil {
		return s, err
	}
	return s, fixed(s.Pack[:], pack)
}

// unpack removes an object's slice, and with the last one its pack.
func unpack(ctx context.Context, tx *durable.Tx, id strata.ObjectID, at time.Time) error {
	pack, err := scanID(tx.QueryRowContext(ctx, `DELETE FROM slices WHERE object_id = $1 RETURNING pack_id`, id[:]))
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	var more bool
	if err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM slices WHERE pack_id = $1)`, pack[:]).Scan(&more); err != nil || more {
		return err
	}
	return drop(ctx, tx, pack, at)
}

// holds checks a condition on a key's current object.
func holds(ctx context.Context, tx *durable.Tx, bucket, key string, c catalog.Condition) error {
	if c == (catalog.Condition{}) {
		return nil
	}
	now, err := current(ctx, tx, bucket, key)
	if err != nil {
		return err
	}
	return met(c, now)
}

// met checks a condition on a key's current object, zero for none. Its errors do
// not name the key: who asks knows it, and it may not be what a person calls it.
func met(c catalog.Condition, now strata.ObjectID) error {
	switch {
	case c == (catalog.Condition{}), c.Absent && now == (strata.ObjectID{}), !c.Absent && now == c.Match:
		return nil
	case now == (strata.ObjectID{}):
		return strata.E(strata.Conflict, "the key names no file: %s, which was to be replaced, is gone", c.Match)
	case c.Absent:
		return strata.E(strata.Conflict, "the key names a file already: %s", now)
	}
	return strata.E(strata.Conflict, "the key names %s by now, not %s", now, c.Match)
}

// current returns the object that a key names, zero if none.
func current(ctx context.Context, tx *durable.Tx, bucket, key string) (strata.ObjectID, error) {
	id, err := scanID(tx.QueryRowContext(ctx, `SELECT id FROM objects WHERE bucket = $1 AND object_key = $2 AND is_current = 1`, bucket, []byte(key)))
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return id, err
}
