package merkle

import (
	"slices"

	"strata"
)

// NodeReader gives kept nodes by level (0 = groups) and index. Tree implements
// it, and so does whatever reads them from a disk.
type NodeReader interface {
	ReadNode(level int, index uint64) (Hash, error)
}

// Tree is the kept nodes of a file. It is not changed once made, and safe for
// concurrent use. Build, Builder and Load make one; the zero Tree has no node,
// not even a root.
type Tree struct {
	size  uint64
	nodes []byte
}

// Build returns the tree over data.
func Build(data []byte) Tree {
	b := NewBuilder(uint64(len(data)))
	whole := 0
	if len(data) > GroupSize {
		whole = len(data) / GroupSize * GroupSize
		b.addWhole(data[:whole])
	}
	if rest := data[whole:]; len(rest) > 0 || b.size == 0 {
		b.add(rest)
	}
	return b.finish()
}

// Load returns the tree of a file of that size from its kept nodes, which it
// does not copy. It checks all of them against each other (code Corrupt), so
// that only the root and level 0 remain to be compared with the file.
func Load(size uint64, nodes []byte) (Tree, error) {
	if len(nodes) != NodesLen(size) {
		return Tree{}, strata.E(strata.Corrupt, "tree of a file of %d bytes is %d bytes long instead of %d: rebuild it", size, len(nodes), NodesLen(size))
	}
	t := Tree{size, nodes}
	below := 0
	for w := groups(size); w > 1; w = above(w) {
		next := below + int(w)
		for i := range int(above(w)) {
			if t.node(next+i) != t.over(below, i, int(w)) {
				return Tree{}, strata.E(strata.Corrupt, "tree of a file of %d bytes contradicts itself at node %d: rebuild it", size, next+i)
			}
		}
		below = next
	}
	return t, nil
}

// node returns a node by its place in the kept nodes.
func (t Tree) node(i int) Hash { return Hash(t.nodes[i*hashSize : (i+1)*hashSize]) }

// over computes node i of the level over the one of width w that begins at
// node below.
func (t Tree) over(below, i, w int) Hash {
	if 2*i+1 == w {
		return t.node(below + 2*i)
	}
	return finish(parent(t.node(below+2*i), t.node(below+2*i+1)), w == 2)
}

// Size returns the length of the file in bytes.
func (t Tree) Size() uint64 { return t.size }

// Root returns the plain BLAKE3-256 hash of the file.
func (t Tree) Root() strata.Root {
	if len(t.nodes) == 0 {
		return strata.Root{}
	}
	return strata.Root(t.nodes[len(t.nodes)-hashSize:])
}

// Bytes returns the kept nodes, for Load; they must not be changed.
func (t Tree) Bytes() []byte { return t.nodes }

// ReadNode implements NodeReader; a node that does not exist has code Invalid.
func (t Tree) ReadNode(level int, index uint64) (Hash, error) {
	at := NodeOffset(t.size, level, index)
	if at < 0 || at >= int64(len(t.nodes)) {
		return Hash{}, strata.E(strata.Invalid, "tree of a file of %d bytes has no node %d on level %d", t.size, index, level)
	}
	return Hash(t.nodes[at : at+hashSize]), nil
}

// Builder makes a Tree from a stream. It holds at most one group beside the
// nodes. It is not safe for concurrent use.
type Builder struct {
	size  uint64
	seen  uint64 // bytes written
	nodes []byte
	leaf  uint64 // first of the next group
	part  []byte // the group begun
}

// NewBuilder returns a Builder for a file of that size.
func NewBuilder(size uint64) *Builder { return &Builder{size: size} }

// Write takes the next bytes of the file. Bytes beyond its size are refused,
// with code TooLarge, and none of that call's are taken.
func (b *Builder) Write(p []byte) (int, error) {
	if uint64(len(p)) > b.size-b.seen {
		return 0, strata.E(strata.TooLarge, "more than the %d bytes announced", b.size)
	}
	b.seen += uint64(len(p))
	b.take(p)
	return len(p), nil
}

// Tree returns the tree once all bytes are written; before that the error has
// code Invalid. Nothing may be written afterwards.
func (b *Builder) Tree() (Tree, error) {
	if b.seen != b.size {
		return Tree{}, strata.E(strata.Invalid, "only %d of the %d bytes announced came", b.seen, b.size)
	}
	b.flush()
	return b.finish(), nil
}

// take hashes the groups that p completes, and keeps the rest of it.
func (b *Builder) take(p []byte) {
	for len(p) > 0 {
		if len(b.part) == 0 && len(p) >= GroupSize && b.size > GroupSize {
			whole := len(p) / GroupSize * GroupSize
			b.addWhole(p[:whole])
			p = p[whole:]
			continue
		}
		n := min(len(p), GroupSize-len(b.part))
		b.part = append(b.part, p[:n]...)
		p = p[n:]
		if len(b.part) == GroupSize {
			b.add(b.part)
		}
	}
}

// flush hashes the group begun; even nothing has one.
func (b *Builder) flush() {
	if len(b.part) > 0 || b.size == 0 {
		b.add(b.part)
	}
	b.part = nil
}

// addWhole appends the nodes of the next groups, of a file that has more than one.
func (b *Builder) addWhole(data []byte) {
	groupNodes(b.more(len(data)/GroupSize), data, b.leaf)
	b.leaf += uint64(len(data) / LeafSize)
}

// add appends the node of the next group, and begins another.
func (b *Builder) add(group []byte) {
	h := groupNode(group, b.leaf, groups(b.size) == 1)
	copy(b.more(1), h[:])
	b.leaf += groupLeaves
	b.part = b.part[:0]
}

// more appends n nodes, to be set.
func (b *Builder) more(n int) []byte {
	at := len(b.nodes)
	b.nodes = slices.Grow(b.nodes, n*hashSize)[:at+n*hashSize]
	return b.nodes[at:]
}

// finish appends the levels over the groups.
func (b *Builder) finish() Tree {
	t := Tree{b.size, slices.Grow(b.nodes, NodesLen(b.size)-len(b.nodes))}
	below := 0
	for w := int(groups(b.size)); w > 1; w -= w / 2 {
		next := len(t.nodes)
		t.nodes = t.nodes[:next+(w-w/2)*hashSize]
		for i := parents(t.nodes[next:], t.nodes[below:next], w/2); i < w-w/2; i++ {
			h := t.over(below/hashSize, i, w)
			copy(t.nodes[next+i*hashSize:], h[:])
		}
		below = next
	}
	return t
}
