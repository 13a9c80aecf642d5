package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"strata"
	"strata/catalog"
	"strata/internal/durable"
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
	return db.write(ctx, func(tx *durable.Tx) error {
		for _, m := range miners {
			if err := saveMiner(ctx, tx, m); err != nil {
				return err
			}
		}
		return nil
	})
}

func saveMiner(ctx context.Context, tx *durable.Tx, m catalog.MinerRecord) error {
	state, err := json.Marshal(m.Score)
	if err != nil {
		return err
	}
	_, err = exec(ctx, tx, `INSERT INTO ledger_miners (hotkey, score, next_cohort, passed, failed, last_seen)
		VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (hotkey) DO UPDATE SET score = excluded.score,
		next_cohort = excluded.next_cohort, passed = excluded.passed, failed = excluded.failed, last_seen = excluded.last_seen`,
		m.Hotkey[:], string(state), int64(m.NextCohort), int64(m.Passed), int64(m.Failed), nanos(m.LastSeen))
	if err != nil {
		return err
	}
	return enter(ctx, tx, m.Journal)
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
	return db.write(ctx, func(tx *durable.Tx) error {
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

func saveSectors(ctx context.Context, tx *durable.Tx, partition int64, changed []catalog.Sector) error {
	pages := pager{ctx: ctx, tx: tx, partition: partition}
	for _, s := range changed {
		if err := pages.put(s); err != nil {
			return err
		}
	}
	return pages.flush()
}

const partitionID = `(SELECT id FROM ledger_partitions WHERE miner = $1 AND validator = $2)`

// SaveMarks implements catalog.Ledger. A crash leaves all of it or nothing.
func (db *DB) SaveMarks(ctx context.Context, m catalog.MinerRecord, marks []catalog.Mark) error {
	return db.write(ctx, func(tx *durable.Tx) error { return saveMarks(ctx, tx, m, marks) })
}

func saveMarks(ctx context.Context, tx *durable.Tx, m catalog.MinerRecord, marks []catalog.Mark) error {
	if err := saveMiner(ctx, tx, m); err != nil {
		return err
	}
	for i := 0; i < len(marks); {
		n := 1
		for i+n < len(marks) && marks[i+n].Validator == marks[i].Validator {
			n++
		}
		if err := mark(ctx, tx, m.Hotkey, marks[i:i+n]); err != nil {
			return err
		}
		i += n
	}
	return nil
}

// mark writes the marks of one partition.
func mark(ctx context.Context, tx *durable.Tx, miner strata.Hotkey, marks []catalog.Mark) error {
	missing := func(k catalog.Mark) error {
		return strata.E(strata.NotFound, "the ledger has no sector %d of miner %s for %s", k.Number, miner, k.Validator)
	}
	pages := pager{ctx: ctx, tx: tx}
	err := tx.QueryRowContext(ctx, `SELECT id FROM ledger_partitions WHERE miner = $1 AND validator = $2`, miner[:], marks[0].Validator[:]).Scan(&pages.partition)
	if errors.Is(err, sql.ErrNoRows) {
		return missing(marks[0])
	}
	if err != nil {
		return err
	}
	for _, k := range marks {
		if err := pages.at(k.Number); err != nil {
			return err
		}
		i, found := pages.find(k.Number)
		if !found {
			return missing(k)
		}
		s := &pages.sectors[i]
		s.Cohort, s.Checked, s.Void = k.Cohort, k.Checked, k.Void
	}
	return pages.flush()
}

// SaveWeights implements catalog.Ledger. A crash leaves the vector before or this one.
func (db *DB) SaveWeights(ctx context.Context, block uint64, weights []catalog.WeightRecord) error {
	return db.write(ctx, func(tx *durable.Tx) error {
		// Those before are the audit log's.
		if _, err := exec(ctx, tx, `DELETE FROM ledger_weights WHERE block < $1`, int64(block)); err != nil {
			return err
		}
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

// SaveCommit implements catalog.Ledger. A crash leaves the record or none.
func (db *DB) SaveCommit(ctx context.Context, hash [32]byte, record []byte) error {
	return db.write(ctx, func(tx *durable.Tx) error {
		_, err := exec(ctx, tx, `INSERT INTO ledger_commits (hash, record) VALUES ($1, $2)
			ON CONFLICT (hash) DO UPDATE SET record = excluded.record`, hash[:], record)
		return err
	})
}

// Commits implements catalog.Ledger.
func (db *DB) Commits(ctx context.Context) (map[[32]byte][]byte, error) {
	type row struct {
		hash   [32]byte
		record []byte
	}
	rows, err := all(ctx, db.r, func(s scanner) (r row, err error) {
		var hash []byte
		if err = s.Scan(&hash, &r.record); err != nil {
			return r, err
		}
		return r, fixed(r.hash[:], hash)
	}, `SELECT hash, record FROM ledger_commits`)
	if err != nil {
		return nil, db.fail(err)
	}
	out := make(map[[32]byte][]byte, len(rows))
	for _, r := range rows {
		out[r.hash] = r.record
	}
	return out, nil
}

// DeleteCommit implements catalog.Ledger. A crash leaves the record or none.
func (db *DB) DeleteCommit(ctx context.Context, hash [32]byte) error {
	return db.write(ctx, func(tx *durable.Tx) error {
		_, err := exec(ctx, tx, `DELETE FROM ledger_commits WHERE hash = $1`, hash[:])
		return err
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
		if err = s.Scan(&origin, &p.Number, &p.Index, &root, &p.State); err != nil {
			return p, err
		}
		return p, errors.Join(fixed(p.Origin[:], origin), fixed(p.Root[:], root))
	}, `SELECT h.origin, h.number, h.idx, h.root, h.state FROM shards h
		JOIN segments s ON s.origin = h.origin AND s.number = h.number JOIN objects o ON o.id = s.object_id
		WHERE h.miner = $1 AND h.state IN ('stored', 'sending') AND `+repairable, miner[:])
	return p, db.fail(err)
}

// Totals implements catalog.Ledger.
func (db *DB) Totals(ctx context.Context) (objects, bytes uint64, err error) {
	err = db.r.QueryRowContext(ctx, `SELECT COUNT(*), COALESCE(SUM(size), 0) FROM objects WHERE state = 'committed' AND bucket <> '' AND bucket <> '`+catalog.BackupBucket+`'`).Scan(&objects, &bytes)
	return objects, bytes, db.fail(err)
}
