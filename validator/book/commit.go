package book

import (
	"slices"

	"strata"
	"strata/auditlog"
	"strata/catalog"
	"strata/score"
	"strata/validator/holding"
)

// Note moves the score by events that change no sector, and notes what the audit
// log is told of them. It is durable with the next Save.
func (b *Book) Note(entry auditlog.Entry, events ...score.Event) {
	rules, block := b.in.Subnet.Clock()
	count := func() {
		next := b.after(b.View().Record, rules, block, &entry, events...)
		b.note(entry)
		b.become(next)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.writing {
		b.later = append(b.later, count)
		return
	}
	count()
}

// Refuse lets the miner pay for n shards that it would not take or has lost, at
// most most at once.
func (b *Book) Refuse(n, most int, why auditlog.Kind) {
	events := slices.Repeat([]score.Event{{Kind: score.Refused}}, min(n, most))
	b.Note(auditlog.Entry{Kind: why}, events...)
}

// List takes over what the miner holds for a validator as a new head lists it,
// with the events that follow. write saves the record that it is given, the head
// and the sectors in one transaction. The caller has the turn. A crash, or an
// error of write, leaves all as it was.
func (b *Book) List(validator strata.Hotkey, h holding.Holding, events []score.Event, write func(catalog.MinerRecord) error) error {
	now := b.View()
	h.Batches = now.Record.Score.Fold(h.Batches)
	events = append(events, now.leaves(validator, h.Head.Leaving)...)
	return b.commit(headEntry(validator, h), events, write, func() {
		b.hold(map[strata.Hotkey]*holding.Holding{validator: &h})
		delete(b.vain, validator)
	})
}

// leaves returns the event that a new head of one partition brings: a miner
// leaves as long as any of its heads says so.
func (v *View) leaves(validator strata.Hotkey, leaving bool) []score.Event {
	leaving = leaving || v.leaving(validator)
	switch {
	case leaving == v.Record.Score.Leaving:
		return nil
	case leaving:
		return []score.Event{{Kind: score.Leaving}}
	}
	return []score.Event{{Kind: score.Staying}}
}

// Check is what a commitment check has shown.
type Check struct {
	At       Place
	Said, Is strata.Root
	Event    score.Event
	Gone     *catalog.Sector // the sector, if it counts no more
	By       *auditlog.Proof // the proof that led to the check, if one did
}

// Checked counts a check. write saves the record that it is given and the
// sector's mark in one transaction. The caller has the turn. A crash, or an error
// of write, leaves all as it was.
func (b *Book) Checked(c Check, write func(catalog.MinerRecord) error) error {
	after, held := b.View().Holdings[c.At.Validator]
	if held && c.Gone != nil {
		less := after.Without(b.in.Profile, *c.Gone)
		after = &less
	}
	return b.commit(checkEntry(c, after), []score.Event{c.Event}, write, func() {
		b.unlist(c.At)
		if held && c.Gone != nil {
			b.hold(map[strata.Hotkey]*holding.Holding{c.At.Validator: after})
		}
	})
}

// Prove counts what a proof of fraud shows. write saves the record that it is
// given and the proof in one transaction. The caller has the turn. A crash, or an
// error of write, leaves all as it was.
func (b *Book) Prove(p auditlog.Proof, events []score.Event, write func(catalog.MinerRecord) error) error {
	return b.commit(auditlog.Entry{Kind: auditlog.Proven, Proof: &p}, events, write, func() {})
}

// commit moves the score by events that change sectors: write saves the sectors
// and the record that it is given in one transaction, what the audit log says of
// it included, and takeOver, with mu held, does to memory what write did. What
// else is counted meanwhile comes after it. The caller has the turn. A crash, or
// an error of write, leaves all as it was.
func (b *Book) commit(entry auditlog.Entry, events []score.Event, write func(catalog.MinerRecord) error, takeOver func()) error {
	rules, block := b.in.Subnet.Clock()
	b.mu.Lock()
	next := b.after(b.View().Record, rules, block, &entry, events...)
	before := b.journal
	b.note(entry)
	next.Journal, b.journal, b.writing = b.journal, nil, true
	b.mu.Unlock()

	err := write(next)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil {
		next.Journal, next.LastSeen = nil, b.View().Record.LastSeen
		b.become(next)
		takeOver()
	} else {
		b.journal = before
	}
	b.writing = false
	for _, count := range b.later {
		count()
	}
	b.later = nil
	return err
}

// become takes over a record. The caller holds mu.
func (b *Book) become(next catalog.MinerRecord) {
	before := b.View().Record.Score
	if was := before.Standing; was != next.Score.Standing {
		b.in.Log.Warn("standing changed", "miner", b.Hotkey, "from", was.String(), "to", next.Score.Standing.String(), "block", next.Score.Block)
	}
	switch {
	case next.Score.Leaving && !before.Leaving:
		b.in.Log.Info("a miner leaves: its shards are moved away, its filler is not paid for", "miner", b.Hotkey)
	case before.Leaving && !next.Score.Leaving:
		b.in.Log.Info("a miner stays after all: its filler is paid for in an epoch", "miner", b.Hotkey, "from_block", next.Score.Back)
	}
	b.edit(func(v *View) { v.Record = next })
	b.dirty = true
}

// after returns a record after events, and adds those to the entry that tells of
// them. One that cannot be changes nothing.
func (b *Book) after(r catalog.MinerRecord, rules score.Rules, block uint64, entry *auditlog.Entry, events ...score.Event) catalog.MinerRecord {
	entry.Block = block
	for _, e := range events {
		e.Block = max(block, r.Score.Block)
		next, err := r.Score.Apply(rules, e)
		if err != nil {
			b.in.Log.Error("score event dropped", "miner", b.Hotkey, "err", err)
			continue
		}
		entry.Events = append(entry.Events, auditlog.Of(e))
		r.Score = next
		r.Passed += e.Leaves.Passed
		r.Failed += e.Leaves.Failed
		if e.Kind == score.Arrived {
			r.NextCohort = max(r.NextCohort, e.Cohort+1)
		}
	}
	return r
}

// takeDirty returns the record for writing if it has changed.
func (b *Book) takeDirty() (catalog.MinerRecord, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	was, r := b.dirty, b.View().Record
	if was {
		r.Journal, b.journal, b.dirty = b.journal, nil, false
	}
	return r, was
}

// unsaved takes back what could not be written.
func (b *Book) unsaved(journal [][]byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.journal, b.dirty = append(journal, b.journal...), true
}
