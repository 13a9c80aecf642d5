package strata

import (
	"math/big"
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
	ss58Bytes    = 1 + 32 + 2
)

// EncodeSS58 returns the address of a 32-byte public key with prefix 42.
func EncodeSS58(key [32]byte) string {
	raw := append([]byte{ss58Prefix}, key[:]...)
	sum := ss58Checksum(raw)
	raw = append(raw, sum[0], sum[1])

	n := new(big.Int).SetBytes(raw)
	base, digit := big.NewInt(58), new(big.Int)
	var out []byte
	for n.Sign() > 0 {
		n.DivMod(n, base, digit)
		out = append(out, ss58Alphabet[digit.Int64()])
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return string(out)
}

// DecodeSS58 returns the public key of an address with prefix 42, checking its
// checksum. The error has code Invalid.
func DecodeSS58(s string) ([32]byte, error) {
	var key [32]byte
	if len(s) == 0 || len(s) > ss58MaxChars {
		return key, E(Invalid, "address %q is not an ss58 address (48 characters)", clip(s))
	}
	n, base := new(big.Int), big.NewInt(58)
	for _, c := range s {
		d := strings.IndexRune(ss58Alphabet, c)
		if d < 0 {
			return key, E(Invalid, "address %q has a character that ss58 does not use: %q", clip(s), c)
		}
		n.Add(n.Mul(n, base), big.NewInt(int64(d)))
	}
	raw := n.Bytes()
	if len(raw) != ss58Bytes {
		return key, E(Invalid, "address %q is not the ss58 of a 32-byte key", clip(s))
	}
	if raw[0] != ss58Prefix {
		return key, E(Invalid, "address %q has ss58 prefix %d, Bittensor's is %d", clip(s), raw[0], ss58Prefix)
	}
	sum := ss58Checksum(raw[:33])
	if raw[33] != sum[0] || raw[34] != sum[1] {
		return key, E(Invalid, "address %q has a wrong checksum: a character was mistyped", clip(s))
	}
	copy(key[:], raw[1:33])
	return key, nil
}

func ss58Checksum(raw []byte) [64]byte {
	return blake2b.Sum512(append([]byte("SS58PRE"), raw...))
}
