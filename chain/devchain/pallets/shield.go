package pallets

import (
	"bytes"

	"strata/chain/devchain/state"
	"strata/chain/devchain/storage"
	"strata/chain/scale"
)

// MevShield: a signed extrinsic, encrypted to the block's author, is carried by
// another one of the same account, whose nonce is one less. The author decrypts
// it and includes it after its carrier. Here the node is every block's author,
// and has one key for as long as it runs: it is made at the start, and the next
// block offers it.
// Source: subtensor, pallets/shield; the SDK's encrypt_mlkem768.

// OfferKey puts the author's public key where clients look for it.
func (x *Execution) OfferKey(public []byte) {
	var e scale.Encoder
	e.Blob(public)
	if !bytes.Equal(x.s.Get(storage.ShieldNextKey.Key()), e.Bytes()) {
		x.s.Put(storage.ShieldNextKey.Key(), e.Bytes())
	}
}

// maxShielded is the longest ciphertext that is taken, in bytes.
const maxShielded = 8192

func submitEncryptedCall(w scale.View) call {
	sealed := w.Field("ciphertext").Bytes()
	return call{pays: true, sealed: sealed, run: func(x *Execution, who state.Account) error {
		if len(sealed) > maxShielded {
			return x.rt.Fail("MevShield", "BadCiphertext")
		}
		x.deposit("MevShield", "EncryptedSubmitted", scale.Struct{"id": state.HashOf(sealed), "who": who})
		return nil
	}}
}
