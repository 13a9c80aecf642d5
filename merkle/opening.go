package merkle

import (
	"fmt"
	"math/bits"

	"lukechampine.com/blake3/guts"

	"strata"
)

// groupLeaves is the number of leaves in a whole group.
const groupLeaves = GroupSize / LeafSize

// Opening shows one leaf of a file whose root is known: the leaf and 32 bytes
// for each level of the tree over leaves, 1,728 bytes in a sector of 4 GiB.
type Opening struct {
	Block []byte // the leaf's bytes: LeafSize of them, fewer only in a file's last leaf
	Path  []Hash // siblings from the leaf up; none where an odd last node moves up alone
}

// Open opens a leaf of a file of that size. group is the bytes of the group that
// holds it: GroupSize, or what the last group has. The opening shares no memory
// with it. Code Invalid: there is no such leaf, or group has a wrong length.
// Code Corrupt: group does not match its kept node, so the opening would not
// verify. Errors of nodes come back wrapped.
func Open(size, leaf uint64, group []byte, nodes NodeReader) (Opening, error) {
	g, in := leaf/groupLeaves, leaf%groupLeaves
	if leaf >= leaves(size) || len(group) != pieceLen(size, GroupSize, g) {
		return Opening{}, strata.E(strata.Invalid, "leaf %d of a file of %d bytes is in no group of %d bytes", leaf, size, len(group))
	}
	block := group[in*LeafSize:][:pieceLen(size, LeafSize, leaf)]
	o := Opening{
		Block: append(make([]byte, 0, LeafSize), block...),
		Path:  make([]Hash, 0, bits.Len64(leaves(size)-1)),
	}
	top := finish(o.climb(group, leaf), groups(size) == 1)
	switch kept, err := nodes.ReadNode(0, g); {
	case err != nil:
		return Opening{}, fmt.Errorf("opening leaf %d: %w", leaf, err)
	case kept != top:
		return Opening{}, strata.E(strata.Corrupt, "group %d of a file of %d bytes does not match its tree: its bytes were damaged or replaced", g, size)
	}
	level := 0
	for w := groups(size); w > 1; w = above(w) {
		if g^1 < w {
			h, err := nodes.ReadNode(level, g^1)
			if err != nil {
				return Opening{}, fmt.Errorf("opening leaf %d: %w", leaf, err)
			}
			o.Path = append(o.Path, h)
		}
		g /= 2
		level++
	}
	return o, nil
}

// climb adds to the path the siblings that lie within the leaf's group and
// returns the group's node as the path gives it.
func (o *Opening) climb(group []byte, leaf uint64) guts.Node {
	in := leaf % groupLeaves
	first := leaf - in
	n := guts.CompressChunk(o.Block, &guts.IV, leaf, 0)
	for span := uint64(1); span*LeafSize < uint64(len(group)); span *= 2 {
		sibling := (in/span ^ 1) * span
		if rest := uint64(len(group)); sibling*LeafSize < rest {
			end := min((sibling+span)*LeafSize, rest)
			h := finish(subtree(group[sibling*LeafSize:end], first+sibling), false)
			o.Path = append(o.Path, h)
			n = join(n, h, in/span)
		}
	}
	return n
}

// join puts a node, number at of its level, and its sibling under their parent.
func join(n guts.Node, sibling Hash, at uint64) guts.Node {
	h := finish(n, false)
	if at%2 == 0 {
		return parent(h, sibling)
	}
	return parent(sibling, h)
}

// Verify says whether o shows leaf number leaf of the file with that root and
// size, which must both be known: only the opening of a last leaf proves a size.
// Code Corrupt: it does not. Code Invalid: the file has no such leaf.
func (o Opening) Verify(root strata.Root, size, leaf uint64) error {
	if leaf >= leaves(size) {
		return strata.E(strata.Invalid, "a file of %d bytes has no leaf %d", size, leaf)
	}
	wrong := func() error {
		return strata.E(strata.Corrupt, "the opening of leaf %d does not match root %v", leaf, root)
	}
	if len(o.Block) != pieceLen(size, LeafSize, leaf) {
		return wrong()
	}
	n, path, at := guts.CompressChunk(o.Block, &guts.IV, leaf, 0), o.Path, leaf
	for w := leaves(size); w > 1; w = above(w) {
		if at^1 < w {
			if len(path) == 0 {
				return wrong()
			}
			n = join(n, path[0], at)
			path = path[1:]
		}
		at /= 2
	}
	if len(path) > 0 || strata.Root(finish(n, true)) != root {
		return wrong()
	}
	return nil
}
