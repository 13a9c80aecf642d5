package pool

import (
	"testing"

	"strata/chain/devchain/pallets"
	"strata/chain/devchain/state"
)

func TestPoolLimitOfOneSigner(t *testing.T) {
	p := New()
	who := state.Account{7}
	first := func(state.Account) uint64 { return 3 }
	for i := range maxWaiting + 1 {
		err := p.Add(first, NewTx(&pallets.Extrinsic{Hash: state.Hash{byte(i), byte(i >> 8)}, Signer: who, Nonce: 3 + uint64(i)}, false))
		if want := i == maxWaiting; (err == errDropped) != want {
			t.Fatalf("transaction %d: %v", i, err)
		}
	}
	if p.NextNonce(first, who) != 3+maxWaiting {
		t.Error("the next nonce does not count what waits")
	}
}
