package audit

import (
	"context"

	"strata"
	"strata/auditlog"
	"strata/catalog"
	"strata/validator/book"
)

// Leaf audits one leaf as the ledger has it and returns the verdict.
func Leaf(ctx context.Context, a *Auditor, b *book.Book, validator strata.Hotkey, number uint64, leaf uint32) (void, failed uint64, err error) {
	s, err := a.Ledger.Sector(ctx, catalog.Partition{Miner: b.Hotkey, Validator: validator}, number)
	if err != nil {
		return 0, 0, err
	}
	q, ok := a.questionAt(s, leaf)
	if !ok {
		return 0, 0, strata.E(strata.Invalid, "leaf %d of sector %d is not asked for", leaf, number)
	}
	wrong, answered := a.ask(ctx, b, validator, []question{q}, &auditlog.Audit{})
	if !answered {
		return 0, 1, nil
	}
	return a.recheck(ctx, b, validator, wrong)
}

// Asked is a piece of a shard that would be read.
type Asked struct {
	Root         strata.Root
	Size, Off, N uint64
}

// Piece draws what would be read next.
func Piece(ctx context.Context, a *Auditor, b *book.Book) (Asked, bool, error) {
	p, ok, err := a.drawPiece(ctx, b)
	return Asked{p.root, p.size, p.off, p.n}, ok, err
}
