package devchain

import (
	"slices"

	"strata/chain/scale"
)

// alphaPrice is what an alpha costs on every subnet, in rao: pools here have
// neither price nor slippage.
const alphaPrice = 1_000_000_000

// addStakeLimitCall is add_stake with the most that an alpha may cost.
func addStakeLimitCall(w scale.View) call {
	limit, c := w.Field("limit_price").U64(), addStakeCall(w)
	run := c.run
	c.run = func(x *exec, who account) error {
		if limit < alphaPrice {
			return x.fail("SlippageTooHigh")
		}
		return run(x, who)
	}
	return c
}

func removeStakeCall(w scale.View) call {
	hotkey, netuid, amount := account(w.Field("hotkey").Bytes32()), w.Field("netuid").U16(), w.Field("amount_unstaked").U64()
	return call{pays: true, run: func(x *exec, who account) error { return x.removeStake(who, hotkey, netuid, amount) }}
}

// removeStakeLimitCall is remove_stake with the least that an alpha must bring.
func removeStakeLimitCall(w scale.View) call {
	limit, c := w.Field("limit_price").U64(), removeStakeCall(w)
	run := c.run
	c.run = func(x *exec, who account) error {
		if limit > alphaPrice {
			return x.fail("SlippageTooHigh")
		}
		return run(x, who)
	}
	return c
}

// removeStake turns alpha into TAO one to one, as long as the subnet holds TAO:
// emission adds alpha that nobody has paid for.
func (x *exec) removeStake(coldkey, hotkey account, netuid uint16, amount uint64) error {
	n := u16key(netuid)
	reserve := u64at(x.s, smSubnetTAO.key(n))
	switch {
	case !subnetExists(x.s, netuid):
		return x.fail("SubnetNotExists")
	case x.s.get(smOwner.key(hotkey[:])) == nil:
		return x.fail("HotKeyAccountNotExists")
	case amount == 0:
		return x.fail("AmountTooLow")
	case stakeBy(x.s, coldkey, hotkey, netuid) < amount:
		return x.fail("NotEnoughStakeToWithdraw")
	case reserve < amount:
		return x.fail("InsufficientLiquidity")
	}
	if err := x.sellShares(coldkey, hotkey, netuid, amount); err != nil {
		return err
	}
	putU64(x.s, smSubnetTAO.key(n), reserve-amount)
	putU64(x.s, smTotalStake.key(), u64at(x.s, smTotalStake.key())-amount)
	for _, key := range []string{smTotalHotkeyAlpha.key(hotkey[:], n), smAlphaOut.key(n)} {
		putU64(x.s, key, u64at(x.s, key)-amount)
	}
	if err := x.credit(coldkey, amount); err != nil {
		return err
	}
	x.deposit("SubtensorModule", "StakeRemoved", []scale.Value{coldkey, hotkey, amount, amount, netuid, uint64(0)})
	return nil
}

// netuids returns the subnets that exist, in order.
func netuids(s reader) []uint16 {
	var out []uint16
	for _, key := range s.keys(smNetworksAdded.key()) {
		if n := tail(key, 2); boolAt(s, key) {
			out = append(out, uint16(n[0])|uint16(n[1])<<8)
		}
	}
	slices.Sort(out)
	return out
}

func stakeInfo(s reader, coldkey, hotkey account, netuid uint16) scale.Value {
	registered := s.get(smUids.key(u16key(netuid), hotkey[:])) != nil
	return scale.Struct{
		"hotkey": hotkey, "coldkey": coldkey, "netuid": netuid, "stake": stakeBy(s, coldkey, hotkey, netuid),
		"locked": 0, "emission": 0, "tao_emission": 0, "drain": 0, "is_registered": registered,
	}
}

// stakesOf returns all that a coldkey has staked.
func stakesOf(s reader, coldkey account) []scale.Value {
	hotkeys := accountsAt(s, smStakingHotkey.key(coldkey[:]))
	for _, h := range accountsAt(s, smOwnedHotkeys.key(coldkey[:])) {
		if !slices.Contains(hotkeys, h) {
			hotkeys = append(hotkeys, h)
		}
	}
	out := []scale.Value{}
	for _, h := range hotkeys {
		for _, netuid := range netuids(s) {
			if stakeBy(s, coldkey, h, netuid) > 0 {
				out = append(out, stakeInfo(s, coldkey, h, netuid))
			}
		}
	}
	return out
}

func getStakesOfColdkey(_ *runtime, s reader, _ uint64, a []scale.View) (scale.Value, error) {
	return stakesOf(s, a[0].Bytes32()), a[0].Err()
}

func getStakesOfColdkeys(_ *runtime, s reader, _ uint64, a []scale.View) (scale.Value, error) {
	out := []scale.Value{}
	for _, w := range a[0].Items() {
		coldkey := account(w.Bytes32())
		out = append(out, []scale.Value{coldkey, stakesOf(s, coldkey)})
	}
	return out, a[0].Err()
}

func getStakeOn(_ *runtime, s reader, _ uint64, a []scale.View) (scale.Value, error) {
	hotkey, coldkey, netuid := account(a[0].Bytes32()), account(a[1].Bytes32()), a[2].U16()
	for _, w := range a {
		if w.Err() != nil {
			return nil, w.Err()
		}
	}
	return some(stakeInfo(s, coldkey, hotkey, netuid)), nil
}

func getAlphaPrice(_ *runtime, _ reader, _ uint64, a []scale.View) (scale.Value, error) {
	a[0].U16()
	return uint64(alphaPrice), a[0].Err()
}

// simSwap is what a swap of TAO for alpha, or back, would give.
func simSwap(_ *runtime, _ reader, _ uint64, a []scale.View) (scale.Value, error) {
	amount := a[1].U64()
	return scale.Struct{
		"tao_amount": amount, "alpha_amount": amount, "tao_fee": 0, "alpha_fee": 0, "tao_slippage": 0, "alpha_slippage": 0,
	}, a[1].Err()
}

func getNetworkCost(_ *runtime, s reader, _ uint64, _ []scale.View) (scale.Value, error) {
	return u64at(s, smNetworkLock.key()), nil
}
