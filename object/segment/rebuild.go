package segment

import (
	"strata/envelope"
	"strata/erasure"
)

// Rebuilder makes some of a segment's shards again, row by row. A shard's bytes
// follow from the object's key and its segment's plaintext, so they come out as
// they were. One goroutine uses it.
type Rebuilder struct {
	codec   *erasure.Codec
	layout  Layout
	shards  []int // indices
	parity  bool  // one of them is a parity shard
	sealers []*envelope.Sealer
	bodies  [][]byte
	row     [][]byte // chunks of the row at hand
	room    []byte   // for its parity chunks
}

// NewRebuilder starts to make the shards of those indices. bodies are the buffers
// to append to, one for each; it replaces those that are too small.
func NewRebuilder(c *erasure.Codec, key envelope.Key, number uint64, l Layout, shards []int, bodies [][]byte) (*Rebuilder, error) {
	b := &Rebuilder{codec: c, layout: l, shards: shards, bodies: bodies, row: make([][]byte, c.Total())}
	for _, i := range shards {
		s, err := NewSealer(key, number, i)
		if err != nil {
			return nil, err
		}
		b.sealers = append(b.sealers, s)
		b.parity = b.parity || i >= c.K()
	}
	return b, nil
}

// Add appends row r's chunk of each shard to its body. chunks has all data chunks
// of the row; parity chunks that it has are encoded again, to the same bytes.
func (b *Rebuilder) Add(chunks [][]byte, r int) error {
	copy(b.row, chunks)
	if b.parity {
		b.parities(b.layout.ChunkLen(r))
		if err := b.codec.EncodeRow(b.row); err != nil {
			return err
		}
	}
	last := b.layout.Last(r)
	return parallel(len(b.shards), func(i int) (err error) {
		b.bodies[i], err = b.sealers[i].SealChunk(b.bodies[i], b.row[b.shards[i]], uint64(r), last)
		return err
	})
}

// parities points the parity chunks that are missing at room of c bytes for each.
func (b *Rebuilder) parities(c int) {
	k := b.codec.K()
	if need := (b.codec.Total() - k) * c; cap(b.room) < need {
		b.room = make([]byte, need)
	}
	for i := k; i < len(b.row); i++ {
		if b.row[i] == nil {
			b.row[i] = b.room[(i-k)*c:][:c:c]
		}
	}
}
