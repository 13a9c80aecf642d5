package merkle

import (
	"encoding/binary"

	"lukechampine.com/blake3/guts"
)

// Sizes in bytes.
const (
	// LeafSize is the size of a leaf: BLAKE3's chunk, a sector's block.
	LeafSize = 1024
	// GroupSize is the size of a group, the unit that is stored and read.
	GroupSize = 64 * LeafSize
	hashSize  = 32
)

// Hash is a node of the tree: a chaining value, or at the top the root hash.
type Hash [32]byte

// wide is how many leaves guts hashes at once.
const wide = guts.MaxSIMD

// words returns the hash as BLAKE3's eight little-endian words.
func (h Hash) words() (w [8]uint32) {
	for i := range w {
		w[i] = binary.LittleEndian.Uint32(h[4*i:])
	}
	return w
}

// finish returns a node's hash. Exactly the tree's top node is a root.
func finish(n guts.Node, root bool) (h Hash) {
	if root {
		n.Flags |= guts.FlagRoot
	}
	for i, w := range guts.ChainingValue(n) {
		binary.LittleEndian.PutUint32(h[4*i:], w)
	}
	return h
}

// parent joins two nodes.
func parent(left, right Hash) guts.Node {
	return guts.ParentNode(left.words(), right.words(), &guts.IV, 0)
}

// Parent returns the node over two nodes of one level, where that is not the
// root: whoever has a level has all above it.
func Parent(left, right Hash) Hash { return finish(parent(left, right), false) }

// GroupNode returns the node of level 0 over a group's bytes, which is number
// group of a file that has more than one.
func GroupNode(data []byte, group uint64) Hash {
	return groupNode(data, group*groupLeaves, false)
}

// groupNode returns the node over a group, or what the last one has, whose first
// leaf is number leaf; root says that there is no other.
func groupNode(data []byte, leaf uint64, root bool) (h Hash) {
	if len(kernels) == 0 || len(data) < GroupSize || root {
		return finish(subtree(data, leaf), root)
	}
	kernels[0].groups(h[:], data, leaf)
	return h
}

// groupNodes puts the nodes of level 0 over whole groups of a file that has more
// than one into out; the first begins with that leaf.
func groupNodes(out, data []byte, leaf uint64) {
	if len(kernels) > 0 {
		kernels[0].groups(out, data, leaf)
		return
	}
	for i := 0; i*GroupSize < len(data); i++ {
		h := finish(subtree(data[i*GroupSize:][:GroupSize], leaf+uint64(i)*groupLeaves), false)
		copy(out[i*hashSize:], h[:])
	}
}

// parents puts the nodes over the first of n pairs in a row into out and returns
// how many: as many as are quickly hashed at once.
func parents(out, pairs []byte, n int) int {
	if len(kernels) == 0 {
		return 0
	}
	n -= n % kernels[0].lanes
	kernels[0].parents(out, pairs, n)
	return n
}

// subtree returns the top of the tree over data, at most a group, whose first
// leaf is number leaf of the whole.
func subtree(data []byte, leaf uint64) guts.Node {
	const run = wide * LeafSize
	if len(data) > run {
		half := run
		for 2*half < len(data) {
			half *= 2
		}
		left := finish(subtree(data[:half], leaf), false)
		right := finish(subtree(data[half:], leaf+uint64(half/LeafSize)), false)
		return parent(left, right)
	}
	if len(data) == run {
		return guts.CompressBuffer((*[run]byte)(data), run, &guts.IV, leaf, 0)
	}
	if len(data) <= LeafSize {
		return guts.CompressChunk(data, &guts.IV, leaf, 0)
	}
	var full [run]byte // guts reads sixteen leaves, whatever their number
	copy(full[:], data)
	return guts.CompressBuffer(&full, len(data), &guts.IV, leaf, 0)
}
