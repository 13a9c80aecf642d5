package score

import (
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// wilson computes the bound independently: in 300-bit floating point, from the
// textbook form (p + z²/2n − z √(p(1−p)/n + z²/4n²)) / (1 + z²/n).
func wilson(t *testing.T, s, n uint64) *big.Float {
	f := func(x float64) *big.Float { return new(big.Float).SetPrec(300).SetFloat64(x) }
	z, _, err := big.ParseFloat("1.64485362695147271486", 10, 300, big.ToNearestEven)
	if err != nil {
		t.Fatal(err)
	}
	mul := func(a, b *big.Float) *big.Float { return f(0).Mul(a, b) }
	div := func(a, b *big.Float) *big.Float { return f(0).Quo(a, b) }
	add := func(a, b *big.Float) *big.Float { return f(0).Add(a, b) }
	nf := f(0).SetUint64(n)
	p := div(f(0).SetUint64(s), nf)
	z2n := div(mul(z, z), nf)
	q := f(0).Sub(f(1), p)
	radicand := add(div(mul(p, q), nf), div(z2n, mul(f(4), nf)))
	root := mul(z, f(0).Sqrt(radicand))
	return div(f(0).Sub(add(p, div(z2n, f(2))), root), add(f(1), z2n))
}

// Computed with 60 decimal digits, rounded down.
func TestLCBGolden(t *testing.T) {
	for _, c := range []struct{ passed, n, want uint64 }{
		{0, 0, 0}, {0, 1, 0}, {0, 1000, 0},
		{1, 1, 269_865}, {4, 4, 596_521}, {8, 8, 747_276}, {16, 16, 855_361},
		{30, 30, 917_275}, {29, 30, 863_595}, {28, 30, 817_284}, {15, 30, 356_190},
		{100, 100, 973_657}, {99, 100, 956_418}, {300, 300, 991_062},
		{4608, 4608, 999_413}, {1_000_000, 1_000_000, 999_997},
		{31, 30, 917_275},
	} {
		if got := LCB(c.passed, c.n); got != c.want {
			t.Errorf("LCB(%d of %d) = %d ppm, want %d", c.passed, c.n, got, c.want)
		}
	}
}

// The integer bound is the real one rounded down, but for a hair.
func TestLCBAgainstFloat(t *testing.T) {
	million := new(big.Float).SetInt64(PPM)
	for n := uint64(1); n <= 200; n++ {
		for s := uint64(0); s <= n; s++ {
			want, _ := new(big.Float).Mul(wilson(t, s, n), million).Float64()
			want = max(0, want) // no passes: a hair around zero
			if got := float64(LCB(s, n)); got > want || got < math.Floor(want-1e-5) {
				t.Fatalf("LCB(%d of %d) = %v ppm, the real bound is %v", s, n, got, want)
			}
		}
	}
}

func TestLCBProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Uint64Range(1, 1<<40).Draw(t, "n")
		s := rapid.Uint64Range(0, n-1).Draw(t, "s")
		l := LCB(s, n)
		if l*n > s*PPM && n < 1<<40 && s < 1<<40 {
			t.Errorf("LCB(%d of %d) = %d ppm is above the rate itself", s, n, l)
		}
		if LCB(s+1, n) < l {
			t.Errorf("one more pass of %d lowers the bound from %d", n, l)
		}
		if LCB(s+1, n+1) < l {
			t.Errorf("a passed check after %d of %d lowers the bound", s, n)
		}
		if LCB(s, n+1) > l {
			t.Errorf("a failed check after %d of %d raises the bound", s, n)
		}
	})
	if got := LCB(math.MaxUint64, math.MaxUint64); got != PPM-1 && got != PPM {
		t.Errorf("LCB of the largest counts = %d", got)
	}
}

func TestCredit(t *testing.T) {
	many := Leaves{Passed: 1 << 50}
	for _, c := range []struct {
		name    string
		cohorts []Cohort
		leaves  Leaves
		want    uint64
	}{
		{"nothing", nil, many, 0},
		{"unchecked", []Cohort{{Bytes: 1e12}}, many, 0},
		{"no leaves", []Cohort{{Bytes: 1e12, Checks: 30}}, Leaves{}, 0},
		{"thirty checks", []Cohort{{Bytes: 1e12, Checks: 30}}, many, 917_275 * 1e6 * 999_996 / 1e6},
		{"cohorts apart", []Cohort{{Bytes: 1e12, Checks: 30}, {Bytes: 9e12}}, many, 917_275 * 1e6 * 999_996 / 1e6},
		// 99 of 100 leaves: 1 − 4 (1 − 0.956418) = 0.825672.
		{"a failed leaf", []Cohort{{Bytes: 1e6, Checks: 30}}, Leaves{Passed: 99, Failed: 1}, 757_368},
		// 70 of 100 leaves: the bound is below 3/4.
		{"many failed leaves", []Cohort{{Bytes: 1e12, Checks: 30}}, Leaves{Passed: 70, Failed: 30}, 0},
		{"leaves overflow", []Cohort{{Bytes: 1e12, Checks: 30}}, Leaves{Passed: math.MaxUint64, Failed: 1}, 0},
		{"failed above checks", []Cohort{{Bytes: 1e12, Checks: 1, Failed: 2}}, many, 0},
	} {
		if got := Credit(c.cohorts, c.leaves); got != c.want {
			t.Errorf("%s: credit %d, want %d", c.name, got, c.want)
		}
	}
	huge := Cohort{Bytes: math.MaxUint64, Checks: 1 << 50}
	if got := Credit([]Cohort{huge, huge, huge}, many); got < math.MaxUint64/PPM*(PPM-10) {
		t.Errorf("credit of more than 64 bits wraps to %d", got)
	}
}

func TestWeights(t *testing.T) {
	for _, c := range []struct {
		credits []uint64
		want    []uint16
	}{
		{nil, nil},
		{[]uint64{0, 0}, nil},
		{[]uint64{7}, []uint16{65535}},
		{[]uint64{0, 5, 10}, []uint16{0, 32768, 65535}}, // 32767.5 goes to the even 32768
		{[]uint64{1, 2 * 65535}, []uint16{0, 65535}},    // 0.5 goes to the even 0
		{[]uint64{3, 2 * 65535}, []uint16{2, 65535}},    // 1.5 goes to the even 2
		{[]uint64{math.MaxUint64, math.MaxUint64 / 2, 1}, []uint16{65535, 32767, 0}},
	} {
		if got := Weights(c.credits); !slices.Equal(got, c.want) || (got == nil) != (c.want == nil) {
			t.Errorf("Weights(%v) = %v, want %v", c.credits, got, c.want)
		}
	}
}

func TestWeightsProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		credits := rapid.SliceOfN(rapid.Uint64(), 1, 64).Draw(t, "credits")
		got := Weights(credits)
		if got == nil {
			return
		}
		largest := slices.Max(credits)
		for i, w := range got {
			exact := new(big.Rat).SetFrac(new(big.Int).SetUint64(credits[i]), new(big.Int).SetUint64(largest))
			exact.Mul(exact, big.NewRat(65535, 1))
			exact.Sub(exact, big.NewRat(int64(w), 1))
			if exact.Abs(exact).Cmp(big.NewRat(1, 2)) > 0 {
				t.Errorf("weight %d of credit %d (largest %d) is not the nearest", w, credits[i], largest)
			}
		}
		if slices.Max(got) != 65535 {
			t.Errorf("largest weight of %v is %d", credits, slices.Max(got))
		}
	})
}

// Rounding to 16 bits favours nobody: over many vectors the mean error is nil,
// for the large, the small and all together, and so is that of the shares.
func TestWeightsAreUnbiased(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var sum, squares, shares, shareSquares [3]float64 // by thirds of the credits
	const vectors, miners = 4000, 24
	for range vectors {
		credits := make([]uint64, miners)
		total := float64(0)
		for i := range credits {
			third := i % 3
			credits[i] = (1 << 40 >> (5 * third)) + rng.Uint64N(1<<40>>(5*third)) // ×1, 1/32, 1/1024
			total += float64(credits[i])
		}
		largest, weights := slices.Max(credits), Weights(credits)
		all := float64(0)
		for _, w := range weights {
			all += float64(w)
		}
		for i, c := range credits {
			if c == largest {
				continue // exact by definition
			}
			e := float64(weights[i]) - float64(c)*65535/float64(largest)
			sum[i%3] += e
			squares[i%3] += e * e
			s := float64(weights[i])/all*total/float64(c) - 1
			shares[i%3] += s
			shareSquares[i%3] += s * s
		}
	}
	for third, n := range [3]float64{vectors * (miners/3 - 1), vectors * miners / 3, vectors * miners / 3} {
		if mean, sigma := sum[third]/n, math.Sqrt(squares[third])/n; math.Abs(mean) > 5*sigma || sigma > 0.002 {
			t.Errorf("third %d: mean error %v of a weight, ± %v", third, mean, sigma)
		}
		if mean, sigma := shares[third]/n, math.Sqrt(shareSquares[third])/n; math.Abs(mean) > 5*sigma {
			t.Errorf("third %d: mean relative error of the share %v, ± %v", third, mean, sigma)
		}
	}
}
