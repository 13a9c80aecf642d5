package object

import (
	"strata"
	"strata/envelope"
)

// maxSegment is the most plaintext of one segment.
const maxSegment = 64 * int64(strata.MiB)

// layout is the geometry of one segment's plaintext in its shards (doc.go).
type layout struct {
	k    int
	size int64 // plaintext of the segment
}

// rowPlain returns the plaintext of a full row.
func (l layout) rowPlain() int64 { return int64(l.k) * envelope.ChunkPlain }

// rows returns how many rows the segment has.
func (l layout) rows() int { return int((l.size + l.rowPlain() - 1) / l.rowPlain()) }

// rowLen returns the plaintext of row r.
func (l layout) rowLen(r int) int64 {
	return min(l.rowPlain(), l.size-int64(r)*l.rowPlain())
}

// chunkLen returns the plaintext of each chunk of row r, padding included.
func (l layout) chunkLen(r int) int {
	return chunkLen(l.k, int(l.rowLen(r)), r, l.last(r))
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

// last says whether row r is the segment's last.
func (l layout) last(r int) bool { return r == l.rows()-1 }

// shardOff returns where row r begins in a shard.
func (l layout) shardOff(r int) int64 { return int64(r) * envelope.ChunkSealed }

// shardLen returns the length of a shard.
func (l layout) shardLen() int64 {
	r := l.rows() - 1
	return l.shardOff(r) + int64(l.chunkLen(r)+envelope.Overhead)
}

// valid says whether a segment's record is one that this package could have
// written, so that the arithmetic above holds.
func (l layout) valid() bool { return l.k >= 1 && l.size >= 1 && l.size <= maxSegment }

// scheme is how a segment is encoded.
type scheme struct {
	k, success, total int
	rows              int // most rows of a segment
}

// newScheme bounds segments by the profile's shards and by memory: at least two
// must fit in it, so that one can be filled while another is sent.
func newScheme(k, success, total int, p strata.Profile, memory int64) scheme {
	rows := min(
		maxSegment/(int64(k)*envelope.ChunkPlain),
		int64(p.MaxShard())/envelope.ChunkSealed,
		memory/2/(int64(total)*envelope.ChunkSealed),
	)
	return scheme{k: k, success: success, total: total, rows: int(max(1, rows))}
}

func (s scheme) rowPlain() int { return s.k * envelope.ChunkPlain }
