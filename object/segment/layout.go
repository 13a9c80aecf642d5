package segment

import (
	"strata"
	"strata/catalog"
	"strata/envelope"
)

// MaxSize is the most plaintext of one segment, in bytes.
const MaxSize = 64 * int64(strata.MiB)

// Layout is the geometry of one segment's plaintext in its shards. Its methods
// hold for a Layout that is Valid, and rows that it has.
type Layout struct {
	K    int
	Size int64 // plaintext of the segment, in bytes
}

// LayoutOf returns the layout of a segment on record, which may not be valid.
func LayoutOf(seg catalog.Segment) Layout { return Layout{seg.K, seg.Size} }

// CheckedLayoutOf returns the layout of a segment on record, or code Corrupt.
func CheckedLayoutOf(seg catalog.Segment) (Layout, error) {
	l := LayoutOf(seg)
	if !l.Valid() {
		return l, strata.E(strata.Corrupt, "the record of segment %d of object %s is damaged: restore the metadata from a backup", seg.Number, seg.Origin)
	}
	return l, nil
}

// RowPlain returns the plaintext of a full row.
func (l Layout) RowPlain() int64 { return int64(l.K) * envelope.ChunkPlain }

// Rows returns how many rows the segment has.
func (l Layout) Rows() int { return int((l.Size + l.RowPlain() - 1) / l.RowPlain()) }

// RowLen returns the plaintext of row r.
func (l Layout) RowLen(r int) int64 {
	return min(l.RowPlain(), l.Size-int64(r)*l.RowPlain())
}

// ChunkLen returns the plaintext of each chunk of row r, padding included.
func (l Layout) ChunkLen(r int) int {
	return chunkLen(l.K, int(l.RowLen(r)), r, l.Last(r))
}

// What a shard's last chunk is padded to, sealed, in bytes: a leaf where it is
// the only one, which is what it takes of a sector anyway, and a page of a disk
// after others.
const (
	padOnly = strata.BlockSize
	padLast = 4 << 10
)

// chunkLen cuts n bytes of row r into k chunks. The last row's are padded, so
// that a shard's length tells less of the object's.
func chunkLen(k, n, r int, last bool) int {
	c := (n + k - 1) / k
	if !last {
		return c
	}
	pad := padLast
	if r == 0 {
		pad = padOnly
	}
	return (c+envelope.Overhead+pad-1)/pad*pad - envelope.Overhead
}

// Last says whether row r is the segment's last.
func (l Layout) Last(r int) bool { return r == l.Rows()-1 }

// ShardOff returns where row r begins in a shard.
func (l Layout) ShardOff(r int) int64 { return int64(r) * envelope.ChunkSealed }

// ShardLen returns the length of a shard.
func (l Layout) ShardLen() int64 {
	r := l.Rows() - 1
	return l.ShardOff(r) + int64(l.ChunkLen(r)+envelope.Overhead)
}

// Valid says whether a segment's record is one that this package could have
// written, so that the arithmetic above holds.
func (l Layout) Valid() bool { return l.K >= 1 && l.Size >= 1 && l.Size <= MaxSize }

// Scheme is how an object's segments are encoded: any K of a segment's Total
// shards give it, and it counts when Success are stored.
type Scheme struct {
	K, Success, Total int
	Rows              int // most rows of a segment
}

// NewScheme bounds segments by the profile's shards and by memory, in bytes: at
// least two must fit in it, so that one can be filled while another is sent.
func NewScheme(k, success, total int, p strata.Profile, memory int64) Scheme {
	rows := min(
		MaxSize/(int64(k)*envelope.ChunkPlain),
		int64(p.MaxShard())/envelope.ChunkSealed,
		memory/2/(int64(total)*envelope.ChunkSealed),
	)
	return Scheme{K: k, Success: success, Total: total, Rows: int(max(1, rows))}
}

// RowPlain returns the plaintext of a full row.
func (s Scheme) RowPlain() int { return s.K * envelope.ChunkPlain }

// FullSize returns the plaintext of a full segment.
func (s Scheme) FullSize() int64 { return int64(s.Rows) * int64(s.RowPlain()) }

// ShardLen returns the length of the shards of a segment of n bytes.
func (s Scheme) ShardLen(n int64) int64 { return Layout{s.K, n}.ShardLen() }
