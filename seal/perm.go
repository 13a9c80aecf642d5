package seal

import (
	"encoding/binary"
	"math/bits"

	"strata"
)

// words is the number of 64-bit words in a block.
const words = strata.BlockSize / 8

// block is a block as words. In memory a word is little-endian whatever the
// machine: load and store convert, which costs nothing where it is native.
type block [words]uint64

func (b *block) load(src *[strata.BlockSize]byte) {
	for i := range b {
		b[i] = binary.LittleEndian.Uint64(src[8*i:])
	}
}

func (b *block) store(dst *[strata.BlockSize]byte) {
	for i, w := range b {
		binary.LittleEndian.PutUint64(dst[8*i:], w)
	}
}

// perm is Argon2's permutation P over a block (RFC 9106 §3.5 and §3.6): the
// block is an 8×8 matrix of 16-byte registers; P is applied to each row, then
// to each column.
func (b *block) perm() {
	for i := 0; i < words; i += 16 {
		permRow((*[16]uint64)(b[i:]))
	}
	for i := 0; i < 16; i += 2 {
		permColumn((*[columnSpan]uint64)(b[i:]))
	}
}

// columnSpan is the number of words from a column's first to its last.
const columnSpan = words - 14

// permRow applies P to eight registers side by side.
func permRow(v *[16]uint64) {
	v[0], v[4], v[8], v[12] = mix(v[0], v[4], v[8], v[12])
	v[1], v[5], v[9], v[13] = mix(v[1], v[5], v[9], v[13])
	v[2], v[6], v[10], v[14] = mix(v[2], v[6], v[10], v[14])
	v[3], v[7], v[11], v[15] = mix(v[3], v[7], v[11], v[15])
	v[0], v[5], v[10], v[15] = mix(v[0], v[5], v[10], v[15])
	v[1], v[6], v[11], v[12] = mix(v[1], v[6], v[11], v[12])
	v[2], v[7], v[8], v[13] = mix(v[2], v[7], v[8], v[13])
	v[3], v[4], v[9], v[14] = mix(v[3], v[4], v[9], v[14])
}

// permColumn applies P to eight registers a row (16 words) apart.
func permColumn(v *[columnSpan]uint64) {
	v[0], v[32], v[64], v[96] = mix(v[0], v[32], v[64], v[96])
	v[1], v[33], v[65], v[97] = mix(v[1], v[33], v[65], v[97])
	v[16], v[48], v[80], v[112] = mix(v[16], v[48], v[80], v[112])
	v[17], v[49], v[81], v[113] = mix(v[17], v[49], v[81], v[113])
	v[0], v[33], v[80], v[113] = mix(v[0], v[33], v[80], v[113])
	v[1], v[48], v[81], v[96] = mix(v[1], v[48], v[81], v[96])
	v[16], v[49], v[64], v[97] = mix(v[16], v[49], v[64], v[97])
	v[17], v[32], v[65], v[112] = mix(v[17], v[32], v[65], v[112])
}

// mix is BlaMka's G (RFC 9106 §3.6).
func mix(a, b, c, d uint64) (uint64, uint64, uint64, uint64) {
	a += b + 2*uint64(uint32(a))*uint64(uint32(b))
	d = bits.RotateLeft64(d^a, 32)
	c += d + 2*uint64(uint32(c))*uint64(uint32(d))
	b = bits.RotateLeft64(b^c, 40)
	a += b + 2*uint64(uint32(a))*uint64(uint32(b))
	d = bits.RotateLeft64(d^a, 48)
	c += d + 2*uint64(uint32(c))*uint64(uint32(d))
	b = bits.RotateLeft64(b^c, 1)
	return a, b, c, d
}
