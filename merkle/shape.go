package merkle

// leaves returns the number of leaves in size bytes; even nothing has one.
func leaves(size uint64) uint64 { return pieces(size, LeafSize) }

// groups returns the number of groups in size bytes, at least one.
func groups(size uint64) uint64 { return pieces(size, GroupSize) }

func pieces(size, piece uint64) uint64 {
	if size == 0 {
		return 1
	}
	return (size-1)/piece + 1
}

// pieceLen returns the length of piece number i, which exists.
func pieceLen(size, piece, i uint64) int { return int(min(piece, size-i*piece)) }

// above returns the width of the level over one of that width.
func above(width uint64) uint64 { return width - width/2 }

// NodesLen returns the length in bytes of the kept nodes of a file of that size.
func NodesLen(size uint64) int {
	n := uint64(1)
	for w := groups(size); w > 1; w = above(w) {
		n += w
	}
	return int(n) * hashSize
}

// NodeOffset returns where in the kept nodes a node lies, in bytes, or −1 if
// there is no such node.
func NodeOffset(size uint64, level int, index uint64) int64 {
	before, w := uint64(0), groups(size)
	for ; level > 0 && w > 1; level-- {
		before += w
		w = above(w)
	}
	if level != 0 || index >= w {
		return -1
	}
	return int64(before+index) * hashSize
}
