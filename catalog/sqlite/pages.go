package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"strata"
	"strata/catalog"
	"strata/internal/durable"
	"strata/wire"
)

// pageSectors is how many successive sector numbers share a row. A page of full
// records is then about as large as what SQLite keeps of one on a leaf of its
// own tree without waste, and small enough to be written anew for one mark.
const pageSectors = 20

// pageVersion is a page's first byte.
const pageVersion = 1

// Flags of a packed sector, above the three bits of its state.
const (
	stateBits  = 1<<3 - 1
	flagCheck  = 1 << 3
	flagVoid   = 1 << 4
	flagTail   = 1 << 5 // a tail follows
	flagShards = 1 << 6 // its shards are in ledger_shards
)

// errPage is what every damaged page gives.
var errPage = strata.E(strata.Corrupt, "the ledger's page of sectors is damaged: restore strata.db from a backup")

// packed is a sector of a page; shards says that it has some elsewhere.
type packed struct {
	catalog.Sector
	shards bool
}

// encodePage packs the sectors of one page, in order of number:
//
//	version u8 ‖ smallest Changed uvarint ‖ for each: number in the page u8 ‖
//	flags u8 ‖ root 32 ‖ Changed less the smallest uvarint ‖ cohort uvarint ‖
//	with flagTail: tail uvarint
//
// A sector of filler takes 36 bytes or little more.
func encodePage(sectors []packed) []byte {
	least := uint64(math.MaxUint64)
	for _, s := range sectors {
		least = min(least, s.Entry.Changed)
	}
	b := binary.AppendUvarint([]byte{pageVersion}, least)
	for _, s := range sectors {
		flags := byte(s.Entry.State) & stateBits
		set := func(is bool, flag byte) {
			if is {
				flags |= flag
			}
		}
		set(s.Checked, flagCheck)
		set(s.Void, flagVoid)
		set(s.Entry.Tail > 0, flagTail)
		set(s.shards, flagShards)
		b = append(b, byte(s.Entry.Number%pageSectors), flags)
		b = append(b, s.Entry.Root[:]...)
		b = binary.AppendUvarint(b, s.Entry.Changed-least)
		b = binary.AppendUvarint(b, s.Cohort)
		if s.Entry.Tail > 0 {
			b = binary.AppendUvarint(b, uint64(s.Entry.Tail))
		}
	}
	return b
}

// decodePage reads a page. Code Corrupt if it is none.
func decodePage(page uint64, b []byte) ([]packed, error) {
	if len(b) == 0 || b[0] != pageVersion {
		return nil, errPage
	}
	r := pageReader{b[1:], false}
	least := r.uvarint()
	var out []packed
	for len(r.b) > 0 {
		s := r.sector(page, least)
		if r.bad || len(out) > 0 && s.Entry.Number <= out[len(out)-1].Entry.Number {
			return nil, errPage
		}
		out = append(out, s)
	}
	if r.bad {
		return nil, errPage
	}
	return out, nil
}

type pageReader struct {
	b   []byte
	bad bool
}

func (r *pageReader) take(n int) []byte {
	if n > len(r.b) {
		r.bad, r.b = true, nil
		return make([]byte, n)
	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}

func (r *pageReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *pageReader) sector(page, least uint64) packed {
	head := r.take(2)
	flags := head[1]
	if head[0] >= pageSectors {
		r.bad = true
	}
	s := packed{shards: flags&flagShards != 0}
	s.Entry.Number = page*pageSectors + uint64(head[0])
	s.Entry.State = wire.State(flags & stateBits)
	s.Checked, s.Void = flags&flagCheck != 0, flags&flagVoid != 0
	copy(s.Entry.Root[:], r.take(32))
	s.Entry.Changed = least + r.uvarint()
	s.Cohort = r.uvarint()
	if flags&flagTail != 0 {
		tail := r.uvarint()
		r.bad = r.bad || tail > math.MaxUint32
		s.Entry.Tail = uint32(tail)
	}
	return s
}

// pager changes pages of one partition within a transaction. Sectors come in any
// order, fastest in that of number: a page is written when the next is begun.
type pager struct {
	ctx       context.Context
	tx        *durable.Tx
	partition int64

	page    uint64
	open    bool
	sectors []packed
}

// at makes the page of a number the open one.
func (p *pager) at(number uint64) error {
	page := number / pageSectors
	if p.open && p.page == page {
		return nil
	}
	if err := p.flush(); err != nil {
		return err
	}
	var b []byte
	err := p.tx.QueryRowContext(p.ctx, `SELECT sectors FROM ledger_pages WHERE partition = $1 AND page = $2`, p.partition, int64(page)).Scan(&b)
	if errors.Is(err, sql.ErrNoRows) {
		p.sectors, err = nil, nil
	} else if err == nil {
		p.sectors, err = decodePage(page, b)
	}
	p.page, p.open = page, err == nil
	return err
}

// find returns the place of a number in the open page.
func (p *pager) find(number uint64) (int, bool) {
	return slices.BinarySearchFunc(p.sectors, number, func(s packed, n uint64) int { return cmp.Compare(s.Entry.Number, n) })
}

// put writes a sector, its shards included.
func (p *pager) put(s catalog.Sector) error {
	if err := p.at(s.Entry.Number); err != nil {
		return err
	}
	i, found := p.find(s.Entry.Number)
	if !found {
		p.sectors = slices.Insert(p.sectors, i, packed{})
	}
	had := p.sectors[i].shards
	p.sectors[i] = packed{s, len(s.Entry.Shards) > 0}
	switch {
	case len(s.Entry.Shards) > 0:
		_, err := exec(p.ctx, p.tx, `INSERT INTO ledger_shards (partition, number, shards) VALUES ($1, $2, $3)
			ON CONFLICT (partition, number) DO UPDATE SET shards = excluded.shards`,
			p.partition, int64(s.Entry.Number), s.Entry.Encode())
		return err
	case had:
		_, err := exec(p.ctx, p.tx, `DELETE FROM ledger_shards WHERE partition = $1 AND number = $2`, p.partition, int64(s.Entry.Number))
		return err
	}
	return nil
}

// flush writes the open page.
func (p *pager) flush() error {
	if !p.open {
		return nil
	}
	p.open = false
	_, err := exec(p.ctx, p.tx, `INSERT INTO ledger_pages (partition, page, sectors) VALUES ($1, $2, $3)
		ON CONFLICT (partition, page) DO UPDATE SET sectors = excluded.sectors`, p.partition, int64(p.page), encodePage(p.sectors))
	return err
}

// decodeShards reads what ledger_shards keeps of a sector.
func decodeShards(b []byte) (wire.Entry, error) {
	e, err := wire.DecodeEntry(b)
	if err != nil {
		return e, strata.E(strata.Corrupt, "the ledger's shards of a sector are damaged: %w", err)
	}
	return e, nil
}

// Sector implements catalog.Ledger.
func (db *DB) Sector(ctx context.Context, p catalog.Partition, number uint64) (catalog.Sector, error) {
	missing := strata.E(strata.NotFound, "the ledger has no sector %d of miner %s for %s", number, p.Miner, p.Validator)
	var b, shards []byte
	err := db.r.QueryRowContext(ctx, `SELECT sectors, (SELECT shards FROM ledger_shards s WHERE s.partition = g.partition AND s.number = $4)
		FROM ledger_pages g WHERE partition = `+partitionID+` AND page = $3`,
		p.Miner[:], p.Validator[:], int64(number/pageSectors), int64(number)).Scan(&b, &shards)
	if errors.Is(err, sql.ErrNoRows) {
		return catalog.Sector{}, missing
	}
	if err != nil {
		return catalog.Sector{}, db.fail(err)
	}
	page, err := decodePage(number/pageSectors, b)
	if err != nil {
		return catalog.Sector{}, err
	}
	i := slices.IndexFunc(page, func(s packed) bool { return s.Entry.Number == number })
	if i < 0 {
		return catalog.Sector{}, missing
	}
	return page[i].with(shards)
}

// with returns the sector with its shards.
func (s packed) with(shards []byte) (catalog.Sector, error) {
	if !s.shards {
		return s.Sector, nil
	}
	e, err := decodeShards(shards)
	if err == nil && e.Number != s.Entry.Number {
		err = errPage
	}
	s.Entry.Shards = e.Shards
	return s.Sector, err
}

// Sectors implements catalog.Ledger. It reads in one transaction, so that pages
// and shards are of the same moment.
func (db *DB) Sectors(ctx context.Context, p catalog.Partition, fn func(catalog.Sector) error) error {
	tx, err := db.file.Read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return db.fail(err)
	}
	defer func() { _ = tx.Rollback() }() // it has only read
	pages, err := tx.QueryContext(ctx, `SELECT page, sectors FROM ledger_pages WHERE partition = `+partitionID+` ORDER BY page`, p.Miner[:], p.Validator[:])
	if err != nil {
		return db.fail(err)
	}
	defer pages.Close()
	shards, err := tx.QueryContext(ctx, `SELECT shards FROM ledger_shards WHERE partition = `+partitionID+` ORDER BY number`, p.Miner[:], p.Validator[:])
	if err != nil {
		return db.fail(err)
	}
	defer shards.Close()
	for pages.Next() {
		var page int64
		var b []byte
		if err := pages.Scan(&page, &b); err != nil {
			return db.fail(err)
		}
		sectors, err := decodePage(uint64(page), b)
		if err != nil {
			return err
		}
		for _, s := range sectors {
			if err := each(s, shards, fn); err != nil {
				return db.fail(err)
			}
		}
	}
	return db.fail(pages.Err())
}

// each calls fn for a sector, with the next row of shards if it has any.
func each(s packed, shards *sql.Rows, fn func(catalog.Sector) error) error {
	var b []byte
	if s.shards {
		if !shards.Next() {
			return errors.Join(shards.Err(), errPage)
		}
		if err := shards.Scan(&b); err != nil {
			return err
		}
	}
	whole, err := s.with(b)
	if err != nil {
		return err
	}
	return fn(whole)
}
