package devchain

import "strata/chain/scale"

func addStakeCall(w scale.View) call {
	hotkey, netuid, amount := account(w.Field("hotkey").Bytes32()), w.Field("netuid").U16(), w.Field("amount_staked").U64()
	return call{pays: true, run: func(x *exec, who account) error { return x.addStake(who, hotkey, netuid, amount) }}
}

// addStake turns TAO into the subnet's alpha one to one: a pool without price
// or slippage, simpler than a public chain's.
func (x *exec) addStake(coldkey, hotkey account, netuid uint16, amount uint64) error {
	n := u16key(netuid)
	switch {
	case !subnetExists(x.s, netuid):
		return x.fail("SubnetNotExists")
	case !boolAt(x.s, smSubtoken.key(n)):
		return x.fail("SubtokenDisabled")
	case amount < minStake:
		return x.fail("AmountTooLow")
	case !canSpend(x.s, coldkey, amount):
		return x.fail("NotEnoughBalanceToStake")
	case x.s.get(smOwner.key(hotkey[:])) == nil:
		return x.fail("HotKeyAccountNotExists")
	}
	if err := x.debit(coldkey, amount, true); err != nil {
		return err
	}
	if err := x.buyShares(coldkey, hotkey, netuid, amount); err != nil {
		return err
	}
	putU64(x.s, smSubnetTAO.key(n), u64at(x.s, smSubnetTAO.key(n))+amount)
	putU64(x.s, smTotalStake.key(), u64at(x.s, smTotalStake.key())+amount)
	x.addAlpha(hotkey, netuid, amount)
	x.deposit("SubtensorModule", "StakeAdded", []scale.Value{coldkey, hotkey, amount, amount, netuid, uint64(0)})
	return nil
}

func (x *exec) addAlpha(hotkey account, netuid uint16, amount uint64) {
	n := u16key(netuid)
	key := smTotalHotkeyAlpha.key(hotkey[:], n)
	putU64(x.s, key, u64at(x.s, key)+amount)
	putU64(x.s, smAlphaOut.key(n), u64at(x.s, smAlphaOut.key(n))+amount)
}

// stakeOf is a hotkey's total stake on a subnet: its alpha. Nobody stakes on
// the root subnet here, so that there is no TAO to weigh in.
func stakeOf(s reader, hotkey account, netuid uint16) uint64 {
	return u64at(s, smTotalHotkeyAlpha.key(hotkey[:], u16key(netuid)))
}
