package scale

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"golang.org/x/crypto/blake2b"
)

// Hasher is how a storage map hashes one key.
type Hasher uint8

// The hashers, with the numbers that frame-metadata gives them. Concat means
// that the key's own bytes follow the hash.
const (
	Blake2x128 Hasher = iota
	Blake2x256
	Blake2x128Concat
	Twox128
	Twox256
	Twox64Concat
	Identity
)

// Hash returns the hashed form of a key's encoding.
func (h Hasher) Hash(key []byte) []byte {
	switch h {
	case Blake2x128:
		return blake2x128(key)
	case Blake2x256:
		sum := blake2b.Sum256(key)
		return sum[:]
	case Blake2x128Concat:
		return append(blake2x128(key), key...)
	case Twox128:
		return twox(key, 2)
	case Twox256:
		return twox(key, 4)
	case Twox64Concat:
		return append(twox(key, 1), key...)
	default:
		return slices.Clone(key)
	}
}

// blake2x128 is BLAKE2b with a digest of 16 bytes.
func blake2x128(b []byte) []byte {
	h, err := blake2b.New(16, nil)
	if err != nil { // only for a size or key that BLAKE2b does not have
		return nil
	}
	h.Write(b)
	return h.Sum(nil)
}

// twox is Substrate's: n XXH64 digests with seeds 0…n−1, each little endian.
func twox(b []byte, n uint64) []byte {
	var out []byte
	for seed := range n {
		out = binary.LittleEndian.AppendUint64(out, xxh64(b, seed))
	}
	return out
}

// The primes of XXH64.
const (
	xxPrime1 uint64 = 0x9E3779B185EBCA87
	xxPrime2 uint64 = 0xC2B2AE3D27D4EB4F
	xxPrime3 uint64 = 0x165667B19E3779F9
	xxPrime4 uint64 = 0x85EBCA77C2B2AE63
	xxPrime5 uint64 = 0x27D4EB2F165667C5
)

// xxh64 is XXH64 with a seed
// (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md).
func xxh64(b []byte, seed uint64) uint64 {
	n := uint64(len(b))
	h := seed + xxPrime5
	if n >= 32 {
		h, b = xxStripes(b, seed)
	}
	h += n
	for ; len(b) >= 8; b = b[8:] {
		h = bits.RotateLeft64(h^xxRound(0, binary.LittleEndian.Uint64(b)), 27)*xxPrime1 + xxPrime4
	}
	if len(b) >= 4 {
		h = bits.RotateLeft64(h^uint64(binary.LittleEndian.Uint32(b))*xxPrime1, 23)*xxPrime2 + xxPrime3
		b = b[4:]
	}
	for _, c := range b {
		h = bits.RotateLeft64(h^uint64(c)*xxPrime5, 11) * xxPrime1
	}
	h = (h ^ h>>33) * xxPrime2
	h = (h ^ h>>29) * xxPrime3
	return h ^ h>>32
}

// xxStripes digests all whole stripes of 32 bytes and returns the rest.
func xxStripes(b []byte, seed uint64) (uint64, []byte) {
	acc := [4]uint64{seed + xxPrime1 + xxPrime2, seed + xxPrime2, seed, seed - xxPrime1}
	for ; len(b) >= 32; b = b[32:] {
		for i := range acc {
			acc[i] = xxRound(acc[i], binary.LittleEndian.Uint64(b[8*i:]))
		}
	}
	h := bits.RotateLeft64(acc[0], 1) + bits.RotateLeft64(acc[1], 7) +
		bits.RotateLeft64(acc[2], 12) + bits.RotateLeft64(acc[3], 18)
	for _, a := range acc {
		h = (h^xxRound(0, a))*xxPrime1 + xxPrime4
	}
	return h, b
}

func xxRound(acc, lane uint64) uint64 {
	return bits.RotateLeft64(acc+lane*xxPrime2, 31) * xxPrime1
}
