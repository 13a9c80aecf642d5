package pallets

import (
	"fmt"

	"strata/chain/devchain/metadata"
	"strata/chain/devchain/state"
	"strata/chain/devchain/storage"
	"strata/chain/scale"
	"strata/internal/sr25519"
)

// maxExtrinsic bounds an extrinsic's size in bytes.
const maxExtrinsic = 256 << 10

// Extrinsic is a signed extrinsic that was read and whose signature holds. Not
// modified once made.
type Extrinsic struct {
	Raw    []byte
	Hash   state.Hash
	Signer state.Account
	Nonce  uint64
	Dies   uint64 // the first block that is too late
	call   call
}

// Sealed returns the encrypted extrinsic that this one carries (MevShield), nil
// if none.
func (t *Extrinsic) Sealed() []byte { return t.call.sealed }

// history is what an extrinsic's era and signature refer to.
type history interface {
	// Next is the number of the block to come.
	Next() uint64
	// HashAt returns a block's hash, false for one that is not known any more.
	HashAt(number uint64) (state.Hash, bool)
}

// signatureHolds says whether an extrinsic was signed by its signer for the
// chain that p describes. Only sr25519 is taken. Context "substrate".
func signatureHolds(m *scale.Metadata, x *scale.Extrinsic, p scale.TxParams) bool {
	raw, ok := x.Signature.Value.([]byte)
	if !ok || len(raw) != 64 || x.Signature.Name != "Sr25519" {
		return false
	}
	p.Era, p.Nonce, p.Tip = x.Era, x.Nonce, x.Tip
	payload, err := m.SigningPayload(x.Call, p)
	if err != nil {
		return false
	}
	return sr25519.Verify(x.Signer, payload, [64]byte(raw))
}

// DecodeExtrinsic reads and verifies an extrinsic for the next block. The error
// is a Refusal.
func DecodeExtrinsic(rt *metadata.Runtime, raw []byte, past history) (*Extrinsic, error) {
	if len(raw) > maxExtrinsic {
		return nil, badFormat(fmt.Errorf("%d bytes, at most %d are taken", len(raw), maxExtrinsic))
	}
	x, err := rt.Meta.DecodeExtrinsic(raw)
	if err != nil {
		return nil, badFormat(err)
	}
	if !x.Signed {
		return nil, errMandatory
	}
	c, err := decodeCall(rt, x.Call)
	if err != nil {
		return nil, badFormat(err)
	}
	next := past.Next()
	genesis, _ := past.HashAt(0)
	born, ok := past.HashAt(x.Era.Birth(next))
	if !ok {
		return nil, errAncient
	}
	p := scale.TxParams{SpecVersion: rt.Spec, TxVersion: metadata.TxVersion, Genesis: genesis, EraBlock: born}
	if !signatureHolds(rt.Meta, x, p) {
		return nil, errBadProof
	}
	return &Extrinsic{Raw: raw, Hash: state.HashOf(raw), Signer: x.Signer, Nonce: x.Nonce, Dies: x.Era.Death(next), call: c}, nil
}

// ValidFor says whether an extrinsic may enter block number, but for gaps
// before its nonce. The error is a Refusal.
func (t *Extrinsic) ValidFor(rt *metadata.Runtime, s state.Reader, number uint64) error {
	i := storage.AccountInfoAt(s, t.Signer)
	switch {
	case number >= t.Dies:
		return errBadProof // its era is over: another block's hash would have to be signed
	case t.Nonce < uint64(i.Nonce):
		return errStale
	case i.Free < t.call.fee() || t.call.pays && i.Free-t.call.fee() < metadata.ExistentialDeposit:
		return errPayment
	}
	if t.call.check != nil {
		if err := t.call.check(rt, s, number, t.Signer); err != nil {
			return customError(err)
		}
	}
	return nil
}

// FeeOf returns what the call of an encoded extrinsic costs, its signature
// unseen. The error is a Refusal.
func FeeOf(rt *metadata.Runtime, raw []byte) (uint64, error) {
	x, err := rt.Meta.DecodeExtrinsic(raw)
	if err != nil {
		return 0, badFormat(err)
	}
	c, err := decodeCall(rt, x.Call)
	if err != nil {
		return 0, badFormat(err)
	}
	return c.fee(), nil
}

// Include applies an extrinsic whose nonce is next as number index of the
// block. An error leaves the block as it was.
func (x *Execution) Include(t *Extrinsic, index int) error {
	if err := t.ValidFor(x.rt, x.s, x.number); err != nil {
		return err
	}
	x.applying(index)
	if err := x.charge(t.Signer, t.call.fee()); err != nil {
		return errPayment
	}
	x.dispatch(t.call, t.Signer)
	x.paid(t.Signer, t.call.fee())
	return nil
}
