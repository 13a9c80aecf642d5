package object

import (
	"runtime"
	"sync"

	"github.com/zeebo/blake3"

	"strata"
	"strata/catalog"
	"strata/envelope"
	"strata/erasure"
)

// encoder fills the shards of one segment, row by row.
type encoder struct {
	codec   *erasure.Codec
	shards  [][]byte
	sealers []*envelope.Sealer
	sums    []*blake3.Hasher
	chunks  [][]byte // of the row at hand: k in its buffer, the others in parity
	parity  []byte
	rows    int
	size    int64
}

// newEncoder starts a segment. shards are the buffers to append to.
func newEncoder(c *erasure.Codec, key envelope.Key, number uint64, shards [][]byte) (*encoder, error) {
	e := &encoder{codec: c, shards: shards, chunks: make([][]byte, c.Total())}
	for i := range shards {
		s, err := newSealer(key, number, i)
		if err != nil {
			return nil, err
		}
		e.sealers = append(e.sealers, s)
		e.sums = append(e.sums, blake3.New())
	}
	return e, nil
}

func newSealer(key envelope.Key, number uint64, index int) (*envelope.Sealer, error) {
	k, err := envelope.ShardKey(key, number, uint32(index))
	if err != nil {
		return nil, err
	}
	return envelope.NewSealer(k)
}

// add encodes a row; last says that it is the segment's last. The row's buffer
// is padded in place.
func (e *encoder) add(plain []byte, last bool) error {
	c := chunkLen(e.codec.K(), len(plain), e.rows, last)
	e.size += int64(len(plain))
	e.cut(plain, c)
	if err := e.codec.EncodeRow(e.chunks); err != nil {
		return err
	}
	r := uint64(e.rows)
	e.rows++
	return parallel(len(e.shards), func(i int) error {
		was := len(e.shards[i])
		sealed, err := e.sealers[i].SealChunk(e.shards[i], e.chunks[i], r, last)
		if err != nil {
			return err
		}
		e.shards[i] = sealed
		_, err = e.sums[i].Write(sealed[was:])
		return err
	})
}

// cut points chunks at the row's data, padded with zeros to k chunks of c bytes,
// and at room for parity.
func (e *encoder) cut(plain []byte, c int) {
	k := e.codec.K()
	padded := plain
	if cap(padded) < k*c {
		padded = append(make([]byte, 0, k*c), plain...)
	}
	padded = padded[:k*c]
	clear(padded[len(plain):])
	if need := (e.codec.Total() - k) * c; cap(e.parity) < need {
		e.parity = make([]byte, need)
	}
	for i := range e.chunks {
		if i < k {
			e.chunks[i] = padded[i*c : (i+1)*c]
		} else {
			e.chunks[i] = e.parity[(i-k)*c : (i-k+1)*c]
		}
	}
}

// records returns the shards as the catalog keeps them, without miners.
func (e *encoder) records() []catalog.Shard {
	out := make([]catalog.Shard, len(e.shards))
	for i, body := range e.shards {
		out[i] = catalog.Shard{Index: i, Length: int64(len(body)), State: catalog.Sending}
		e.sums[i].Sum(out[i].Root[:0])
	}
	return out
}

// parallel calls fn(0) … fn(n−1) on every core and returns one of the errors.
func parallel(n int, fn func(int) error) error {
	workers := min(n, runtime.GOMAXPROCS(0))
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n && errs[w] == nil; i += workers {
				errs[w] = fn(i)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// takeShards returns total empty buffers with room for size bytes each, from
// those that earlier segments gave back where they are large enough.
func (s *Store) takeShards(total int, size int64) [][]byte {
	out := make([][]byte, total)
	for i := range out {
		if p, ok := s.buffers.Get().(*[]byte); ok && int64(cap(*p)) >= size && int64(cap(*p)) <= 4*size {
			out[i] = (*p)[:0]
		} else {
			out[i] = make([]byte, 0, size)
		}
	}
	return out
}

func (s *Store) giveShards(shards [][]byte) {
	for _, b := range shards {
		if cap(b) >= int(strata.MiB)/4 {
			s.buffers.Put(&b)
		}
	}
}
