package allocation

import (
	"fmt"
	"math/bits"
	"sort"
	"strconv"
	"strings"

	"strata"
)

// Threshold is the part of a volume that the network may have, in billionths:
// One is all of it.
type Threshold uint32

// One is the whole volume.
const One Threshold = 1_000_000_000

// ParseThreshold reads a decimal between 0 and 1 with at most nine decimals,
// exactly. Zero and everything else gives code Invalid.
func ParseThreshold(s string) (Threshold, error) {
	whole, frac, _ := strings.Cut(strings.TrimSpace(s), ".")
	v, err := uint64(0), error(nil)
	if len(frac) <= 9 && len(whole) <= 9 {
		v, err = strconv.ParseUint(whole+frac+strings.Repeat("0", 9-len(frac)), 10, 64)
	}
	if err != nil || v == 0 || v > uint64(One) {
		return 0, strata.E(strata.Invalid,
			"threshold %.40q is not a part of the disk: write a decimal above 0 and at most 1, with at most nine decimals, like 0.5", s)
	}
	return Threshold(v), nil
}

// String returns the decimal without trailing zeros.
func (t Threshold) String() string {
	s := fmt.Sprintf("%d.%09d", t/One, t%One)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// UnmarshalText accepts what ParseThreshold does.
func (t *Threshold) UnmarshalText(b []byte) error {
	v, err := ParseThreshold(string(b))
	if err == nil {
		*t = v
	}
	return err
}

// Space is what a volume's file system says.
type Space struct {
	Free    strata.ByteSize // free on the file system
	Used    strata.ByteSize // used by this hotkey's own files there
	Reserve strata.ByteSize // to be left free whatever the threshold
}

// Disk is the room of one volume, named by its path.
type Disk struct {
	Path string // as in Holding.Volume
	Space
}

// Capacity returns how much of a volume partitions may use: threshold × (free +
// already used), rounded down, so that filling the space does not shrink it; at
// most what leaves the reserve free.
func (t Threshold) Capacity(s Space) strata.ByteSize {
	sum, carry := bits.Add64(uint64(s.Free), uint64(s.Used), 0)
	if carry != 0 {
		sum = ^uint64(0) // no disk; it stays a bound
	}
	hi, lo := bits.Mul64(sum, uint64(min(t, One)))
	part, _ := bits.Div64(hi, lo, uint64(One)) // hi < One
	return min(strata.ByteSize(part), strata.ByteSize(sum-min(sum, uint64(s.Reserve))))
}

// SmallestThreshold returns the smallest threshold with which the volumes hold
// n sectors together, one for every eligible validator say. If even all of the
// volumes do not, it gives code NoSpace.
func SmallestThreshold(spaces []Space, sector strata.ByteSize, n uint64) (Threshold, error) {
	if sector == 0 {
		return 0, strata.E(strata.Invalid, "threshold without a sector size")
	}
	if short := missing(One, spaces, sector, n); short > 0 {
		return 0, strata.E(strata.NoSpace,
			"%d sectors of %s do not fit on these disks even as a whole: free %s, or add a disk",
			n, sector, strata.ByteSize(short)*sector)
	}
	fits := func(t int) bool { return missing(Threshold(t), spaces, sector, n) == 0 }
	return Threshold(sort.Search(int(One), fits)), nil
}

// missing returns how many of n sectors do not fit.
func missing(t Threshold, spaces []Space, sector strata.ByteSize, n uint64) uint64 {
	for _, s := range spaces {
		n -= min(n, uint64(t.Capacity(s)/sector))
	}
	return n
}
