package pallets

import (
	"strata/chain/devchain/metadata"
	"strata/chain/devchain/state"
	"strata/chain/devchain/storage"
	"strata/chain/scale"
)

func transferCall(w scale.View, keepAlive bool) call {
	kind, inner := w.Field("dest").Case()
	value := w.Field("value").U64()
	var dest state.Account
	if kind == "Id" {
		dest = inner.Bytes32()
	}
	return call{pays: true, run: func(x *Execution, who state.Account) error {
		if kind != "Id" {
			return plainError("CannotLookup")
		}
		return x.transfer(who, dest, value, keepAlive)
	}}
}

// transfer moves free balance as pallet_balances does. What falls below the
// existential deposit is lost with its account.
func (x *Execution) transfer(from, to state.Account, value uint64, keepAlive bool) error {
	if from != to && value > 0 {
		if err := x.debit(from, value, keepAlive); err != nil {
			return err
		}
		if err := x.credit(to, value); err != nil {
			return err
		}
	}
	x.deposit("Balances", "Transfer", scale.Struct{"from": from, "to": to, "amount": value})
	return nil
}

func (x *Execution) debit(who state.Account, value uint64, keepAlive bool) error {
	i := storage.AccountInfoAt(x.s, who)
	if i.Free < value {
		return tokenError("FundsUnavailable")
	}
	i.Free -= value
	if i.Free >= metadata.ExistentialDeposit {
		storage.PutAccountInfo(x.s, who, i)
		return nil
	}
	if keepAlive {
		return tokenError("NotExpendable")
	}
	if i.Free > 0 {
		x.deposit("Balances", "DustLost", scale.Struct{"account": who, "amount": i.Free})
		x.issue(-i.Free)
	}
	x.s.Put(storage.SystemAccount.Key(who[:]), nil)
	x.deposit("System", "KilledAccount", scale.Struct{"account": who})
	return nil
}

func (x *Execution) credit(who state.Account, value uint64) error {
	i := storage.AccountInfoAt(x.s, who)
	if i.Free+value < i.Free {
		return plainError("Corruption") // more than was ever issued
	}
	if i.Free == 0 {
		if value < metadata.ExistentialDeposit {
			return tokenError("BelowMinimum")
		}
		if i.Providers == 0 {
			i.Providers = 1
			x.deposit("System", "NewAccount", scale.Struct{"account": who})
		}
		x.deposit("Balances", "Endowed", scale.Struct{"account": who, "free_balance": value})
	}
	i.Free += value
	storage.PutAccountInfo(x.s, who, i)
	return nil
}

// issue adds to the TAO that exist; a negated amount removes.
func (x *Execution) issue(delta uint64) {
	state.PutU64(x.s, storage.BalancesIssuance.Key(), state.U64(x.s, storage.BalancesIssuance.Key())+delta)
	state.PutU64(x.s, storage.TotalIssuance.Key(), state.U64(x.s, storage.TotalIssuance.Key())+delta)
}

// canSpend says whether an account has the amount beyond what keeps it alive.
func canSpend(s state.Reader, who state.Account, amount uint64) bool {
	free := storage.AccountInfoAt(s, who).Free
	return free >= metadata.ExistentialDeposit && free-metadata.ExistentialDeposit >= amount
}
