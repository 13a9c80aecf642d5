package placement

import (
	"encoding/binary"
	"math/bits"

	"github.com/zeebo/blake3"
)

// streamContext separates this use of a seed from every other.
const streamContext = "strata 2026-11 placement v1"

// stream is the randomness of one placement: BLAKE3 derive_key with extended
// output, read as little-endian 64-bit words.
type stream struct{ digest *blake3.Digest }

func newStream(seed [32]byte) *stream {
	h := blake3.NewDeriveKey(streamContext)
	h.Write(seed[:]) // a hash's Write never fails
	return &stream{digest: h.Digest()}
}

func (s *stream) word() uint64 {
	var b [8]byte
	s.digest.Read(b[:]) // nor does reading an extended output
	return binary.LittleEndian.Uint64(b[:])
}

// below returns a uniform integer in [0, n), n > 0: words at or above the
// largest multiple of n are thrown away, so that no value is favoured.
func (s *stream) below(n uint64) uint64 {
	excess := bits.Rem64(1, 0, n) // 2⁶⁴ mod n
	for {
		if w := s.word(); w <= ^uint64(0)-excess {
			return w % n
		}
	}
}
