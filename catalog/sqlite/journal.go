package sqlite

import (
	"context"

	"strata/catalog"
	"strata/internal/durable"
)

var _ catalog.Journal = (*DB)(nil)

// enter adds entries to the journal.
func enter(ctx context.Context, tx *durable.Tx, entries [][]byte) error {
	for _, e := range entries {
		if _, err := exec(ctx, tx, `INSERT INTO ledger_journal (seq, entry)
			SELECT COALESCE(MAX(seq), 0) + 1, $1 FROM ledger_journal`, e); err != nil {
			return err
		}
	}
	return nil
}

// Enter implements catalog.Journal. A crash leaves all of them or none.
func (db *DB) Enter(ctx context.Context, entries [][]byte) error {
	return db.write(ctx, func(tx *durable.Tx) error { return enter(ctx, tx, entries) })
}

// Entries implements catalog.Journal.
func (db *DB) Entries(ctx context.Context, after uint64, limit int) ([]catalog.JournalEntry, error) {
	e, err := all(ctx, db.r, func(s scanner) (e catalog.JournalEntry, err error) {
		err = s.Scan(&e.Seq, &e.Entry)
		return e, err
	}, `SELECT seq, entry FROM ledger_journal WHERE seq > $1 ORDER BY seq LIMIT $2`, int64(after), int64(limit))
	return e, db.fail(err)
}

// Forget implements catalog.Journal. The last entry stays, as a count, without
// its contents.
func (db *DB) Forget(ctx context.Context, seq uint64) error {
	return db.write(ctx, func(tx *durable.Tx) error {
		if _, err := exec(ctx, tx, `DELETE FROM ledger_journal WHERE seq < $1`, int64(seq)); err != nil {
			return err
		}
		_, err := exec(ctx, tx, `UPDATE ledger_journal SET entry = $2 WHERE seq = $1`, int64(seq), []byte{})
		return err
	})
}

// Last implements catalog.Journal.
func (db *DB) Last(ctx context.Context) (uint64, error) {
	var seq int64
	err := db.r.QueryRowContext(ctx, `SELECT COALESCE(MAX(seq), 0) FROM ledger_journal`).Scan(&seq)
	return uint64(seq), db.fail(err)
}

// Skip implements catalog.Journal.
func (db *DB) Skip(ctx context.Context, seq uint64) error {
	return db.write(ctx, func(tx *durable.Tx) error {
		_, err := exec(ctx, tx, `INSERT INTO ledger_journal (seq, entry) SELECT $1, $2
			WHERE NOT EXISTS (SELECT 1 FROM ledger_journal WHERE seq >= $1)`, int64(seq), []byte{})
		return err
	})
}
