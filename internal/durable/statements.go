package durable

import (
	"context"
	"database/sql"
	"sync"
)

// maxStatements bounds a pool's parsed statements; each package has fewer.
const maxStatements = 256

// Statements keeps the parsed statements of one pool of connections: parsing
// costs more than running most of them. Its queries are meant to be constants
// of the program: what varies belongs into arguments. It is safe for concurrent
// use. Closing the pool frees them.
type Statements struct {
	db *sql.DB

	mu     sync.Mutex // guards what follows; never held while a connection is waited for
	parsed map[string]*sql.Stmt
	wanted map[string]bool // met in a transaction, not parsed yet
}

// NewStatements returns the statements of a pool, none yet.
func NewStatements(db *sql.DB) *Statements {
	return &Statements{db: db, parsed: map[string]*sql.Stmt{}, wanted: map[string]bool{}}
}

// find returns a parsed statement, or nil and notes that it is wanted.
func (s *Statements) find(query string) *sql.Stmt {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.parsed[query]
	if st == nil && len(s.parsed)+len(s.wanted) < maxStatements {
		s.wanted[query] = true
	}
	return st
}

// Prepare parses what transactions have met so far. It takes a connection, so
// that no transaction of a pool of one may be open. A statement that cannot be
// parsed is dropped: running it says why.
func (s *Statements) Prepare() {
	s.mu.Lock()
	wanted := s.wanted
	if len(wanted) > 0 {
		s.wanted = map[string]bool{}
	}
	s.mu.Unlock()
	for query := range wanted {
		s.parse(query)
	}
}

func (s *Statements) parse(query string) *sql.Stmt {
	st, err := s.db.Prepare(query)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.wanted, query)
	if err != nil {
		return nil
	}
	if other := s.parsed[query]; other != nil {
		_ = st.Close() // parsed by two at once
		return other
	}
	s.parsed[query] = st
	return st
}

// ready returns the statement, parsed now if it was not before; nil where it
// cannot be, or too many are.
func (s *Statements) ready(query string) *sql.Stmt {
	if st := s.find(query); st != nil {
		return st
	}
	s.mu.Lock()
	wanted := s.wanted[query]
	s.mu.Unlock()
	if !wanted {
		return nil
	}
	return s.parse(query)
}

// QueryRowContext runs a query for one row, outside any transaction.
func (s *Statements) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if st := s.ready(query); st != nil {
		return st.QueryRowContext(ctx, args...)
	}
	return s.db.QueryRowContext(ctx, query, args...)
}

// QueryContext runs a query, outside any transaction.
func (s *Statements) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if st := s.ready(query); st != nil {
		return st.QueryContext(ctx, args...)
	}
	return s.db.QueryContext(ctx, query, args...)
}

// Tx is a transaction that does not parse again what was run before it and
// parsed by Prepare. One query must not run again while its rows are read. Like
// a sql.Tx it is used by one goroutine at a time.
type Tx struct {
	*sql.Tx
	statements *Statements
	bound      map[string]*sql.Stmt // to this transaction
}

// In returns a transaction of the pool that uses its statements.
func (s *Statements) In(tx *sql.Tx) *Tx { return &Tx{tx, s, map[string]*sql.Stmt{}} }

// bind returns the statement in this transaction, nil if it is not parsed.
func (t *Tx) bind(query string) *sql.Stmt {
	if st := t.bound[query]; st != nil {
		return st
	}
	st := t.statements.find(query)
	if st == nil {
		return nil
	}
	st = t.Stmt(st)
	t.bound[query] = st
	return st
}

// Exec runs a statement.
func (t *Tx) Exec(query string, args ...any) (sql.Result, error) {
	return t.ExecContext(context.Background(), query, args...)
}

// ExecContext runs a statement.
func (t *Tx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if st := t.bind(query); st != nil {
		return st.ExecContext(ctx, args...)
	}
	return t.Tx.ExecContext(ctx, query, args...)
}

// QueryRow runs a query for one row.
func (t *Tx) QueryRow(query string, args ...any) *sql.Row {
	return t.QueryRowContext(context.Background(), query, args...)
}

// QueryRowContext runs a query for one row.
func (t *Tx) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if st := t.bind(query); st != nil {
		return st.QueryRowContext(ctx, args...)
	}
	return t.Tx.QueryRowContext(ctx, query, args...)
}

// QueryContext runs a query.
func (t *Tx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if st := t.bind(query); st != nil {
		return st.QueryContext(ctx, args...)
	}
	return t.Tx.QueryContext(ctx, query, args...)
}
