package score

import (
	"math/bits"
	"slices"
)

// MaxCohorts bounds a miner's record, however long it grows.
const MaxCohorts = 64

// Cohort is a set of sectors that arrived together. Only checks drawn from it
// speak for it. Cohorts that have had their arrival checks are merged with their
// neighbours (compact), and answer to the ids of all that they were made of.
type Cohort struct {
	ID     uint64 // the validator's name of it, unique for the miner, ascending
	First  uint64 `json:",omitempty"` // the lowest id merged into it; 0: none
	Bytes  uint64 // of its sectors that count: void and withdrawn ones are out
	Checks uint64 // commitment checks drawn from it, failed ones included
	Failed uint64 // of these, mismatches
}

// Has says whether sectors that arrived under an id are in this cohort.
func (c Cohort) Has(id uint64) bool { return c.first() <= id && id <= c.ID }

func (c Cohort) first() uint64 {
	if c.First == 0 {
		return c.ID
	}
	return c.First
}

// Settled says whether a cohort has had its arrival checks.
func (c Cohort) Settled(r Rules) bool {
	sectors := c.Bytes / max(1, r.Sector)
	return c.Checks > 0 && c.Checks >= ArrivalChecks(sectors+c.Failed)
}

// proven returns the bytes that the cohort's checks prove.
func (c Cohort) proven() uint64 {
	return scale(c.Bytes, LCB(c.Checks-min(c.Checks, c.Failed), c.Checks))
}

// compact merges neighbours that are settled where this proves no fewer bytes
// than before, and then, while there are more than MaxCohorts, whichever
// neighbours lose the least by it. A miner without mismatches has a handful of
// cohorts after any number of arrivals and loses nothing (docs/incentive.md), so
// that only false roots make the second step cost something.
func compact(r Rules, cohorts []Cohort) []Cohort {
	for i := 0; i+1 < len(cohorts); {
		a, b := cohorts[i], cohorts[i+1]
		sum, ok := merge(a, b)
		if !ok || !a.Settled(r) || !b.Settled(r) || loss(a, b, sum) > 0 {
			i++
			continue
		}
		cohorts = replacePair(cohorts, i, sum)
		i = max(i-1, 0) // what it has become may go with the one before
	}
	for len(cohorts) > MaxCohorts {
		at, ok := cheapest(cohorts)
		if !ok {
			break
		}
		sum, _ := merge(cohorts[at], cohorts[at+1])
		cohorts = replacePair(cohorts, at, sum)
	}
	return cohorts
}

// cheapest returns the first of the neighbours that lose the least.
func cheapest(cohorts []Cohort) (at int, ok bool) {
	least := ^uint64(0)
	for i := range len(cohorts) - 1 {
		sum, fits := merge(cohorts[i], cohorts[i+1])
		if !fits {
			continue
		}
		if l := loss(cohorts[i], cohorts[i+1], sum); !ok || l < least {
			at, least, ok = i, l, true
		}
	}
	return at, ok
}

func replacePair(cohorts []Cohort, i int, sum Cohort) []Cohort {
	cohorts[i] = sum
	return slices.Delete(cohorts, i+1, i+2)
}

// loss returns how many bytes fewer a merged cohort proves than its two parts.
func loss(a, b, sum Cohort) uint64 {
	apart, carry := bits.Add64(a.proven(), b.proven(), 0)
	if carry != 0 {
		apart = ^uint64(0)
	}
	return apart - min(apart, sum.proven())
}

// merge returns two neighbours, a before b, as one. Its checks are as many as a
// sample in proportion to bytes would have had at the smaller of the two
// densities:
//
//	n = ⌊min(nₐ (A + B) / A, n_b (A + B) / B)⌋
//
// With bad fractions g and h of the two, the chance to miss both is
// (1−g)^nₐ (1−h)^n_b ≤ (1−ḡ)^n, ḡ being the bad fraction of all, because the
// weighted geometric mean is at most the arithmetic one. So what the bound says
// of n checks of the whole holds. All mismatches stay. False if the bytes
// overflow.
func merge(a, b Cohort) (Cohort, bool) {
	all, carry := bits.Add64(a.Bytes, b.Bytes, 0)
	if carry != 0 || a.Bytes == 0 || b.Bytes == 0 {
		return Cohort{}, false
	}
	n := min(spread(a.Checks, all, a.Bytes), spread(b.Checks, all, b.Bytes))
	return Cohort{
		ID: b.ID, First: a.first(), Bytes: all, Checks: n, Failed: min(n, a.Failed+b.Failed),
	}, true
}

// spread returns ⌊checks × all / part⌋, at most the largest value.
func spread(checks, all, part uint64) uint64 {
	hi, lo := bits.Mul64(checks, all)
	if hi >= part {
		return ^uint64(0)
	}
	q, _ := bits.Div64(hi, lo, part)
	return q
}
