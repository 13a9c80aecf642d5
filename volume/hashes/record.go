// Package hashes keeps the trees of sealed sectors: one record of 1/1024 of its
// size for each sector, in a file beside the sectors. It writes and reads
// records, reads the nodes that an opening needs, in two reads or one, and
// makes a file of records without sectors for a verifier.
package hashes

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/zeebo/blake3"

	"strata"
	"strata/merkle"
	"strata/volume/vfs"
)

// A record of a hashes file describes the sealed filler in the slot of the
// same number:
//
//	LE64 sector number + 1 (0: nothing here) ‖ state u8 (1: sealed) ‖ 15 zero
//	‖ first 8 bytes of BLAKE3-256 over the 24 bytes before and the nodes
//	‖ nodes of the BLAKE3 tree, level by level from the 64 KiB groups, root last
//
// With G groups there are 2G−1 nodes of 32 bytes, so a record is exactly
// 1/Ratio of its sector.
const (
	header = 32
	sealed = 1

	// Ratio is how many times larger a sector is than its record.
	Ratio = 1024
)

// File is a hashes file. Its methods are safe for concurrent use.
type File struct {
	vfs.File
	Dir    string // where it lies, for people
	Sector int64  // bytes of a sector
}

// RecordSize returns the length of a record.
func (f File) RecordSize() int64 { return f.Sector / Ratio }

// WriteRecord writes and syncs the record of a sealed sector in its slot. A crash
// leaves a torn record, which its checksum shows. Code NoSpace if the disk is full.
func (f File) WriteRecord(slot int64, number uint64, tree merkle.Tree) error {
	if _, err := f.WriteAt(encode(number, tree), slot*f.RecordSize()); err != nil {
		return vfs.Classify(err, "writing nodes to", f.Dir)
	}
	if err := f.Sync(); err != nil {
		return vfs.Classify(err, "syncing nodes to", f.Dir)
	}
	return nil
}

// ReadRecord returns the tree of a sector, or code Corrupt if its record is not
// whole or is of another number or root.
func (f File) ReadRecord(slot int64, number uint64, root strata.Root) (merkle.Tree, error) {
	b := make([]byte, f.RecordSize())
	if _, err := f.ReadAt(b, slot*f.RecordSize()); err != nil && !errors.Is(err, io.EOF) {
		return merkle.Tree{}, vfs.Classify(err, "reading nodes of", f.Dir)
	}
	n, has, ok := decode(b)
	if !ok || n != number || has != root {
		return merkle.Tree{}, strata.E(strata.Corrupt, "the nodes of its tree are damaged")
	}
	return merkle.Load(uint64(f.Sector), b[header:])
}

// ClearRecord makes a slot's record say that nothing is there.
func (f File) ClearRecord(slot int64) error {
	if _, err := f.WriteAt(make([]byte, header), slot*f.RecordSize()); err != nil {
		return vfs.Classify(err, "clearing a record in", f.Dir)
	}
	return nil
}

// encode returns the record of a sealed sector.
func encode(number uint64, tree merkle.Tree) []byte {
	nodes := tree.Bytes()
	b := make([]byte, header, header+len(nodes))
	binary.LittleEndian.PutUint64(b, number+1)
	b[8] = sealed
	b = append(b, nodes...)
	sum := checksum(b)
	copy(b[24:32], sum[:])
	return b
}

// decode returns the sector number and root of a record, and whether it
// is whole. A torn, empty or foreign record is not.
func decode(b []byte) (number uint64, root strata.Root, ok bool) {
	if len(b) < header+len(root) {
		return 0, root, false
	}
	number = binary.LittleEndian.Uint64(b)
	if sum := checksum(b); number == 0 || b[8] != sealed || [8]byte(b[24:32]) != sum {
		return 0, root, false
	}
	copy(root[:], b[len(b)-len(root):])
	return number - 1, root, true
}

func checksum(b []byte) [8]byte {
	h := blake3.New()
	_, _ = h.Write(b[:24]) // a hash never fails to write
	_, _ = h.Write(b[header:])
	var sum [32]byte
	h.Sum(sum[:0])
	return [8]byte(sum[:8])
}
