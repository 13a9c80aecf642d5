package seal

import (
	"encoding/binary"
	"math/bits"

	"strata"
)

// lineSize is the unit of gather: a cache line, so that a parent costs whoever
// recomputes it a memory access of its own.
const lineSize = 64

// lines is the number of lines in a block, and so of its parents.
const lines = strata.BlockSize / lineSize

// golden is the increment of splitmix64.
const golden = 0x9e3779b97f4a7c15

// Parents returns the blocks that gather(pass, j) reads, in line order, in a
// sector of n blocks with that id; n is as Sector.Validate allows, pass counts
// from 1 and j < n. Step (1, 0) gathers nothing: its answer is all zero.
//
// Half of the parents lie anywhere in what exists (the earlier blocks in pass
// 1, all blocks afterwards), half at a distance whose logarithm is uniform.
// Which half alternates with j and pass, so every line has both.
func Parents(id strata.SectorID, n, pass, j uint32) [16]uint32 {
	var out [lines]uint32
	parents(&out, graphKey(id), n, pass, j)
	return out
}

// graphKey is the part of a sector id that the graph depends on.
func graphKey(id strata.SectorID) uint64 { return binary.LittleEndian.Uint64(id[:8]) }

// parents is Parents into the caller's array.
func parents(out *[lines]uint32, key uint64, n, pass, j uint32) {
	lim := uint64(n)
	if pass == 1 {
		lim = uint64(j)
	}
	if lim == 0 {
		*out = [lines]uint32{}
		return
	}
	s := mix64(key ^ (uint64(pass)<<48 | uint64(j)))
	m := uint64(bits.Len64(lim) - 1)
	for k := range out {
		s += golden
		r := mix64(s)
		if (uint32(k)+j+pass)&1 == 0 || m < 2 {
			out[k] = uint32((r & 0xffffffff) * lim >> 32)
		} else {
			out[k] = (j - distance(r, m)) & (n - 1)
		}
	}
}

// distance maps 64 random bits to a distance in [2, 2^m): first its power of
// two, uniformly, then its place within that. m is at least 2.
func distance(r, m uint64) uint32 {
	e := 1 + (r&0xffffffff)*(m-1)>>32
	return uint32(1<<e + (r>>32)&(1<<e-1))
}

// mix64 is the finaliser of splitmix64 (Steele, Lea, Flood: Fast Splittable
// Pseudorandom Number Generators, 2014).
func mix64(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
