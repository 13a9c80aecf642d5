// Package score turns what a validator has checked of a miner into credit, and
// credits into weights.
//
//	credit = Σ cohorts bytes × LCB(checks) × max(0, 1 − 4 (1 − LCB(leaves)))
//
// where LCB is the lower end of the one-sided 95 % Wilson score interval, checks
// are commitment checks of a cohort's sectors, and leaves are those opened in
// snap audits. Events move a miner between standings; outside Good it has no
// credit.
//
// Everything is a pure function in integers (parts per million), so that every
// validator, and anyone who replays its events, computes the same.
package score

import (
	"math/big"
	"math/bits"
)

// PPM is one in parts per million.
const PPM = 1_000_000

// Leaves are counts of audited leaves. A late answer, a wrong one, a missing one
// and a refused PUT all are failed leaves.
type Leaves struct {
	Passed uint64
	Failed uint64
}

// Credit returns bytes: what a miner in good standing has proven, discounted by
// the uncertainty of the checks and by failed leaves. Each cohort is rounded
// down; a sum beyond 64 bits stays at the largest value.
func Credit(cohorts []Cohort, leaves Leaves) uint64 {
	var proven uint64
	for _, c := range cohorts {
		sum, carry := bits.Add64(proven, c.proven(), 0)
		if carry != 0 {
			sum = ^uint64(0)
		}
		proven = sum
	}
	return scale(proven, leafFactor(leaves))
}

// leafFactor returns max(0, 1 − 4 (1 − LCB(leaves))) in ppm.
func leafFactor(l Leaves) uint64 {
	all, carry := bits.Add64(l.Passed, l.Failed, 0)
	if carry != 0 {
		return 0
	}
	return max(4*LCB(l.Passed, all), 3*PPM) - 3*PPM
}

// scale returns ⌊n × ppm / 10⁶⌋ for ppm ≤ PPM.
func scale(n, ppm uint64) uint64 {
	hi, lo := bits.Mul64(n, ppm)
	q, _ := bits.Div64(hi, lo, PPM) // hi < PPM
	return q
}

// The square of the 95 % quantile of the normal distribution, 1.6448536269514…,
// in units of 10⁻¹², rounded up.
const (
	zSquared = 2_705_543_454_096
	unit     = 1_000_000_000_000
)

// LCB returns the Wilson lower bound of passed out of n in ppm, rounded down:
//
//	(2 s + z² − √(z² (z² + 4 s (n − s) / n))) / (2 (n + z²))
//
// It is computed in units of 10⁻¹² with z² and the root rounded up, so it never
// exceeds the real bound. No check gives 0; passed above n counts as n.
// Source: E. B. Wilson, Journal of the American Statistical Association 22 (1927), 209–212.
func LCB(passed, n uint64) uint64 {
	if n == 0 {
		return 0
	}
	s, all := new(big.Int).SetUint64(min(passed, n)), new(big.Int).SetUint64(n)
	z2, one := big.NewInt(zSquared), big.NewInt(unit)

	// root = √(z² (z² + 4 s (n − s) / n)), both factors in units.
	root := new(big.Int).Sub(all, s)
	root.Mul(root, s).Mul(root, big.NewInt(4)).Mul(root, one)
	ceilDiv(root, all)
	root.Add(root, z2).Mul(root, z2)
	ceilSqrt(root)

	num := new(big.Int).Mul(s, big.NewInt(2*unit))
	num.Add(num, z2).Sub(num, root).Mul(num, big.NewInt(PPM))
	den := new(big.Int).Mul(all, one)
	den.Add(den, z2).Lsh(den, 1)
	if num.Sign() <= 0 { // passed = 0, within the rounding
		return 0
	}
	return num.Quo(num, den).Uint64()
}

// ceilDiv sets x to ⌈x / y⌉ for x ≥ 0, y > 0.
func ceilDiv(x, y *big.Int) {
	_, r := x.QuoRem(x, y, new(big.Int))
	if r.Sign() > 0 {
		x.Add(x, big.NewInt(1))
	}
}

// ceilSqrt sets x to ⌈√x⌉.
func ceilSqrt(x *big.Int) {
	r := new(big.Int).Sqrt(x)
	if new(big.Int).Mul(r, r).Cmp(x) < 0 {
		r.Add(r, big.NewInt(1))
	}
	x.Set(r)
}

// maxWeight is what the largest weight is normalised to.
const maxWeight = 65_535

// Weights returns the weights of credits, in their order: linear, the largest
// 65,535, each rounded to the nearest and halves to even, so that rounding
// favours neither small nor large miners. All zero (or none) gives nil: there
// is nothing to set.
func Weights(credits []uint64) []uint16 {
	var largest uint64
	for _, c := range credits {
		largest = max(largest, c)
	}
	if largest == 0 {
		return nil
	}
	out := make([]uint16, len(credits))
	for i, c := range credits {
		out[i] = normalize(c, largest)
	}
	return out
}

func normalize(c, largest uint64) uint16 {
	hi, lo := bits.Mul64(c, maxWeight)
	q, r := bits.Div64(hi, lo, largest) // hi < largest, because c ≤ largest
	up := largest - r                   // distance to the next weight
	if r > up || r == up && q%2 == 1 {
		q++
	}
	return uint16(q)
}

// Covered returns the part of a credit for which filler and ordered shards cover
// a miner's sectors: ⌊credit × covered / listed⌋, 0 for a miner that lists
// nothing. covered above listed counts as listed.
func Covered(credit, covered, listed uint64) uint64 {
	if listed == 0 {
		return 0
	}
	hi, lo := bits.Mul64(credit, min(covered, listed))
	q, _ := bits.Div64(hi, lo, listed) // hi < listed, because covered ≤ listed
	return q
}
