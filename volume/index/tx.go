package index

import (
	"database/sql"
	"errors"

	"strata"
	"strata/internal/durable"
	"strata/wire"
)

// Tx is a transaction. Its methods each change one thing; their errors are the
// database's, for Commit to classify.
type Tx struct{ tx *durable.Tx }

func (t Tx) exec(query string, args ...any) error {
	_, err := t.tx.Exec(query, args...)
	return err
}

// affects runs a statement and says whether it changed any row.
func (t Tx) affects(query string, args ...any) (bool, error) {
	r, err := t.tx.Exec(query, args...)
	if err != nil {
		return false, err
	}
	n, err := r.RowsAffected()
	return n > 0, err
}

// SetTarget says how many sectors a validator shall have on this disk, and makes
// its partition known.
func (t Tx) SetTarget(v strata.Hotkey, sectors uint32) error {
	return t.exec("INSERT INTO partitions (validator, target) VALUES ($1, $2) ON CONFLICT (validator) DO UPDATE SET target = $2", v[:], sectors)
}

// SetHead keeps the last signed head of a partition.
func (t Tx) SetHead(v strata.Hotkey, head wire.Head) error {
	return t.exec("UPDATE partitions SET head = $2 WHERE validator = $1", v[:], head.Encode())
}

// SetSuperblock keeps a validator's superblock.
func (t Tx) SetSuperblock(v strata.Hotkey, b wire.Superblock) error {
	return t.exec("UPDATE partitions SET superblock = $2 WHERE validator = $1", v[:], b.Encode())
}

// Enqueue gives a sector its slot, to be sealed. What was known of a released
// one of its number, perhaps on another disk, comes along.
func (t Tx) Enqueue(s Sector) error {
	return t.exec(`INSERT INTO sectors (validator, number, slot, state, root, changed) VALUES ($1, $2, $3, 0, $4, $5)
		ON CONFLICT (validator, number) DO UPDATE SET slot = $3, state = 0, hash = NULL`,
		s.Validator[:], s.Number, s.Slot, s.Root[:], s.Changed)
}

// Change says that the head of a sequence shows a sector's entry changed.
func (t Tx) Change(v strata.Hotkey, number, sequence uint64) error {
	return t.exec("UPDATE sectors SET changed = $3, hash = NULL WHERE validator = $1 AND number = $2", v[:], number, sequence)
}

// SetHash keeps the hash of a sector's manifest entry as it stands.
func (t Tx) SetHash(v strata.Hotkey, number uint64, hash [32]byte) error {
	return t.exec("UPDATE sectors SET hash = $3 WHERE validator = $1 AND number = $2", v[:], number, hash[:])
}

// Sealed makes a sector filler with a root.
func (t Tx) Sealed(v strata.Hotkey, number uint64, root strata.Root) error {
	return t.exec("UPDATE sectors SET state = $3, root = $4, tail = 0, used = 0 WHERE validator = $1 AND number = $2", v[:], number, wire.Filler, root[:])
}

// Sector returns the row of a sector, and false if there is none.
func (t Tx) Sector(v strata.Hotkey, number uint64) (Sector, bool, error) {
	s, err := readSector(t.tx.QueryRow("SELECT "+sectorColumns+" FROM sectors WHERE validator = $1 AND number = $2", v[:], number).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return s, false, nil
	}
	return s, err == nil, err
}

// Withdraw takes a sector that counts out of the manifest, and says whether it
// did count.
func (t Tx) Withdraw(v strata.Hotkey, number uint64) (bool, error) {
	return t.affects("UPDATE sectors SET state = $3 WHERE validator = $1 AND number = $2 AND state IN (1, 2)", v[:], number, wire.Withdrawn)
}

// Release gives up a sector's slot and keeps what the manifest must say of it.
func (t Tx) Release(v strata.Hotkey, number uint64) error {
	return t.exec("UPDATE sectors SET slot = NULL, state = $3, tail = 0, used = 0 WHERE validator = $1 AND number = $2", v[:], number, wire.Gone)
}

// Drop forgets a sector that was never in a manifest.
func (t Tx) Drop(v strata.Hotkey, number uint64) error {
	return t.exec("DELETE FROM sectors WHERE validator = $1 AND number = $2", v[:], number)
}

// SetTail says that a sector's filler begins at a leaf, or later. Filler becomes
// data thereby; a sector that was withdrawn stays so.
func (t Tx) SetTail(v strata.Hotkey, number uint64, leaf uint32) error {
	return t.exec(`UPDATE sectors SET tail = max(tail, $3), state = CASE state WHEN 1 THEN 2 ELSE state END
		WHERE validator = $1 AND number = $2`, v[:], number, leaf)
}

// InsertShard enters a shard, with the nodes of its tree and the encoded order,
// if any, and sets its ID.
func (t Tx) InsertShard(v strata.Hotkey, s *Shard, nodes, order []byte) error {
	err := t.tx.QueryRow(`INSERT INTO shards (validator, root, number, start, length, sequence, created, deleted)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id`,
		v[:], s.Root[:], s.Number, s.Start, s.Length, s.Sequence, s.Created, s.Deleted).Scan(&s.ID)
	if err != nil {
		return err
	}
	if err := t.exec("INSERT INTO trees (id, nodes, orders) VALUES ($1, $2, $3)", s.ID, nodes, order); err != nil {
		return err
	}
	return t.receive(v, s.Number, s.Length, s.End())
}

// receive counts a shard into a sector.
func (t Tx) receive(v strata.Hotkey, number uint64, length, end int64) error {
	return t.exec("UPDATE sectors SET shards = shards + 1, live = live + $3, used = max(used, $4) WHERE validator = $1 AND number = $2", v[:], number, length, end)
}

// DeleteShard marks a live shard deleted at a time in unix nanoseconds, and says
// whether there was one.
func (t Tx) DeleteShard(id, at int64) (bool, error) {
	return t.affects("UPDATE shards SET deleted = $2 WHERE id = $1 AND deleted = 0", id, at)
}

// RestoreShard takes a shard's deletion back, and says whether it was deleted. It
// gets a later sequence, so that a list made before does not delete it again.
func (t Tx) RestoreShard(id int64, sequence uint64) (bool, error) {
	return t.affects("UPDATE shards SET deleted = 0, sequence = $2 WHERE id = $1 AND deleted > 0", id, sequence)
}

// MoveShard says that a shard now lies at a place in another sector. The sector
// that it leaves is changed with a sequence; the other is for Change.
func (t Tx) MoveShard(v strata.Hotkey, s Shard, number uint64, start int64, sequence uint64) error {
	if err := t.exec("UPDATE shards SET number = $2, start = $3 WHERE id = $1", s.ID, number, start); err != nil {
		return err
	}
	from := s.Number
	s.Start = start
	if err := t.receive(v, number, s.Length, s.End()); err != nil {
		return err
	}
	return t.exec("UPDATE sectors SET shards = shards - 1, live = live - $3, changed = $4, hash = NULL WHERE validator = $1 AND number = $2",
		v[:], from, s.Length, sequence)
}

// ForgetShards removes the shards of a sector that were deleted at cutoff, in
// unix nanoseconds, or before, and returns how many and of how many bytes.
func (t Tx) ForgetShards(v strata.Hotkey, number uint64, cutoff int64) (count uint32, length uint64, err error) {
	const which = " FROM shards WHERE validator = $1 AND number = $2 AND deleted > 0 AND deleted <= $3"
	args := []any{v[:], number, cutoff}
	if err := t.tx.QueryRow("SELECT count(*), coalesce(sum(length), 0)"+which, args...).Scan(&count, &length); err != nil || count == 0 {
		return 0, 0, err
	}
	if err := t.exec("DELETE"+which, args...); err != nil { // trees follow by foreign key
		return 0, 0, err
	}
	return count, length, t.exec("UPDATE sectors SET shards = shards - $3, live = live - $4 WHERE validator = $1 AND number = $2", v[:], number, count, length)
}
