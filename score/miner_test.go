package score

import (
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"strata"
)

var testRules = Rules{Penalty: 30, LeafBucket: 10, LeafKeep: 3, Sector: sector, Epoch: 20}

const sector = 4 << 20

// after applies events and fails on any that is refused.
func after(t *testing.T, m Miner, events ...Event) Miner {
	t.Helper()
	for i, e := range events {
		next, err := m.Apply(testRules, e)
		if err != nil {
			t.Fatalf("event %d %+v: %v", i, e, err)
		}
		m = next
	}
	return m
}

// repeat returns n of one event.
func repeat(e Event, n int) []Event {
	es := make([]Event, n)
	for i := range es {
		es[i] = e
	}
	return es
}

// proven is a miner in good standing with 30 checks and 160 leaves at block 5.
func proven(t *testing.T) Miner {
	t.Helper()
	m := after(t, Miner{}, Event{Kind: Arrived, Block: 1, Cohort: 1, Bytes: 100 * sector})
	m = after(t, m, repeat(Event{Kind: Matched, Block: 2, Cohort: 1}, 30)...)
	return after(t, m, repeat(Event{Kind: Audited, Block: 5, Leaves: Leaves{Passed: 16}}, 10)...)
}

func wantCredit(t *testing.T, m Miner, block uint64, some bool) {
	t.Helper()
	if got := m.Credit(testRules, block); (got > 0) != some {
		t.Errorf("at block %d, %s: credit %d, want some: %v", block, m.Standing, got, some)
	}
}

func TestCreditOfAMiner(t *testing.T) {
	m := proven(t)
	want := Credit([]Cohort{{ID: 1, Bytes: 100 * sector, Checks: 30}}, Leaves{Passed: 160})
	if got := m.Credit(testRules, 5); got != want || want == 0 {
		t.Errorf("credit %d, want %d", got, want)
	}
	// Sectors that arrive later add nothing before they are checked themselves.
	m = after(t, m, Event{Kind: Arrived, Block: 6, Cohort: 2, Bytes: 1000 * sector})
	if got := m.Credit(testRules, 6); got != want {
		t.Errorf("an unchecked cohort changes the credit from %d to %d", want, got)
	}
}

func TestMismatchSuspendsAndHundredChecksLift(t *testing.T) {
	m := after(t, proven(t), Event{Kind: Mismatched, Block: 6, Cohort: 1, Bytes: sector})
	if m.Standing != Suspended || m.Owed != 100 || m.Cohorts[0].Bytes != 99*sector {
		t.Fatalf("after a mismatch: %+v", m)
	}
	wantCredit(t, m, 6, false)
	m = after(t, m, repeat(Event{Kind: Matched, Block: 7, Cohort: 1}, 99)...)
	wantCredit(t, m, 7, false)
	m = after(t, m, Event{Kind: Matched, Block: 7, Cohort: 1})
	wantCredit(t, m, 7, true)
	if c := m.Cohorts[0]; c.Checks != 131 || c.Failed != 1 {
		t.Errorf("cohort %+v, want 131 checks, 1 failed", c)
	}
	// The slate is clean: the next mismatch suspends again.
	if m = after(t, m, Event{Kind: Mismatched, Block: 8, Cohort: 1, Bytes: sector}); m.Standing != Suspended {
		t.Errorf("a later mismatch leads to %s", m.Standing)
	}
}

func TestFraudPenaltyAndProbation(t *testing.T) {
	mismatch := func(b uint64) Event { return Event{Kind: Mismatched, Block: b, Cohort: 1, Bytes: sector} }
	pass := func(b uint64) Event { return Event{Kind: Matched, Block: b, Cohort: 1} }
	audit := func(b uint64) Event { return Event{Kind: Audited, Block: b, Leaves: Leaves{Passed: 16}} }

	m := after(t, proven(t), mismatch(6), pass(6), mismatch(7))
	if m.Standing != Penalised || m.Until != 37 {
		t.Fatalf("after a second mismatch: %s until %d, want penalised until 37", m.Standing, m.Until)
	}
	m = after(t, m, repeat(pass(36), 400)...) // checks within the penalty pay nothing off
	wantCredit(t, m, 36, false)
	m = after(t, m, Event{Kind: Tick, Block: 37})
	if m.Standing != Probation || m.Owed != 300 {
		t.Fatalf("after the penalty: %s, %d owed", m.Standing, m.Owed)
	}
	m = after(t, m, audit(38), audit(38))
	m = after(t, m, repeat(pass(38), 299)...)
	wantCredit(t, m, 38, false)
	good := after(t, m, pass(38))
	wantCredit(t, good, 38, true)

	bad := after(t, m, mismatch(38))
	if bad.Standing != Penalised || bad.Until != 68 {
		t.Errorf("a mismatch on probation: %s until %d", bad.Standing, bad.Until)
	}
}

func TestPenaltyEndsWithoutAnEvent(t *testing.T) {
	m := after(t, proven(t), Event{Kind: SecondRoot, Block: 6})
	if m.Standing != Penalised || m.Until != 36 {
		t.Fatalf("a second signed root: %s until %d", m.Standing, m.Until)
	}
	wantCredit(t, m, 1000, false) // the penalty is over, the 300 checks are not
	again := after(t, m, Event{Kind: SecondRoot, Block: 20})
	if again.Until != 50 {
		t.Errorf("fraud within a penalty ends it at %d, want 50", again.Until)
	}
}

func TestWithdrawnCostsOnlyItsSector(t *testing.T) {
	m := after(t, proven(t), Event{Kind: Withdrawn, Block: 6, Cohort: 1, Bytes: sector})
	want := Credit([]Cohort{{Bytes: 99 * sector, Checks: 30}}, Leaves{Passed: 160})
	if got := m.Credit(testRules, 6); got != want || m.Standing != Good {
		t.Errorf("credit %d in %s, want %d in good", got, m.Standing, want)
	}
	m = after(t, m, Event{Kind: Withdrawn, Block: 7, Cohort: 1, Bytes: 99 * sector})
	if len(m.Cohorts) != 0 {
		t.Errorf("an empty cohort stays: %+v", m.Cohorts)
	}
}

func TestFailedLeaves(t *testing.T) {
	full := proven(t).Credit(testRules, 5)
	late := after(t, proven(t), Event{Kind: Audited, Block: 6, Leaves: Leaves{Failed: 16}})
	refused := after(t, proven(t), Event{Kind: Refused, Block: 6})
	if l, r := late.Credit(testRules, 6), refused.Credit(testRules, 6); l >= full || l != r {
		t.Errorf("credit %d before, %d after a late audit, %d after a refused PUT", full, l, r)
	}
}

func TestLeavesAge(t *testing.T) {
	m := proven(t) // leaves in bucket 0, blocks 0…9
	for block, want := range map[uint64]uint64{5: 160, 29: 160, 30: 0, 1 << 40: 0} {
		if got := m.Leaves(testRules, block).Passed; got != want {
			t.Errorf("at block %d %d leaves count, want %d", block, got, want)
		}
	}
	m = after(t, m, Event{Kind: Refused, Block: 25}, Event{Kind: Tick, Block: 30})
	if want := []LeafBucket{{Number: 2, Leaves: Leaves{Failed: 16}}}; !reflect.DeepEqual(m.Audits, want) {
		t.Errorf("buckets %+v, want %+v", m.Audits, want)
	}
}

// TestLeaving: filler earns nothing from the moment on at which a miner says that
// it leaves, until an epoch after it has stopped saying so; shards go on earning.
func TestLeaving(t *testing.T) {
	parts := []Part{{Listed: 60 * sector, Covered: 60 * sector, Share: 600_000}, {Listed: 40 * sector, Covered: 30 * sector, Data: 20 * sector, Share: 400_000}}
	m := proven(t)
	credit := m.Credit(testRules, 5)
	all, shards := Covered(credit, 90, 100), Covered(credit, 20, 100)
	want := func(m Miner, block, want uint64, why string) {
		t.Helper()
		if got := m.Earned(testRules, block, parts); got != want || want == 0 {
			t.Errorf("%s: %d bytes are paid for, want %d", why, got, want)
		}
	}
	want(m, 5, all, "before")
	gone := after(t, m, Event{Kind: Leaving, Block: 6})
	want(gone, 6, shards, "leaving")
	back := after(t, gone, Event{Kind: Staying, Block: 7})
	want(back, 7, shards, "back")
	want(back, 26, shards, "an epoch later but for a block")
	want(back, 27, all, "an epoch later")
	if tick := after(t, back, Event{Kind: Tick, Block: 27}); tick.Back != 0 {
		t.Errorf("it is still coming back at block %d", tick.Back)
	}
	again := after(t, back, Event{Kind: Leaving, Block: 8}, Event{Kind: Staying, Block: 9})
	want(again, 27, shards, "it left again meanwhile")
	want(again, 29, all, "an epoch after that")
	// Nothing else follows from it.
	if c := gone.Credit(testRules, 6); c != credit || gone.Standing != Good {
		t.Errorf("leaving makes the credit %d in %s", c, gone.Standing)
	}
}

func TestImpossibleEvents(t *testing.T) {
	m := proven(t)
	for name, e := range map[string]Event{
		"block goes back":   {Kind: Tick, Block: 4},
		"block beyond time": {Kind: Tick, Block: 1<<62 + 1},
		"unknown kind":      {Kind: 200, Block: 5},
		"arrives twice":     {Kind: Arrived, Block: 5, Cohort: 1, Bytes: 1},
		"arrives empty":     {Kind: Arrived, Block: 5, Cohort: 2},
		"unknown matched":   {Kind: Matched, Block: 5, Cohort: 9},
		"unknown mismatch":  {Kind: Mismatched, Block: 5, Cohort: 9},
		"unknown withdrawn": {Kind: Withdrawn, Block: 5, Cohort: 9},
		"too many bytes":    {Kind: Withdrawn, Block: 5, Cohort: 1, Bytes: 101 * sector},
		"too many leaves":   {Kind: Audited, Block: 5, Leaves: Leaves{Passed: 10, Failed: 7}},
		"leaves overflow":   {Kind: Audited, Block: 5, Leaves: Leaves{Passed: 1, Failed: 1<<64 - 1}},
		"stays as it did":   {Kind: Staying, Block: 5},
	} {
		got, err := m.Apply(testRules, e)
		if strata.CodeOf(err) != strata.Invalid || !reflect.DeepEqual(got, m) {
			t.Errorf("%s: error %v, state changed: %v", name, err, !reflect.DeepEqual(got, m))
		}
	}
}

func TestStandingNames(t *testing.T) {
	for s, want := range map[Standing]string{Good: "good", Suspended: "suspended", Penalised: "penalised", Probation: "probation", 99: "unknown"} {
		if s.String() != want {
			t.Errorf("standing %d is called %s", s, s)
		}
	}
}

func TestKindNames(t *testing.T) {
	for k := Tick; k <= Staying; k++ {
		if got, ok := ParseKind(k.String()); !ok || got != k {
			t.Errorf("kind %d is called %s, which is %d", k, k, got)
		}
	}
	if _, ok := ParseKind("unknown"); ok || Kind(99).String() != "unknown" {
		t.Error("an unknown kind is known")
	}
}

// Whatever happens: Apply leaves its receiver as it was, a replay gives the same
// state, and credit is never above the bytes nor given outside good standing.
func TestReplay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var m Miner
		var log []Event
		block := uint64(0)
		for range rapid.IntRange(1, 60).Draw(t, "events") {
			block += rapid.Uint64Range(0, 15).Draw(t, "blocks")
			e := Event{
				Kind: Kind(rapid.IntRange(0, int(Staying)).Draw(t, "kind")), Block: block,
				Cohort: rapid.Uint64Range(1, 4).Draw(t, "cohort"), Bytes: rapid.Uint64Range(0, 5).Draw(t, "bytes"),
				Leaves: Leaves{Passed: rapid.Uint64Range(0, 16).Draw(t, "passed")},
			}
			before := Miner{}
			for _, old := range log {
				before, _ = before.Apply(testRules, old)
			}
			next, err := m.Apply(testRules, e)
			if !reflect.DeepEqual(m, before) {
				t.Fatalf("Apply(%+v) changed its receiver", e)
			}
			if err != nil {
				continue
			}
			log, m = append(log, e), next
			checkInvariants(t, m, block)
		}
	})
}

func checkInvariants(t *rapid.T, m Miner, block uint64) {
	var bytes uint64
	for _, c := range m.Cohorts {
		bytes += c.Bytes
		if c.Failed > c.Checks || c.Bytes == 0 {
			t.Fatalf("cohort %+v", c)
		}
	}
	if got := m.Credit(testRules, block); got > bytes || (got > 0 && m.Standing != Good) {
		t.Fatalf("credit %d of %d bytes in standing %s", got, bytes, m.Standing)
	}
	if owes := m.Standing == Suspended || m.Standing == Probation; owes != (m.Owed > 0) {
		t.Fatalf("%s with %d checks owed", m.Standing, m.Owed)
	}
	if (m.Standing == Penalised) != (m.Until > 0) {
		t.Fatalf("%s until %d", m.Standing, m.Until)
	}
	if len(m.Audits) > int(testRules.LeafKeep) {
		t.Fatalf("%d buckets are kept, %d count", len(m.Audits), testRules.LeafKeep)
	}
}

// An arrival, and each passed check after it, never lowers a credit: from any
// state that events can lead to.
func TestGrowingNeverLowersCredit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var m Miner
		block, next := uint64(0), uint64(1)
		for range rapid.IntRange(1, 80).Draw(t, "events") {
			block += rapid.Uint64Range(0, 4).Draw(t, "blocks")
			e := Event{Kind: Kind(rapid.IntRange(0, int(Staying)).Draw(t, "kind")), Block: block}
			switch e.Kind {
			case Arrived:
				e.Cohort, e.Bytes = next, rapid.Uint64Range(1, 1000).Draw(t, "sectors")*sector
				next++
			case Matched, Mismatched, Withdrawn:
				e.Cohort, e.Bytes = rapid.Uint64Range(0, next).Draw(t, "cohort"), sector
			case Audited:
				e.Leaves = Leaves{Passed: 16}
			case Refused, SecondRoot:
				if rapid.IntRange(0, 9).Draw(t, "rarely") > 0 {
					continue
				}
			}
			after, err := m.Apply(testRules, e)
			if err != nil {
				continue
			}
			// Of what was there a check of a cohort with mismatches may prove less
			// when it is merged in the end; without them nothing is ever lost.
			clean := !slices.ContainsFunc(after.Cohorts, func(c Cohort) bool { return c.Failed > 0 })
			before, now := m.Credit(testRules, block), after.Credit(testRules, block)
			if (e.Kind == Arrived || e.Kind == Matched && clean) && now < before {
				t.Fatalf("%+v takes the credit from %d to %d", e, before, now)
			}
			m = after
		}
	})
}
