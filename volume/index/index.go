// Package index is the index of one disk: the SQLite database that says what
// lies in its sector files, and is the authority on it. All SQL of a miner's
// space is here; others give and get rows.
//
// Reads see what is committed. Writes are parts of a transaction (Tx), given to
// Commit as a Change; those who commit at the same moment share one.
package index

import (
	"bytes"
	"context"
	"database/sql"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"strata"
	"strata/internal/batch"
	"strata/internal/durable"
	"strata/volume/layout"
	"strata/volume/vfs"
)

//go:embed schema.sql
var schema string

// applicationID marks a strata.db as a miner's index ("Stix"); the metadata of
// a gateway or validator in a file of the same name is another.
const applicationID = 0x53746978

// Index is an open index. It is safe for concurrent use.
type Index struct {
	path          string
	fs            vfs.FS
	db            *durable.DB
	writes, reads *durable.Statements // of db's two pools
	commits       batch.Group[Change]
}

// Change is part of one transaction. It touches nothing but tx: it may run
// twice when another part of its batch fails.
type Change func(tx Tx) error

// Open opens or creates the index of id in dir. had says that partition.json
// lists sectors, so that an index must be there. Code Corrupt if it is missing
// or damaged, Conflict if it is of something else; nothing is changed then.
func Open(ctx context.Context, fs vfs.FS, dir string, id layout.Identity, had bool) (*Index, error) {
	path := filepath.Join(dir, layout.IndexFile)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) && had {
		return nil, strata.E(strata.Corrupt, "the index %s is missing though %s lists sectors: restore it, or start over with --restart, which deletes this hotkey's sectors and data there", path, layout.ListFile)
	}
	db, err := fs.OpenIndex(ctx, path)
	if err == nil {
		if err = prepare(ctx, id, db, path, had); err != nil {
			err = errors.Join(err, db.Close())
		}
	}
	if err != nil {
		return nil, wayOut(err, path)
	}
	return &Index{path: path, fs: fs, db: db, writes: durable.NewStatements(db.Write), reads: durable.NewStatements(db.Read)}, nil
}

// Close closes the index. Nothing may be under way.
func (x *Index) Close() error { return x.db.Close() }

// wayOut adds to the error of a damaged index what can be done.
func wayOut(err error, path string) error {
	if strata.CodeOf(err) == strata.Corrupt {
		return strata.E(strata.Corrupt, "%w; or start over with --restart, which deletes this hotkey's sectors and data in %s", err, filepath.Dir(path))
	}
	return err
}

// prepare makes the schema of an empty file, or checks that a filled one is of
// this hotkey, chain and profile. A crash before the commit leaves an empty
// file, which the next start fills.
func prepare(ctx context.Context, id layout.Identity, db *durable.DB, path string, had bool) error {
	var app, tables int
	row := db.Write.QueryRowContext(ctx, "SELECT (SELECT application_id FROM pragma_application_id), (SELECT count(*) FROM sqlite_schema)")
	if err := row.Scan(&app, &tables); err != nil {
		return durable.ClassifyDB(err, path)
	}
	switch {
	case tables == 0 && had:
		return strata.E(strata.Corrupt, "the index %s is empty though %s lists sectors: restore it", path, layout.ListFile)
	case tables == 0:
		return durable.ClassifyDB(create(ctx, id, db.Write), path)
	case app != applicationID:
		return strata.E(strata.Conflict, "%s is not a miner's index (a validator's or gateway's metadata?): use another --db_path or hotkey", path)
	}
	return checkMeta(ctx, id, db.Read, path)
}

func create(ctx context.Context, id layout.Identity, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if _, err = tx.Exec(schema + fmt.Sprintf("; PRAGMA application_id = %d", applicationID)); err != nil {
		return fmt.Errorf("create tables: %w", err)
	}
	if _, err = tx.Exec("INSERT INTO meta VALUES (1, $1, $2, $3, $4, $5)", id.Miner[:], id.Genesis[:], id.Netuid, id.Blocks, id.Passes); err != nil {
		return fmt.Errorf("write meta: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	// Into the file itself, where Foreign looks for the application id.
	_, err = db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	return err
}

func checkMeta(ctx context.Context, id layout.Identity, db *sql.DB, path string) error {
	var has layout.Identity
	var miner, genesis []byte
	err := db.QueryRowContext(ctx, "SELECT miner, genesis, netuid, blocks, passes FROM meta").
		Scan(&miner, &genesis, &has.Netuid, &has.Blocks, &has.Passes)
	if err != nil {
		return durable.ClassifyDB(err, path)
	}
	if len(miner) != 32 || len(genesis) != 32 {
		return strata.E(strata.Corrupt, "the index %s is damaged: its keys are not 32 bytes; restore it", path)
	}
	has.Miner, has.Genesis = strata.Hotkey(miner), strata.GenesisHash(genesis)
	if what := id.Differs(has); what != "" {
		return strata.E(strata.Conflict, "%s belongs to something else (%s): nothing was touched; use another --db_path", path, what)
	}
	return nil
}

// Foreign refuses with code Conflict a directory whose database is somebody
// else's: in that of a hotkey that is a validator lies its metadata, under the
// same name. An application id is at byte 68 of every SQLite file
// (https://www.sqlite.org/fileformat.html); what is no database may go.
func Foreign(dir string) error {
	path := filepath.Join(dir, layout.IndexFile)
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("start over: %w", err)
	}
	defer f.Close()
	head := make([]byte, 72)
	if _, err := io.ReadFull(f, head); err != nil {
		return nil // shorter than any database
	}
	if bytes.HasPrefix(head, []byte("SQLite format 3\x00")) && binary.BigEndian.Uint32(head[68:]) != applicationID {
		return strata.E(strata.Conflict, "%s is not a miner's index (a validator's or gateway's metadata?): nothing was deleted", path)
	}
	return nil
}

// Commit adds fn to the next transaction and returns when that is on disk. A
// crash before leaves nothing of fn, a crash after all of it. Errors have the
// codes of durable.ClassifyDB, or fn's.
func (x *Index) Commit(fn Change) error {
	return x.commits.Do(fn, func(all []Change) []error {
		errs := make([]error, len(all))
		if err := x.transact(all...); err == nil || len(all) == 1 {
			errs[0] = err
			return errs
		}
		// One of them failed and undid all: each now goes alone.
		for i, fn := range all {
			errs[i] = x.transact(fn)
		}
		return errs
	})
}

func (x *Index) transact(batch ...Change) error {
	x.writes.Prepare() // what the transaction before met first
	begun, err := x.db.Write.Begin()
	if err != nil {
		return durable.ClassifyDB(err, x.path)
	}
	tx := Tx{x.writes.In(begun)}
	defer func() { _ = begun.Rollback() }() // after a commit it does nothing
	for _, fn := range batch {
		if err := fn(tx); err != nil {
			if strata.CodeOf(err) != strata.Internal {
				return err
			}
			return durable.ClassifyDB(err, x.path)
		}
	}
	return durable.ClassifyDB(x.fs.Commit(x.path, begun), x.path)
}

// damaged is the error of rows that make no sense.
func (x *Index) damaged(what string) error {
	return strata.E(strata.Corrupt, "the index %s is damaged: %s; restore it, or start over with --restart", x.path, what)
}
