package devchain

import (
	"crypto/mlkem"
	"encoding/binary"

	"golang.org/x/crypto/chacha20poly1305"

	"strata/chain/devchain/pallets"
	"strata/chain/devchain/pool"
)

// shieldKeyHash is the length of the hash of the key that a ciphertext is for.
const shieldKeyHash = 16

// unshield takes what a carrier carries into the pool, to follow its carrier.
// What cannot be decrypted, or is no extrinsic of the carrier's account, is
// dropped: the carrier goes on alone, as on chain.
func (n *Node) unshield(carrier *pool.Tx) {
	if len(carrier.Sealed()) == 0 {
		return
	}
	raw, ok := openShield(n.shield, carrier.Sealed())
	if !ok {
		return
	}
	inner, err := pallets.DecodeExtrinsic(n.rt, raw, n.ledger)
	if err != nil || inner.Signer != carrier.Signer || len(inner.Sealed()) > 0 || n.pool.Known(inner.Hash, 0) != nil {
		return
	}
	if err := n.pool.Add(n.nonces, pool.NewTx(inner, true)); err != nil {
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
