package volume

import (
	"encoding/binary"
	"io"

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
	nodePage     = 1024 // unit in which an opening reads nodes
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

// recordNodes reads the nodes of one record for one opening: a page of 1 KiB
// for each low level, one for all high levels together, at most 16 KiB at
// 4 GiB. It is not safe for concurrent use.
type recordNodes struct {
	src    io.ReaderAt
	base   int64 // of the record in the file
	sector uint64
	pages  map[int64][]byte
}

// ReadNode implements merkle.NodeReader.
func (r *recordNodes) ReadNode(level int, index uint64) (merkle.Hash, error) {
	off := recordHeader + merkle.NodeOffset(r.sector, level, index)
	start := off &^ (nodePage - 1)
	page, ok := r.pages[start]
	if !ok {
		page = make([]byte, min(nodePage, recordSize(int64(r.sector))-start))
		if _, err := r.src.ReadAt(page, r.base+start); err != nil {
			return merkle.Hash{}, diskError(err, "reading nodes of", "a hashes file")
		}
		if r.pages == nil {
			r.pages = make(map[int64][]byte)
		}
		r.pages[start] = page
	}
	return merkle.Hash(page[off-start : off-start+32]), nil
}
