package devchain

import (
	"bytes"
	"crypto/mlkem"
	"encoding/binary"

	"golang.org/x/crypto/chacha20poly1305"

	"strata/chain/scale"
)

// MevShield: a signed extrinsic, encrypted to the block's author, is carried by
// another one of the same account, whose nonce is one less. The author decrypts
// it and includes it after its carrier. Here the node is every block's author,
// and has one key for as long as it runs: it is made at the start, and the next
// block offers it.
// Source: subtensor, pallets/shield; the SDK's encrypt_mlkem768.

var shieldNextKey = &entry{name: "NextKey", value: "BoundedVec", optional: true}

const (
	shieldKeyHash = 16 // of the key that the ciphertext is for
	maxShielded   = 8192
)

// offerKey puts the author's public key where clients look for it.
func (x *exec) offerKey(key *mlkem.DecapsulationKey768) {
	if key == nil {
		return
	}
	var e scale.Encoder
	e.Blob(key.EncapsulationKey().Bytes())
	if !bytes.Equal(x.s.get(shieldNextKey.key()), e.Bytes()) {
		x.s.put(shieldNextKey.key(), e.Bytes())
	}
}

func submitEncryptedCall(w scale.View) call {
	sealed := w.Field("ciphertext").Bytes()
	return call{pays: true, sealed: sealed, run: func(x *exec, who account) error {
		if len(sealed) > maxShielded {
			return x.rt.fail("MevShield", "BadCiphertext")
		}
		x.deposit("MevShield", "EncryptedSubmitted", scale.Struct{"id": hashOf(sealed), "who": who})
		return nil
	}}
}

// unshield takes what a carrier carries into the pool, to follow its carrier.
// What cannot be decrypted, or is no extrinsic of the carrier's account, is
// dropped: the carrier goes on alone, as on chain.
func (n *Node) unshield(carrier *tx) {
	if len(carrier.call.sealed) == 0 {
		return
	}
	raw, ok := openShield(n.shield, carrier.call.sealed)
	if !ok {
		return
	}
	inner, err := n.decodeTx(raw)
	if err != nil || inner.signer != carrier.signer || len(inner.call.sealed) > 0 || n.pool.known(inner.hash, 0) != nil {
		return
	}
	inner.hidden = true
	if err := n.pool.add(n.ledger.state, inner); err != nil {
		n.cfg.Log.Debug("a shielded extrinsic was dropped", "err", err)
	}
}

// openShield decrypts: key's hash ‖ u16 length ‖ ML-KEM-768 ciphertext ‖ nonce ‖
// XChaCha20-Poly1305.
func openShield(key *mlkem.DecapsulationKey768, sealed []byte) ([]byte, bool) {
	const head = shieldKeyHash + 2
	if key == nil || len(sealed) < head+mlkem.CiphertextSize768+chacha20poly1305.NonceSizeX {
		return nil, false
	}
	if int(binary.LittleEndian.Uint16(sealed[shieldKeyHash:])) != mlkem.CiphertextSize768 {
		return nil, false
	}
	shared, err := key.Decapsulate(sealed[head : head+mlkem.CiphertextSize768])
	if err != nil {
		return nil, false
	}
	aead, err := chacha20poly1305.NewX(shared)
	if err != nil {
		return nil, false
	}
	rest := sealed[head+mlkem.CiphertextSize768:]
	plain, err := aead.Open(nil, rest[:chacha20poly1305.NonceSizeX], rest[chacha20poly1305.NonceSizeX:], nil)
	return plain, err == nil
}
