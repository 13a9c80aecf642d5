package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"strata"
	"strata/catalog"
	"strata/wire"
)

var _ catalog.Ledger = (*DB)(nil)

// Miners implements catalog.Ledger.
func (db *DB) Miners(ctx context.Context) ([]catalog.MinerRecord, error) {
	m, err := all(ctx, db.r, scanMiner, `SELECT hotkey, score, next_cohort, passed, failed, last_seen FROM ledger_miners ORDER BY hotkey`)
	return m, db.fail(err)
}

func scanMiner(s scanner) (m catalog.MinerRecord, err error) {
	var hotkey []byte
	var state string
	var seen int64
	if err = s.Scan(&hotkey, &state, &m.NextCohort, &m.Passed, &m.Failed, &seen); err != nil {
		return m, err
	}
	m.LastSeen = instant(seen)
	if err := json.Unmarshal([]byte(state), &m.Score); err != nil {
		return m, strata.E(strata.Corrupt, "the ledger's score of a miner is damaged: %w", err)
	}
	return m, fixed(m.Hotkey[:], hotkey)
}

// SaveMiners implements catalog.Ledger. A crash leaves all or none of them.
func (db *DB) SaveMiners(ctx context.Context, miners []catalog.MinerRecord) error {
	return db.write(ctx, func(tx *sql.Tx) error {
		for _, m := range miners {
			if err := saveMiner(ctx, tx, m); err != nil {
				return err
			}
		}
		return nil
	})
}

func saveMiner(ctx context.Context, tx *sql.Tx, m catalog.MinerRecord) error {
	state, err := json.Marshal(m.Score)
	if err != nil {
		return err
	}
	_, err = exec(ctx, tx, `INSERT INTO ledger_miners (hotkey, score, next_cohort, passed, failed, last_seen)
		VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (hotkey) DO UPDATE SET score = excluded.score,
		next_cohort = excluded.next_cohort, passed = excluded.passed, failed = excluded.failed, last_seen = excluded.last_seen`,
		m.Hotkey[:], string(state), int64(m.NextCohort), int64(m.Passed), int64(m.Failed), nanos(m.LastSeen))
	return err
}

// Heads implements catalog.Ledger.
func (db *DB) Heads(ctx context.Context) (map[catalog.Partition]wire.Head, error) {
	type row struct {
		p catalog.Partition
		h wire.Head
	}
	rows, err := all(ctx, db.r, func(s scanner) (r row, err error) {
		var miner, validator, head []byte
		if err = s.Scan(&miner, &validator, &head); err != nil {
			return r, err
		}
		if r.h, err = wire.DecodeHead(head); err != nil {
			return r, strata.E(strata.Corrupt, "the ledger's head of a manifest is damaged: %w", err)
		}
		return r, errors.Join(fixed(r.p.Miner[:], miner), fixed(r.p.Validator[:], validator))
	}, `SELECT miner, validator, head FROM ledger_partitions`)
	if err != nil {
		return nil, db.fail(err)
	}
	out := make(map[catalog.Partition]wire.Head, len(rows))
	for _, r := range rows {
		out[r.p] = r.h
	}
	return out, nil
}

// SavePull implements catalog.Ledger. A crash leaves the head before with its
// sectors and score, or this one with these: the next pull continues from either.
func (db *DB) SavePull(ctx context.Context, m catalog.MinerRecord, p catalog.Partition, h wire.Head, changed []catalog.Sector) error {
	if m.Hotkey != p.Miner {
		return strata.E(strata.Invalid, "a pull from miner %s with the record of %s", p.Miner, m.Hotkey)
	}
	return db.write(ctx, func(tx *sql.Tx) error {
		if err := saveMiner(ctx, tx, m); err != nil {
			return err
		}
		var id int64
		err := tx.QueryRowContext(ctx, `INSERT INTO ledger_partitions (id, miner, validator, head)
			SELECT COALESCE(MAX(id), 0) + 1, $1, $2, $3 FROM ledger_partitions WHERE true
			ON CONFLICT (miner, validator) DO UPDATE SET head = excluded.head RETURNING id`,
			p.Miner[:], p.Validator[:], h.Encode()).Scan(&id)
		if err != nil {
			return err
		}
		return saveSectors(ctx, tx, id, changed)
	})
}

func saveSectors(ctx context.Context, tx *sql.Tx, partition int64, changed []catalog.Sector) error {
	st, err := tx.PrepareContext(ctx, `INSERT INTO ledger_sectors (partition, number, entry, cohort, checked, void)
		VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (partition, number) DO UPDATE SET
		entry = excluded.entry, cohort = excluded.cohort, checked = excluded.checked, void = excluded.void`)
	if err != nil {
		return err
	}
	defer st.Close()
	for _, s := range changed {
		if _, err := st.ExecContext(ctx, partition, int64(s.Entry.Number), s.Entry.Encode(), int64(s.Cohort), s.Checked, s.Void); err != nil {
			return err
		}
	}
	return nil
}

const partitionID = `(SELECT id FROM ledger_partitions WHERE miner = $1 AND validator = $2)`

// SaveMarks implements catalog.Ledger. A crash leaves all of it or nothing.
func (db *DB) SaveMarks(ctx context.Context, m catalog.MinerRecord, marks []catalog.Mark) error {
	return db.write(ctx, func(tx *sql.Tx) error {
		if err := saveMiner(ctx, tx, m); err != nil {
			return err
		}
		st, err := tx.PrepareContext(ctx, `UPDATE ledger_sectors SET cohort = $4, checked = $5, void = $6
			WHERE partition = `+partitionID+` AND number = $3`)
		if err != nil {
			return err
		}
		defer st.Close()
		for _, k := range marks {
			if err := mark(ctx, st, m.Hotkey, k); err != nil {
				return err
			}
		}
		return nil
	})
}

func mark(ctx context.Context, st *sql.Stmt, miner strata.Hotkey, k catalog.Mark) error {
	r, err := st.ExecContext(ctx, miner[:], k.Validator[:], int64(k.Number), int64(k.Cohort), k.Checked, k.Void)
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n != 1 {
		return errors.Join(err, strata.E(strata.NotFound, "the ledger has no sector %d of miner %s for %s", k.Number, miner, k.Validator))
	}
	return nil
}

const sectorColumns = `SELECT entry, cohort, checked, void FROM ledger_sectors WHERE partition = ` + partitionID

func scanSector(s scanner) (c catalog.Sector, err error) {
	var entry []byte
	var cohort int64
	if err = s.Scan(&entry, &cohort, &c.Checked, &c.Void); err != nil {
		return c, err
	}
	c.Cohort = uint64(cohort)
	if c.Entry, err = wire.DecodeEntry(entry); err != nil {
		return c, strata.E(strata.Corrupt, "the ledger's record of a sector is damaged: %w", err)
	}
	return c, nil
}

// Sector implements catalog.Ledger.
func (db *DB) Sector(ctx context.Context, p catalog.Partition, number uint64) (catalog.Sector, error) {
	s, err := scanSector(db.r.QueryRowContext(ctx, sectorColumns+` AND number = $3`, p.Miner[:], p.Validator[:], int64(number)))
	if errors.Is(err, sql.ErrNoRows) {
		return s, strata.E(strata.NotFound, "the ledger has no sector %d of miner %s for %s", number, p.Miner, p.Validator)
	}
	return s, db.fail(err)
}

// Sectors implements catalog.Ledger.
func (db *DB) Sectors(ctx context.Context, p catalog.Partition, fn func(catalog.Sector) error) error {
	rows, err := db.r.QueryContext(ctx, sectorColumns+` ORDER BY number`, p.Miner[:], p.Validator[:])
	if err != nil {
		return db.fail(err)
	}
	defer rows.Close()
	for rows.Next() {
		s, err := scanSector(rows)
		if err != nil {
			return db.fail(err)
		}
		if err := fn(s); err != nil {
			return err
		}
	}
	return db.fail(rows.Err())
}

// SaveWeights implements catalog.Ledger.
func (db *DB) SaveWeights(ctx context.Context, block uint64, weights []catalog.WeightRecord) error {
	return db.write(ctx, func(tx *sql.Tx) error {
		for _, w := range weights {
			if _, err := exec(ctx, tx, `INSERT INTO ledger_weights (block, uid, hotkey, credit, value) VALUES ($1, $2, $3, $4, $5)
				ON CONFLICT (block, uid) DO UPDATE SET hotkey = excluded.hotkey, credit = excluded.credit, value = excluded.value`,
				int64(block), int64(w.UID), w.Hotkey[:], int64(w.Credit), int64(w.Value)); err != nil {
				return err
			}
		}
		return nil
	})
}

// LastWeights implements catalog.Ledger.
func (db *DB) LastWeights(ctx context.Context) (block uint64, w []catalog.WeightRecord, err error) {
	w, err = all(ctx, db.r, func(s scanner) (r catalog.WeightRecord, err error) {
		var hotkey []byte
		if err = s.Scan(&block, &r.UID, &hotkey, &r.Credit, &r.Value); err != nil {
			return r, err
		}
		return r, fixed(r.Hotkey[:], hotkey)
	}, `SELECT block, uid, hotkey, credit, value FROM ledger_weights
		WHERE block = (SELECT MAX(block) FROM ledger_weights) ORDER BY uid`)
	return block, w, db.fail(err)
}

// PlacedOn implements catalog.Ledger.
func (db *DB) PlacedOn(ctx context.Context, miner strata.Hotkey) ([]catalog.Placed, error) {
	p, err := all(ctx, db.r, func(s scanner) (p catalog.Placed, err error) {
		var origin, root []byte
		if err = s.Scan(&origin, &p.Number, &p.Index, &root); err != nil {
			return p, err
		}
		return p, errors.Join(fixed(p.Origin[:], origin), fixed(p.Root[:], root))
	}, `SELECT origin, number, idx, root FROM shards WHERE miner = $1 AND state = 'stored'`, miner[:])
	return p, db.fail(err)
}

// Totals implements catalog.Ledger.
func (db *DB) Totals(ctx context.Context) (objects, bytes uint64, err error) {
	err = db.r.QueryRowContext(ctx, `SELECT COUNT(*), COALESCE(SUM(size), 0) FROM objects WHERE state = 'committed'`).Scan(&objects, &bytes)
	return objects, bytes, db.fail(err)
}
