package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"time"

	"strata"
	"strata/catalog"
	"strata/internal/durable"
)

// uploading is the state of an upload's own row, which callers never see.
const uploading catalog.State = "upload"

const selectObjects = `SELECT id, bucket, object_key, size, digest, content_type, meta, state, created, modified FROM objects`

// Begin implements catalog.Objects. A crash after it leaves a pending object
// without shards.
func (db *DB) Begin(ctx context.Context, o catalog.Object) error {
	o.State = catalog.Pending
	return db.write(ctx, func(tx *durable.Tx) error { return db.insertObject(ctx, tx, o) })
}

func (db *DB) insertObject(ctx context.Context, tx *durable.Tx, o catalog.Object) error {
	if err := db.admit(ctx, tx, o); err != nil {
		return err
	}
	return addObject(ctx, tx, o)
}

// admit says whether an object may be entered: its name, its metadata and its
// bucket.
func (db *DB) admit(ctx context.Context, tx *durable.Tx, o catalog.Object) error {
	if err := admissible(o); err != nil {
		return err
	}
	_, err := db.bucket(ctx, tx, o.Bucket)
	return err
}

// admissible says whether an object's name and metadata may be entered.
func admissible(o catalog.Object) error {
	if o.Key == "" || len(o.Key) > catalog.MaxKey {
		return strata.E(strata.Invalid, "a name of %d bytes: names have 1 to %d", len(o.Key), catalog.MaxKey)
	}
	_, err := encodeMeta(o.Meta)
	return err
}

func addObject(ctx context.Context, tx *durable.Tx, o catalog.Object) error {
	meta, err := encodeMeta(o.Meta)
	if err != nil {
		return err
	}
	n, err := exec(ctx, tx, `INSERT INTO objects (id, bucket, object_key, state, digest, content_type, meta, created)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
		o.ID[:], o.Bucket, []byte(o.Key), string(o.State), o.Digest[:], o.ContentType, meta, nanos(o.Created))
	if err == nil && n == 0 {
		return strata.E(strata.Conflict, "object %s exists already", o.ID)
	}
	return err
}

// Commit implements catalog.Objects. A crash before it leaves a pending object,
// after it a committed one: the version superseded is readable until then and in
// the deletion queue from then on.
func (db *DB) Commit(ctx context.Context, o catalog.Object, c catalog.Condition) error {
	return db.write(ctx, func(tx *durable.Tx) error {
		if c != (catalog.Condition{}) {
			was, err := object(ctx, tx, o.ID)
			if err != nil {
				return err
			}
			if err := holds(ctx, tx, was.Bucket, was.Key, c); err != nil {
				return err
			}
		}
		if err := finish(ctx, tx, o, catalog.Pending, catalog.Committed); err != nil {
			return err
		}
		return db.makeCurrent(ctx, tx, o.ID, o.Modified)
	})
}

// finish moves an object from one state to another and records what is known
// of it only now.
func finish(ctx context.Context, tx *durable.Tx, o catalog.Object, from, to catalog.State) error {
	meta, err := encodeMeta(o.Meta)
	if err != nil {
		return err
	}
	n, err := exec(ctx, tx, `UPDATE objects SET state = $3, size = $4, digest = $5, content_type = $6, meta = $7, modified = $8
		WHERE id = $1 AND state = $2`,
		o.ID[:], string(from), string(to), o.Size, o.Digest[:], o.ContentType, meta, nanos(o.Modified))
	if err == nil && n == 0 {
		return strata.E(strata.Conflict, "object %s is no longer being written: it was deleted or committed meanwhile", o.ID)
	}
	return err
}

// makeCurrent makes a committed object the one that its key names.
func (db *DB) makeCurrent(ctx context.Context, tx *durable.Tx, id strata.ObjectID, at time.Time) error {
	o, err := object(ctx, tx, id)
	if err != nil {
		return err
	}
	b, err := db.bucket(ctx, tx, o.Bucket)
	if err != nil {
		return err
	}
	old, err := current(ctx, tx, o.Bucket, o.Key)
	if err == nil && old != (strata.ObjectID{}) {
		err = supersede(ctx, tx, b, old, at)
	}
	if err != nil {
		return err
	}
	_, err = exec(ctx, tx, `UPDATE objects SET is_current = 1, version = 1 + (SELECT MAX(version) FROM objects WHERE bucket = $2 AND object_key = $3) WHERE id = $1`,
		id[:], o.Bucket, []byte(o.Key))
	return err
}

// supersede makes way for a new current object of a key.
func supersede(ctx context.Context, tx *durable.Tx, b catalog.Bucket, old strata.ObjectID, at time.Time) error {
	if !b.Versioned {
		return drop(ctx, tx, old, at)
	}
	_, err := exec(ctx, tx, `UPDATE objects SET is_current = 0 WHERE id = $1`, old[:])
	return err
}

// Delete implements catalog.Objects. A crash leaves the object as it was, or
// deleted with all its shards queued.
func (db *DB) Delete(ctx context.Context, id strata.ObjectID, at time.Time) error {
	return db.write(ctx, func(tx *durable.Tx) error {
		o, err := object(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := drop(ctx, tx, id, at); err != nil || o.State != catalog.Committed {
			return err
		}
		return promote(ctx, tx, o.Bucket, o.Key)
	})
}

// promote makes the newest version left of a key current, when none is.
func promote(ctx context.Context, tx *durable.Tx, bucket, key string) error {
	_, err := exec(ctx, tx, `UPDATE objects SET is_current = 1 WHERE id =
		(SELECT id FROM objects WHERE bucket = $1 AND object_key = $2 AND state = 'committed' ORDER BY version DESC LIMIT 1)
		AND NOT EXISTS (SELECT 1 FROM objects WHERE bucket = $1 AND object_key = $2 AND is_current = 1)`, bucket, []byte(key))
	return err
}

// drop marks an object deleted and queues its shards, of whatever state: one
// that is Sending may have arrived. Without shards, the rows of one that cannot
// come back go at once.
func drop(ctx context.Context, tx *durable.Tx, id strata.ObjectID, at time.Time) error {
	if _, err := exec(ctx, tx, `DELETE FROM upload_parts WHERE object_id = $1`, id[:]); err != nil {
		return err
	}
	// What was committed may come back, so its rows stay (ForgetDeleted).
	kept, err := exec(ctx, tx, `UPDATE objects SET state = 'deleted', is_current = 0, deleted_at = $2
		WHERE id = $1 AND state = 'committed' AND bucket <> '`+catalog.BackupBucket+`'`, id[:], nanos(at))
	if err != nil {
		return err
	}
	if _, err := exec(ctx, tx, `UPDATE objects SET state = 'deleted', is_current = 0 WHERE id = $1`, id[:]); err != nil {
		return err
	}
	n, err := exec(ctx, tx, `INSERT INTO deletions (miner, root, object_id, next_attempt)
		SELECT h.miner, h.root, $1, $2 FROM segments s JOIN shards h ON h.origin = s.origin AND h.number = s.number
		WHERE s.object_id = $1 ON CONFLICT (miner, root) DO UPDATE SET object_id = excluded.object_id`, id[:], nanos(at))
	if err == nil && n == 0 && kept == 0 {
		return purge(ctx, tx, id)
	}
	return err
}

// purge removes an object's rows, and with the last object of a pack the pack,
// due for deletion at once.
func purge(ctx context.Context, tx *durable.Tx, id strata.ObjectID) error {
	if err := unpack(ctx, tx, id, time.Unix(0, 1)); err != nil {
		return err
	}
	for _, q := range []string{
		`DELETE FROM shards WHERE (origin, number) IN (SELECT origin, number FROM segments WHERE object_id = $1)`,
		`DELETE FROM segments WHERE object_id = $1`,
		`DELETE FROM upload_parts WHERE object_id = $1`,
		`DELETE FROM objects WHERE id = $1`,
	} {
		if _, err := exec(ctx, tx, q, id[:]); err != nil {
			return err
		}
	}
	return nil
}

// AbortPending implements catalog.Objects. Each object is a transaction of its
// own: a crash between two leaves the rest for the next call.
func (db *DB) AbortPending(ctx context.Context, before, at time.Time) (int, error) {
	// The second condition is what the index is made for.
	ids, err := all(ctx, db.r, scanID, `SELECT id FROM objects WHERE state = 'pending' AND state <> 'committed' AND created < $1`, nanos(before))
	if err != nil {
		return 0, db.fail(err)
	}
	for i, id := range ids {
		if err := db.write(ctx, func(tx *durable.Tx) error { return drop(ctx, tx, id, at) }); err != nil {
			return i, err
		}
	}
	return len(ids), nil
}

// Object implements catalog.Objects.
func (db *DB) Object(ctx context.Context, id strata.ObjectID) (catalog.Object, error) {
	o, err := object(ctx, db.r, id)
	return o, db.fail(err)
}

func object(ctx context.Context, q querier, id strata.ObjectID) (catalog.Object, error) {
	o, err := scanObject(q.QueryRowContext(ctx, selectObjects+` WHERE id = $1 AND state <> 'deleted' AND state <> 'upload' AND bucket <> ''`, id[:]))
	if errors.Is(err, sql.ErrNoRows) {
		return o, strata.E(strata.NotFound, "there is no object %s: it was deleted or never stored here", id)
	}
	return o, err
}

// Lookup implements catalog.Objects.
func (db *DB) Lookup(ctx context.Context, bucket, key string) (catalog.Object, error) {
	o, err := scanObject(db.r.QueryRowContext(ctx, selectObjects+` WHERE bucket = $1 AND object_key = $2 AND is_current = 1`, bucket, []byte(key)))
	if errors.Is(err, sql.ErrNoRows) {
		if _, err := db.Bucket(ctx, bucket); err != nil {
			return o, err
		}
		return o, strata.E(strata.NotFound, "there is no object %q in bucket %q", key, bucket)
	}
	return o, db.fail(err)
}

// ListObjects implements catalog.Objects.
func (db *DB) ListObjects(ctx context.Context, l catalog.List) ([]catalog.Object, error) {
	if l.Limit < 0 || l.Limit > catalog.MaxListPage {
		return nil, strata.E(strata.Invalid, "a page of %d objects: ask for 1 to %d", l.Limit, catalog.MaxListPage)
	}
	if l.Limit == 0 {
		l.Limit = catalog.MaxListPage
	}
	if _, err := db.Bucket(ctx, l.Bucket); err != nil {
		return nil, err
	}
	// Keys after l.After with l.Prefix are those from low up to, not including, high.
	low := max(l.After+"\x00", l.Prefix)
	objects, err := all(ctx, db.r, scanObject, selectObjects+` WHERE bucket = $1 AND is_current = 1 AND object_key >= $2 AND object_key < $3
		ORDER BY object_key LIMIT $4`, l.Bucket, []byte(low), prefixEnd(l.Prefix), l.Limit)
	return objects, db.fail(err)
}

// prefixEnd returns bytes above all keys with a prefix and below all others
// that follow them.
func prefixEnd(prefix string) []byte {
	b := []byte(prefix)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] < 0xff {
			b[i]++
			return b[:i+1]
		}
	}
	return bytes.Repeat([]byte{0xff}, catalog.MaxKey+1)
}

// Versions implements catalog.Objects.
func (db *DB) Versions(ctx context.Context, bucket, key string) ([]catalog.Object, error) {
	objects, err := all(ctx, db.r, scanObject, selectObjects+` WHERE bucket = $1 AND object_key = $2 AND state = 'committed'
		ORDER BY version DESC`, bucket, []byte(key))
	return objects, db.fail(err)
}

func scanObject(s scanner) (o catalog.Object, err error) {
	var id, key, digest []byte
	var state, meta string
	var created, modified int64
	if err = s.Scan(&id, &o.Bucket, &key, &o.Size, &digest, &o.ContentType, &meta, &state, &created, &modified); err != nil {
		return o, err
	}
	if err = errors.Join(fixed(o.ID[:], id), fixed(o.Digest[:], digest)); err != nil {
		return o, err
	}
	o.Key, o.State = string(key), catalog.State(state)
	o.Created, o.Modified = instant(created), instant(modified)
	o.Meta, err = decodeMeta(meta)
	return o, err
}

func scanID(s scanner) (id strata.ObjectID, err error) {
	var b []byte
	if err = s.Scan(&b); err != nil {
		return id, err
	}
	return id, fixed(id[:], b)
}

// fixed copies a column into an array whose length it must have.
func fixed(dst, src []byte) error {
	if len(src) != len(dst) {
		return strata.E(strata.Corrupt, "the catalog has %d bytes where %d belong: the file is damaged", len(src), len(dst))
	}
	copy(dst, src)
	return nil
}
