package yuma

import (
	"math"
	"math/bits"
)

// fixed is a signed number with 32 integer and 32 fractional bits, the pallet's
// I32F32. Products round down, quotients of positive numbers too; everything
// saturates and x/0 is 0, as in the pallet's saturating and safe operations.
type fixed int64

const (
	one    fixed = 1 << 32
	u16Max       = math.MaxUint16
)

func fromInt(v uint16) fixed { return fixed(v) << 32 }

// add saturates at both ends.
func (a fixed) add(b fixed) fixed {
	s := a + b
	switch {
	case a > 0 && b > 0 && s < 0:
		return math.MaxInt64
	case a < 0 && b < 0 && s >= 0:
		return math.MinInt64
	}
	return s
}

func (a fixed) sub(b fixed) fixed {
	if b == math.MinInt64 {
		return a.add(math.MaxInt64).add(1)
	}
	return a.add(-b)
}

// magnitude returns |a| and whether a is negative.
func (a fixed) magnitude() (uint64, bool) {
	if a < 0 {
		return -uint64(a), true
	}
	return uint64(a), false
}

// mul returns a·b rounded towards −∞: the pallet shifts a 128-bit product.
func (a fixed) mul(b fixed) fixed {
	x, nx := a.magnitude()
	y, ny := b.magnitude()
	hi, lo := bits.Mul64(x, y)
	q := hi<<32 | lo>>32
	if nx == ny {
		if hi >= 1<<31 {
			return math.MaxInt64
		}
		return fixed(q)
	}
	if hi >= 1<<31 {
		return math.MinInt64
	}
	if lo<<32 != 0 {
		q++
	}
	return -fixed(q)
}

// div returns a/b rounded towards zero, 0 when b is 0.
func (a fixed) div(b fixed) fixed {
	if b == 0 {
		return 0
	}
	x, nx := a.magnitude()
	y, ny := b.magnitude()
	hi, lo := x>>32, x<<32
	q := uint64(math.MaxUint64)
	if hi < y {
		q, _ = bits.Div64(hi, lo, y)
	}
	switch {
	case nx == ny && q > math.MaxInt64:
		return math.MaxInt64
	case nx == ny:
		return fixed(q)
	case q > math.MaxInt64:
		return math.MinInt64
	}
	return -fixed(q)
}

// u16 scales [0, 1] to [0, 65535], rounding down and saturating.
func (a fixed) u16() uint16 {
	v := a.mul(fromInt(u16Max))
	switch {
	case v < 0:
		return 0
	case v >= one<<16:
		return u16Max
	}
	return uint16(v >> 32)
}

// of returns a share of an amount, rounded down; a negative share gives 0.
func (a fixed) of(amount uint64) uint64 {
	if a < 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(a), amount)
	if hi >= 1<<32 {
		return math.MaxUint64
	}
	return hi<<32 | lo>>32
}

// ratio returns num/den as the pallet computes a proportion of two integers in
// I64F64 and narrows it: rounded down. den must not be 0; num ≤ den.
func ratio(num, den uint64) fixed {
	if num >= den {
		return one
	}
	q, _ := bits.Div64(num>>32, num<<32, den)
	return fixed(q)
}
