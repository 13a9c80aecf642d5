package validator

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"time"

	"strata"
	"strata/auditlog"
	"strata/catalog"
	"strata/merkle"
	"strata/score"
	"strata/seal"
)

// makeCheck makes the next check, another validator's or ours, and says whether
// there was one.
func (v *Validator) makeCheck(ctx context.Context, buf []byte) (bool, error) {
	if a, ok := v.nextAccusation(); ok {
		return true, v.judge(ctx, a, buf)
	}
	b, at, ok := v.nextCheck()
	if !ok || !v.underway.add(b, at) {
		return false, nil
	}
	defer v.underway.remove(b, at)
	if err := v.checkSector(ctx, b, at, buf); err != nil {
		return true, fmt.Errorf("sector %d of miner %s: %w", at.number, b.hotkey, err)
	}
	return true, nil
}

// nextCheck draws a check: first among the reasons that there are, then among
// the miners that have it. So neither many miners that owe checks nor many that
// arrive keep the others waiting for ever.
func (v *Validator) nextCheck() (*book, place, bool) {
	due := map[int][]*book{}
	var reasons []int
	for _, b := range v.all() {
		r := b.reason()
		if r == 0 {
			continue
		}
		if due[r] == nil {
			reasons = append(reasons, r)
		}
		due[r] = append(due[r], b)
	}
	if len(reasons) == 0 {
		return nil, place{}, false
	}
	r := reasons[v.draw(len(reasons))]
	b := due[r][v.draw(len(due[r]))]
	at, ok := b.drawCheck(r)
	return b, at, ok
}

// The reasons for a check.
const (
	reasonTrickle = 1 + iota
	reasonArrival
	reasonOwed
)

// reason returns why the miner is due for a check, 0 if it is not.
func (b *book) reason() int {
	now := b.v.Now()
	rules, _ := b.v.clock()
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.rec.Score
	switch {
	case !b.present || len(s.Cohorts) == 0:
		return 0
	case s.Standing == score.Suspended || s.Standing == score.Probation:
		return reasonOwed
	case b.arriving(rules) != 0:
		return reasonArrival
	case !now.Before(b.trickle), b.trickle.Sub(now) > 48*time.Hour: // the clock went back
		return reasonTrickle
	}
	return 0
}

// arriving returns the id of sectors whose arrival checks are not done, the
// oldest first, 0 if none. The caller holds mu.
func (b *book) arriving(r score.Rules) uint64 {
	for _, id := range slices.Sorted(maps.Keys(b.unchecked)) {
		c, ok := b.rec.Score.Cohort(id)
		if u := b.unchecked[id]; !ok || c.Settled(r) || len(u.places) == 0 && !u.exhausted() {
			delete(b.unchecked, id) // done: the memory is given back
		} else if len(u.places) > 0 {
			return id
		}
	}
	return 0
}

// drawCheck picks a sector at random: of a new cohort without replacement,
// otherwise of all that are in one.
func (b *book) drawCheck(reason int) (place, bool) {
	rules, _ := b.v.clock()
	b.mu.Lock()
	defer b.mu.Unlock()
	if reason == reasonArrival {
		id := b.arriving(rules)
		if id == 0 {
			return place{}, false
		}
		list := b.unchecked[id].places
		return list[b.v.draw(len(list))], true // it leaves the list when the check is made
	}
	if reason == reasonTrickle {
		perDay := score.TrickleChecks(b.v.Profile, 1)
		b.trickle = b.v.Now().Add(b.v.jitter(24 * time.Hour / time.Duration(max(perDay, 1))))
	}
	return b.drawMember()
}

// drawMember picks a sector that is in a cohort, each with the same chance;
// false if it meets none, because few are. The caller holds mu.
func (b *book) drawMember() (place, bool) {
	for range 64 {
		at, ok := b.drawSector()
		if !ok {
			break
		}
		if !b.holdings[at.validator].pending.has(at.number) {
			return at, true
		}
	}
	return place{}, false
}

// drawSector picks any sector that counts, each with the same chance. The
// caller holds mu.
func (b *book) drawSector() (place, bool) {
	total := 0
	for _, h := range b.holdings {
		total += h.numbers.count
	}
	if total == 0 {
		return place{}, false
	}
	i := b.v.draw(total)
	for _, validator := range b.validators() {
		h := b.holdings[validator]
		if i < h.numbers.count {
			return place{validator, h.numbers.at(i)}, true
		}
		i -= h.numbers.count
	}
	return place{}, false
}

// checkSector fills a sector and compares. A crash before the result is in the
// ledger makes the check undone.
func (v *Validator) checkSector(ctx context.Context, b *book, at place, buf []byte) error {
	p := catalog.Partition{Miner: b.hotkey, Validator: at.validator}
	before, err := v.Ledger.Sector(ctx, p, at.number)
	if err != nil {
		return err
	}
	if before.Cohort == 0 {
		b.checked(at) // released or withdrawn since it was put on the list
		return v.resample(ctx, b)
	}
	root, err := v.Fill(ctx, v.sector(p, at.number), buf)
	if err != nil {
		return err
	}
	if err := v.compare(ctx, b, at, before, root, nil); err != nil {
		return err
	}
	return v.resample(ctx, b)
}

// compare counts a check of a sector as it was before the fill. A false root
// was false when it was signed, even if the miner took it back meanwhile. by is
// the proof that led to the check, if one did.
func (v *Validator) compare(ctx context.Context, b *book, at place, before catalog.Sector, root strata.Root, by *accusation) error {
	if err := b.turn.take(ctx); err != nil {
		return err
	}
	defer b.turn.give()
	now, err := v.Ledger.Sector(ctx, catalog.Partition{Miner: b.hotkey, Validator: at.validator}, at.number)
	if err != nil {
		return err
	}
	mark := catalog.Mark{Validator: at.validator, Number: at.number, Cohort: now.Cohort, Checked: true}
	event := score.Event{Kind: score.Matched, Cohort: now.Cohort}
	switch {
	case root != before.Entry.Root:
		v.Log.Warn("a sector's root is false", "miner", b.hotkey, "validator", at.validator, "sector", at.number, "said", before.Entry.Root, "is", root)
		mark.Void = true
		event = score.Event{Kind: score.Mismatched} // of none, if it was withdrawn during the fill
		if now.Cohort != 0 {
			event.Cohort, event.Bytes, mark.Cohort = now.Cohort, uint64(v.Profile.SectorSize()), 0
		}
	case now.Cohort == 0:
		b.checked(at)
		return nil
	}
	var gone *catalog.Sector
	if mark.Void && now.Listed() {
		gone = &now
	}
	entry := b.checkEntry(at, before.Entry.Root, root, gone)
	if by != nil {
		entry.Proof = &auditlog.Proof{Name: by.proof.Name(), From: by.from}
	}
	if gone != nil {
		v.showFalseRoot(ctx, b, at)
	}
	return b.commit(entry, []score.Event{event}, func(r catalog.MinerRecord) error {
		marks := []catalog.Mark{mark}
		if by == nil {
			return v.Ledger.SaveMarks(ctx, r, marks)
		}
		return v.Account.Frauds.SaveFraud(ctx, r, by.fraud(r.Score.Block), marks)
	}, func() {
		b.unlist(at)
		if h := b.holdings[at.validator]; h != nil && gone != nil {
			h.drop(v, *gone)
		}
	})
}

// checked takes a sector off the list of those to be checked.
func (b *book) checked(at place) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.unlist(at)
}

func (b *book) unlist(at place) {
	for _, s := range b.unchecked {
		if s.remove(at) {
			return
		}
	}
}

// resample draws from the ledger what more of a cohort is to be checked, where
// all that waited in memory is used up: most of it was withdrawn.
func (v *Validator) resample(ctx context.Context, b *book) error {
	id, validators := b.exhausted()
	if id == 0 {
		return nil
	}
	fresh := &sample{}
	for _, validator := range validators {
		err := v.Ledger.Sectors(ctx, catalog.Partition{Miner: b.hotkey, Validator: validator}, func(s catalog.Sector) error {
			if s.Cohort == id && s.Listed() && !s.Checked {
				fresh.add(place{validator, s.Entry.Number}, v.draw)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.unchecked[id] = fresh
	return nil
}

// exhausted returns a cohort whose sample is used up, 0 if none, and whose
// partitions to look for more in.
func (b *book) exhausted() (uint64, []strata.Hotkey) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, s := range b.unchecked {
		if s.exhausted() {
			return id, b.validators()
		}
	}
	return 0, nil
}

func (v *Validator) sector(p catalog.Partition, number uint64) seal.Sector {
	return seal.Sector{
		Genesis: v.Domain.Genesis, Netuid: v.Domain.Netuid, Miner: p.Miner, Validator: p.Validator,
		Number: number, Blocks: v.Profile.Blocks, Passes: v.Profile.Passes,
	}
}

// fill computes a sector's root by filling it.
func fill(ctx context.Context, s seal.Sector, buf []byte) (strata.Root, error) {
	if err := s.Fill(ctx, buf); err != nil {
		return strata.Root{}, err
	}
	return merkle.Build(buf).Root(), nil
}

// validators returns those that the miner holds something for, in order, so
// that the same chance gives the same draw. The caller holds mu.
func (b *book) validators() []strata.Hotkey {
	return slices.SortedFunc(maps.Keys(b.holdings), compareKeys)
}

func compareKeys(a, b strata.Hotkey) int { return bytes.Compare(a[:], b[:]) }

// secret returns 64 random bits that nobody can foresee.
func secret() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return binary.LittleEndian.Uint64(b[:])
}

// draw returns a secret uniform number in [0, n): the high half of a product,
// drawn again where that would favour some (Lemire, arXiv 1805.10941).
func (v *Validator) draw(n int) int {
	hi, lo := bits.Mul64(v.Chance(), uint64(n))
	for floor := -uint64(n) % uint64(n); lo < floor; {
		hi, lo = bits.Mul64(v.Chance(), uint64(n))
	}
	return int(hi)
}

// jitter returns a uniform time in [d/2, 3d/2).
func (v *Validator) jitter(d time.Duration) time.Duration {
	return d/2 + time.Duration(v.draw(int(max(d, 1))))
}
