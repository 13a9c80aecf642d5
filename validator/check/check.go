package check

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"strata"
	"strata/catalog"
	"strata/merkle"
	"strata/score"
	"strata/seal"
	"strata/validator/book"
	"strata/validator/chance"
	"strata/validator/fraud"
	"strata/wire"
)

// Fill computes a sector's true root, with room for the sector in buf.
type Fill func(ctx context.Context, s seal.Sector, buf []byte) (strata.Root, error)

// Config is what a checker is made of; all of it is needed.
type Config struct {
	Domain  wire.Domain
	Profile strata.Profile
	Books   *book.Books
	Ledger  catalog.Ledger
	Frauds  *fraud.Desk
	Chance  chance.Source
	Fill    Fill
	// Share is what checks take, in per cent of one core: over 100, several are
	// made at once, each in the memory of one sector.
	Share int
	Now   func() time.Time
	Log   *slog.Logger
}

// Checker makes commitment checks. It is safe for concurrent use.
type Checker struct {
	Config
	underway underway // the sectors that are being refilled
}

// New returns one.
func New(c Config) *Checker { return &Checker{Config: c} }

// Make makes the next check, another validator's or ours, and says whether
// there was one.
func (c *Checker) Make(ctx context.Context, buf []byte) (bool, error) {
	if a, ok := c.Frauds.Next(); ok {
		return true, c.judge(ctx, a, buf)
	}
	b, at, ok := c.next()
	if !ok || !c.underway.add(b, at) {
		return false, nil
	}
	defer c.underway.remove(b, at)
	if err := c.checkSector(ctx, b, at, buf); err != nil {
		return true, fmt.Errorf("sector %d of miner %s: %w", at.Number, b.Hotkey, err)
	}
	return true, nil
}

// next draws a check: first among the reasons that there are, then among
// the miners that have it. So neither many miners that owe checks nor many that
// arrive keep the others waiting for ever, nor those that list the same sectors
// anew all the time those that are new.
func (c *Checker) next() (*book.Book, book.Place, bool) {
	due := map[book.Reason][]*book.Book{}
	var reasons []book.Reason
	for _, b := range c.Books.All() {
		r := b.Due()
		if r == book.NotDue {
			continue
		}
		if due[r] == nil {
			reasons = append(reasons, r)
		}
		due[r] = append(due[r], b)
	}
	if len(reasons) == 0 {
		return nil, book.Place{}, false
	}
	r := reasons[c.Chance.Below(len(reasons))]
	b := due[r][c.Chance.Below(len(due[r]))]
	at, ok := b.Draw(r)
	return b, at, ok
}

// checkSector fills a sector and compares. A crash before the result is in the
// ledger makes the check undone.
func (c *Checker) checkSector(ctx context.Context, b *book.Book, at book.Place, buf []byte) error {
	p := catalog.Partition{Miner: b.Hotkey, Validator: at.Validator}
	before, err := c.Ledger.Sector(ctx, p, at.Number)
	if err != nil {
		return err
	}
	if before.Cohort == 0 {
		b.Unlist(at) // released or withdrawn since it was put on the list
		return b.Resample(ctx)
	}
	root, err := c.Fill(ctx, c.sector(p, at.Number), buf)
	if err != nil {
		return err
	}
	if err := c.compare(ctx, b, at, before, root, nil); err != nil {
		return err
	}
	return b.Resample(ctx)
}

// compare counts a check of a sector as it was before the fill. A false root
// was false when it was signed, even if the miner took it back meanwhile. by is
// the proof that led to the check, if one did.
func (c *Checker) compare(ctx context.Context, b *book.Book, at book.Place, before catalog.Sector, root strata.Root, by *fraud.Accusation) error {
	if err := b.Turn.Take(ctx); err != nil {
		return err
	}
	defer b.Turn.Give()
	now, err := c.Ledger.Sector(ctx, catalog.Partition{Miner: b.Hotkey, Validator: at.Validator}, at.Number)
	if err != nil {
		return err
	}
	mark := catalog.Mark{Validator: at.Validator, Number: at.Number, Cohort: now.Cohort, Checked: true}
	found := book.Check{At: at, Said: before.Entry.Root, Is: root, Event: score.Event{Kind: score.Matched, Cohort: now.Cohort}}
	switch {
	case root != before.Entry.Root:
		c.Log.Warn("a sector's root is false", "miner", b.Hotkey, "validator", at.Validator, "sector", at.Number, "said", before.Entry.Root, "is", root)
		mark.Void = true
		found.Event = score.Event{Kind: score.Mismatched} // of none, if it was withdrawn during the fill
		if now.Cohort != 0 {
			found.Event.Cohort, found.Event.Bytes, mark.Cohort = now.Cohort, uint64(c.Profile.SectorSize()), 0
		}
	case now.Cohort == 0:
		b.Unlist(at)
		return nil
	}
	if mark.Void && now.Listed() {
		found.Gone = &now
		c.Frauds.ShowFalseRoot(ctx, b, at)
	}
	if by != nil {
		told := by.Told()
		found.By = &told
	}
	return b.Checked(found, func(r catalog.MinerRecord) error {
		marks := []catalog.Mark{mark}
		if by == nil {
			return c.Ledger.SaveMarks(ctx, r, marks)
		}
		return c.Frauds.Save(ctx, r, *by, marks)
	})
}

// judge refills the sector of a proof and counts a difference as a failed check.
// A root that is true counts for nothing, or a miner could choose its checks;
// and the accuser is not heard for a while.
func (c *Checker) judge(ctx context.Context, a fraud.Accusation, buf []byte) error {
	b := c.Books.Of(a.Proof.Miner)
	if b == nil {
		return nil
	}
	before, err := c.Ledger.Sector(ctx, a.Partition(), a.At().Number)
	if strata.CodeOf(err) == strata.NotFound {
		return nil
	}
	if err != nil || !before.Listed() || before.Entry.Root != a.Proof.First.Entry.Root {
		return err
	}
	root, err := c.Fill(ctx, c.sector(a.Partition(), a.At().Number), buf)
	if err != nil {
		return err
	}
	if root == before.Entry.Root {
		c.Frauds.Disproved(a)
		return nil
	}
	return c.compare(ctx, b, a.At(), before, root, &a)
}

func (c *Checker) sector(p catalog.Partition, number uint64) seal.Sector {
	return seal.Sector{
		Genesis: c.Domain.Genesis, Netuid: c.Domain.Netuid, Miner: p.Miner, Validator: p.Validator,
		Number: number, Blocks: c.Profile.Blocks, Passes: c.Profile.Passes,
	}
}

// Refill is the Fill that fills the sector.
func Refill(ctx context.Context, s seal.Sector, buf []byte) (strata.Root, error) {
	if err := s.Fill(ctx, buf); err != nil {
		return strata.Root{}, err
	}
	return merkle.Build(buf).Root(), nil
}
