package devchaintest

import (
	"encoding/hex"
	"strings"
	"testing"

	schnorrkel "github.com/ChainSafe/go-schnorrkel"

	"strata"
	"strata/chain/devchain/state"
	"strata/chain/scale"
)

// Key signs for tests; it is a chain.Signer.
type Key struct {
	secret *schnorrkel.SecretKey
	Public state.Account
}

func keyFromSeed(t testing.TB, seed [32]byte) Key {
	t.Helper()
	mini, err := schnorrkel.NewMiniSecretKeyFromRaw(seed)
	if err != nil {
		t.Fatal(err)
	}
	return Key{mini.ExpandEd25519(), mini.Public().Encode()}
}

// Alice is //Alice, who is rich on every local chain and has its Sudo key.
func Alice(t testing.TB) Key {
	t.Helper()
	raw, _ := hex.DecodeString("e5be9a5092b81bca64be81d212e7f2f9eba183bb7a90954f7b76361f6edb5c0a")
	return keyFromSeed(t, [32]byte(raw))
}

// NewKey makes key number n, which nobody has endowed.
func NewKey(t testing.TB, n byte) Key {
	t.Helper()
	return keyFromSeed(t, [32]byte{n, 1})
}

// PublicKey implements chain.Signer.
func (k Key) PublicKey() [32]byte { return k.Public }

// Hotkey is the public key as what it mostly is.
func (k Key) Hotkey() strata.Hotkey { return strata.Hotkey(k.Public) }

// Sign implements chain.Signer.
func (k Key) Sign(msg []byte) ([64]byte, error) {
	sig, err := k.secret.Sign(schnorrkel.NewSigningContext([]byte("substrate"), msg))
	if err != nil {
		return [64]byte{}, err
	}
	return sig.Encode(), nil
}

// EncodeCall encodes a call named Pallet.call.
func EncodeCall(t testing.TB, meta *scale.Metadata, name string, args scale.Struct) []byte {
	t.Helper()
	pallet, call, _ := strings.Cut(name, ".")
	raw, err := meta.EncodeCall(pallet, call, args)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// Signed makes a signed extrinsic of a call.
func Signed(t testing.TB, meta *scale.Metadata, k Key, call []byte, p scale.TxParams) []byte {
	t.Helper()
	payload, err := meta.SigningPayload(call, p)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := k.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := meta.EncodeSigned(call, k.Public, signature, p)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// Tao is an amount in rao.
func Tao(n uint64) uint64 { return n * uint64(strata.RaoPerTao) }
