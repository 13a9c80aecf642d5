package seal

import (
	"encoding/binary"
	"math/bits"

	"strata"
)

// words is the number of 64-bit words in a block.
const words = strata.BlockSize / 8

// block is a block as words. In memory a word is little-endian whatever the
// machine: the functions here convert, which costs nothing where it is native.
type block [words]uint64

// blockBytes and lineBytes are a block and a line as they lie in memory.
type (
	blockBytes = [strata.BlockSize]byte
	lineBytes  = [lineSize]byte
)

func (b *block) load(src *blockBytes) {
	for i := 0; i < words; i += 4 {
		s, d := (*[32]byte)(src[8*i:]), (*[4]uint64)(b[i:])
		d[0] = binary.LittleEndian.Uint64(s[0:])
		d[1] = binary.LittleEndian.Uint64(s[8:])
		d[2] = binary.LittleEndian.Uint64(s[16:])
		d[3] = binary.LittleEndian.Uint64(s[24:])
	}
}

func (b *block) xor(src *blockBytes) {
	for i := 0; i < words; i += 4 {
		s, d := (*[32]byte)(src[8*i:]), (*[4]uint64)(b[i:])
		d[0] ^= binary.LittleEndian.Uint64(s[0:])
		d[1] ^= binary.LittleEndian.Uint64(s[8:])
		d[2] ^= binary.LittleEndian.Uint64(s[16:])
		d[3] ^= binary.LittleEndian.Uint64(s[24:])
	}
}

// storeXor writes b ⊕ r.
func (b *block) storeXor(r *block, dst *blockBytes) {
	for i := 0; i < words; i += 4 {
		x, y, d := (*[4]uint64)(b[i:]), (*[4]uint64)(r[i:]), (*[32]byte)(dst[8*i:])
		binary.LittleEndian.PutUint64(d[0:], x[0]^y[0])
		binary.LittleEndian.PutUint64(d[8:], x[1]^y[1])
		binary.LittleEndian.PutUint64(d[16:], x[2]^y[2])
		binary.LittleEndian.PutUint64(d[24:], x[3]^y[3])
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
	var a, b, c, d uint64
	a, b, c, d = half(v[0], v[4], v[8], v[12], 32, 40)
	v[0], v[4], v[8], v[12] = half(a, b, c, d, 48, 1)
	a, b, c, d = half(v[1], v[5], v[9], v[13], 32, 40)
	v[1], v[5], v[9], v[13] = half(a, b, c, d, 48, 1)
	a, b, c, d = half(v[2], v[6], v[10], v[14], 32, 40)
	v[2], v[6], v[10], v[14] = half(a, b, c, d, 48, 1)
	a, b, c, d = half(v[3], v[7], v[11], v[15], 32, 40)
	v[3], v[7], v[11], v[15] = half(a, b, c, d, 48, 1)
	a, b, c, d = half(v[0], v[5], v[10], v[15], 32, 40)
	v[0], v[5], v[10], v[15] = half(a, b, c, d, 48, 1)
	a, b, c, d = half(v[1], v[6], v[11], v[12], 32, 40)
	v[1], v[6], v[11], v[12] = half(a, b, c, d, 48, 1)
	a, b, c, d = half(v[2], v[7], v[8], v[13], 32, 40)
	v[2], v[7], v[8], v[13] = half(a, b, c, d, 48, 1)
	a, b, c, d = half(v[3], v[4], v[9], v[14], 32, 40)
	v[3], v[4], v[9], v[14] = half(a, b, c, d, 48, 1)
}

// permColumn applies P to eight registers a row (16 words) apart.
func permColumn(v *[columnSpan]uint64) {
	var a, b, c, d uint64
	a, b, c, d = half(v[0], v[32], v[64], v[96], 32, 40)
	v[0], v[32], v[64], v[96] = half(a, b, c, d, 48, 1)
	a, b, c, d = half(v[1], v[33], v[65], v[97], 32, 40)
	v[1], v[33], v[65], v[97] = half(a, b, c, d, 48, 1)
	a, b, c, d = half(v[16], v[48], v[80], v[112], 32, 40)
	v[16], v[48], v[80], v[112] = half(a, b, c, d, 48, 1)
	a, b, c, d = half(v[17], v[49], v[81], v[113], 32, 40)
	v[17], v[49], v[81], v[113] = half(a, b, c, d, 48, 1)
	a, b, c, d = half(v[0], v[33], v[80], v[113], 32, 40)
	v[0], v[33], v[80], v[113] = half(a, b, c, d, 48, 1)
	a, b, c, d = half(v[1], v[48], v[81], v[96], 32, 40)
	v[1], v[48], v[81], v[96] = half(a, b, c, d, 48, 1)
	a, b, c, d = half(v[16], v[49], v[64], v[97], 32, 40)
	v[16], v[49], v[64], v[97] = half(a, b, c, d, 48, 1)
	a, b, c, d = half(v[17], v[32], v[65], v[112], 32, 40)
	v[17], v[32], v[65], v[112] = half(a, b, c, d, 48, 1)
}

// half is half of BlaMka's G (RFC 9106 §3.6): with rotations by 32 and 40, then
// by 48 and 1, all to the left, it makes the whole. A whole G is too large for
// the compiler to inline, which costs a fifth of the speed.
func half(a, b, c, d uint64, rd, rb int) (uint64, uint64, uint64, uint64) {
	t := uint64(uint32(a)) * uint64(uint32(b))
	a += b
	a += t << 1
	d = bits.RotateLeft64(d^a, rd)
	t = uint64(uint32(c)) * uint64(uint32(d))
	c += d
	c += t << 1
	b = bits.RotateLeft64(b^c, rb)
	return a, b, c, d
}
