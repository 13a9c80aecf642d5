package object

import "strata"

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
