package wallet

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"log/slog"

	"github.com/ChainSafe/go-schnorrkel"

	"strata"
	"strata/internal/sr25519"
)

// Key is an sr25519 key pair. It implements chain.Signer, is immutable and safe
// for concurrent use, and shows its ss58 address, never its secret, however it
// is printed. Make one with FromURI, Generate or a Wallet.
type Key struct {
	pub [32]byte
	// reveal returns the secret. It is a function because fmt cannot look into
	// one: it follows pointers in unexported fields for some verbs.
	reveal func() *secret
}

// secret is the private half.
type secret struct {
	scalar [32]byte // canonical scalar, little-endian
	nonce  [32]byte // second half of the 64-byte private key
	signer sr25519.PrivateKey
	seed   []byte // 32-byte mini secret; nil for a soft-derived or a bare private key
	phrase string // the mnemonic it came from without a path, if any
}

// secret returns the private half, nil for the zero Key.
func (k Key) secret() *secret {
	if k.reveal == nil {
		return nil
	}
	return k.reveal()
}

// PublicKey returns the sr25519 public key.
func (k Key) PublicKey() [32]byte { return k.pub }

// Hotkey returns the public key as the name of a miner or validator.
func (k Key) Hotkey() strata.Hotkey { return k.pub }

// Coldkey returns the public key as the name of an owner.
func (k Key) Coldkey() strata.Coldkey { return k.pub }

// String returns the ss58 address.
func (k Key) String() string { return strata.EncodeSS58(k.pub) }

// Format prints the ss58 address for every verb and flag.
func (k Key) Format(f fmt.State, _ rune) { fmt.Fprint(f, k.String()) }

// LogValue logs the ss58 address.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText returns the ss58 address, so that no encoder looks further.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Sign returns the sr25519 signature of msg in context "substrate". Its nonce
// is fresh randomness from the operating system, so two signatures of one
// message differ.
func (k Key) Sign(msg []byte) ([64]byte, error) {
	if k.secret() == nil {
		return [64]byte{}, strata.E(strata.Internal, "signing with a key that holds no secret")
	}
	sig, err := k.secret().signer.Sign(msg)
	if err != nil {
		return [64]byte{}, fmt.Errorf("sign as %s: %w", k, err)
	}
	return sig, nil
}

// Derive returns n secret bytes for the purpose that info names: HKDF-SHA256
// (RFC 5869) of the key's 32-byte secret seed, without salt. The same seed and
// info give the same bytes anywhere. A key without a seed (soft derivation, or
// a file with a bare private key) gives code Invalid, as does n outside
// 1…8160.
func (k Key) Derive(info string, n int) ([]byte, error) {
	if k.secret() == nil || k.secret().seed == nil {
		return nil, strata.E(strata.Invalid,
			"key %s has no seed to derive secrets from: import the wallet from its mnemonic or seed", k)
	}
	if n < 1 || n > 255*sha256.Size {
		return nil, strata.E(strata.Invalid, "deriving %d bytes: HKDF-SHA256 gives 1 to %d", n, 255*sha256.Size)
	}
	return hkdf.Key(sha256.New, k.secret().seed, nil, info, n)
}

// Verify says whether sig is pub's sr25519 signature of msg in context
// "substrate".
func Verify(pub [32]byte, msg []byte, sig [64]byte) bool {
	return sr25519.Verify(pub, msg, sig)
}

// fromSeed expands a 32-byte seed the way substrate does (ed25519 expansion).
func fromSeed(seed [32]byte) (*Key, error) {
	mini, err := schnorrkel.NewMiniSecretKeyFromRaw(seed)
	if err != nil {
		return nil, fmt.Errorf("expand seed: %w", err)
	}
	expanded := sha512.Sum512(seed[:]) // its second half is the nonce
	return fromScalar(mini.ExpandEd25519().Encode(), [32]byte(expanded[32:]), seed[:])
}

// fromScalar makes a key of a private key's halves; seed may be nil.
func fromScalar(scalar, nonce [32]byte, seed []byte) (*Key, error) {
	signer, err := sr25519.NewPrivateKey(scalar, nonce)
	if err != nil {
		return nil, strata.E(strata.Invalid, "private key is not an sr25519 one: %w", err)
	}
	pub := signer.Public()
	if pub == ([32]byte{}) { // the identity: the scalar is zero
		return nil, strata.E(strata.Invalid, "private key is zero: anybody can sign with it")
	}
	s := &secret{scalar: scalar, nonce: nonce, seed: seed, signer: signer}
	return &Key{pub: pub, reveal: func() *secret { return s }}, nil
}

// randomNonce is for private keys whose derivation has none of its own. Only
// the file format needs it: Sign draws fresh randomness.
func randomNonce() (n [32]byte, err error) {
	_, err = rand.Read(n[:])
	return n, err
}
