package scale

import (
	"fmt"
	"math/bits"

	"strata"
)

// Periods of a mortal era, in blocks.
const (
	minPeriod = 4
	maxPeriod = 1 << 16
)

// Era is how long an extrinsic is valid: from the block that it is signed on,
// for Period blocks. The zero value is immortal. Phase is that block's number
// modulo Period, rounded down for periods above 4096.
// Source: sp_runtime::generic::Era.
type Era struct {
	Period, Phase uint64
}

// MortalEra returns the era that starts at the block current and lasts at
// least period blocks: the next power of two from 4 to 65536.
func MortalEra(period, current uint64) Era {
	p := uint64(minPeriod)
	for p < period && p < maxPeriod {
		p <<= 1
	}
	q := quantum(p)
	return Era{Period: p, Phase: current % p / q * q}
}

// quantum is the step in which a period's phases are counted.
func quantum(period uint64) uint64 { return max(period>>12, 1) }

// Mortal says whether the era ends.
func (e Era) Mortal() bool { return e.Period != 0 }

// Birth returns the first block of the era that current lies in, whose hash is
// signed; 0 (the genesis block) for an immortal one.
func (e Era) Birth(current uint64) uint64 {
	if !e.Mortal() {
		return 0
	}
	return (max(current, e.Phase)-e.Phase)/e.Period*e.Period + e.Phase
}

// Death returns the first block in which an extrinsic of the era that current
// lies in is no longer valid; the largest uint64 for an immortal one.
func (e Era) Death(current uint64) uint64 {
	if !e.Mortal() {
		return ^uint64(0)
	}
	return e.Birth(current) + e.Period
}

// bytes returns the era's encoding: 0, or 16 bits of which the low four are
// log2(period)−1 and the others the phase.
func (e Era) bytes() []byte {
	if !e.Mortal() {
		return []byte{0}
	}
	v := uint64(bits.TrailingZeros64(e.Period)) - 1
	v |= e.Phase / quantum(e.Period) << 4
	return []byte{byte(v), byte(v >> 8)}
}

// Value returns the era as a Value of the type sp_runtime::generic::era::Era,
// whose cases are Immortal and, with the second byte in each, Mortal1…Mortal255.
func (e Era) Value() Value {
	b := e.bytes()
	if len(b) == 1 {
		return Variant{Name: "Immortal"}
	}
	return Variant{Name: fmt.Sprintf("Mortal%d", b[0]), Value: uint64(b[1])}
}

// DecodeEra reads an era. The error has code Invalid.
func DecodeEra(b []byte) (Era, error) {
	if len(b) == 1 && b[0] == 0 {
		return Era{}, nil
	}
	if len(b) != 2 {
		return Era{}, strata.E(strata.Invalid, "scale: an era has one zero byte or two bytes, not %d", len(b))
	}
	v := uint64(b[0]) | uint64(b[1])<<8
	e := Era{Period: 2 << (v & 15)}
	e.Phase = v >> 4 * quantum(e.Period)
	if e.Period < minPeriod || e.Phase >= e.Period {
		return Era{}, strata.E(strata.Invalid, "scale: 0x%04x is not an era", v)
	}
	return e, nil
}
