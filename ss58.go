package strata

import (
	"encoding/binary"
	"strings"

	"golang.org/x/crypto/blake2b"
)

// SS58 is base58 of prefix ‖ key ‖ the first two bytes of
// blake2b-512("SS58PRE" ‖ prefix ‖ key).
// Source: https://docs.substrate.io/reference/address-formats/.
const (
	ss58Prefix   = 42
	ss58Alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	ss58MaxChars = 64
)

// ss58Limbs is how many words hold an address's bytes, with a byte to spare.
const ss58Limbs = 9

// ss58Step is 58⁵, the largest power of 58 in a word: five digits are taken at a
// time.
const (
	ss58Step   = 58 * 58 * 58 * 58 * 58
	ss58Digits = 5
)

// EncodeSS58 returns the address of a 32-byte public key with prefix 42.
func EncodeSS58(key [32]byte) string {
	var raw [4 * ss58Limbs]byte
	raw[1] = ss58Prefix
	copy(raw[2:], key[:])
	sum := ss58Checksum(raw[1:34])
	raw[34], raw[35] = sum[0], sum[1]

	var n [ss58Limbs]uint32
	for i := range n {
		n[i] = binary.BigEndian.Uint32(raw[4*i:])
	}
	var out [ss58MaxChars]byte
	at := len(out)
	for top := 0; top < len(n); {
		rest := uint64(0)
		for i := top; i < len(n); i++ {
			v := rest<<32 | uint64(n[i])
			n[i], rest = uint32(v/ss58Step), v%ss58Step
		}
		for range ss58Digits {
			at--
			out[at] = ss58Alphabet[rest%58]
			rest /= 58
		}
		for top < len(n) && n[top] == 0 {
			top++
		}
	}
	for out[at] == ss58Alphabet[0] { // the first digits of the last step; the prefix is not zero
		at++
	}
	return string(out[at:])
}

// DecodeSS58 returns the public key of an address with prefix 42, checking its
// checksum. An address has one form. The error has code Invalid.
func DecodeSS58(s string) ([32]byte, error) {
	var key [32]byte
	if len(s) == 0 || len(s) > ss58MaxChars {
		return key, E(Invalid, "address %q is not an ss58 address (48 characters)", clip(s))
	}
	var n [ss58Limbs]uint32
	over := s[0] == ss58Alphabet[0]
	for _, c := range s {
		d := strings.IndexRune(ss58Alphabet, c)
		if d < 0 {
			return key, E(Invalid, "address %q has a character that ss58 does not use: %q", clip(s), c)
		}
		carry := uint64(d)
		for i := len(n) - 1; i >= 0; i-- {
			v := uint64(n[i])*58 + carry
			n[i], carry = uint32(v), v>>32
		}
		over = over || carry > 0
	}
	var raw [4 * ss58Limbs]byte
	for i, v := range n {
		binary.BigEndian.PutUint32(raw[4*i:], v)
	}
	if over || raw[0] != 0 || raw[1] == 0 {
		return key, E(Invalid, "address %q is not the ss58 of a 32-byte key", clip(s))
	}
	if raw[1] != ss58Prefix {
		return key, E(Invalid, "address %q has ss58 prefix %d, Bittensor's is %d", clip(s), raw[1], ss58Prefix)
	}
	sum := ss58Checksum(raw[1:34])
	if raw[34] != sum[0] || raw[35] != sum[1] {
		return key, E(Invalid, "address %q has a wrong checksum: a character was mistyped", clip(s))
	}
	copy(key[:], raw[2:34])
	return key, nil
}

func ss58Checksum(raw []byte) [64]byte {
	return blake2b.Sum512(append([]byte("SS58PRE"), raw...))
}
