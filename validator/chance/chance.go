// Package chance draws what a miner must not foresee: which sectors are
// checked, which leaves are asked for, and when.
package chance

import (
	"crypto/rand"
	"encoding/binary"
	"math"
	"math/bits"
	"time"
)

// Source returns 64 random bits. A simulation has its own, to be repeated; all
// else uses Secret. Its methods are as safe for concurrent use as it is.
type Source func() uint64

// Secret is the Source of bits that nobody can foresee.
func Secret() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return binary.LittleEndian.Uint64(b[:])
}

// Below returns a uniform number in [0, n): the high half of a product, drawn
// again where that would favour some (Lemire, arXiv 1805.10941).
func (s Source) Below(n int) int {
	hi, lo := bits.Mul64(s(), uint64(n))
	for floor := -uint64(n) % uint64(n); lo < floor; {
		hi, lo = bits.Mul64(s(), uint64(n))
	}
	return int(hi)
}

// Around returns a uniform time in [d/2, 3d/2).
func (s Source) Around(d time.Duration) time.Duration {
	return d/2 + time.Duration(s.Below(int(max(d, 1))))
}

// Exponential returns an exponential time with that mean, at most ten times it,
// so that nothing follows from when the last one was. Floating point is fine
// here: it is no rule, only chance.
func (s Source) Exponential(mean time.Duration) time.Duration {
	u := (float64(s()>>11) + 1) / (1 << 53)
	return time.Duration(min(-math.Log(u), 10) * float64(mean))
}
