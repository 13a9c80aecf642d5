package book

import (
	"context"

	"strata"
	"strata/auditlog"
	"strata/catalog"
	"strata/score"
	"strata/validator/holding"
)

// formCohort makes the sectors that arrived since the last one a cohort, once
// they have been collected long enough. A miner whose turn is taken is left for
// the next block, so that it delays nobody.
func (b *Book) formCohort(ctx context.Context) error {
	if !b.Turn.try() {
		return nil
	}
	defer b.Turn.Give()
	id, marks := b.ready()
	if len(marks) == 0 {
		return nil
	}
	e := score.Event{Kind: score.Arrived, Cohort: id, Bytes: uint64(len(marks)) * uint64(b.in.Profile.SectorSize())}
	return b.commit(auditlog.Entry{Kind: auditlog.Grouped}, []score.Event{e}, func(r catalog.MinerRecord) error {
		return b.in.Ledger.SaveMarks(ctx, r, marks)
	}, func() { b.arrived(marks) })
}

// ready returns the marks of the next cohort if its time has come.
func (b *Book) ready() (id uint64, marks []catalog.Mark) {
	_, block := b.in.Subnet.Clock()
	b.mu.Lock()
	defer b.mu.Unlock()
	v := b.View()
	waiting := 0
	for _, h := range v.Holdings {
		waiting += h.Pending.Count()
	}
	switch {
	case waiting == 0:
		b.waiting = 0
	case b.waiting == 0:
		b.waiting = max(1, block)
	}
	every := b.in.Cohort
	if len(v.Record.Score.Cohorts) == 0 {
		every = b.in.First
	}
	if waiting == 0 || block < b.waiting+every {
		return 0, nil
	}
	id = v.Record.NextCohort
	for _, validator := range v.Validators() {
		for n := range v.Holdings[validator].Pending.All() {
			marks = append(marks, catalog.Mark{Validator: validator, Number: n, Cohort: id})
		}
	}
	return id, marks
}

// arrived takes over a cohort that is in the ledger. The caller holds mu.
func (b *Book) arrived(members []catalog.Mark) {
	for _, m := range members {
		b.wait(m.Cohort, Place{m.Validator, m.Number})
	}
	v := b.View()
	changed := map[strata.Hotkey]*holding.Holding{}
	for validator, h := range v.Holdings {
		after := h.Arrived(members[0].Cohort, v.Record.Score)
		changed[validator] = &after
	}
	b.hold(changed)
	b.waiting = 0
}
