package durable

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"strata"
)

// DB is one SQLite file: a single writing connection, so that writers queue in
// Go instead of failing with SQLITE_BUSY, and a pool of readers that never
// block it (write-ahead log). Both are safe for concurrent use.
type DB struct {
	Write *sql.DB // one connection; transactions begin immediate
	Read  *sql.DB // query_only
}

// OpenDB opens or creates the SQLite file at path. A commit is on disk when it
// returns (journal_mode=WAL, synchronous=FULL): a crash leaves either the whole
// transaction or nothing of it. readers is the size of the reading pool, at
// least one. A file that is not a sound database gives code Corrupt.
func OpenDB(ctx context.Context, path string, readers int) (*DB, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("find database %s: %w", path, err)
	}
	db := &DB{}
	if db.Write, err = open(ctx, abs, "_txlock=immediate&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)", 1); err != nil {
		return nil, err
	}
	if db.Read, err = open(ctx, abs, "_pragma=query_only(1)", max(readers, 1)); err != nil {
		return nil, errors.Join(err, db.Write.Close())
	}
	return db, nil
}

// Close closes both pools.
func (d *DB) Close() error { return errors.Join(d.Read.Close(), d.Write.Close()) }

func open(ctx context.Context, abs, query string, conns int) (*sql.DB, error) {
	dsn := url.URL{Scheme: "file", Path: filepath.ToSlash(abs), OmitHost: true,
		RawQuery: "_pragma=busy_timeout(10000)&_pragma=foreign_keys(1)&" + query}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", abs, err)
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	// The first statement reads page 1: a file that is no database fails here.
	var version int
	if err := db.QueryRowContext(ctx, "PRAGMA schema_version").Scan(&version); err != nil {
		return nil, errors.Join(ClassifyDB(err, abs), db.Close())
	}
	return db, nil
}

// ClassifyDB gives an error of SQLite the code that fits (Corrupt, NoSpace,
// Locked, Unavailable), naming the file at path; others are wrapped. nil and
// what has a code stay as they are.
func ClassifyDB(err error, path string) error {
	if err == nil || strata.CodeOf(err) != strata.Internal {
		return err // classified already
	}
	var se *sqlite.Error
	if !errors.As(err, &se) {
		return fmt.Errorf("database %s: %w", path, err)
	}
	switch se.Code() & 0xff { // the low byte is the primary result code
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return strata.E(strata.Corrupt, "database %s is damaged or no database: restore it from a backup, or move it aside: %w", path, err)
	case sqlite3.SQLITE_FULL:
		return strata.E(strata.NoSpace, "no space left to write database %s: free some space on that disk: %w", path, err)
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return strata.E(strata.Locked, "database %s is in use by another process: stop it first: %w", path, err)
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PERM:
		return strata.E(strata.Unavailable, "database %s cannot be read or written: check the disk and the folder's permissions: %w", path, err)
	default:
		return fmt.Errorf("database %s: %w", path, err)
	}
}
