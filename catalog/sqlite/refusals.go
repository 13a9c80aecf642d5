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

var _ catalog.Refusals = (*DB)(nil)

// AddRefusals implements catalog.Refusals. A crash leaves all of them or none.
func (db *DB) AddRefusals(ctx context.Context, at time.Time, shards map[strata.Hotkey]int) error {
	if len(shards) == 0 {
		return nil
	}
	return db.write(ctx, func(tx *durable.Tx) error {
		for miner, n := range shards {
			if _, err := exec(ctx, tx, `INSERT INTO ledger_refusals (miner, shards, noted) VALUES ($1, $2, $3)
				ON CONFLICT (miner) DO UPDATE SET noted = excluded.noted, shards = CASE
				WHEN ledger_refusals.shards + excluded.shards < $4 THEN ledger_refusals.shards + excluded.shards ELSE $4 END`,
				miner[:], min(n, catalog.MaxRefusals), nanos(at), catalog.MaxRefusals); err != nil {
				return err
			}
		}
		return nil
	})
}

// TakeRefusals implements catalog.Refusals. A crash forgets them, or leaves them
// for the next time.
func (db *DB) TakeRefusals(ctx context.Context, miner strata.Hotkey) (shards int, at time.Time, err error) {
	// Nearly always there are none, and nothing has to be written.
	err = db.r.QueryRowContext(ctx, `SELECT shards FROM ledger_refusals WHERE miner = $1`, miner[:]).Scan(&shards)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, time.Time{}, nil
	}
	if err != nil {
		return 0, time.Time{}, db.fail(err)
	}
	err = db.write(ctx, func(tx *durable.Tx) error {
		var noted int64
		err := tx.QueryRowContext(ctx, `DELETE FROM ledger_refusals WHERE miner = $1 RETURNING shards, noted`, miner[:]).Scan(&shards, &noted)
		at = instant(noted)
		return err
	})
	if err != nil {
		return 0, time.Time{}, err
	}
	return shards, at, nil
}
