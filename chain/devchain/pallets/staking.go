package pallets

import (
	"strata/chain/devchain/state"
	"strata/chain/devchain/storage"
	"strata/chain/scale"
)

func addStakeCall(w scale.View) call {
	hotkey, netuid, amount := state.Account(w.Field("hotkey").Bytes32()), w.Field("netuid").U16(), w.Field("amount_staked").U64()
	return call{pays: true, run: func(x *Execution, who state.Account) error { return x.addStake(who, hotkey, netuid, amount) }}
}

// addStake turns TAO into the subnet's alpha one to one: a pool without price
// or slippage, simpler than a public chain's.
func (x *Execution) addStake(coldkey, hotkey state.Account, netuid uint16, amount uint64) error {
	n := state.U16Key(netuid)
	switch {
	case !storage.SubnetExists(x.s, netuid):
		return x.fail("SubnetNotExists")
	case !state.Bool(x.s, storage.Subtoken.Key(n)):
		return x.fail("SubtokenDisabled")
	case amount < minStake:
		return x.fail("AmountTooLow")
	case !canSpend(x.s, coldkey, amount):
		return x.fail("NotEnoughBalanceToStake")
	case x.s.Get(storage.Owner.Key(hotkey[:])) == nil:
		return x.fail("HotKeyAccountNotExists")
	}
	if err := x.debit(coldkey, amount, true); err != nil {
		return err
	}
	if err := x.buyShares(coldkey, hotkey, netuid, amount); err != nil {
		return err
	}
	state.PutU64(x.s, storage.SubnetTAO.Key(n), state.U64(x.s, storage.SubnetTAO.Key(n))+amount)
	state.PutU64(x.s, storage.TotalStake.Key(), state.U64(x.s, storage.TotalStake.Key())+amount)
	x.addAlpha(hotkey, netuid, amount)
	x.deposit("SubtensorModule", "StakeAdded", []scale.Value{coldkey, hotkey, amount, amount, netuid, uint64(0)})
	return nil
}

func (x *Execution) addAlpha(hotkey state.Account, netuid uint16, amount uint64) {
	n := state.U16Key(netuid)
	key := storage.TotalHotkeyAlpha.Key(hotkey[:], n)
	state.PutU64(x.s, key, state.U64(x.s, key)+amount)
	state.PutU64(x.s, storage.AlphaOut.Key(n), state.U64(x.s, storage.AlphaOut.Key(n))+amount)
}

// AlphaPrice is what an alpha costs on every subnet, in rao: pools here have
// neither price nor slippage.
const AlphaPrice = 1_000_000_000

// addStakeLimitCall is add_stake with the most that an alpha may cost.
func addStakeLimitCall(w scale.View) call {
	limit, c := w.Field("limit_price").U64(), addStakeCall(w)
	run := c.run
	c.run = func(x *Execution, who state.Account) error {
		if limit < AlphaPrice {
			return x.fail("SlippageTooHigh")
		}
		return run(x, who)
	}
	return c
}

func removeStakeCall(w scale.View) call {
	hotkey, netuid, amount := state.Account(w.Field("hotkey").Bytes32()), w.Field("netuid").U16(), w.Field("amount_unstaked").U64()
	return call{pays: true, run: func(x *Execution, who state.Account) error { return x.removeStake(who, hotkey, netuid, amount) }}
}

// removeStakeLimitCall is remove_stake with the least that an alpha must bring.
func removeStakeLimitCall(w scale.View) call {
	limit, c := w.Field("limit_price").U64(), removeStakeCall(w)
	run := c.run
	c.run = func(x *Execution, who state.Account) error {
		if limit > AlphaPrice {
			return x.fail("SlippageTooHigh")
		}
		return run(x, who)
	}
	return c
}

// removeStake turns alpha into TAO one to one, as long as the subnet holds TAO:
// emission adds alpha that nobody has paid for.
func (x *Execution) removeStake(coldkey, hotkey state.Account, netuid uint16, amount uint64) error {
	n := state.U16Key(netuid)
	reserve := state.U64(x.s, storage.SubnetTAO.Key(n))
	switch {
	case !storage.SubnetExists(x.s, netuid):
		return x.fail("SubnetNotExists")
	case x.s.Get(storage.Owner.Key(hotkey[:])) == nil:
		return x.fail("HotKeyAccountNotExists")
	case amount == 0:
		return x.fail("AmountTooLow")
	case storage.StakeBy(x.s, coldkey, hotkey, netuid) < amount:
		return x.fail("NotEnoughStakeToWithdraw")
	case reserve < amount:
		return x.fail("InsufficientLiquidity")
	}
	if err := x.sellShares(coldkey, hotkey, netuid, amount); err != nil {
		return err
	}
	state.PutU64(x.s, storage.SubnetTAO.Key(n), reserve-amount)
	state.PutU64(x.s, storage.TotalStake.Key(), state.U64(x.s, storage.TotalStake.Key())-amount)
	for _, key := range []string{storage.TotalHotkeyAlpha.Key(hotkey[:], n), storage.AlphaOut.Key(n)} {
		state.PutU64(x.s, key, state.U64(x.s, key)-amount)
	}
	if err := x.credit(coldkey, amount); err != nil {
		return err
	}
	x.deposit("SubtensorModule", "StakeRemoved", []scale.Value{coldkey, hotkey, amount, amount, netuid, uint64(0)})
	return nil
}
