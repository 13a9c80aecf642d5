package volume

import (
	"encoding/binary"
	"io"
	"sync/atomic"

	"github.com/zeebo/blake3"

	"strata"
	"strata/merkle"
)

// A record of a hashes file describes the sealed filler in the slot of the
// same number:
//
//	LE64 sector number + 1 (0: nothing here) ‖ state u8 (1: sealed) ‖ 15 zero
//	‖ first 8 bytes of BLAKE3-256 over the 24 bytes before and the nodes
//	‖ nodes of the BLAKE3 tree, level by level from the 64 KiB groups, root last
//
// With G groups there are 2G−1 nodes of 32 bytes, so a record is exactly
// 1/1024 of its sector.
const (
	recordHeader = 32
	recordSealed = 1
	recordRatio  = 1024
)

// recordSize returns the length of a record for a sector of that many bytes.
func recordSize(sector int64) int64 { return sector / recordRatio }

// encodeRecord returns the record of a sealed sector.
func encodeRecord(number uint64, tree merkle.Tree) []byte {
	nodes := tree.Bytes()
	b := make([]byte, recordHeader, recordHeader+len(nodes))
	binary.LittleEndian.PutUint64(b, number+1)
	b[8] = recordSealed
	b = append(b, nodes...)
	sum := recordSum(b)
	copy(b[24:32], sum[:])
	return b
}

// decodeRecord returns the sector number and root of a record, and whether it
// is whole. A torn, empty or foreign record is not.
func decodeRecord(b []byte) (number uint64, root strata.Root, ok bool) {
	if len(b) < recordHeader+len(root) {
		return 0, root, false
	}
	number = binary.LittleEndian.Uint64(b)
	if sum := recordSum(b); number == 0 || b[8] != recordSealed || [8]byte(b[24:32]) != sum {
		return 0, root, false
	}
	copy(root[:], b[len(b)-len(root):])
	return number - 1, root, true
}

func recordSum(b []byte) [8]byte {
	h := blake3.New()
	_, _ = h.Write(b[:24]) // a hash never fails to write
	_, _ = h.Write(b[recordHeader:])
	var sum [32]byte
	h.Sum(sum[:0])
	return [8]byte(sum[:8])
}

// An opening needs a node of every level. Reading each from its place would be a
// seek for each, so only level 0 and level crownLevel are read, in one read
// each: all levels between and above are computed from them, in microseconds.
const (
	crownLevel = 8
	crownSpan  = 1 << crownLevel // nodes of level 0 under one of the crown
	nodeSize   = 32
)

// recordNodes reads the nodes of one record for one opening: the 8 KiB of level
// 0 around the leaf's group, and the crown, the nodes of level 8, of which a
// sector of 4 GiB has 8 KiB. A crown that is known is not read. It is not safe
// for concurrent use.
type recordNodes struct {
	src    io.ReaderAt
	base   int64 // of the record in the file
	sector uint64
	crown  *crown
	budget *atomic.Int64 // of all crowns

	low, high pyramid
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
func (r *recordNodes) ReadNode(level int, index uint64) (merkle.Hash, error) {
	if level >= crownLevel {
		if r.high.rows == nil {
			nodes, err := r.readCrown()
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
func (r *recordNodes) read(level int, first, n uint64) ([]byte, error) {
	b := make([]byte, n*nodeSize)
	if _, err := r.src.ReadAt(b, r.base+recordHeader+merkle.NodeOffset(r.sector, level, first)); err != nil {
		return nil, diskError(err, "reading nodes of", "a hashes file")
	}
	return b, nil
}

func (r *recordNodes) readCrown() ([]byte, error) {
	if b := r.crown.get(); b != nil {
		return b, nil
	}
	b, err := r.read(crownLevel, 0, r.sector/merkle.GroupSize/crownSpan)
	if err == nil {
		r.crown.set(b, r.budget)
	}
	return b, err
}

// crownMemory bounds what crowns take in memory: those of 32 TiB. Openings of
// further sectors read theirs.
const crownMemory = 64 << 20

// crown is the crown of one sector, if it is known. It is safe for concurrent use.
type crown struct{ kept atomic.Pointer[[]byte] }

func (c *crown) get() []byte {
	if b := c.kept.Load(); b != nil {
		return *b
	}
	return nil
}

// set keeps b, which must not be changed, if the budget of all crowns has room.
func (c *crown) set(b []byte, budget *atomic.Int64) {
	n := int64(len(b))
	if budget.Add(-n) < 0 || !c.kept.CompareAndSwap(nil, &b) {
		budget.Add(n)
	}
}

// drop forgets a crown whose record was found damaged or is no more.
func (c *crown) drop(budget *atomic.Int64) {
	if b := c.kept.Swap(nil); b != nil {
		budget.Add(int64(len(*b)))
	}
}
