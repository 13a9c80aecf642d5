package validatortest

import (
	"math"
	"slices"

	"strata"
	"strata/catalog"
	"strata/score"
	"strata/validator/holding"
)

// Score returns what is known of a miner's score.
func (w *World) Score(m *Miner) score.Miner { return w.Book(m).View().Record.Score }

// Credit returns what the miner is paid for at the present block, in bytes.
func (w *World) Credit(m *Miner) uint64 {
	rules, block := w.Subnet.Clock()
	return w.Book(m).View().Credit(rules, block, w.Subnet.Shares())
}

// Leaves returns the leaves that count at the present block.
func (w *World) Leaves(m *Miner) score.Leaves {
	rules, block := w.Subnet.Clock()
	return w.Score(m).Leaves(rules, block)
}

// WantLeaves compares them.
func (w *World) WantLeaves(m *Miner, passed, failed uint64) {
	w.t.Helper()
	if got, want := w.Leaves(m), (score.Leaves{Passed: passed, Failed: failed}); got != want {
		w.t.Errorf("leaves = %+v, want %+v", got, want)
	}
}

// WantStanding compares the standing; a bad one has no credit.
func (w *World) WantStanding(m *Miner, want score.Standing) {
	w.t.Helper()
	if got := w.Score(m).Standing; got != want {
		w.t.Errorf("standing = %v, want %v", got, want)
	}
	if credit := w.Credit(m); want != score.Good && credit != 0 {
		w.t.Errorf("credit = %d while %v", credit, want)
	}
}

// wilson is the rule's LCB as the textbook writes it.
func wilson(s, n float64) float64 {
	const z2 = 1.6448536269514722 * 1.6448536269514722
	if n == 0 {
		return 0
	}
	p := s / n
	return (p + z2/(2*n) - math.Sqrt(z2*(p*(1-p)/n+z2/(4*n*n)))) / (1 + z2/n)
}

// WantCredit compares the credit with bytes × LCB(checks) × factor(leaves), all
// checks passed, as computed here from counts.
func (w *World) WantCredit(m *Miner, bytes, checks, passed, failed float64) {
	w.t.Helper()
	want := bytes * wilson(checks, checks) * max(0, 1-4*(1-wilson(passed, passed+failed)))
	got := float64(w.Credit(m))
	if math.Abs(got-want) > 1+bytes*6e-6 { // parts per million in each of two factors, one of them times four
		w.t.Errorf("credit = %.0f, want %.0f", got, want)
	}
}

// Sectors returns the ledger's view of a partition.
func (w *World) Sectors(m *Miner, validator strata.Hotkey) (out []catalog.Sector) {
	w.t.Helper()
	err := w.Ledger.Sectors(w.Context(), catalog.Partition{Miner: m.Key.Hotkey(), Validator: validator}, func(s catalog.Sector) error {
		out = append(out, s)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// Consistent checks what must hold whenever nothing is under way, on disk and
// in memory: every cohort has the bytes of its sectors, no sector is in two
// places, none of what is void or not claimed counts, and memory is the ledger.
func (w *World) Consistent(m *Miner) {
	w.t.Helper()
	members := map[uint64]uint64{}
	known := w.Book(m).View()
	for validator, h := range known.Holdings {
		var again holding.Holding
		for _, s := range w.Sectors(m, validator) {
			again.Add(Profile, s)
			if w.member(known.Record.Score, s) {
				members[cohort(known.Record.Score, s)] += SectorSize
			}
		}
		w.same(known.Record.Score, *h, again)
	}
	for _, c := range known.Record.Score.Cohorts {
		if members[c.ID] != c.Bytes {
			w.t.Errorf("cohort %d has %d bytes, its sectors %d", c.ID, c.Bytes, members[c.ID])
		}
	}
}

// member says whether a sector is in a cohort, which must be there.
func (w *World) member(of score.Miner, s catalog.Sector) bool {
	w.t.Helper()
	if s.Cohort == 0 {
		return false
	}
	if !s.Listed() {
		w.t.Errorf("sector %d is in cohort %d and does not count", s.Entry.Number, s.Cohort)
		return false
	}
	if _, ok := of.Cohort(s.Cohort); !ok {
		w.t.Errorf("sector %d is in cohort %d, which the score does not have", s.Entry.Number, s.Cohort)
		return false
	}
	return true
}

func cohort(of score.Miner, s catalog.Sector) uint64 {
	c, _ := of.Cohort(s.Cohort)
	return c.ID
}

// same compares a holding with what the ledger's sectors make.
func (w *World) same(of score.Miner, memory, ledger holding.Holding) {
	w.t.Helper()
	for what, pair := range map[string][2]holding.Numbers{
		"sectors": {memory.Numbers, ledger.Numbers}, "waiting": {memory.Pending, ledger.Pending}, "data": {memory.Data, ledger.Data},
	} {
		got, want := slices.Collect(pair[0].All()), slices.Collect(pair[1].All())
		if !slices.Equal(got, want) || pair[0].Count() != len(want) {
			w.t.Errorf("memory has %s %v, the ledger %v", what, got, want)
		}
	}
	if memory.Covered != ledger.Covered || memory.Free != ledger.Free || memory.Room() != ledger.Room() {
		w.t.Errorf("memory has %d covered, %d free, room %v; the ledger %d, %d, %v", memory.Covered, memory.Free, memory.Room(), ledger.Covered, ledger.Free, ledger.Room())
	}
	if got, want := of.Fold(memory.Batches), of.Fold(ledger.Batches); !slices.Equal(got, want) {
		w.t.Errorf("memory has batches %+v, the ledger %+v", got, want)
	}
}
