package seal

import (
	"encoding/binary"

	"strata"
)

// Gathered appends to list where the lines lie that blocks from…to−1 of a pass
// gather, as offsets in the sector, in the order of the blocks. The sector is
// valid, pass and blocks exist; block 0 of the first pass gathers nothing.
func (s Sector) Gathered(list []uint64, pass, from, to uint32) []uint64 {
	key := graphKey(s.ID())
	var par [lines]uint32
	for j := from; j < to; j++ {
		if pass == 1 && j == 0 {
			continue
		}
		parents(&par, key, s.Blocks, pass, j)
		for k, parent := range par {
			list = append(list, uint64(parent)*strata.BlockSize+uint64((k+5)%lines*lineSize))
		}
	}
	return list
}

// Gather reads the lines at those offsets, as fast as this machine can, and
// returns something that hangs on all of them: what remains of a fill when its
// permutation costs nothing. It is there to be measured. A line that is not
// wholly in buf has code Invalid.
func Gather(buf []byte, offsets []uint64) (uint64, error) {
	for _, at := range offsets {
		if at > uint64(len(buf)) || uint64(len(buf))-at < lineSize {
			return 0, strata.E(strata.Invalid, "the line at %d is not in a buffer of %d bytes", at, len(buf))
		}
	}
	if len(offsets) == 0 {
		return 0, nil
	}
	return gather(buf, offsets), nil
}

// gatherPlainly is gather in Go.
func gatherPlainly(buf []byte, offsets []uint64) (sum uint64) {
	for _, at := range offsets {
		sum ^= binary.LittleEndian.Uint64(buf[at:])
	}
	return sum
}
