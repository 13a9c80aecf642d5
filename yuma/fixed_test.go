package yuma

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

// saturate narrows an exact result to 64 bits.
func saturate(v *big.Int) fixed {
	switch {
	case v.IsInt64():
		return fixed(v.Int64())
	case v.Sign() > 0:
		return math.MaxInt64
	}
	return math.MinInt64
}

func TestArithmeticIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		edge := rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{0, 1, -1, 1 << 32, math.MaxInt64, math.MinInt64}))
		a, b := fixed(edge.Draw(t, "a")), fixed(edge.Draw(t, "b"))
		x, y := big.NewInt(int64(a)), big.NewInt(int64(b))
		if got, want := a.add(b), saturate(new(big.Int).Add(x, y)); got != want {
			t.Fatalf("%d + %d = %d, want %d", a, b, got, want)
		}
		if got, want := a.sub(b), saturate(new(big.Int).Sub(x, y)); got != want {
			t.Fatalf("%d − %d = %d, want %d", a, b, got, want)
		}
		product := new(big.Int).Mul(x, y)
		if got, want := a.mul(b), saturate(product.Rsh(product, 32)); got != want {
			t.Fatalf("%d × %d = %d, want %d", a, b, got, want)
		}
		if b == 0 {
			if a.div(b) != 0 {
				t.Fatalf("%d / 0 = %d", a, a.div(b))
			}
			return
		}
		quotient := new(big.Int).Quo(x.Lsh(x, 32), y)
		if got, want := a.div(b), saturate(quotient); got != want {
			t.Fatalf("%d / %d = %d, want %d", a, b, got, want)
		}
	})
}

func TestShares(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		den := rapid.Uint64Min(1).Draw(t, "den")
		num := rapid.Uint64Max(den).Draw(t, "num")
		amount := rapid.Uint64().Draw(t, "amount")
		want := new(big.Int).Lsh(new(big.Int).SetUint64(num), 32)
		want.Quo(want, new(big.Int).SetUint64(den))
		got := ratio(num, den)
		if int64(got) != want.Int64() {
			t.Fatalf("%d/%d = %d, want %d", num, den, got, want)
		}
		part := want.Mul(want, new(big.Int).SetUint64(amount))
		if part.Rsh(part, 32); got.of(amount) != part.Uint64() {
			t.Fatalf("%d of %d = %d, want %d", got, amount, got.of(amount), part)
		}
	})
}

func TestScaleToUnits(t *testing.T) {
	for _, c := range []struct {
		in   fixed
		want uint16
	}{{0, 0}, {-one, 0}, {one, 65535}, {2 * one, 65535}, {math.MaxInt64, 65535}, {one / 2, 32767}, {1, 0}} {
		if got := c.in.u16(); got != c.want {
			t.Errorf("%d in units of 1/65535 = %d, want %d", c.in, got, c.want)
		}
	}
	if got := fixed(math.MaxInt64).of(math.MaxUint64); got != math.MaxUint64 {
		t.Errorf("an overflowing share is %d", got)
	}
	if got := fixed(-1).of(100); got != 0 {
		t.Errorf("a negative share is %d", got)
	}
}
