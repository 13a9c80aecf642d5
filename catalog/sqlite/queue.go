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

// DueDeletions implements catalog.Deletions.
func (db *DB) DueDeletions(ctx context.Context, at time.Time, limit int) ([]catalog.Deletion, error) {
	d, err := all(ctx, db.r, scanDeletion, `SELECT miner, root, attempts, next_attempt FROM deletions
		WHERE next_attempt <= $1 ORDER BY next_attempt, miner, root LIMIT $2`, nanos(at), limit)
	return d, db.fail(err)
}

func scanDeletion(s scanner) (d catalog.Deletion, err error) {
	var miner, root []byte
	var next int64
	if err = s.Scan(&miner, &root, &d.Attempts, &next); err != nil {
		return d, err
	}
	d.Next = instant(next)
	return d, errors.Join(fixed(d.Miner[:], miner), fixed(d.Root[:], root))
}

// Deleted implements catalog.Deletions. A crash before it asks the miner again,
// which does no harm.
func (db *DB) Deleted(ctx context.Context, d catalog.Deletion) error {
	return db.write(ctx, func(tx *durable.Tx) error {
		id, err := scanID(tx.QueryRowContext(ctx, `DELETE FROM deletions WHERE miner = $1 AND root = $2 RETURNING object_id`, d.Miner[:], d.Root[:]))
		if errors.Is(err, sql.ErrNoRows) {
			return nil // confirmed before, or the shard was placed there again
		}
		if err != nil {
			return err
		}
		var done bool
		err = tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM objects WHERE id = $1 AND state = 'deleted' AND deleted_at = 0)
			AND NOT EXISTS (SELECT 1 FROM deletions WHERE object_id = $1)`, id[:]).Scan(&done)
		if err != nil || !done {
			return err
		}
		return purge(ctx, tx, id)
	})
}

// Retry implements catalog.Deletions.
func (db *DB) Retry(ctx context.Context, d catalog.Deletion) error {
	return db.write(ctx, func(tx *durable.Tx) error {
		_, err := exec(ctx, tx, `UPDATE deletions SET attempts = $3, next_attempt = $4 WHERE miner = $1 AND root = $2`,
			d.Miner[:], d.Root[:], d.Attempts, nanos(d.Next))
		return err
	})
}

// GatewayKeys implements catalog.Keys.
func (db *DB) GatewayKeys(ctx context.Context) ([]catalog.GatewayKey, error) {
	k, err := all(ctx, db.r, scanKey, `SELECT id, created, check_sum FROM gateway_keys ORDER BY created, id`)
	return k, db.fail(err)
}

func scanKey(s scanner) (k catalog.GatewayKey, err error) {
	var created int64
	err = s.Scan(&k.ID, &created, &k.Check)
	k.Created = instant(created)
	return k, err
}

// AddGatewayKey implements catalog.Keys.
func (db *DB) AddGatewayKey(ctx context.Context, k catalog.GatewayKey) error {
	return db.write(ctx, func(tx *durable.Tx) error {
		n, err := exec(ctx, tx, `INSERT INTO gateway_keys (id, created, check_sum) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, k.ID, nanos(k.Created), k.Check)
		if err == nil && n == 0 {
			return strata.E(strata.Conflict, "gateway key %q exists already", k.ID)
		}
		return err
	})
}

// WrappedKeys implements catalog.Keys.
func (db *DB) WrappedKeys(ctx context.Context, notBy string, limit int) ([]catalog.WrappedKey, error) {
	k, err := all(ctx, db.r, scanWrapped, `SELECT object_id, 1, wrapped_key, key_id FROM slices WHERE key_id <> $1
		UNION ALL SELECT DISTINCT origin, 0, wrapped_key, key_id FROM segments WHERE key_id <> $1 LIMIT $2`, notBy, limit)
	return k, db.fail(err)
}

func scanWrapped(s scanner) (k catalog.WrappedKey, err error) {
	var id []byte
	if err = s.Scan(&id, &k.Slice, &k.Wrapped, &k.KeyID); err != nil {
		return k, err
	}
	return k, fixed(k.Object[:], id)
}

// Rewrap implements catalog.Keys. A crash leaves all of it or nothing.
func (db *DB) Rewrap(ctx context.Context, keys []catalog.Rewrapped) error {
	return db.write(ctx, func(tx *durable.Tx) error {
		for _, k := range keys {
			query := `UPDATE segments SET wrapped_key = $2, key_id = $3 WHERE origin = $1 AND key_id = $4`
			if k.Slice {
				query = `UPDATE slices SET wrapped_key = $2, key_id = $3 WHERE object_id = $1 AND key_id = $4`
			}
			if _, err := exec(ctx, tx, query, k.Object[:], k.Wrapped, k.KeyID, k.From); err != nil {
				return err
			}
		}
		return nil
	})
}
