package devchain

import "strata/chain/scale"

func transferCall(w scale.View, keepAlive bool) call {
	kind, inner := w.Field("dest").Case()
	value := w.Field("value").U64()
	var dest account
	if kind == "Id" {
		dest = inner.Bytes32()
	}
	return call{pays: true, run: func(x *exec, who account) error {
		if kind != "Id" {
			return plainError("CannotLookup")
		}
		return x.transfer(who, dest, value, keepAlive)
	}}
}

// transfer moves free balance as pallet_balances does. What falls below the
// existential deposit is lost with its account.
func (x *exec) transfer(from, to account, value uint64, keepAlive bool) error {
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

func (x *exec) debit(who account, value uint64, keepAlive bool) error {
	i := infoAt(x.s, who)
	if i.free < value {
		return tokenError("FundsUnavailable")
	}
	i.free -= value
	if i.free >= existentialDeposit {
		putInfo(x.s, who, i)
		return nil
	}
	if keepAlive {
		return tokenError("NotExpendable")
	}
	if i.free > 0 {
		x.deposit("Balances", "DustLost", scale.Struct{"account": who, "amount": i.free})
		x.issue(-i.free)
	}
	x.s.put(sysAccount.key(who[:]), nil)
	x.deposit("System", "KilledAccount", scale.Struct{"account": who})
	return nil
}

func (x *exec) credit(who account, value uint64) error {
	i := infoAt(x.s, who)
	if i.free+value < i.free {
		return plainError("Corruption") // more than was ever issued
	}
	if i.free == 0 {
		if value < existentialDeposit {
			return tokenError("BelowMinimum")
		}
		if i.providers == 0 {
			i.providers = 1
			x.deposit("System", "NewAccount", scale.Struct{"account": who})
		}
		x.deposit("Balances", "Endowed", scale.Struct{"account": who, "free_balance": value})
	}
	i.free += value
	putInfo(x.s, who, i)
	return nil
}

// issue adds to the TAO that exist; a negated amount removes.
func (x *exec) issue(delta uint64) {
	putU64(x.s, balIssuance.key(), u64at(x.s, balIssuance.key())+delta)
	putU64(x.s, smTotalIssuance.key(), u64at(x.s, smTotalIssuance.key())+delta)
}

// canSpend says whether an account has the amount beyond what keeps it alive.
func canSpend(s reader, who account, amount uint64) bool {
	free := infoAt(s, who).free
	return free >= existentialDeposit && free-existentialDeposit >= amount
}
