package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"strata"
	"strata/catalog"
)

// packBucket is the bucket of packs. No other has an empty name, and none of the
// methods that take a bucket's name knows it.
const packBucket = ""

// BeginPack implements catalog.Packs. A crash after it leaves a pending object.
func (db *DB) BeginPack(ctx context.Context, id strata.ObjectID, at time.Time) error {
	o := catalog.Object{ID: id, Bucket: packBucket, Key: id.String(), Created: at, State: catalog.Pending}
	return db.write(ctx, func(tx *sql.Tx) error { return addObject(ctx, tx, o) })
}

// CommitPack implements catalog.Packs. A crash before it leaves a pending pack,
// after it the pack with its objects.
func (db *DB) CommitPack(ctx context.Context, id strata.ObjectID, size int64, at time.Time, objects []catalog.Packed) ([]error, error) {
	var errs []error
	err := db.write(ctx, func(tx *sql.Tx) error {
		errs = make([]error, len(objects))
		if err := finish(ctx, tx, catalog.Object{ID: id, Size: size, Modified: at}, catalog.Pending, catalog.Committed); err != nil {
			return err
		}
		good := 0
		for i, p := range objects {
			p.Slice.Pack = id
			err := db.addPacked(ctx, tx, p)
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
		return drop(ctx, tx, id, at)
	})
	return errs, err
}

// addPacked enters one object. What can be wrong with it is found before the
// first row is written, so that an error of it leaves none.
func (db *DB) addPacked(ctx context.Context, tx *sql.Tx, p catalog.Packed) error {
	o, s := p.Object, p.Slice
	if err := db.admit(ctx, tx, o); err != nil {
		return err
	}
	if err := holds(ctx, tx, o.Bucket, o.Key, p.Condition); err != nil {
		return err
	}
	o.State = catalog.Pending
	if err := addObject(ctx, tx, o); err != nil {
		return err
	}
	if err := finish(ctx, tx, o, catalog.Pending, catalog.Committed); err != nil {
		return err
	}
	_, err := exec(ctx, tx, `INSERT INTO slices (object_id, pack_id, start, length, wrapped_key, key_id) VALUES ($1, $2, $3, $4, $5, $6)`,
		o.ID[:], s.Pack[:], s.Off, s.Length, s.Wrapped, s.KeyID)
	if err != nil {
		return err
	}
	return db.makeCurrent(ctx, tx, o.ID, o.Modified)
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
func unpack(ctx context.Context, tx *sql.Tx, id strata.ObjectID, at time.Time) error {
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
func holds(ctx context.Context, tx *sql.Tx, bucket, key string, c catalog.Condition) error {
	if c == (catalog.Condition{}) {
		return nil
	}
	now, err := scanID(tx.QueryRowContext(ctx, `SELECT id FROM objects WHERE bucket = $1 AND object_key = $2 AND is_current = 1`, bucket, []byte(key)))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		if c.Match == (strata.ObjectID{}) {
			return nil
		}
		return strata.E(strata.Conflict, "%q is not there: the version %s that was to be replaced is gone", key, c.Match)
	case err != nil:
		return err
	case c.Absent:
		return strata.E(strata.Conflict, "%q is there already, as %s", key, now)
	case c.Match != now:
		return strata.E(strata.Conflict, "%q is %s by now, not %s", key, now, c.Match)
	}
	return nil
}
