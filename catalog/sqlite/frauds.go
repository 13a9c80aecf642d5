package sqlite

import (
	"context"
	"errors"

	"strata"
	"strata/catalog"
	"strata/internal/durable"
	"strata/wire"
)

var _ catalog.Frauds = (*DB)(nil)

// SaveFraud implements catalog.Frauds. A crash leaves all of it or nothing.
func (db *DB) SaveFraud(ctx context.Context, m catalog.MinerRecord, f catalog.Fraud, marks []catalog.Mark) error {
	return db.write(ctx, func(tx *durable.Tx) error {
		n, err := exec(ctx, tx, `INSERT INTO ledger_frauds (miner, validator, number, kind, block, proof)
			VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (miner, validator, number, kind) DO NOTHING`,
			f.Miner[:], f.Validator[:], int64(f.Number), int64(f.Kind), int64(f.Block), f.Proof)
		if err != nil {
			return err
		}
		if n == 0 {
			return strata.E(strata.Conflict, "a fraud of miner %s in sector %d is recorded already", f.Miner, f.Number)
		}
		return saveMarks(ctx, tx, m, marks)
	})
}

// HasFraud implements catalog.Frauds.
func (db *DB) HasFraud(ctx context.Context, p catalog.Partition, number uint64, kind wire.FraudKind) (bool, error) {
	var n int
	err := db.r.QueryRowContext(ctx, `SELECT COUNT(*) FROM ledger_frauds WHERE miner = $1 AND validator = $2 AND number = $3 AND kind = $4`,
		p.Miner[:], p.Validator[:], int64(number), int64(kind)).Scan(&n)
	return n > 0, db.fail(err)
}

// Frauds implements catalog.Frauds.
func (db *DB) Frauds(ctx context.Context, miner strata.Hotkey) ([]catalog.Fraud, error) {
	f, err := all(ctx, db.r, func(s scanner) (f catalog.Fraud, err error) {
		var m, v []byte
		if err = s.Scan(&m, &v, &f.Number, &f.Kind, &f.Block, &f.Proof); err != nil {
			return f, err
		}
		return f, errors.Join(fixed(f.Miner[:], m), fixed(f.Validator[:], v))
	}, `SELECT miner, validator, number, kind, block, proof FROM ledger_frauds WHERE miner = $1 ORDER BY block, number`, miner[:])
	return f, db.fail(err)
}
