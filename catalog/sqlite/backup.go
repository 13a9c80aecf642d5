package sqlite

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"strata"
	"strata/catalog"
	"strata/internal/durable"
)

// A backup is lines of JSON: a table's name and columns, then its rows as lists
// of texts that begin with their type; before them, in a backup of changes, what
// is to be removed first.
type backupLine struct {
	Table   string   `json:"t,omitempty"`
	Columns []string `json:"c,omitempty"`
	Values  []string `json:"v,omitempty"`
	Kind    string   `json:"x,omitempty"` // 'o', 's', 'b': the object, segment or buckets changed
	Origin  []byte   `json:"o,omitempty"`
	Number  int64    `json:"n,omitempty"`
}

// maxBackupLine bounds a line: an object's metadata is by far the largest.
const maxBackupLine = 4 << 20

// kept are the objects that a backup has.
const kept = `(SELECT id FROM objects WHERE state <> 'pending' AND bucket <> '` + catalog.BackupBucket + `')`

// backupTables says which rows of each table are written: all that are kept, and
// of these the ones that have changed. Where a table refers to another it comes
// after it.
var backupTables = []struct{ name, whole, changed string }{
	{"buckets", `name <> '` + catalog.BackupBucket + `'`, ``},
	{"gateway_keys", ``, ``},
	{"objects", `id IN ` + kept, `id IN (SELECT origin FROM changes WHERE kind = 'o')`},
	{"upload_parts", `upload_id IN ` + kept + ` AND object_id IN ` + kept, `object_id IN (SELECT origin FROM changes WHERE kind = 'o')`},
	{"slices", `object_id IN ` + kept, `object_id IN (SELECT origin FROM changes WHERE kind = 'o')`},
	{"segments", `object_id IN ` + kept, changedSegments},
	{"shards", `(origin, number) IN (SELECT origin, number FROM segments WHERE object_id IN ` + kept + `)`,
		`(origin, number) IN (SELECT origin, number FROM segments WHERE ` + changedSegments + `)`},
}

// ledgerTables are the ledger's, and what is written of each.
var ledgerTables = []struct{ name, query string }{
	{"ledger_miners", `SELECT * FROM ledger_miners`},
	{"ledger_partitions", `SELECT * FROM ledger_partitions`},
	{"ledger_pages", `SELECT * FROM ledger_pages`},
	{"ledger_shards", `SELECT * FROM ledger_shards`},
	{"ledger_frauds", `SELECT * FROM ledger_frauds`},
	{"ledger_commits", `SELECT * FROM ledger_commits`},
	{"ledger_weights", `SELECT * FROM ledger_weights WHERE block = (SELECT MAX(block) FROM ledger_weights)`},
	// The numbers of the audit log must not begin again, nor repeat those that
	// were journaled after this.
	{"ledger_journal", `SELECT last + 1048576 AS seq, X'' AS entry FROM (SELECT MAX(seq) AS last FROM ledger_journal) AS j WHERE last > 0`},
}

// dropped are columns that backups of earlier versions name and that tables have no
// more: what they said is elsewhere.
var dropped = map[string]string{"ledger_miners": "leaving"}

const changedSegments = `(object_id IN (SELECT origin FROM changes WHERE kind = 'o')
	OR (origin, number) IN (SELECT origin, number FROM changes WHERE kind = 's'))`

// BackupState implements catalog.Backups.
func (db *DB) BackupState(ctx context.Context) (s catalog.BackupState, err error) {
	var version int64
	err = db.r.QueryRowContext(ctx, `SELECT version, recovered, data FROM backup_state WHERE id = 1`).Scan(&version, &s.Recovered, &s.Data)
	s.Version = uint64(version)
	return s, db.fail(err)
}

// SaveBackup implements catalog.Backups. A crash leaves both or neither.
func (db *DB) SaveBackup(ctx context.Context, s catalog.BackupState, upTo uint64) error {
	return db.write(ctx, func(tx *durable.Tx) error {
		if _, err := exec(ctx, tx, `UPDATE backup_state SET version = $1, recovered = $2, data = $3 WHERE id = 1`,
			int64(s.Version), s.Recovered, append([]byte{}, s.Data...)); err != nil {
			return err
		}
		_, err := exec(ctx, tx, `DELETE FROM changes WHERE seq <= $1`, int64(upTo))
		return err
	})
}

// Changed implements catalog.Backups.
func (db *DB) Changed(ctx context.Context) (n int, err error) {
	err = db.r.QueryRowContext(ctx, `SELECT COUNT(*) FROM changes`).Scan(&n)
	return n, db.fail(err)
}

// itself is an object and the pack that it lies in, if it does.
const itself = `(SELECT $1 UNION SELECT pack_id FROM slices WHERE object_id = $1)`

// BackedUp implements catalog.Backups.
func (db *DB) BackedUp(ctx context.Context, id strata.ObjectID) (is bool, err error) {
	err = db.r.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM backup_state WHERE length(data) > 0)
		AND NOT EXISTS (SELECT 1 FROM changes WHERE kind = 'o' AND origin IN `+itself+`)
		AND NOT EXISTS (SELECT 1 FROM segments s JOIN changes c ON c.kind = 's' AND c.origin = s.origin AND c.number = s.number WHERE s.object_id IN `+itself+`)`,
		id[:]).Scan(&is)
	return is, db.fail(err)
}

// Export implements catalog.Backups. One read transaction sees one moment.
func (db *DB) Export(ctx context.Context, w io.Writer, whole bool) (upTo uint64, err error) {
	tx, err := db.file.Read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return 0, db.fail(err)
	}
	defer tx.Rollback() // it has written nothing
	var mark int64
	if err := tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(seq), 0) FROM changes`).Scan(&mark); err != nil {
		return 0, db.fail(err)
	}
	out := json.NewEncoder(w)
	if !whole {
		if err := exportChanges(ctx, tx, out); err != nil {
			return 0, db.fail(err)
		}
	}
	for _, t := range backupTables {
		where := []string{"1 = 1"}
		if t.whole != "" {
			where = append(where, t.whole)
		}
		if t.changed != "" && !whole {
			where = append(where, t.changed)
		}
		query := `SELECT * FROM ` + t.name + ` WHERE ` + strings.Join(where, " AND ")
		if err := exportTable(ctx, tx, out, t.name, query); err != nil {
			return 0, db.fail(err)
		}
	}
	return uint64(mark), nil
}

// HasLedger implements catalog.Backups.
func (db *DB) HasLedger(ctx context.Context) (has bool, err error) {
	err = db.r.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM ledger_miners)`).Scan(&has)
	return has, db.fail(err)
}

// ExportLedger implements catalog.Backups. One read transaction sees one moment.
func (db *DB) ExportLedger(ctx context.Context, w io.Writer) error {
	tx, err := db.file.Read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return db.fail(err)
	}
	defer tx.Rollback() // it has written nothing
	out := json.NewEncoder(w)
	for _, t := range ledgerTables {
		if err := exportTable(ctx, tx, out, t.name, t.query); err != nil {
			return db.fail(err)
		}
	}
	return nil
}

func exportChanges(ctx context.Context, tx *sql.Tx, out *json.Encoder) error {
	rows, err := tx.QueryContext(ctx, `SELECT kind, origin, number FROM changes ORDER BY kind`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var l backupLine
		if err := rows.Scan(&l.Kind, &l.Origin, &l.Number); err != nil {
			return err
		}
		if err := out.Encode(l); err != nil {
			return err
		}
	}
	return rows.Err()
}

func exportTable(ctx context.Context, tx *sql.Tx, out *json.Encoder, table, query string) error {
	rows, err := tx.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	if err := out.Encode(backupLine{Table: table, Columns: columns}); err != nil {
		return err
	}
	values, dest := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		dest[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		l := backupLine{Values: make([]string, len(values))}
		for i, v := range values {
			if l.Values[i], err = encodeValue(v); err != nil {
				return err
			}
		}
		if err := out.Encode(l); err != nil {
			return err
		}
	}
	return rows.Err()
}

func encodeValue(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "n", nil
	case int64:
		return "i" + strconv.FormatInt(v, 10), nil
	case bool:
		return map[bool]string{false: "i0", true: "i1"}[v], nil
	case string:
		return "s" + v, nil
	case []byte:
		return "b" + base64.StdEncoding.EncodeToString(v), nil
	}
	return "", strata.E(strata.Internal, "a value of type %T in the catalog", v)
}

func decodeValue(s string) (any, error) {
	if s == "" {
		return nil, errBackup("an empty value")
	}
	switch s[0] {
	case 'n':
		return nil, nil
	case 'i':
		return strconv.ParseInt(s[1:], 10, 64)
	case 's':
		return s[1:], nil
	case 'b':
		b, err := base64.StdEncoding.DecodeString(s[1:])
		return append([]byte{}, b...), err
	}
	return nil, errBackup("a value of unknown type " + s[:1])
}

func errBackup(what string) error {
	return strata.E(strata.Corrupt, "the backup of the metadata is damaged: %s", what)
}

// Import implements catalog.Backups. It has a transaction of its own, since what
// it reads cannot be read twice. A crash leaves nothing of it.
func (db *DB) Import(ctx context.Context, r io.Reader) error {
	tx, err := db.w.BeginTx(ctx, nil)
	if err != nil {
		return db.fail(err)
	}
	if err := importAll(ctx, tx, r); err != nil {
		return db.fail(errors.Join(err, ignoreDone(tx.Rollback())))
	}
	return db.fail(tx.Commit())
}

func importAll(ctx context.Context, tx *sql.Tx, r io.Reader) error {
	if _, err := tx.ExecContext(ctx, `PRAGMA defer_foreign_keys = ON`); err != nil {
		return err
	}
	in := importer{tx: tx}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxBackupLine)
	for lines.Scan() {
		var l backupLine
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return errBackup(err.Error())
		}
		if err := in.line(ctx, l); err != nil {
			return err
		}
	}
	return lines.Err()
}

// importer applies a backup's lines.
type importer struct {
	tx      *sql.Tx
	columns int
	skip    int    // the column that is not there any more, -1 for none
	insert  string // of the table at hand
}

func (in *importer) line(ctx context.Context, l backupLine) error {
	switch {
	case l.Kind != "":
		return in.remove(ctx, l)
	case l.Table != "":
		return in.table(l)
	case in.insert == "" || len(l.Values) != in.columns:
		return errBackup("a row without its table")
	}
	var args []any
	for i, v := range l.Values {
		arg, err := decodeValue(v)
		if err != nil {
			return errors.Join(errBackup("a value cannot be read"), err)
		}
		if i != in.skip {
			args = append(args, arg)
		}
	}
	_, err := exec(ctx, in.tx, in.insert, args...)
	return err
}

// table prepares for the rows of a table that this catalog knows. Its names come
// from outside, so they are compared and never used as they are.
func (in *importer) table(l backupLine) error {
	known := false
	for _, t := range backupTables {
		known = known || t.name == l.Table
	}
	for _, t := range ledgerTables {
		known = known || t.name == l.Table
	}
	for _, c := range l.Columns {
		known = known && c != "" && strings.Trim(c, "abcdefghijklmnopqrstuvwxyz_") == ""
	}
	if !known || len(l.Columns) == 0 {
		return errBackup("an unknown table")
	}
	in.columns, in.skip = len(l.Columns), -1
	columns := slices.Clone(l.Columns)
	if gone := dropped[l.Table]; gone != "" && len(columns) > 1 {
		if in.skip = slices.Index(columns, gone); in.skip >= 0 {
			columns = slices.Delete(columns, in.skip, in.skip+1)
		}
	}
	places := make([]string, len(columns))
	for i := range places {
		places[i] = "$" + strconv.Itoa(i+1)
	}
	in.insert = `INSERT OR REPLACE INTO ` + l.Table + ` (` + strings.Join(columns, ", ") + `) VALUES (` + strings.Join(places, ", ") + `)`
	return nil
}

// remove takes away what a backup of changes replaces.
func (in *importer) remove(ctx context.Context, l backupLine) error {
	var statements []string
	args := []any{l.Origin}
	switch l.Kind {
	case "o":
		statements = []string{
			`DELETE FROM slices WHERE object_id = $1`,
			`DELETE FROM shards WHERE (origin, number) IN (SELECT origin, number FROM segments WHERE object_id = $1)`,
			`DELETE FROM segments WHERE object_id = $1`,
			`DELETE FROM upload_parts WHERE object_id = $1`,
			`DELETE FROM objects WHERE id = $1`,
		}
	case "b": // all follow
		statements, args = []string{`DELETE FROM buckets WHERE name <> '` + catalog.BackupBucket + `'`}, nil
	case "s":
		args = append(args, l.Number)
		statements = []string{`DELETE FROM shards WHERE origin = $1 AND number = $2`, `DELETE FROM segments WHERE origin = $1 AND number = $2`}
	default:
		return errBackup("an unknown kind of change")
	}
	for _, q := range statements {
		if _, err := exec(ctx, in.tx, q, args...); err != nil {
			return err
		}
	}
	return nil
}

// Wanted implements catalog.Backups.
func (db *DB) Wanted(ctx context.Context, miner strata.Hotkey, now time.Time) ([]strata.Root, error) {
	roots, err := all(ctx, db.r, func(s scanner) (r strata.Root, err error) {
		var b []byte
		if err = s.Scan(&b); err != nil {
			return r, err
		}
		return r, fixed(r[:], b)
	}, `SELECT h.root AS root FROM shards h JOIN segments s ON s.origin = h.origin AND s.number = h.number
		JOIN objects o ON o.id = s.object_id WHERE h.miner = $1 AND o.state <> 'deleted'
		UNION SELECT d.root FROM deletions d JOIN objects o ON o.id = d.object_id WHERE d.miner = $1 AND o.state <> 'deleted'
		UNION SELECT root FROM orphans WHERE miner = $1 AND until > $2 ORDER BY root`, miner[:], nanos(now))
	return roots, db.fail(err)
}

// NeedsImport implements catalog.Backups.
func (db *DB) NeedsImport(ctx context.Context, miner strata.Hotkey) (needs bool, err error) {
	err = db.r.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM backup_state WHERE recovered <> 0)
		AND NOT EXISTS (SELECT 1 FROM orphan_imports WHERE miner = $1)`, miner[:]).Scan(&needs)
	return needs, db.fail(err)
}

// ImportOrphans implements catalog.Backups. A crash leaves all of it or nothing;
// then they are imported with the next look.
func (db *DB) ImportOrphans(ctx context.Context, miner strata.Hotkey, roots []strata.Root, until time.Time) error {
	return db.write(ctx, func(tx *durable.Tx) error {
		for _, r := range roots {
			if _, err := exec(ctx, tx, `INSERT INTO orphans (miner, root, until) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, miner[:], r[:], nanos(until)); err != nil {
				return err
			}
		}
		_, err := exec(ctx, tx, `INSERT INTO orphan_imports (miner) VALUES ($1) ON CONFLICT DO NOTHING`, miner[:])
		return err
	})
}
