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
	return int((l.rowLen(r) + int64(l.k) - 1) / int64(l.k))
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
