package book

import (
	"context"
	"maps"
	"slices"
	"time"

	"strata"
	"strata/catalog"
	"strata/score"
)

// Reason is why a miner is due for a check.
type Reason int

// The reasons.
const (
	NotDue Reason = iota
	Trickle
	Arrival // of sectors of which too few were checked
	First   // the same, of a miner's first ever
	Owed    // after a mismatch
)

// Due returns why the miner is due for a check.
func (b *Book) Due() Reason {
	now := b.in.Now()
	rules, _ := b.in.Subnet.Clock()
	b.mu.Lock()
	defer b.mu.Unlock()
	v := b.View()
	s := v.Record.Score
	switch {
	case !v.Present || len(s.Cohorts) == 0:
		return NotDue
	case s.Standing == score.Suspended || s.Standing == score.Probation:
		return Owed
	case b.arriving(rules) != 0 && len(s.Cohorts) == 1 && s.Cohorts[0].ID == 1:
		return First
	case b.arriving(rules) != 0:
		return Arrival
	case !now.Before(b.trickle), b.trickle.Sub(now) > 48*time.Hour: // the clock went back
		return Trickle
	}
	return NotDue
}

// arriving returns the id of sectors whose arrival checks are not done, the
// oldest first, 0 if none. The caller holds mu.
func (b *Book) arriving(r score.Rules) uint64 {
	for _, id := range slices.Sorted(maps.Keys(b.unchecked)) {
		c, ok := b.View().Record.Score.Cohort(id)
		if u := b.unchecked[id]; !ok || c.Settled(r) || len(u.places) == 0 && !u.exhausted() {
			delete(b.unchecked, id) // done: the memory is given back
		} else if len(u.places) > 0 {
			return id
		}
	}
	return 0
}

// Draw picks a sector at random: of a new cohort without replacement, otherwise
// of all that are in one.
func (b *Book) Draw(r Reason) (Place, bool) {
	rules, _ := b.in.Subnet.Clock()
	b.mu.Lock()
	defer b.mu.Unlock()
	if r == Arrival || r == First {
		id := b.arriving(rules)
		if id == 0 {
			return Place{}, false
		}
		list := b.unchecked[id].places
		return list[b.in.Chance.Below(len(list))], true // it leaves the list when the check is made
	}
	if r == Trickle {
		perDay := score.TrickleChecks(b.in.Profile, 1)
		b.trickle = b.in.Now().Add(b.in.Chance.Around(24 * time.Hour / time.Duration(max(perDay, 1))))
	}
	return b.View().drawMember(b.in.Chance)
}

// wait considers a sector for its cohort's arrival checks. The caller holds mu,
// or is the only one that knows the book.
func (b *Book) wait(cohort uint64, at Place) {
	s := b.unchecked[cohort]
	if s == nil {
		s = &sample{}
		b.unchecked[cohort] = s
	}
	s.add(at, b.in.Chance.Below)
}

// Unlist takes a sector off the list of those to be checked.
func (b *Book) Unlist(at Place) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.unlist(at)
}

func (b *Book) unlist(at Place) {
	for _, s := range b.unchecked {
		if s.remove(at) {
			return
		}
	}
}

// Resample draws from the ledger what more of a cohort is to be checked, where
// all that waited in memory is used up: most of it was withdrawn.
func (b *Book) Resample(ctx context.Context) error {
	id, validators := b.exhausted()
	if id == 0 {
		return nil
	}
	fresh := &sample{}
	for _, validator := range validators {
		err := b.in.Ledger.Sectors(ctx, catalog.Partition{Miner: b.Hotkey, Validator: validator}, func(s catalog.Sector) error {
			if s.Cohort == id && s.Listed() && !s.Checked {
				fresh.add(Place{validator, s.Entry.Number}, b.in.Chance.Below)
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
func (b *Book) exhausted() (uint64, []strata.Hotkey) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, s := range b.unchecked {
		if s.exhausted() {
			return id, b.View().Validators()
		}
	}
	return 0, nil
}
