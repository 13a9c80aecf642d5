package validator

import (
	"context"
	"crypto/rand"
	"math/big"
	"time"

	"strata"
	"strata/catalog"
	"strata/merkle"
	"strata/score"
	"strata/seal"
)

// idle is how long the checker sleeps when no check is due.
const idle = 200 * time.Millisecond

// check refills secretly chosen sectors, one at a time, within its share of a
// core. Nobody learns which: there is nothing to ask the miner.
func (v *Validator) check(ctx context.Context) error {
	buf := make([]byte, v.Profile.SectorSize())
	for {
		pause := idle
		if b, at, ok := v.nextCheck(); ok {
			started := v.Now()
			if err := v.checkSector(ctx, b, at, buf); err != nil && ctx.Err() == nil {
				v.Log.Error("a commitment check was not made", "miner", b.hotkey, "sector", at.number, "err", err)
			}
			busy := v.Now().Sub(started)
			pause = busy * time.Duration(100-min(v.Pace.CheckShare, 100)) / time.Duration(max(v.Pace.CheckShare, 1))
		}
		if err := wait(ctx, pause); err != nil {
			return err
		}
	}
}

// nextCheck draws a sector of the miner with the most urgent reason, a random
// one among equals.
func (v *Validator) nextCheck() (*book, place, bool) {
	best, urgency, ties := (*book)(nil), 0, 0
	for _, b := range v.all() {
		u := b.urgency()
		if u == 0 || u < urgency {
			continue
		}
		if u > urgency {
			best, urgency, ties = b, u, 0
		}
		if ties++; draw(ties) == 0 {
			best = b
		}
	}
	if best == nil {
		return nil, place{}, false
	}
	at, ok := best.drawCheck(urgency)
	return best, at, ok
}

// The reasons for a check, most urgent last.
const (
	reasonTrickle = 1 + iota
	reasonArrival
	reasonOwed
)

// urgency returns why the miner is due for a check, 0 if it is not.
func (b *book) urgency() int {
	now := b.v.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.rec.Score
	switch {
	case !b.present || len(s.Cohorts) == 0:
		return 0
	case s.Standing == score.Suspended || s.Standing == score.Probation:
		return reasonOwed
	case b.arriving() != 0:
		return reasonArrival
	case !now.Before(b.trickle):
		return reasonTrickle
	}
	return 0
}

// arriving returns a cohort whose arrival checks are not done, 0 if none.
// The caller holds mu.
func (b *book) arriving() uint64 {
	for _, c := range b.rec.Score.Cohorts {
		sectors := c.Bytes / uint64(b.v.Profile.SectorSize())
		if c.Checks < score.ArrivalChecks(sectors+c.Failed) && len(b.unchecked[c.ID]) > 0 {
			return c.ID
		}
		delete(b.unchecked, c.ID) // done: the memory is given back
	}
	return 0
}

// drawCheck picks a sector at random: of a new cohort without replacement,
// otherwise of all that are in one.
func (b *book) drawCheck(reason int) (place, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if reason == reasonArrival {
		id := b.arriving()
		list := b.unchecked[id]
		if len(list) == 0 {
			return place{}, false
		}
		i := draw(len(list))
		at := list[i]
		list[i] = list[len(list)-1]
		b.unchecked[id] = list[:len(list)-1]
		return at, true
	}
	if reason == reasonTrickle {
		perDay := score.TrickleChecks(b.v.Profile, 1)
		b.trickle = b.v.Now().Add(jitter(24 * time.Hour / time.Duration(max(perDay, 1))))
	}
	return b.drawSector()
}

// drawSector picks any sector that counts, each with the same chance. The
// caller holds mu.
func (b *book) drawSector() (place, bool) {
	total := 0
	for _, h := range b.holdings {
		total += len(h.numbers)
	}
	if total == 0 {
		return place{}, false
	}
	i := draw(total)
	for validator, h := range b.holdings {
		if i < len(h.numbers) {
			return place{validator, h.numbers[i]}, true
		}
		i -= len(h.numbers)
	}
	return place{}, false
}

// checkSector fills a sector and compares. The result is in the ledger before
// it counts; a crash before that makes the check undone.
func (v *Validator) checkSector(ctx context.Context, b *book, at place, buf []byte) error {
	p := catalog.Partition{Miner: b.hotkey, Validator: at.validator}
	before, err := v.Ledger.Sector(ctx, p, at.number)
	if err != nil || !before.Listed() || before.Cohort == 0 {
		return err
	}
	root, err := v.fill(ctx, p, at.number, buf)
	if err != nil {
		return err
	}
	now, err := v.Ledger.Sector(ctx, p, at.number)
	if err != nil || !now.Listed() || now.Cohort != before.Cohort {
		return err // released or withdrawn meanwhile
	}
	now.Checked = true
	event := score.Event{Kind: score.Matched, Cohort: now.Cohort}
	if root != before.Entry.Root {
		event = score.Event{Kind: score.Mismatched, Cohort: now.Cohort, Bytes: uint64(v.Profile.SectorSize())}
		now.Void = true
		v.Log.Warn("a sector's root is false", "miner", b.hotkey, "validator", at.validator, "sector", at.number, "said", before.Entry.Root, "is", root)
	}
	if err := v.Ledger.SaveSectors(ctx, p, []catalog.Sector{now}); err != nil {
		return err
	}
	b.apply(event)
	if now.Void {
		b.drop(at)
	}
	return v.save(ctx)
}

func (v *Validator) fill(ctx context.Context, p catalog.Partition, number uint64, buf []byte) (strata.Root, error) {
	s := seal.Sector{
		Genesis: v.Domain.Genesis, Netuid: v.Domain.Netuid, Miner: p.Miner, Validator: p.Validator,
		Number: number, Blocks: v.Profile.Blocks, Passes: v.Profile.Passes,
	}
	if err := s.Fill(ctx, buf); err != nil {
		return strata.Root{}, err
	}
	return merkle.Build(buf).Root(), nil
}

// drop takes a void sector out of what counts.
func (b *book) drop(at place) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if h := b.holdings[at.validator]; h != nil {
		h.numbers = without(h.numbers, at.number)
		h.covered -= min(h.covered, uint64(b.v.Profile.SectorSize()))
	}
}

func without(list []uint64, n uint64) []uint64 {
	out := list[:0:0]
	for _, x := range list {
		if x != n {
			out = append(out, x)
		}
	}
	return out
}

// draw returns a secret uniform number in [0, n).
func draw(n int) int {
	i, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil { // crypto/rand ends the process instead
		return 0
	}
	return int(i.Int64())
}

// jitter returns a uniform time in [d/2, 3d/2).
func jitter(d time.Duration) time.Duration {
	return d/2 + time.Duration(draw(int(max(d, 1))))
}
