package book

import (
	"context"
	"slices"

	"strata"
	"strata/auditlog"
	"strata/catalog"
	"strata/score"
)

// Settled is a book at one moment, nothing of it being written.
type Settled struct {
	Hotkey strata.Hotkey
	View   *View
	Credit uint64 // of that moment
}

// Settle stops all writes for a moment, writes every record with what is
// journaled for it, and then the entries that tell gives for that moment. So the
// log has the entries in an order in which they lead to what they say. The Config
// has a Journal.
func (s *Books) Settle(ctx context.Context, tell func(all []Settled, rules score.Rules, block uint64) []auditlog.Entry) error {
	books := s.All()
	for _, b := range books {
		if err := b.Turn.Take(ctx); err != nil {
			return err
		}
		defer b.Turn.Give()
	}
	rules, block := s.Subnet.Clock()
	all, records := make([]Settled, len(books)), make([]catalog.MinerRecord, len(books))
	for i, b := range books {
		all[i], records[i] = b.settle(rules, block)
	}
	var lines [][]byte
	for _, e := range tell(all, rules, block) {
		e.Time = s.Now().Unix()
		if line, ok := s.encode(e); ok {
			lines = append(lines, line)
		}
	}
	if len(all) == 0 {
		return s.Journal.Enter(ctx, lines)
	}
	journals := make([][][]byte, len(records))
	for i, r := range records {
		journals[i] = r.Journal
	}
	last := &records[len(records)-1].Journal
	*last = slices.Concat(*last, lines)
	err := s.Ledger.SaveMiners(ctx, records)
	if err != nil {
		for i, b := range books {
			b.unsaved(journals[i])
		}
	}
	return err
}

// settle takes the record for writing, and computes the credit of that moment.
// The caller has the turn, and gives the journal back if the write fails.
func (b *Book) settle(rules score.Rules, block uint64) (Settled, catalog.MinerRecord) {
	stakes := b.in.Subnet.Shares()
	b.mu.Lock()
	defer b.mu.Unlock()
	v := b.View()
	r := v.Record
	r.Journal, b.journal, b.dirty = b.journal, nil, false
	return Settled{Hotkey: b.Hotkey, View: v, Credit: v.Credit(rules, block, stakes)}, r
}
