package state

import (
	"encoding/binary"

	"golang.org/x/crypto/blake2b"

	"strata/chain/scale"
)

// Account is a 32-byte public key: of a coldkey or a hotkey.
type Account [32]byte

// Hash is a BLAKE2b-256 hash: of a header, an extrinsic or a state.
type Hash = [32]byte

// HashOf returns the BLAKE2b-256 hash of bytes.
func HashOf(b []byte) Hash { return blake2b.Sum256(b) }

// U16Key returns the SCALE encoding of a number, as map keys are made of; so do
// U32Key and U64Key.
func U16Key(v uint16) []byte { return binary.LittleEndian.AppendUint16(nil, v) }

// U32Key is as U16Key.
func U32Key(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }

// U64Key is as U16Key.
func U64Key(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }

// Uint64 decodes what U64Key and its like encode.
func Uint64(b []byte) uint64 {
	var out [8]byte
	copy(out[:], b)
	return binary.LittleEndian.Uint64(out[:])
}

// Typed access to values. What is absent reads as zero. Values that the node
// wrote itself are taken to be well formed.

// U64 returns the number under a key, whatever its width; so do U32 and U16.
func U64(s Reader, key string) uint64 { return Uint64(s.Get(key)) }

// U32 is as U64.
func U32(s Reader, key string) uint32 { return uint32(U64(s, key)) }

// U16 is as U64.
func U16(s Reader, key string) uint16 { return uint16(U64(s, key)) }

// Bool returns the truth value under a key.
func Bool(s Reader, key string) bool { return U64(s, key) != 0 }

// AccountAt returns the account under a key.
func AccountAt(s Reader, key string) (a Account) { copy(a[:], s.Get(key)); return a }

// PutU64 writes a number of 64 bits.
func PutU64(s *Layer, key string, v uint64) { s.Put(key, U64Key(v)) }

// PutU32 writes a number of 32 bits.
func PutU32(s *Layer, key string, v uint32) { s.Put(key, U32Key(v)) }

// PutU16 writes a number of 16 bits.
func PutU16(s *Layer, key string, v uint16) { s.Put(key, U16Key(v)) }

// PutBool writes a truth value.
func PutBool(s *Layer, key string, v bool) {
	var e scale.Encoder
	e.Bool(v)
	s.Put(key, e.Bytes())
}

// Vec returns the vector under a key, whose elements f decodes.
func Vec[T any](s Reader, key string, f func(*scale.Decoder) T) []T {
	raw := s.Get(key)
	if raw == nil {
		return nil
	}
	return scale.Vec(scale.NewDecoder(raw), f)
}

// PutVec writes a vector, whose elements f encodes.
func PutVec[T any](s *Layer, key string, items []T, f func(*scale.Encoder, T)) {
	var e scale.Encoder
	scale.PutVec(&e, items, f)
	s.Put(key, e.Bytes())
}

// U16s returns the vector of numbers under a key.
func U16s(s Reader, key string) []uint16 { return Vec(s, key, (*scale.Decoder).U16) }

// U64s is as U16s.
func U64s(s Reader, key string) []uint64 { return Vec(s, key, (*scale.Decoder).U64) }

// Bools is as U16s.
func Bools(s Reader, key string) []bool { return Vec(s, key, (*scale.Decoder).Bool) }

// AccountsAt returns the vector of accounts under a key.
func AccountsAt(s Reader, key string) []Account {
	return Vec(s, key, func(d *scale.Decoder) (a Account) { copy(a[:], d.Raw(32)); return a })
}

// PutU16s writes a vector of numbers.
func PutU16s(s *Layer, key string, v []uint16) { PutVec(s, key, v, (*scale.Encoder).U16) }

// PutU64s is as PutU16s.
func PutU64s(s *Layer, key string, v []uint64) { PutVec(s, key, v, (*scale.Encoder).U64) }

// PutBools is as PutU16s.
func PutBools(s *Layer, key string, v []bool) { PutVec(s, key, v, (*scale.Encoder).Bool) }

// PutAccounts writes a vector of accounts.
func PutAccounts(s *Layer, key string, v []Account) {
	PutVec(s, key, v, func(e *scale.Encoder, a Account) { e.Raw(a[:]) })
}

// SetAt writes element i of a vector, which grows with zeros to hold it.
func SetAt[T any](v []T, i int, x T) []T {
	for len(v) <= i {
		var zero T
		v = append(v, zero)
	}
	v[i] = x
	return v
}

// At returns element i, zero if the vector is shorter.
func At[T any](v []T, i int) (x T) {
	if i < len(v) {
		x = v[i]
	}
	return x
}
