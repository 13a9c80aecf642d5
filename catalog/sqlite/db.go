// Package sqlite keeps a catalog in one SQLite file: the default where one
// machine is enough. Everything acknowledged has been synced to the disk.
//
// There is one connection that writes, so that writers queue in this process
// instead of failing on the file's lock, and a pool that reads beside it (WAL).
// The SQL is portable ($N placeholders, upserts, RETURNING), for another
// database to share.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/gofrs/flock"
	"github.com/pressly/goose/v3"
	driver "modernc.org/sqlite"

	"strata"
	"strata/catalog"
	"strata/internal/batch"
	"strata/internal/durable"
)

//go:embed migrations/*.sql
var migrations embed.FS

// readers is how many connections read at once.
const readers = 4

// Role is what a process does with the file. A gateway may share a validator's
// file; two processes of one role may not.
type Role string

// The roles.
const (
	Gateway   Role = "gateway"
	Validator Role = "validator"
)

// DB is an open file. It is safe for concurrent use. It implements
// catalog.Catalog and catalog.Ledger.
type DB struct {
	path  string
	file  *durable.DB
	w     *sql.DB             // of file: one connection
	run   *durable.Statements // of w
	r     *durable.Statements // of the connections that read
	locks []*durable.Lock

	writes batch.Group[change]
}

var _ catalog.Catalog = (*DB)(nil)

// Open opens or creates the file, migrates it and holds it for the roles until
// Close. Code Locked if another process has one of the roles, with its pid; code
// Corrupt if the file is damaged or no database; Conflict if a newer version of
// strata wrote it.
func Open(ctx context.Context, path string, roles ...Role) (*DB, error) {
	if err := durable.MkdirAll(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("cannot create the folder of the metadata file: %w", err)
	}
	db := &DB{path: path}
	if err := db.open(ctx, roles); err != nil {
		return nil, errors.Join(db.fail(err), db.Close())
	}
	return db, nil
}

func (db *DB) open(ctx context.Context, roles []Role) error {
	for _, role := range roles {
		l, err := durable.AcquireLock(db.path + "." + string(role) + ".lock")
		if strata.CodeOf(err) == strata.Locked {
			return strata.E(strata.Locked, "the metadata file %s has another %s: %w", db.path, role, err)
		}
		if err != nil {
			return err
		}
		db.locks = append(db.locks, l)
	}
	// Two processes that start at once take turns: neither switching a new file
	// to its log nor migrating it waits for the other by itself.
	turn := flock.New(db.path + ".migrate.lock")
	if err := turn.Lock(); err != nil {
		return fmt.Errorf("cannot lock the metadata file for its migration: %w", err)
	}
	defer turn.Close()
	var err error
	if db.file, err = durable.OpenDB(ctx, db.path, readers); err != nil {
		return err
	}
	db.w = db.file.Write
	if err := db.migrate(ctx); err != nil {
		return err
	}
	db.run, db.r = durable.NewStatements(db.w), durable.NewStatements(db.file.Read)
	return nil
}

// migrate brings the schema up to date. A crash leaves a migration done or not
// done.
func (db *DB) migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db.w, files,
		goose.WithLogger(goose.NopLogger()), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	have, want, err := p.GetVersions(ctx)
	if err != nil {
		return err
	}
	if have > want {
		return strata.E(strata.Conflict, "the metadata file %s was written by a newer version of strata (schema %d, this one knows %d): run that version", db.path, have, want)
	}
	_, err = p.Up(ctx)
	return err
}

// Close closes the file and gives its roles up.
func (db *DB) Close() error {
	var errs []error
	if db.file != nil {
		errs = append(errs, db.file.Close())
	}
	for _, l := range db.locks {
		errs = append(errs, l.Release())
	}
	return errors.Join(errs...)
}

// change is one write: part of a transaction that it may share with others.
type change struct {
	ctx context.Context
	fn  func(*durable.Tx) error
}

// write runs fn in an immediate transaction, together with what others write at
// the same moment: they share its commit and its fsync. What fn has done is
// durable when write returns nil; after a crash before that, or an error, none
// of it is there. fn may run twice.
func (db *DB) write(ctx context.Context, fn func(*durable.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return db.writes.Do(change{ctx, fn}, db.transact)
}

// transact runs changes in one transaction. One that fails for a reason of its
// own is undone alone. One that the database failed, or that was cancelled, may
// have ended the transaction for all: then each goes alone.
func (db *DB) transact(changes []change) []error {
	errs := make([]error, len(changes))
	if len(changes) == 1 {
		errs[0] = db.fail(db.together(changes, errs))
		return errs
	}
	if db.together(changes, errs) == nil {
		return errs
	}
	for i, c := range changes {
		errs[i] = db.transact([]change{c})[0]
	}
	return errs
}

// together runs changes in one transaction and sets errs of those that it has
// undone. With an error nothing has happened.
func (db *DB) together(changes []change, errs []error) error {
	db.run.Prepare() // what the transactions before met first
	begun, err := db.w.BeginTx(context.Background(), nil)
	if err != nil {
		return err
	}
	tx := db.run.In(begun)
	for i, c := range changes {
		if err := step(tx, c, len(changes) > 1); err != nil {
			if len(changes) == 1 || fatal(c.ctx, err) {
				return errors.Join(err, ignoreDone(tx.Rollback()))
			}
			errs[i] = err
		}
	}
	return tx.Commit()
}

// step runs one change, in a savepoint where others share the transaction.
func step(tx *durable.Tx, c change, shared bool) error {
	if !shared {
		return c.fn(tx)
	}
	if _, err := tx.Exec("SAVEPOINT step"); err != nil {
		return err
	}
	if err := c.fn(tx); err != nil {
		if _, uerr := tx.Exec("ROLLBACK TO step; RELEASE step"); uerr != nil {
			return errors.Join(err, uerr)
		}
		return err
	}
	_, err := tx.Exec("RELEASE step")
	return err
}

// fatal says whether a change may have ended its transaction: SQLite rolls all
// of it back when a statement is interrupted, and when the disk is full.
func fatal(ctx context.Context, err error) bool {
	var e *driver.Error
	return ctx.Err() != nil || errors.As(err, &e) || errors.Is(err, sql.ErrTxDone)
}

// ignoreDone drops the error of rolling back what the context already did.
func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

// querier reads, in a transaction or outside.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// execer writes.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// scanner is a *sql.Row or *sql.Rows.
type scanner interface{ Scan(dest ...any) error }

// all returns every row of a query.
func all[T any](ctx context.Context, q querier, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

// exec runs a statement and says how many rows it changed.
func exec(ctx context.Context, q execer, query string, args ...any) (int64, error) {
	res, err := q.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// fail gives SQLite's errors their code and a text for a person; it keeps others.
func (db *DB) fail(err error) error {
	var e *driver.Error
	if !errors.As(err, &e) {
		return err
	}
	return durable.ClassifyDB(err, db.path)
}
