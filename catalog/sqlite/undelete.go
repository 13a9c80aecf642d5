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

// Undelete implements catalog.Undeletes. A crash leaves the object deleted, or
// committed with shards that are to be restored at their miners.
func (db *DB) Undelete(ctx context.Context, id strata.ObjectID, since time.Time) error {
	return db.write(ctx, func(tx *durable.Tx) error {
		if _, err := object(ctx, tx, id); err == nil {
			return strata.E(strata.Conflict, "object %s is not deleted", id)
		}
		o, err := scanObject(tx.QueryRowContext(ctx, selectObjects+` WHERE id = $1 AND bucket <> '' AND state = 'deleted' AND deleted_at > 0 AND deleted_at >= $2`, id[:], nanos(since)))
		if errors.Is(err, sql.ErrNoRows) {
			return strata.E(strata.NotFound, "object %s cannot come back: it was never stored here, or deleted too long ago", id)
		}
		if err != nil {
			return err
		}
		if err := db.nameFree(ctx, tx, o); err != nil {
			return err
		}
		for _, q := range []string{
			`UPDATE objects SET state = 'committed', deleted_at = 0 WHERE id = $1`,
			`UPDATE shards SET state = 'sending' WHERE state = 'stored' AND (origin, number) IN (SELECT origin, number FROM segments WHERE object_id = $1)`,
			`DELETE FROM deletions WHERE (miner, root) IN (SELECT h.miner, h.root FROM segments s
				JOIN shards h ON h.origin = s.origin AND h.number = s.number WHERE s.object_id = $1)`,
			`UPDATE objects SET is_current = 0 WHERE (bucket, object_key) IN (SELECT bucket, object_key FROM objects WHERE id = $1)`,
			`UPDATE objects SET is_current = 1 WHERE id = $1`,
		} {
			if _, err := exec(ctx, tx, q, id[:]); err != nil {
				return err
			}
		}
		return nil
	})
}

// nameFree refuses a key that another object has, where there is one for each.
func (db *DB) nameFree(ctx context.Context, tx *durable.Tx, o catalog.Object) error {
	b, err := db.bucket(ctx, tx, o.Bucket)
	if err != nil {
		return err
	}
	taken, err := scanID(tx.QueryRowContext(ctx, `SELECT id FROM objects WHERE bucket = $1 AND object_key = $2 AND is_current = 1`, o.Bucket, []byte(o.Key)))
	if errors.Is(err, sql.ErrNoRows) || err == nil && b.Versioned {
		return nil
	}
	if err == nil {
		err = strata.E(strata.Conflict, "object %s has the name that %s had: delete or rename that one first", taken, o.ID)
	}
	return err
}

// ForgetDeleted implements catalog.Undeletes. Each object is a transaction of
// its own: a crash between two leaves the rest for the next call.
func (db *DB) ForgetDeleted(ctx context.Context, before time.Time, limit int) (int, error) {
	ids, err := all(ctx, db.r, scanID, `SELECT id FROM objects o WHERE deleted_at > 0 AND deleted_at < $1 AND state = 'deleted'
		AND NOT EXISTS (SELECT 1 FROM deletions d WHERE d.object_id = o.id) LIMIT $2`, nanos(before), limit)
	if err != nil {
		return 0, db.fail(err)
	}
	for i, id := range ids {
		err := db.write(ctx, func(tx *durable.Tx) error {
			// It may have come back, or gone, since it was looked for.
			var still bool
			err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM objects WHERE id = $1 AND state = 'deleted' AND deleted_at > 0 AND deleted_at < $2)`,
				id[:], nanos(before)).Scan(&still)
			if err != nil || !still {
				return err
			}
			return purge(ctx, tx, id)
		})
		if err != nil {
			return i, err
		}
	}
	return len(ids), nil
}
