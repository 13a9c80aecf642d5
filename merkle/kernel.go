package merkle

import (
	"lukechampine.com/blake3/guts"
)

// kernel compresses many inputs at once with one instruction set. All give the
// same bytes. Its hash is a method of each architecture and not a variable, so
// that what is passed to it stays on the stack: garbage of 8 KiB for each 256
// makes collections that hold up the fills beside it.
//
//	hash(out, in *byte, stride, blocks uint64, counters *uint32, first, end uint64)
//
// compresses lanes inputs of whole blocks, each of which begins stride bytes after
// the one before, into lanes chaining values at out, which may overlap in. The
// counters' low words are at counters, the high ones maxLanes words on. first is
// the flags of each input's first block, end those of the last.
type kernel struct {
	name  string
	lanes int // inputs at once: a power of two, at most maxLanes
}

const (
	maxLanes = 16
	// batch is how many groups are hashed together: enough to have parents for
	// all lanes, few enough to stay in the first cache.
	batch = 4
)

// groups puts the nodes of level 0 over whole groups, of which the first begins
// with that leaf, into out.
func (k kernel) groups(out, data []byte, leaf uint64) {
	for len(data) > 0 {
		n := min(batch*GroupSize, len(data))
		k.batch(out, data[:n], leaf)
		out, data, leaf = out[n/GroupSize*hashSize:], data[n:], leaf+uint64(n/LeafSize)
	}
}

// batch is groups for at most batch groups.
func (k kernel) batch(out, data []byte, leaf uint64) {
	var nodes [batch * groupLeaves * hashSize]byte // one level after the other, from the start
	var counters [2 * maxLanes]uint32
	n := len(data) / LeafSize
	for i := 0; i < n; i += k.lanes {
		for lane := range k.lanes {
			counter := leaf + uint64(i+lane)
			counters[lane], counters[maxLanes+lane] = uint32(counter), uint32(counter>>32)
		}
		k.hash(&nodes[i*hashSize], &data[i*LeafSize], LeafSize, LeafSize/guts.BlockSize, &counters[0], guts.FlagChunkStart, guts.FlagChunkEnd)
	}
	for range groupLevels {
		n /= 2
		k.parents(nodes[:], nodes[:], (n+k.lanes-1)/k.lanes*k.lanes)
	}
	copy(out, nodes[:n*hashSize])
}

// groupLevels is how many levels of parents a group has.
const groupLevels = 6

// noCounter is the counters of parents.
var noCounter [2 * maxLanes]uint32

// parents puts the nodes over n pairs in a row into out, which may be where the
// pairs are; n is a multiple of lanes.
func (k kernel) parents(out, pairs []byte, n int) {
	for i := 0; i < n; i += k.lanes {
		k.hash(&out[i*hashSize], &pairs[2*i*hashSize], 2*hashSize, 1, &noCounter[0], guts.FlagParent, 0)
	}
}
