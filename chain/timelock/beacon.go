package timelock

import (
	"math/big"

	bls "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"

	"strata"
)

// Beacon signs rounds. A local chain has one of its own; public chains rely on
// drand's quicknet. Not modified once made, so safe for concurrent use.
type Beacon struct {
	secret *big.Int
	public [PublicKeySize]byte
}

// NewBeacon makes the beacon of a secret of at least 32 random bytes. A shorter
// one has code Invalid.
func NewBeacon(secret []byte) (*Beacon, error) {
	if len(secret) < keySize {
		return nil, strata.E(strata.Invalid, "a beacon's secret is at least %d bytes, not %d", keySize, len(secret))
	}
	x := new(big.Int).SetBytes(hash(secret))
	x.Mod(x, fr.Modulus())
	if x.Sign() == 0 {
		return nil, strata.E(strata.Invalid, "a beacon's secret is zero")
	}
	return &Beacon{secret: x, public: commitment(x).Bytes()}, nil
}

// PublicKey returns the key to encrypt with, compressed.
func (b *Beacon) PublicKey() []byte { return b.public[:] }

// Sign returns the signature of a round, compressed: what Decrypt opens with.
func (b *Beacon) Sign(round uint64) ([]byte, error) {
	id, err := identity(round)
	if err != nil {
		return nil, err
	}
	var sig bls.G1Affine
	sig.ScalarMultiplication(&id, b.secret)
	raw := sig.Bytes()
	return raw[:], nil
}

// Verify says whether signature is the beacon's of a round.
func Verify(publicKey []byte, round uint64, signature []byte) bool {
	pk, err := point2(publicKey)
	if err != nil {
		return false
	}
	sig, err := point1(signature)
	if err != nil {
		return false
	}
	id, err := identity(round)
	if err != nil {
		return false
	}
	_, _, _, g2 := bls.Generators()
	id.Neg(&id)
	ok, err := bls.PairingCheck([]bls.G1Affine{sig, id}, []bls.G2Affine{g2, pk})
	return err == nil && ok
}
