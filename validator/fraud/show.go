package fraud

import (
	"context"

	"strata"
	"strata/catalog"
	"strata/validator/book"
	"strata/wire"
)

// keep makes a proof public, so that other validators can act on it.
func (d *Desk) keep(f wire.FraudProof) {
	if err := d.Public.Keep(f.Encode()); err != nil {
		d.Log.Error("a proof of fraud was not published", "miner", f.Miner, "err", err)
	}
}

// ShowFalseRoot publishes that a miner signed a root that a refill does not give.
// The caller has the turn, so that ledger and head agree.
func (d *Desk) ShowFalseRoot(ctx context.Context, b *book.Book, at book.Place) {
	if d.Public == nil {
		return
	}
	first, err := d.show(ctx, b, at)
	if err != nil {
		d.Log.Warn("a false root cannot be shown to others", "miner", b.Hotkey, "sector", at.Number, "err", err)
		return
	}
	d.keep(wire.FraudProof{Kind: wire.FalseRoot, Miner: b.Hotkey, First: first})
}

// show makes the proof that a sector's entry is under the last head.
func (d *Desk) show(ctx context.Context, b *book.Book, at book.Place) (wire.SignedEntry, error) {
	var hashes [][32]byte
	var entry wire.Entry
	index := -1
	err := d.Ledger.Sectors(ctx, catalog.Partition{Miner: b.Hotkey, Validator: at.Validator}, func(s catalog.Sector) error {
		if !s.Entry.Listed() {
			return nil
		}
		if s.Entry.Number == at.Number {
			index, entry = len(hashes), s.Entry
		}
		hashes = append(hashes, s.Entry.Hash())
		return nil
	})
	if err != nil {
		return wire.SignedEntry{}, err
	}
	return wire.ShowEntry(b.Head(at.Validator), entry, hashes, index)
}

// Under is an entry of a manifest and how it lies under its head.
type Under struct {
	Head   wire.Head
	Entry  wire.Entry
	Hashes [][32]byte // of all entries under the head
	Index  int        // the entry's
}

// ShowTwoRoots publishes that a miner signed a second root for a sector, before
// that is written. Where the first is under no head that is still known, nothing
// can be shown. The caller has the turn.
func (d *Desk) ShowTwoRoots(ctx context.Context, b *book.Book, validator strata.Hotkey, second Under) {
	if d.Public == nil {
		return
	}
	one, err := d.show(ctx, b, book.Place{Validator: validator, Number: second.Entry.Number})
	if err != nil {
		return
	}
	other, err := wire.ShowEntry(second.Head, second.Entry, second.Hashes, second.Index)
	if err == nil {
		d.keep(wire.FraudProof{Kind: wire.TwoRoots, Miner: b.Hotkey, First: one, Second: &other})
	}
}
