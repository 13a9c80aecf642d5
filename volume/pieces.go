package volume

import (
	"sync"
	"sync/atomic"

	"github.com/ncw/directio"

	"strata/merkle"
)

// A shard is taken from the network and written piece by piece. Each write waits
// for the disk, so large pieces are better, as long as not too many are in
// memory: a sender may be slow. All are whole groups.
const (
	smallPiece = merkle.GroupSize
	mostPieces = 32 // of bigPiece, in the process
	plainPiece = 4 * merkle.GroupSize
	bigPiece   = 16 * merkle.GroupSize
)

// pieces lends buffers that fit direct I/O. It is safe for concurrent use.
type pieces struct {
	small, plain, big sync.Pool
	bigs              atomic.Int64 // lent
}

// shardPieces are the buffers for shards on their way in.
var shardPieces pieces

// lend returns a buffer for a shard of size bytes, and how to give it back.
func (p *pieces) lend(size int64) (buf []byte, giveBack func()) {
	switch {
	case size <= smallPiece:
		return take(&p.small, smallPiece)
	case size > plainPiece && p.bigs.Add(1) <= mostPieces:
		buf, done := take(&p.big, bigPiece)
		return buf, func() { done(); p.bigs.Add(-1) }
	case size > plainPiece:
		p.bigs.Add(-1)
	}
	return take(&p.plain, plainPiece)
}

func take(pool *sync.Pool, size int) ([]byte, func()) {
	b, ok := pool.Get().(*[]byte)
	if !ok {
		block := directio.AlignedBlock(size)
		b = &block
	}
	return *b, func() { pool.Put(b) }
}
