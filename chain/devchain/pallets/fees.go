package pallets

import (
	"strata/chain/devchain/state"
	"strata/chain/devchain/storage"
	"strata/chain/scale"
)

// charge takes the nonce and the fee of an extrinsic, which stay taken however
// its call ends.
func (x *Execution) charge(who state.Account, fee uint64) error {
	i := storage.AccountInfoAt(x.s, who)
	i.Nonce++
	storage.PutAccountInfo(x.s, who, i)
	if fee == 0 {
		return nil
	}
	if err := x.debit(who, fee, true); err != nil {
		return err
	}
	x.issue(-fee)
	x.deposit("Balances", "Withdraw", scale.Struct{"who": who, "amount": fee})
	return nil
}

// paid records the fee after the call, as TransactionPayment does.
func (x *Execution) paid(who state.Account, fee uint64) {
	if fee > 0 {
		x.deposit("TransactionPayment", "TransactionFeePaid", scale.Struct{"who": who, "actual_fee": fee, "tip": uint64(0)})
	}
}

func (c call) fee() uint64 {
	if c.pays {
		return transactionFee
	}
	return 0
}
