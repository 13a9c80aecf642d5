package pallets_test

import (
	"errors"
	"testing"

	"strata/chain/devchain/devchaintest"
	"strata/chain/devchain/pallets"
	"strata/chain/scale"
)

// An extrinsic whose era began in a block that is not known any more is refused.
func TestAncientBirth(t *testing.T) {
	n := devchaintest.NewChain(t, nil)
	n.Step(3)
	p := n.TxParams(devchaintest.Alice(t))
	p.Era, p.EraBlock = scale.MortalEra(64, 2), n.Hashes[2]
	raw := devchaintest.Signed(t, n.Runtime.Meta, devchaintest.Alice(t), devchaintest.EncodeCall(t, n.Runtime.Meta, "System.remark", scale.Struct{"remark": []byte("x")}), p)
	if _, err := pallets.DecodeExtrinsic(n.Runtime, raw, n); err != nil {
		t.Error(err)
	}
	n.Forgot = 3
	if _, err := pallets.DecodeExtrinsic(n.Runtime, raw, n); refusalOf(err) != "Transaction has an ancient birth block" {
		t.Errorf("%v", err)
	}
}

// refusalOf returns why an extrinsic was refused, "" if it was not.
func refusalOf(err error) string {
	var why *pallets.Refusal
	if !errors.As(err, &why) {
		return ""
	}
	return why.Data
}
