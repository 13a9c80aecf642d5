package check

import (
	"context"

	"strata"
	"strata/catalog"
	"strata/validator/book"
)

// Sector checks a sector that a test has chosen.
func Sector(ctx context.Context, c *Checker, b *book.Book, at book.Place, buf []byte) error {
	return c.checkSector(ctx, b, at, buf)
}

// Compare counts a check of a sector as it was before the refill that gave root.
func Compare(ctx context.Context, c *Checker, b *book.Book, at book.Place, before catalog.Sector, root strata.Root) error {
	return c.compare(ctx, b, at, before, root, nil)
}

// Accused refills the sector of a proof that waits, if one does.
func Accused(ctx context.Context, c *Checker, buf []byte) error {
	for range 2 { // one of them is others' turn
		if a, ok := c.Frauds.Next(); ok {
			return c.judge(ctx, a, buf)
		}
	}
	return nil
}
