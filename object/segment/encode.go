package segment

import (
	"runtime"
	"sync"

	"github.com/zeebo/blake3"

	"strata/catalog"
	"strata/envelope"
	"strata/erasure"
)

// Encoder fills the shards of one segment, row by row. One goroutine uses it.
type Encoder struct {
	codec   *erasure.Codec
	shards  [][]byte
	sealers []*envelope.Sealer
	sums    []*blake3.Hasher
	chunks  [][]byte // of the row at hand: k in its buffer, the others in parity
	parity  []byte
	rows    int
	size    int64
}

// NewEncoder starts segment number of the object that key is of. shards are the
// buffers to append to, one for each of the codec's chunks; it replaces those that
// are too small.
func NewEncoder(c *erasure.Codec, key envelope.Key, number uint64, shards [][]byte) (*Encoder, error) {
	e := &Encoder{codec: c, shards: shards, chunks: make([][]byte, c.Total())}
	for i := range shards {
		s, err := NewSealer(key, number, i)
		if err != nil {
			return nil, err
		}
		e.sealers = append(e.sealers, s)
		e.sums = append(e.sums, blake3.New())
	}
	return e, nil
}

// NewSealer returns what seals and opens the chunks of one shard.
func NewSealer(key envelope.Key, number uint64, index int) (*envelope.Sealer, error) {
	k, err := envelope.ShardKey(key, number, uint32(index))
	if err != nil {
		return nil, err
	}
	return envelope.NewSealer(k)
}

// Add encodes a row: a full one, unless last says that it is the segment's last.
// Where the row's buffer has the capacity it is padded in place.
func (e *Encoder) Add(plain []byte, last bool) error {
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
func (e *Encoder) cut(plain []byte, c int) {
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

// Rows returns how many rows have been added.
func (e *Encoder) Rows() int { return e.rows }

// Size returns how many bytes of plaintext have been added.
func (e *Encoder) Size() int64 { return e.size }

// Records returns the shards as the catalog keeps them, without miners.
func (e *Encoder) Records() []catalog.Shard {
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
