package volume

import (
	"context"
	"database/sql"
	"sync"
)

// maxStatements bounds a pool's parsed statements; this package has fewer.
const maxStatements = 64

// statements keeps the parsed statements of one pool of connections: parsing
// costs more than running most of them. It is safe for concurrent use. Closing
// the pool frees them.
type statements struct {
	db *sql.DB

	mu     sync.Mutex // guards what follows
	parsed map[string]*sql.Stmt
	wanted map[string]bool // met in a transaction, not parsed yet
}

func newStatements(db *sql.DB) *statements {
	return &statements{db: db, parsed: map[string]*sql.Stmt{}, wanted: map[string]bool{}}
}

// find returns a parsed statement, or nil and notes that it is wanted.
func (s *statements) find(query string) *sql.Stmt {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.parsed[query]
	if st == nil && len(s.parsed)+len(s.wanted) < maxStatements {
		s.wanted[query] = true
	}
	return st
}

// prepare parses what is wanted. It takes a connection, so that no transaction
// of a pool of one may be open. A statement that cannot be parsed is dropped:
// running it says why.
func (s *statements) prepare() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for query := range s.wanted {
		if st, err := s.db.Prepare(query); err == nil {
			s.parsed[query] = st
		}
	}
	clear(s.wanted)
}

// queryRow runs a query for one row.
func (s *statements) queryRow(ctx context.Context, query string, args ...any) *sql.Row {
	if st := s.find(query); st != nil {
		return st.QueryRowContext(ctx, args...)
	}
	s.prepare()
	return s.db.QueryRowContext(ctx, query, args...)
}

// txn is a transaction of the index. Statements that were run before are not
// parsed again.
type txn struct {
	*sql.Tx
	statements *statements
}

// Exec runs a statement.
func (t *txn) Exec(query string, args ...any) (sql.Result, error) {
	if st := t.statements.find(query); st != nil {
		return t.Stmt(st).Exec(args...)
	}
	return t.Tx.Exec(query, args...)
}

// QueryRow runs a query for one row.
func (t *txn) QueryRow(query string, args ...any) *sql.Row {
	if st := t.statements.find(query); st != nil {
		return t.Stmt(st).QueryRow(args...)
	}
	return t.Tx.QueryRow(query, args...)
}
