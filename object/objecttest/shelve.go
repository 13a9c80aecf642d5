package objecttest

import (
	"strata/catalog"
	"strata/envelope"
	"strata/erasure"
	"strata/object/segment"
)

// Shelve puts a segment on the fleet's first miners, shard i on miner i, as if it had
// been sent to them: segment number of the object of that key. It returns its record,
// whose key is not wrapped.
func (f *Fleet) Shelve(key envelope.Key, number uint64, k, total int, plain []byte) (catalog.Segment, error) {
	codec, err := erasure.New(erasure.RS8, k, total)
	if err != nil {
		return catalog.Segment{}, err
	}
	bodies := make([][]byte, total)
	e, err := segment.NewEncoder(codec, key, number, bodies)
	if err != nil {
		return catalog.Segment{}, err
	}
	for len(plain) > 0 {
		n := min(len(plain), k*envelope.ChunkPlain)
		if err := e.Add(plain[:n:n], n == len(plain)); err != nil {
			return catalog.Segment{}, err
		}
		plain = plain[n:]
	}
	seg := catalog.Segment{Number: number, Codec: codec.Name(), K: k, Success: total, Total: total, Size: e.Size(), Wrapped: key[:], Shards: e.Records()}
	f.Mu.Lock()
	defer f.Mu.Unlock()
	for i := range seg.Shards {
		h, m := &seg.Shards[i], f.Miners[i]
		h.Miner, h.State = m.Hotkey, catalog.Stored
		m.Shards[h.Root] = bodies[i]
	}
	return seg, nil
}
