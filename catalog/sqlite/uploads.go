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

// CreateUpload implements catalog.Uploads. The upload's row is the row of the
// object that it will be.
func (db *DB) CreateUpload(ctx context.Context, u catalog.Upload) error {
	o := catalog.Object{ID: u.ID, Bucket: u.Bucket, Key: u.Key, ContentType: u.ContentType, Meta: u.Meta, Created: u.Created, State: uploading}
	return db.write(ctx, func(tx *durable.Tx) error { return db.insertObject(ctx, tx, o) })
}

// Upload implements catalog.Uploads.
func (db *DB) Upload(ctx context.Context, id strata.ObjectID) (catalog.Upload, error) {
	u, err := upload(ctx, db.r, id)
	return u, db.fail(err)
}

func upload(ctx context.Context, q querier, id strata.ObjectID) (catalog.Upload, error) {
	u, err := scanUpload(q.QueryRowContext(ctx, selectObjects+` WHERE id = $1 AND state = 'upload'`, id[:]))
	if errors.Is(err, sql.ErrNoRows) {
		return u, strata.E(strata.NotFound, "there is no upload %s: it was completed or aborted", id)
	}
	return u, err
}

// Uploads implements catalog.Uploads.
func (db *DB) Uploads(ctx context.Context, bucket string) ([]catalog.Upload, error) {
	if _, err := db.Bucket(ctx, bucket); err != nil {
		return nil, err
	}
	u, err := all(ctx, db.r, scanUpload, selectObjects+` WHERE bucket = $1 AND state = 'upload' ORDER BY object_key, created, id`, bucket)
	return u, db.fail(err)
}

func scanUpload(s scanner) (catalog.Upload, error) {
	o, err := scanObject(s)
	return catalog.Upload{ID: o.ID, Bucket: o.Bucket, Key: o.Key, ContentType: o.ContentType, Meta: o.Meta, Created: o.Created}, err
}

// CommitPart implements catalog.Uploads.
func (db *DB) CommitPart(ctx context.Context, id strata.ObjectID, number int, o catalog.Object) error {
	if number < 1 || number > catalog.MaxParts {
		return strata.E(strata.Invalid, "part %d: parts are numbered 1 to %d", number, catalog.MaxParts)
	}
	return db.write(ctx, func(tx *durable.Tx) error {
		if _, err := upload(ctx, tx, id); err != nil {
			return err
		}
		if err := finish(ctx, tx, o, catalog.Pending, catalog.Part); err != nil {
			return err
		}
		old, err := scanID(tx.QueryRowContext(ctx, `SELECT object_id FROM upload_parts WHERE upload_id = $1 AND number = $2`, id[:], number))
		if err == nil {
			err = drop(ctx, tx, old, o.Modified)
		}
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		_, err = exec(ctx, tx, `INSERT INTO upload_parts (upload_id, number, object_id) VALUES ($1, $2, $3)`, id[:], number, o.ID[:])
		return err
	})
}

// Parts implements catalog.Uploads.
func (db *DB) Parts(ctx context.Context, id strata.ObjectID) ([]catalog.UploadPart, error) {
	if _, err := db.Upload(ctx, id); err != nil {
		return nil, err
	}
	p, err := parts(ctx, db.r, id)
	return p, db.fail(err)
}

func parts(ctx context.Context, q querier, id strata.ObjectID) ([]catalog.UploadPart, error) {
	return all(ctx, q, scanPart, `SELECT p.number, o.id, o.size, o.digest, o.meta, o.modified
		FROM upload_parts p JOIN objects o ON o.id = p.object_id WHERE p.upload_id = $1 ORDER BY p.number`, id[:])
}

func scanPart(s scanner) (p catalog.UploadPart, err error) {
	var id, digest []byte
	var meta string
	var modified int64
	if err = s.Scan(&p.Number, &id, &p.Size, &digest, &meta, &modified); err != nil {
		return p, err
	}
	p.Modified = instant(modified)
	if err = errors.Join(fixed(p.Object[:], id), fixed(p.Digest[:], digest)); err != nil {
		return p, err
	}
	p.Meta, err = decodeMeta(meta)
	return p, err
}

// CompleteUpload implements catalog.Uploads. It moves rows, no bytes; a crash
// leaves the upload under way or the object complete.
func (db *DB) CompleteUpload(ctx context.Context, id strata.ObjectID, numbers []int, o catalog.Object, c catalog.Condition) error {
	return db.write(ctx, func(tx *durable.Tx) error {
		u, err := upload(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := holds(ctx, tx, u.Bucket, u.Key, c); err != nil {
			return err
		}
		have, err := parts(ctx, tx, id)
		if err != nil {
			return err
		}
		chosen, rest, err := choose(have, numbers)
		if err != nil {
			return err
		}
		o.ID, o.ContentType, o.Digest = id, u.ContentType, [32]byte{}
		if o.Size, err = joinParts(ctx, tx, id, chosen); err != nil {
			return err
		}
		for _, p := range rest {
			if err := drop(ctx, tx, p.Object, o.Modified); err != nil {
				return err
			}
		}
		if err := finish(ctx, tx, o, uploading, catalog.Committed); err != nil {
			return err
		}
		return db.makeCurrent(ctx, tx, id, o.Modified)
	})
}

// choose splits an upload's parts, both lists ascending, into those named and
// the others.
func choose(have []catalog.UploadPart, numbers []int) (chosen, rest []catalog.UploadPart, err error) {
	for _, p := range have {
		if len(numbers) > 0 && p.Number == numbers[0] {
			chosen, numbers = append(chosen, p), numbers[1:]
		} else {
			rest = append(rest, p)
		}
	}
	if len(numbers) > 0 {
		return nil, nil, strata.E(strata.Invalid, "part %d is missing or out of order: upload it, and name the parts in ascending order", numbers[0])
	}
	if len(chosen) == 0 {
		return nil, nil, strata.E(strata.Invalid, "an upload is completed with at least one part")
	}
	return chosen, rest, nil
}

// joinParts hands the parts' segments to the upload, in order, and returns
// their size together.
func joinParts(ctx context.Context, tx *durable.Tx, id strata.ObjectID, chosen []catalog.UploadPart) (size int64, err error) {
	var next int64
	for _, p := range chosen {
		n, err := exec(ctx, tx, `UPDATE segments SET object_id = $1, seq = seq + $2 WHERE object_id = $3`, id[:], next, p.Object[:])
		if err != nil {
			return 0, err
		}
		next += n
		size += p.Size
		if err := purge(ctx, tx, p.Object); err != nil {
			return 0, err
		}
	}
	return size, nil
}

// AbortUpload implements catalog.Uploads.
func (db *DB) AbortUpload(ctx context.Context, id strata.ObjectID, at time.Time) error {
	return db.write(ctx, func(tx *durable.Tx) error {
		if _, err := upload(ctx, tx, id); err != nil {
			return err
		}
		have, err := parts(ctx, tx, id)
		if err != nil {
			return err
		}
		for _, p := range have {
			if err := drop(ctx, tx, p.Object, at); err != nil {
				return err
			}
		}
		return purge(ctx, tx, id)
	})
}
