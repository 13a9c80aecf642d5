// Package envelope encrypts what miners keep. It is deterministic given keys
// and nonces; only the caller draws randomness.
//
// # Chunks
//
// A shard is a sequence of chunks. A chunk is up to [ChunkPlain] bytes of
// plaintext sealed with AES-256-GCM to up to [ChunkSealed] bytes: 64 KiB, so that
// each full chunk is one group of the shard's BLAKE3 tree. The framing is
// STREAM (Hoang, Reyhanitabar, Rogaway, Vizár 2015) with the nonce of age
// (https://age-encryption.org/v1): an 11-byte big-endian chunk number and one
// byte that is 1 for the last chunk and 0 before it. Chunks can therefore be
// neither reordered nor dropped from the end unnoticed, and any one can be
// opened alone.
//
// # Keys
//
//	object key   32 random bytes, one for each object, stored wrapped
//	shard key    HKDF-SHA256(object key, info = "strata shard v1" ‖ BE64 segment ‖ BE32 index)
//	slice key    HKDF-SHA256(object key, info = "strata slice v1"): seals a small
//	             object, as chunk 0 and the last, before it goes into a shared segment
//	wrapping key HKDF-SHA256(gateway key, salt = nonce, info = "strata wrap v1")
//	wrapped key  nonce(32) ‖ AES-256-GCM(wrapping key, zero nonce, object key, associated data)
//
// Each wrapping key seals one message, so that the zero GCM nonce never repeats
// and the 32-byte salt may be random for any number of objects.
// Nobody can compute a shard from the other shards, or from the file, without
// the object key.
package envelope

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"

	"strata"
)

// Sizes in bytes. They decide bytes on miners' disks and never change; another
// layout would get another codec name in the segment's record.
const (
	KeySize     = 32
	Overhead    = 16                     // a GCM tag
	ChunkSealed = 64 << 10               // a full chunk as stored
	ChunkPlain  = ChunkSealed - Overhead // a full chunk's plaintext
	NonceSize   = 32                     // salt of a wrapped key
	WrappedSize = NonceSize + KeySize + Overhead
)

// MaxChunks is the most chunks that one shard may have.
const MaxChunks = 1 << 32

// Key is a symmetric key: an object's, a shard's or a gateway's.
type Key [KeySize]byte

// ShardKey derives the key of one shard of an object.
func ShardKey(object Key, segment uint64, index uint32) (Key, error) {
	info := append([]byte("strata shard v1"), make([]byte, 12)...)
	binary.BigEndian.PutUint64(info[len(info)-12:], segment)
	binary.BigEndian.PutUint32(info[len(info)-4:], index)
	return derive(object, nil, string(info))
}

// SliceKey derives the key under which a small object is sealed whole before it
// shares a segment with others.
func SliceKey(object Key) (Key, error) { return derive(object, nil, "strata slice v1") }

// WrapKey seals an object key under a gateway's key, bound to ad (the object's
// id). A nonce must be random: with one gateway key it is never used twice.
func WrapKey(gateway, object Key, nonce [NonceSize]byte, ad []byte) ([]byte, error) {
	aead, err := wrapper(gateway, nonce[:])
	if err != nil {
		return nil, err
	}
	out := append(make([]byte, 0, WrappedSize), nonce[:]...)
	return aead.Seal(out, make([]byte, aead.NonceSize()), object[:], ad), nil
}

// UnwrapKey opens what WrapKey sealed, given the same gateway key and ad. The
// error has code Corrupt.
func UnwrapKey(gateway Key, wrapped, ad []byte) (Key, error) {
	var k Key
	if len(wrapped) != WrappedSize {
		return k, strata.E(strata.Corrupt, "a wrapped key has %d bytes, not %d: the metadata is damaged", len(wrapped), WrappedSize)
	}
	aead, err := wrapper(gateway, wrapped[:NonceSize])
	if err != nil {
		return k, err
	}
	plain, err := aead.Open(nil, make([]byte, aead.NonceSize()), wrapped[NonceSize:], ad)
	if err != nil {
		return k, strata.E(strata.Corrupt, "a wrapped key does not open: the metadata is damaged, or another hotkey wrote it")
	}
	copy(k[:], plain)
	return k, nil
}

// Sealer seals and opens the chunks of one shard. It is safe for concurrent use.
type Sealer struct{ aead cipher.AEAD }

// NewSealer returns the Sealer of a shard's key.
func NewSealer(shard Key) (*Sealer, error) {
	aead, err := newGCM(shard)
	if err != nil {
		return nil, err
	}
	return &Sealer{aead}, nil
}

// SealChunk appends chunk number's ciphertext to dst. The plaintext has 1 to
// ChunkPlain bytes and does not overlap dst's free capacity; last marks the
// shard's final chunk. With one key, a number is sealed once, with one plaintext.
func (s *Sealer) SealChunk(dst, plain []byte, number uint64, last bool) ([]byte, error) {
	if len(plain) == 0 || len(plain) > ChunkPlain || number >= MaxChunks {
		return nil, strata.E(strata.Invalid, "chunk %d of %d bytes cannot be sealed: at most %d bytes and %d chunks", number, len(plain), ChunkPlain, uint64(MaxChunks))
	}
	n := nonce(number, last)
	return s.aead.Seal(dst, n[:], plain, nil), nil
}

// OpenChunk appends the plaintext of a chunk to dst; dst may be sealed[:0]. The
// error has code Corrupt: the bytes, their number or their being last are wrong.
func (s *Sealer) OpenChunk(dst, sealed []byte, number uint64, last bool) ([]byte, error) {
	if len(sealed) <= Overhead || len(sealed) > ChunkSealed || number >= MaxChunks {
		return nil, strata.E(strata.Corrupt, "chunk %d has %d bytes: not a sealed chunk", number, len(sealed))
	}
	n := nonce(number, last)
	out, err := s.aead.Open(dst, n[:], sealed, nil)
	if err != nil {
		return nil, strata.E(strata.Corrupt, "chunk %d fails its check: the shard's bytes are damaged", number)
	}
	return out, nil
}

// nonce is an 11-byte big-endian number and the last-chunk flag.
func nonce(number uint64, last bool) (n [12]byte) {
	binary.BigEndian.PutUint64(n[3:11], number)
	if last {
		n[11] = 1
	}
	return n
}

func wrapper(gateway Key, salt []byte) (cipher.AEAD, error) {
	k, err := derive(gateway, salt, "strata wrap v1")
	if err != nil {
		return nil, err
	}
	return newGCM(k)
}

func derive(secret Key, salt []byte, info string) (k Key, err error) {
	b, err := hkdf.Key(sha256.New, secret[:], salt, info, KeySize)
	if err != nil {
		return k, strata.E(strata.Internal, "key derivation: %w", err)
	}
	copy(k[:], b)
	return k, nil
}

func newGCM(k Key) (cipher.AEAD, error) {
	block, err := aes.NewCipher(k[:])
	if err != nil {
		return nil, strata.E(strata.Internal, "AES: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, strata.E(strata.Internal, "GCM: %w", err)
	}
	return aead, nil
}
