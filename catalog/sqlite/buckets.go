package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"strata"
	"strata/catalog"
	"strata/internal/durable"
)

// CreateBucket implements catalog.Buckets.
func (db *DB) CreateBucket(ctx context.Context, b catalog.Bucket) error {
	meta, err := encodeMeta(b.Meta)
	if err != nil {
		return err
	}
	if b.Name == "" || len(b.Name) > catalog.MaxKey {
		return strata.E(strata.Invalid, "a bucket's name has 1 to %d bytes", catalog.MaxKey)
	}
	return db.write(ctx, func(tx *durable.Tx) error {
		n, err := exec(ctx, tx, `INSERT INTO buckets (name, created, versioned, meta) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
			b.Name, nanos(b.Created), flag(b.Versioned), meta)
		if err == nil && n == 0 {
			return strata.E(strata.Conflict, "bucket %q exists already: choose another name", b.Name)
		}
		return err
	})
}

const selectBuckets = `SELECT name, created, versioned, meta FROM buckets`

// Bucket implements catalog.Buckets.
func (db *DB) Bucket(ctx context.Context, name string) (catalog.Bucket, error) {
	return db.bucket(ctx, db.r, name)
}

func (db *DB) bucket(ctx context.Context, q querier, name string) (catalog.Bucket, error) {
	b, err := scanBucket(q.QueryRowContext(ctx, selectBuckets+` WHERE name = $1`, name))
	if errors.Is(err, sql.ErrNoRows) || name == packBucket {
		return b, noBucket(name)
	}
	return b, db.fail(err)
}

// Buckets implements catalog.Buckets.
func (db *DB) Buckets(ctx context.Context) ([]catalog.Bucket, error) {
	b, err := all(ctx, db.r, scanBucket, selectBuckets+` WHERE name <> '' ORDER BY name`)
	return b, db.fail(err)
}

// UpdateBucket implements catalog.Buckets.
func (db *DB) UpdateBucket(ctx context.Context, b catalog.Bucket) error {
	meta, err := encodeMeta(b.Meta)
	if err != nil {
		return err
	}
	if b.Name == packBucket {
		return noBucket(b.Name)
	}
	return db.write(ctx, func(tx *durable.Tx) error {
		n, err := exec(ctx, tx, `UPDATE buckets SET versioned = $2, meta = $3 WHERE name = $1`, b.Name, flag(b.Versioned), meta)
		if err == nil && n == 0 {
			return noBucket(b.Name)
		}
		return err
	})
}

// DeleteBucket implements catalog.Buckets. Deleted objects whose shards are
// still to be deleted do not hold the bucket back: their rows go at once, the
// deletion queue needs none of them.
func (db *DB) DeleteBucket(ctx context.Context, name string) error {
	if name == packBucket {
		return noBucket(name)
	}
	return db.write(ctx, func(tx *durable.Tx) error {
		var live int
		err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM (SELECT 1 FROM objects WHERE bucket = $1 AND state <> 'deleted' LIMIT 1) AS live`, name).Scan(&live)
		if err != nil {
			return err
		}
		if live > 0 {
			return strata.E(strata.Conflict, "bucket %q is not empty: delete its objects and uploads first", name)
		}
		ids, err := all(ctx, tx, scanID, `SELECT id FROM objects WHERE bucket = $1`, name)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := purge(ctx, tx, id); err != nil {
				return err
			}
		}
		n, err := exec(ctx, tx, `DELETE FROM buckets WHERE name = $1`, name)
		if err == nil && n == 0 {
			return noBucket(name)
		}
		return err
	})
}

func noBucket(name string) error {
	return strata.E(strata.NotFound, "there is no bucket %q: create it first", name)
}

func scanBucket(s scanner) (b catalog.Bucket, err error) {
	var created, versioned int64
	var meta string
	if err = s.Scan(&b.Name, &created, &versioned, &meta); err != nil {
		return b, err
	}
	b.Created, b.Versioned = instant(created), versioned != 0
	b.Meta, err = decodeMeta(meta)
	return b, err
}

// encodeMeta bounds metadata and returns it as JSON.
func encodeMeta(m map[string]string) (string, error) {
	if m == nil {
		m = map[string]string{}
	}
	b, err := json.Marshal(m)
	if err != nil {
		return "", strata.E(strata.Invalid, "metadata cannot be written as JSON: %w", err)
	}
	if len(b) > catalog.MaxMeta {
		return "", strata.E(strata.Invalid, "metadata of %d bytes: at most %d are kept", len(b), catalog.MaxMeta)
	}
	return string(b), nil
}

func decodeMeta(s string) (m map[string]string, err error) {
	if err := json.Unmarshal([]byte(s), &m); err != nil {
		return nil, strata.E(strata.Corrupt, "metadata in the catalog is not JSON: the file is damaged (%w)", err)
	}
	return m, nil
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// nanos stores a time; the zero time is 0.
func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func instant(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}
