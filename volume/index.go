package volume

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"strata"
	"strata/internal/durable"
	"strata/volume/layout"
	"strata/wire"
)

//go:embed schema.sql
var schema string

// applicationID marks a strata.db as a miner's index ("Stix"); the metadata of
// a gateway or validator in a file of the same name is another.
const applicationID = 0x53746978

// change is part of one index transaction. It touches nothing but tx: it may
// run twice when another part of its batch fails.
type change func(tx *durable.Tx) error

// openIndex opens or creates the index of cfg in dir. had says that
// partition.json lists sectors, so that an index must be there.
func openIndex(ctx context.Context, cfg Config, dir string, had bool) (*durable.DB, error) {
	path := filepath.Join(dir, layout.IndexFile)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) && had {
		return nil, strata.E(strata.Corrupt, "the index %s is missing though %s lists sectors: restore it, or start over with --restart, which deletes this hotkey's sectors and data there", path, layout.ListFile)
	}
	db, err := durable.OpenDB(ctx, path, 4)
	if err == nil {
		if err = prepareIndex(ctx, cfg, db, path, had); err != nil {
			err = errors.Join(err, db.Close())
		}
	}
	return db, indexError(err, path)
}

// indexError adds the way out to a damaged index.
func indexError(err error, path string) error {
	if strata.CodeOf(err) == strata.Corrupt {
		return strata.E(strata.Corrupt, "%w; or start over with --restart, which deletes this hotkey's sectors and data in %s", err, filepath.Dir(path))
	}
	return err
}

// prepareIndex makes the schema of an empty file, or checks that a filled one
// is of this hotkey, chain and profile. A crash before the commit leaves an
// empty file, which the next start fills.
func prepareIndex(ctx context.Context, cfg Config, db *durable.DB, path string, had bool) error {
	var id, tables int
	row := db.Write.QueryRowContext(ctx, "SELECT (SELECT application_id FROM pragma_application_id), (SELECT count(*) FROM sqlite_schema)")
	if err := row.Scan(&id, &tables); err != nil {
		return durable.ClassifyDB(err, path)
	}
	switch {
	case tables == 0 && had:
		return strata.E(strata.Corrupt, "the index %s is empty though %s lists sectors: restore it", path, layout.ListFile)
	case tables == 0:
		return durable.ClassifyDB(createIndex(ctx, cfg, db.Write), path)
	case id != applicationID:
		return strata.E(strata.Conflict, "%s is not a miner's index (a validator's or gateway's metadata?): use another --db_path or hotkey", path)
	}
	return checkMeta(ctx, cfg, db.Read, path)
}

func createIndex(ctx context.Context, cfg Config, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if _, err = tx.Exec(schema + fmt.Sprintf("; PRAGMA application_id = %d", applicationID)); err != nil {
		return fmt.Errorf("create tables: %w", err)
	}
	if _, err = tx.Exec("INSERT INTO meta VALUES (1, $1, $2, $3, $4, $5)",
		cfg.Miner[:], cfg.Genesis[:], cfg.Netuid, cfg.Profile.Blocks, cfg.Profile.Passes); err != nil {
		return fmt.Errorf("write meta: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	// Into the file itself, where Reset looks for the application id.
	_, err = db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	return err
}

func exec(tx *durable.Tx, query string, args ...any) error {
	_, err := tx.Exec(query, args...)
	return err
}

// affects runs a statement and says whether it changed any row.
func affects(tx *durable.Tx, query string, args ...any) (bool, error) {
	r, err := tx.Exec(query, args...)
	if err != nil {
		return false, err
	}
	n, err := r.RowsAffected()
	return n > 0, err
}

func checkMeta(ctx context.Context, cfg Config, db *sql.DB, path string) error {
	var miner, genesis []byte
	var netuid strata.Netuid
	var blocks, passes uint32
	err := db.QueryRowContext(ctx, "SELECT miner, genesis, netuid, blocks, passes FROM meta").
		Scan(&miner, &genesis, &netuid, &blocks, &passes)
	if err != nil {
		return durable.ClassifyDB(err, path)
	}
	if len(miner) != 32 || len(genesis) != 32 {
		return strata.E(strata.Corrupt, "the index %s is damaged: its keys are not 32 bytes; restore it", path)
	}
	has := layout.Identity{Miner: strata.Hotkey(miner), Genesis: strata.GenesisHash(genesis), Netuid: netuid, Blocks: blocks, Passes: passes}
	if what := cfg.identity().Differs(has); what != "" {
		return strata.E(strata.Conflict, "%s belongs to something else (%s): nothing was touched; use another --db_path", path, what)
	}
	return nil
}

// commitNow is commit without patience.
func (d *disk) commitNow(fn change) error {
	return d.commits.Do(fn, func(all []change) []error {
		errs := make([]error, len(all))
		if err := d.transact(all...); err == nil || len(all) == 1 {
			errs[0] = err
			return errs
		}
		// One of them failed and undid all: each now goes alone.
		for i, fn := range all {
			errs[i] = d.transact(fn)
		}
		return errs
	})
}

func (d *disk) transact(batch ...change) error {
	x := d.ix.Load()
	x.writes.Prepare() // what the transaction before met first
	begun, err := x.db.Write.Begin()
	if err != nil {
		return durable.ClassifyDB(err, d.indexPath())
	}
	tx := x.writes.In(begun)
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	for _, fn := range batch {
		if err := fn(tx); err != nil {
			if strata.CodeOf(err) != strata.Internal {
				return err
			}
			return durable.ClassifyDB(err, d.indexPath())
		}
	}
	return durable.ClassifyDB(d.fs.Commit(d.indexPath(), begun), d.indexPath())
}

func (d *disk) indexPath() string { return filepath.Join(d.dir, layout.IndexFile) }

// loadPartitions fills parts from one disk's index: partitions and sectors,
// never shards, so that a start costs the same with one shard or a million.
func (d *disk) loadPartitions(ctx context.Context, s *Store) error {
	rows, err := d.ix.Load().db.Read.QueryContext(ctx, "SELECT validator, target, head FROM partitions")
	if err != nil {
		return durable.ClassifyDB(err, d.indexPath())
	}
	defer rows.Close()
	for rows.Next() {
		var v, head []byte
		var target uint32
		if err := rows.Scan(&v, &target, &head); err != nil {
			return durable.ClassifyDB(err, d.indexPath())
		}
		if len(v) != 32 {
			return d.damaged("a validator's key is not 32 bytes")
		}
		p := s.ensurePartition(strata.Hotkey(v))
		p.targets[d.at] = target
		if head == nil {
			continue
		}
		h, err := wire.DecodeHead(head)
		if err != nil {
			return d.damaged("a manifest head cannot be read")
		}
		// Several disks keep the head; after a crash between them the highest counts.
		if h.Sequence > p.head.Sequence {
			p.head = h
		}
	}
	return durable.ClassifyDB(rows.Err(), d.indexPath())
}

func (d *disk) damaged(what string) error {
	return strata.E(strata.Corrupt, "the index %s is damaged: %s; restore it, or start over with --restart", d.indexPath(), what)
}

func (d *disk) loadSectors(ctx context.Context, s *Store) error {
	rows, err := d.ix.Load().db.Read.QueryContext(ctx,
		"SELECT validator, number, coalesce(slot, -1), state, root, tail, changed, hash, shards, live, used FROM sectors")
	if err != nil {
		return durable.ClassifyDB(err, d.indexPath())
	}
	defer rows.Close()
	var v, root, hash sql.RawBytes
	for rows.Next() {
		c := &sector{disk: d}
		if err := rows.Scan(&v, &c.number, &c.slot, &c.state, &root, &c.tail, &c.changed, &hash, &c.shards, &c.live, &c.end); err != nil {
			return durable.ClassifyDB(err, d.indexPath())
		}
		if len(v) != 32 || len(root) != 32 || (len(hash) != 32 && len(hash) != 0) || c.state > wire.Gone ||
			(c.slot < 0) != (c.state == wire.Gone) {
			return d.damaged(fmt.Sprintf("sector %d makes no sense", c.number))
		}
		copy(c.root[:], root)
		c.hashed = copy(c.hash[:], hash) == 32
		s.ensurePartition(strata.Hotkey(v)).adopt(c)
	}
	return durable.ClassifyDB(rows.Err(), d.indexPath())
}

// shardRow is one row of shards.
type shardRow struct {
	disk     *disk
	id       int64
	root     strata.Root
	number   uint64
	start    int64
	length   int64
	sequence uint64
	created  int64
	deleted  int64
	nodes    []byte // of its tree, where findTree found it
}

const shardColumns = "id, root, number, start, length, sequence, created, deleted"

func (r *shardRow) scan(d *disk, scan func(...any) error, more ...any) error {
	var root []byte
	r.disk = d
	if err := scan(append([]any{&r.id, &root, &r.number, &r.start, &r.length, &r.sequence, &r.created, &r.deleted}, more...)...); err != nil {
		return err
	}
	if copy(r.root[:], root) != 32 {
		return d.damaged("a shard's root is not 32 bytes")
	}
	return nil
}

// findShard returns the row of a shard of p, or nil if it is on no disk that
// works.
func (s *Store) findShard(ctx context.Context, p *partition, root strata.Root) (*shardRow, error) {
	return s.find(ctx, p, root, "SELECT "+shardColumns+" FROM shards WHERE validator = $1 AND root = $2", false)
}

// findTree is findShard with the nodes of the shard's tree.
func (s *Store) findTree(ctx context.Context, p *partition, root strata.Root) (*shardRow, error) {
	return s.find(ctx, p, root, "SELECT "+shardColumns+", nodes FROM shards LEFT JOIN trees USING (id) WHERE validator = $1 AND root = $2", true)
}

func (s *Store) find(ctx context.Context, p *partition, root strata.Root, query string, nodes bool) (*shardRow, error) {
	for _, d := range s.working() {
		r, err := ask(ctx, d, func() (*shardRow, error) {
			var r shardRow
			var more []any
			if nodes {
				more = []any{&r.nodes}
			}
			q := d.ix.Load().reads.QueryRowContext(ctx, query, p.validator[:], root[:])
			err := r.scan(d, q.Scan, more...)
			return &r, err
		})
		switch {
		case errors.Is(err, sql.ErrNoRows), err != nil && d.hush.silent.Load():
		case err != nil:
			return nil, durable.ClassifyDB(err, d.indexPath())
		default:
			return r, nil
		}
	}
	return nil, nil
}

// shardsOf returns the rows of a sector by offset.
func (d *disk) shardsOf(ctx context.Context, v strata.Hotkey, number uint64) ([]shardRow, error) {
	return ask(ctx, d, func() ([]shardRow, error) { return d.shardsNow(ctx, v, number) })
}

func (d *disk) shardsNow(ctx context.Context, v strata.Hotkey, number uint64) ([]shardRow, error) {
	rows, err := d.ix.Load().db.Read.QueryContext(ctx, "SELECT "+shardColumns+" FROM shards WHERE validator = $1 AND number = $2 ORDER BY start", v[:], number)
	if err != nil {
		return nil, durable.ClassifyDB(err, d.indexPath())
	}
	defer rows.Close()
	var list []shardRow
	for rows.Next() {
		var r shardRow
		if err := r.scan(d, rows.Scan); err != nil {
			return nil, durable.ClassifyDB(err, d.indexPath())
		}
		list = append(list, r)
	}
	return list, durable.ClassifyDB(rows.Err(), d.indexPath())
}

// entryShards returns a sector's shards as the manifest lists them.
func (d *disk) entryShards(ctx context.Context, v strata.Hotkey, number uint64) ([]wire.ShardEntry, error) {
	return ask(ctx, d, func() ([]wire.ShardEntry, error) { return d.entriesNow(ctx, v, number) })
}

func (d *disk) entriesNow(ctx context.Context, v strata.Hotkey, number uint64) ([]wire.ShardEntry, error) {
	rows, err := d.ix.Load().db.Read.QueryContext(ctx, "SELECT "+shardColumns+", orders FROM shards JOIN trees USING (id) WHERE validator = $1 AND number = $2 ORDER BY start", v[:], number)
	if err != nil {
		return nil, durable.ClassifyDB(err, d.indexPath())
	}
	defer rows.Close()
	var list []wire.ShardEntry
	for rows.Next() {
		var r shardRow
		var order []byte
		if err := r.scan(d, rows.Scan, &order); err != nil {
			return nil, durable.ClassifyDB(err, d.indexPath())
		}
		e := wire.ShardEntry{Root: r.root, Offset: uint32(r.start / strata.BlockSize), Length: uint32(r.length), Deleted: r.deleted > 0}
		if len(order) > 0 {
			o, err := wire.DecodeOrder(order)
			if err != nil {
				return nil, d.damaged("a storage order cannot be read")
			}
			e.Order = &o
		}
		list = append(list, e)
	}
	return list, durable.ClassifyDB(rows.Err(), d.indexPath())
}
