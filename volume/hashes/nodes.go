package hashes

import (
	"io"
	"sync/atomic"

	"strata"
	"strata/merkle"
	"strata/volume/vfs"
)

// An opening needs a node of every level. Reading each from its place would be a
// seek for each, so only level 0 and level crownLevel are read, in one read
// each: all levels between and above are computed from them, in microseconds.
const (
	crownLevel = 8
	crownSpan  = 1 << crownLevel // nodes of level 0 under one of the crown
	nodeSize   = 32
)

// Nodes reads the nodes of one record for one opening: the 8 KiB of level 0
// around the leaf's group, and the crown, the nodes of level 8, of which a
// sector of 4 GiB has 8 KiB. A crown that is known is not read. It is not safe
// for concurrent use.
type Nodes struct {
	src    io.ReaderAt
	base   int64 // of the record in the file
	sector uint64
	crown  *Crown
	crowns *Crowns

	low, high pyramid
}

// Nodes returns a reader of the record in a slot. crown is the sector's, which
// is kept in crowns once it is read.
func (f File) Nodes(slot int64, crown *Crown, crowns *Crowns) *Nodes {
	return &Nodes{src: f, base: slot * f.RecordSize(), sector: uint64(f.Sector), crown: crown, crowns: crowns}
}

// pyramid is some nodes of one level and all that follow from them.
type pyramid struct {
	first uint64          // index of the first node
	rows  [][]merkle.Hash // the nodes, those above, and so on
}

func newPyramid(first uint64, nodes []byte) pyramid {
	row := make([]merkle.Hash, len(nodes)/nodeSize)
	for i := range row {
		row[i] = merkle.Hash(nodes[i*nodeSize:])
	}
	p := pyramid{first, [][]merkle.Hash{row}}
	for len(row) > 1 {
		above := make([]merkle.Hash, len(row)/2)
		for i := range above {
			above[i] = merkle.Parent(row[2*i], row[2*i+1])
		}
		p.rows = append(p.rows, above)
		row = above
	}
	return p
}

// node returns a node by its level over the pyramid's and its index there.
func (p pyramid) node(level int, index uint64) (merkle.Hash, error) {
	if level < len(p.rows) {
		if at := index - p.first>>level; at < uint64(len(p.rows[level])) {
			return p.rows[level][at], nil
		}
	}
	return merkle.Hash{}, strata.E(strata.Internal, "a sector's tree has no node %d on level %d here", index, level)
}

// ReadNode implements merkle.NodeReader, but for the root.
func (r *Nodes) ReadNode(level int, index uint64) (merkle.Hash, error) {
	if level >= crownLevel {
		if r.high.rows == nil {
			nodes, err := r.ReadCrown()
			if err != nil {
				return merkle.Hash{}, err
			}
			r.high = newPyramid(0, nodes)
		}
		return r.high.node(level-crownLevel, index)
	}
	if r.low.rows == nil {
		groups := r.sector / merkle.GroupSize
		first := index << level &^ (crownSpan - 1)
		nodes, err := r.read(0, first, min(crownSpan, groups-first))
		if err != nil {
			return merkle.Hash{}, err
		}
		r.low = newPyramid(first, nodes)
	}
	return r.low.node(level, index)
}

// read reads n nodes of one level.
func (r *Nodes) read(level int, first, n uint64) ([]byte, error) {
	b := make([]byte, n*nodeSize)
	if _, err := r.src.ReadAt(b, r.base+header+merkle.NodeOffset(r.sector, level, first)); err != nil {
		return nil, vfs.Classify(err, "reading nodes of", "a hashes file")
	}
	return b, nil
}

// ReadCrown returns the crown, from memory or from the file. It must not be
// changed.
func (r *Nodes) ReadCrown() ([]byte, error) {
	if b := r.crown.get(); b != nil {
		return b, nil
	}
	b, err := r.read(crownLevel, 0, uint64(CrownSize(int64(r.sector))/nodeSize))
	if err == nil {
		r.crown.set(b, r.crowns)
	}
	return b, err
}

// CrownSize returns the bytes of the crown of a sector, 0 for one so small that
// it has none.
func CrownSize(sector int64) int64 { return sector / merkle.GroupSize / crownSpan * nodeSize }

// CrownMemory is enough for the crowns of 32 TiB.
const CrownMemory = 64 << 20

// Crowns bounds what crowns take in memory. Openings of further sectors read
// theirs. It is safe for concurrent use.
type Crowns struct{ left atomic.Int64 }

// NewCrowns returns room for crowns of so many bytes.
func NewCrowns(memory int64) *Crowns {
	var c Crowns
	c.left.Store(memory)
	return &c
}

// Left returns how many bytes are free.
func (c *Crowns) Left() int64 { return c.left.Load() }

// Crown is the crown of one sector, if it is known. Its zero value is one that
// is not. It is safe for concurrent use.
type Crown struct{ kept atomic.Pointer[[]byte] }

// Known says whether an opening need not read it.
func (c *Crown) Known() bool { return c.get() != nil }

func (c *Crown) get() []byte {
	if b := c.kept.Load(); b != nil {
		return *b
	}
	return nil
}

// set keeps b, which must not be changed, if there is room.
func (c *Crown) set(b []byte, in *Crowns) {
	n := int64(len(b))
	if in.left.Add(-n) < 0 || !c.kept.CompareAndSwap(nil, &b) {
		in.left.Add(n)
	}
}

// Drop forgets a crown whose record was found damaged or is no more.
func (c *Crown) Drop(from *Crowns) {
	if b := c.kept.Swap(nil); b != nil {
		from.left.Add(int64(len(*b)))
	}
}
