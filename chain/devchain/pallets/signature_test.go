package pallets

import (
	"encoding/hex"
	"math/big"
	"testing"

	"strata/chain/devchain/metadata"
	"strata/chain/devchain/state"
	"strata/chain/scale"
)

// TestGoldenExtrinsic: an extrinsic recorded from a real node (spec 438) holds
// under the check that every extrinsic here goes through, and under no other
// nonce, chain or signer.
func TestGoldenExtrinsic(t *testing.T) {
	rt, err := metadata.New(metadata.FirstSpec, 0)
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := hex.DecodeString("39028400d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d01d6be92c2fdb49f3d9df549938ce21c849792a40d5e89bb066604d0c80b8ce1645a7db054b85dc13dec75d6bcce7fd710f5ae67f168152c68816da86efc98678e000000000503008eaf04151687736326c9fea17e25fc5287613693c912909cb226aa4794f26a4802286bee")
	genesis, _ := hex.DecodeString("d642ae29c636817637b3b869e776516dda61f0dab7550f6992ce3aac24d62728")
	params := scale.TxParams{SpecVersion: 438, TxVersion: 1, Genesis: state.Hash(genesis), EraBlock: state.Hash(genesis)}
	good, err := rt.Meta.DecodeExtrinsic(raw)
	if err != nil {
		t.Fatal(err)
	}
	if !signatureHolds(rt.Meta, good, params) {
		t.Fatal("the recorded extrinsic does not hold")
	}
	for name, change := range map[string]func(x *scale.Extrinsic, p *scale.TxParams){
		"nonce":       func(x *scale.Extrinsic, _ *scale.TxParams) { x.Nonce++ },
		"tip":         func(x *scale.Extrinsic, _ *scale.TxParams) { x.Tip = big.NewInt(1) },
		"signer":      func(x *scale.Extrinsic, _ *scale.TxParams) { x.Signer[0] ^= 1 },
		"call":        func(x *scale.Extrinsic, _ *scale.TxParams) { x.Call = append(x.Call[:len(x.Call):len(x.Call)], 0) },
		"chain":       func(_ *scale.Extrinsic, p *scale.TxParams) { p.Genesis[0] ^= 1 },
		"spec":        func(_ *scale.Extrinsic, p *scale.TxParams) { p.SpecVersion++ },
		"scheme":      func(x *scale.Extrinsic, _ *scale.TxParams) { x.Signature.Name = "Ed25519" },
		"no bytes":    func(x *scale.Extrinsic, _ *scale.TxParams) { x.Signature.Value = nil },
		"not a point": func(x *scale.Extrinsic, _ *scale.TxParams) { x.Signer = state.Account{0xff, 0xff, 0xff} },
	} {
		x, p := *good, params
		change(&x, &p)
		if signatureHolds(rt.Meta, &x, p) {
			t.Errorf("it holds with another %s", name)
		}
	}
}
