// Package sr25519 signs and verifies as substrate does: Schnorr signatures over
// Ristretto with Merlin transcripts (schnorrkel), context "substrate". All that
// Strata and the chain sign is of this kind.
package sr25519

import (
	"crypto/rand"

	voi "github.com/oasisprotocol/curve25519-voi/primitives/sr25519"
)

// substrate is the context of every signature; making transcripts of it does
// not change it.
var substrate = voi.NewSigningContext([]byte("substrate"))

// PrivateKey signs. It is immutable and safe for concurrent use. Whoever holds
// it keeps it from being printed.
type PrivateKey struct{ pair *voi.KeyPair }

// NewPrivateKey takes the two halves of schnorrkel's 64-byte secret key: the
// scalar, little-endian and canonical, and the seed of nonces. The error says
// nothing of them.
func NewPrivateKey(scalar, nonce [32]byte) (PrivateKey, error) {
	sk, err := voi.NewSecretKeyFromBytes(append(scalar[:], nonce[:]...))
	if err != nil {
		return PrivateKey{}, err
	}
	return PrivateKey{sk.KeyPair()}, nil
}

// Public returns the public key, a Ristretto point. It is zero for a scalar of
// zero, with which anybody could sign.
func (k PrivateKey) Public() (pub [32]byte) {
	b, _ := k.pair.PublicKey().MarshalBinary() // never fails
	copy(pub[:], b)
	return pub
}

// Sign returns R ‖ s with schnorrkel's mark in the top bit. Its nonce is drawn
// from the message, the key and fresh randomness of the operating system, so
// two signatures of one message differ. It fails only where randomness does.
func (k PrivateKey) Sign(msg []byte) (sig [64]byte, err error) {
	s, err := k.pair.Sign(rand.Reader, substrate.NewTranscriptBytes(msg))
	if err != nil {
		return sig, err
	}
	b, err := s.MarshalBinary()
	copy(sig[:], b)
	return sig, err
}

// Verify says whether sig is the public key's signature of msg. Any input is
// safe. Nothing verifies under the zero key: anybody could have signed it.
func Verify(pub [32]byte, msg []byte, sig [64]byte) bool {
	if pub == ([32]byte{}) {
		return false
	}
	pk, err := voi.NewPublicKeyFromBytes(pub[:])
	if err != nil {
		return false
	}
	s, err := voi.NewSignatureFromBytes(sig[:])
	return err == nil && pk.Verify(substrate.NewTranscriptBytes(msg), s)
}
