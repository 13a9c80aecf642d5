// Package timelock encrypts to a future round of a randomness beacon, as
// subtensor's timelocked weights want it: anyone can encrypt with the beacon's
// public key, and nobody can decrypt before the beacon has signed the round.
//
// The scheme is identity-based encryption on BLS12-381 with the beacon's
// signatures in G1 and its key in G2 (drand's quicknet), wrapped around
// AES-256-GCM, in the layout of ideal-lab5/timelock, which the chain decrypts
// with; it is not the format of drand's own tlock tool. Functions are pure but
// for the randomness they are given, and safe for concurrent use.
package timelock

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"io"
	"math/big"
	"slices"

	bls "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fp"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"

	"strata"
)

// Sizes in bytes of what beacons publish, compressed.
const (
	PublicKeySize = bls.SizeOfG2AffineCompressed
	SignatureSize = bls.SizeOfG1AffineCompressed
)

// suite is the domain of quicknet's signatures (RFC 9380 with the POP-less BLS
// ciphersuite, signatures in G1).
const suite = "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_"

// trailer names the cipher at the end of a ciphertext.
const trailer = "AES_GCM_"

const (
	keySize   = 32
	nonceSize = 12
)

// identity is the point that the beacon signs for a round.
func identity(round uint64) (bls.G1Affine, error) {
	return bls.HashToG1(hash(binary.BigEndian.AppendUint64(nil, round)), []byte(suite))
}

// Encrypt locks msg until the beacon with that public key has signed a round.
// Every random bit comes from random. A key that is no point of the group has
// code Invalid.
func Encrypt(random io.Reader, publicKey []byte, round uint64, msg []byte) ([]byte, error) {
	pk, err := point2(publicKey)
	if err != nil {
		return nil, err
	}
	seed := make([]byte, 2*keySize+nonceSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return nil, err
	}
	key, sigma, nonce := seed[:keySize], seed[keySize:2*keySize], seed[2*keySize:]
	id, err := identity(round)
	if err != nil {
		return nil, err
	}
	r := exponent(sigma, key)
	var masked bls.G2Affine
	masked.ScalarMultiplication(&pk, r)
	shared, err := bls.Pair([]bls.G1Affine{id}, []bls.G2Affine{masked})
	if err != nil {
		return nil, err
	}
	gcm, err := aesGCM(key)
	if err != nil {
		return nil, err
	}
	u := commitment(r).Bytes()
	out := slices.Clone(u[:])
	out = appendBlob(out, xor(sigma, hash(bytesOf(&shared))))
	out = appendBlob(out, xor(key, hash(sigma)))
	body := appendBlob(appendBlob(nil, gcm.Seal(nil, nonce, msg, nil)), nonce)
	return appendBlob(appendBlob(out, body), []byte(trailer)), nil
}

// commitment is r·G2, by which whoever decrypts knows that the parts belong
// together.
func commitment(r *big.Int) *bls.G2Affine {
	_, _, _, g2 := bls.Generators()
	var u bls.G2Affine
	u.ScalarMultiplication(&g2, r)
	return &u
}

// Decrypt opens what was encrypted to the round that signature is of. The
// error has code Invalid: the ciphertext is damaged, or for another round or
// beacon. Memory is bounded by the ciphertext.
func Decrypt(ciphertext, signature []byte) ([]byte, error) {
	p, err := parse(ciphertext)
	if err != nil {
		return nil, err
	}
	sig, err := point1(signature)
	if err != nil {
		return nil, err
	}
	shared, err := bls.Pair([]bls.G1Affine{sig}, []bls.G2Affine{p.u})
	if err != nil {
		return nil, invalid("%w", err)
	}
	sigma := xor(p.v, hash(bytesOf(&shared)))
	key := xor(p.w, hash(sigma))
	if u := commitment(exponent(sigma, key)); !u.Equal(&p.u) {
		return nil, invalid("it is for another round, or damaged")
	}
	gcm, err := aesGCM(key)
	if err != nil {
		return nil, err
	}
	msg, err := gcm.Open(nil, p.nonce, p.sealed, nil)
	if err != nil {
		return nil, invalid("%w", err)
	}
	return msg, nil
}

// parts are those of a ciphertext.
type parts struct {
	u                   bls.G2Affine
	v, w, sealed, nonce []byte
}

func parse(raw []byte) (p parts, err error) {
	if len(raw) < PublicKeySize {
		return p, invalid("%d bytes are too few", len(raw))
	}
	if p.u, err = point2(raw[:PublicKeySize]); err != nil {
		return p, err
	}
	outer, ok := blobs(raw[PublicKeySize:], 4)
	if !ok || len(outer[0]) != keySize || len(outer[1]) != keySize || string(outer[3]) != trailer {
		return p, invalid("its parts are not of the right sizes")
	}
	inner, ok := blobs(outer[2], 2)
	if !ok || len(inner[1]) != nonceSize {
		return p, invalid("its body is not of the right size")
	}
	p.v, p.w, p.sealed, p.nonce = outer[0], outer[1], inner[0], inner[1]
	return p, nil
}

// blobs cuts raw into exactly n parts, each with its length as 8 bytes, little
// endian, in front.
func blobs(raw []byte, n int) ([][]byte, bool) {
	out := make([][]byte, n)
	for i := range out {
		if len(raw) < 8 {
			return nil, false
		}
		size := binary.LittleEndian.Uint64(raw)
		raw = raw[8:]
		if size > uint64(len(raw)) {
			return nil, false
		}
		out[i], raw = raw[:size], raw[size:]
	}
	return out, len(raw) == 0
}

func appendBlob(out, b []byte) []byte {
	return append(binary.LittleEndian.AppendUint64(out, uint64(len(b))), b...)
}

func invalid(format string, args ...any) error {
	return strata.E(strata.Invalid, "the timelocked message cannot be opened: "+format, args...)
}

func point1(raw []byte) (p bls.G1Affine, err error) {
	if len(raw) != SignatureSize {
		return p, strata.E(strata.Invalid, "a beacon's signature is %d bytes, not %d", SignatureSize, len(raw))
	}
	if _, err := p.SetBytes(raw); err != nil {
		return p, strata.E(strata.Invalid, "a beacon's signature is no point of its group: %w", err)
	}
	return p, nil
}

func point2(raw []byte) (p bls.G2Affine, err error) {
	if len(raw) != PublicKeySize {
		return p, strata.E(strata.Invalid, "a beacon's public key is %d bytes, not %d", PublicKeySize, len(raw))
	}
	if _, err := p.SetBytes(raw); err != nil {
		return p, strata.E(strata.Invalid, "a beacon's public key is no point of its group: %w", err)
	}
	if p.IsInfinity() {
		return p, strata.E(strata.Invalid, "a beacon's public key is zero")
	}
	return p, nil
}

// exponent is SHA-256 of both, modulo the group's order.
func exponent(sigma, key []byte) *big.Int {
	x := new(big.Int).SetBytes(hash(sigma, key))
	return x.Mod(x, fr.Modulus())
}

func aesGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func hash(parts ...[]byte) []byte {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

func xor(a, b []byte) []byte {
	out := make([]byte, len(a))
	subtle.XORBytes(out, a, b)
	return out
}

// bytesOf serialises an element of the target group as arkworks does: the
// coordinates from c0.c0.c0 up, little endian.
func bytesOf(g *bls.GT) []byte {
	out := make([]byte, 0, 12*fp.Bytes)
	for _, e := range []*fp.Element{
		&g.C0.B0.A0, &g.C0.B0.A1, &g.C0.B1.A0, &g.C0.B1.A1, &g.C0.B2.A0, &g.C0.B2.A1,
		&g.C1.B0.A0, &g.C1.B0.A1, &g.C1.B1.A0, &g.C1.B1.A1, &g.C1.B2.A0, &g.C1.B2.A1,
	} {
		b := e.Bytes()
		slices.Reverse(b[:])
		out = append(out, b[:]...)
	}
	return out
}
