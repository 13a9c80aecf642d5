package ledger

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"

	"strata"
	"strata/chain/devchain/state"
	"strata/internal/durable"
)

// schema of chain.db, version 1. state is the state after the last block;
// undo is null once the block's parent has no state to go back to.
const schema = `
CREATE TABLE IF NOT EXISTS state (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS blocks (number INTEGER PRIMARY KEY, header BLOB NOT NULL, body BLOB NOT NULL, undo BLOB);
`

// disk keeps a ledger in one directory, which one process may use at a time.
type disk struct {
	lock *durable.Lock
	db   *durable.DB
	path string
}

// openDisk locks and opens a directory, making it if needed. Errors have code
// Locked if another process has it, Corrupt if its database is not one.
func openDisk(ctx context.Context, dir string) (*disk, error) {
	if err := durable.MkdirAll(dir); err != nil {
		return nil, err
	}
	lock, err := durable.AcquireLock(filepath.Join(dir, "chain.lock"))
	if err != nil {
		return nil, err
	}
	d := &disk{lock: lock, path: filepath.Join(dir, "chain.db")}
	if d.db, err = durable.OpenDB(ctx, d.path, 1); err != nil {
		return nil, errors.Join(err, lock.Release())
	}
	if _, err := d.db.Write.ExecContext(ctx, schema); err != nil {
		return nil, errors.Join(durable.ClassifyDB(err, d.path), d.close())
	}
	return d, nil
}

func (d *disk) close() error { return errors.Join(d.db.Close(), d.lock.Release()) }

// load reads what was kept; the ledger has no blocks if there was nothing.
func (d *disk) load(ctx context.Context) (*Ledger, error) {
	l := &Ledger{table: state.NewTable(), byHash: map[state.Hash]*Block{}, disk: d}
	err := d.each(ctx, "SELECT key, value FROM state", func(rows *sql.Rows) error {
		var k, v []byte
		if err := rows.Scan(&k, &v); err != nil {
			return err
		}
		l.table.Put(string(k), notNil(v))
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = d.each(ctx, "SELECT header, body, undo FROM blocks ORDER BY number", func(rows *sql.Rows) error {
		var h, b, undo []byte
		if err := rows.Scan(&h, &b, &undo); err != nil {
			return err
		}
		return l.restore(h, b, undo)
	})
	if err != nil {
		return nil, err
	}
	return l, d.check(l)
}

func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// restore takes one stored block; the genesis block comes first.
func (l *Ledger) restore(head, body, undo []byte) (err error) {
	b := &Block{Hash: state.HashOf(head)}
	if b.Header, err = decodeHeader(head); err != nil {
		return err
	}
	if b.Body, err = decodeBody(body); err != nil {
		return err
	}
	if undo != nil {
		if b.undo, err = decodeChanges(undo); err != nil {
			return err
		}
	}
	if b.Header.Number == 0 {
		l.genesis, l.byHash[b.Hash] = b, b
	}
	// After pruning, the genesis block stands apart from the blocks kept.
	if len(l.recent) == 1 && l.recent[0] == l.genesis && b.Header.Number > 1 {
		l.recent = nil
	}
	l.recent = append(l.recent, b)
	l.byHash[b.Hash] = b
	return nil
}

// check refuses a database whose blocks and state do not belong together.
func (d *disk) check(l *Ledger) error {
	if len(l.recent) == 0 && l.table.Empty() {
		return nil
	}
	if l.genesis == nil || l.table.Root() != l.Head().Header.State {
		return strata.E(strata.Corrupt, "the chain in %s is damaged: its state is not that of its last block; remove the directory to start a new chain", d.path)
	}
	for i, b := range l.recent[1:] {
		if b.Header.Parent != l.recent[i].Hash {
			return strata.E(strata.Corrupt, "the chain in %s is damaged at block %d; remove the directory to start a new chain", d.path, b.Header.Number)
		}
	}
	return nil
}

func (d *disk) each(ctx context.Context, query string, row func(*sql.Rows) error) error {
	rows, err := d.db.Read.QueryContext(ctx, query)
	if err != nil {
		return durable.ClassifyDB(err, d.path)
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return strata.E(strata.Corrupt, "the chain in %s cannot be read: %w; remove the directory to start a new chain", d.path, err)
		}
	}
	return durable.ClassifyDB(rows.Err(), d.path)
}

// append stores a block and the state after it in one transaction, and drops
// what is too old.
func (d *disk) append(ctx context.Context, b *Block, c state.Changes) error {
	tx, err := d.db.Write.BeginTx(ctx, nil)
	if err != nil {
		return durable.ClassifyDB(err, d.path)
	}
	defer tx.Rollback() // nothing after a commit
	if err := writeBlock(ctx, tx, b, c); err != nil {
		return durable.ClassifyDB(err, d.path)
	}
	return durable.ClassifyDB(tx.Commit(), d.path)
}

func writeBlock(ctx context.Context, tx *sql.Tx, b *Block, c state.Changes) error {
	put, err := tx.PrepareContext(ctx, "INSERT INTO state (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value")
	if err != nil {
		return err
	}
	defer put.Close()
	for k, v := range c {
		if v == nil {
			_, err = tx.ExecContext(ctx, "DELETE FROM state WHERE key = $1", []byte(k))
		} else {
			_, err = put.ExecContext(ctx, []byte(k), v)
		}
		if err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO blocks (number, header, body, undo) VALUES ($1, $2, $3, $4)",
		b.Header.Number, b.Header.encode(), encodeBody(b.Body), encodeChanges(b.undo)); err != nil {
		return err
	}
	number := int64(b.Header.Number)
	if _, err := tx.ExecContext(ctx, "UPDATE blocks SET undo = NULL WHERE number = $1", number-stateHistory); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "DELETE FROM blocks WHERE number > 0 AND number <= $1", number-headerHistory)
	return err
}
