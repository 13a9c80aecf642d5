package runtimeapi

import (
	"slices"

	"strata/chain/devchain/metadata"
	"strata/chain/devchain/pallets"
	"strata/chain/devchain/state"
	"strata/chain/devchain/storage"
	"strata/chain/scale"
)

func stakeInfo(s state.Reader, coldkey, hotkey state.Account, netuid uint16) scale.Value {
	registered := s.Get(storage.Uids.Key(state.U16Key(netuid), hotkey[:])) != nil
	return scale.Struct{
		"hotkey": hotkey, "coldkey": coldkey, "netuid": netuid, "stake": storage.StakeBy(s, coldkey, hotkey, netuid),
		"locked": 0, "emission": 0, "tao_emission": 0, "drain": 0, "is_registered": registered,
	}
}

// stakesOf returns all that a coldkey has staked.
func stakesOf(s state.Reader, coldkey state.Account) []scale.Value {
	hotkeys := state.AccountsAt(s, storage.StakingHotkey.Key(coldkey[:]))
	for _, h := range state.AccountsAt(s, storage.OwnedHotkeys.Key(coldkey[:])) {
		if !slices.Contains(hotkeys, h) {
			hotkeys = append(hotkeys, h)
		}
	}
	out := []scale.Value{}
	for _, h := range hotkeys {
		for _, netuid := range storage.Netuids(s) {
			if storage.StakeBy(s, coldkey, h, netuid) > 0 {
				out = append(out, stakeInfo(s, coldkey, h, netuid))
			}
		}
	}
	return out
}

func getStakesOfColdkey(_ *metadata.Runtime, s state.Reader, _ uint64, a []scale.View) (scale.Value, error) {
	return stakesOf(s, a[0].Bytes32()), a[0].Err()
}

func getStakesOfColdkeys(_ *metadata.Runtime, s state.Reader, _ uint64, a []scale.View) (scale.Value, error) {
	out := []scale.Value{}
	for _, w := range a[0].Items() {
		coldkey := state.Account(w.Bytes32())
		out = append(out, []scale.Value{coldkey, stakesOf(s, coldkey)})
	}
	return out, a[0].Err()
}

func getStakeOn(_ *metadata.Runtime, s state.Reader, _ uint64, a []scale.View) (scale.Value, error) {
	hotkey, coldkey, netuid := state.Account(a[0].Bytes32()), state.Account(a[1].Bytes32()), a[2].U16()
	for _, w := range a {
		if w.Err() != nil {
			return nil, w.Err()
		}
	}
	return some(stakeInfo(s, coldkey, hotkey, netuid)), nil
}

func getAlphaPrice(_ *metadata.Runtime, _ state.Reader, _ uint64, a []scale.View) (scale.Value, error) {
	a[0].U16()
	return uint64(pallets.AlphaPrice), a[0].Err()
}

// simSwap is what a swap of TAO for alpha, or back, would give.
func simSwap(_ *metadata.Runtime, _ state.Reader, _ uint64, a []scale.View) (scale.Value, error) {
	amount := a[1].U64()
	return scale.Struct{
		"tao_amount": amount, "alpha_amount": amount, "tao_fee": 0, "alpha_fee": 0, "tao_slippage": 0, "alpha_slippage": 0,
	}, a[1].Err()
}

func getNetworkCost(_ *metadata.Runtime, s state.Reader, _ uint64, _ []scale.View) (scale.Value, error) {
	return state.U64(s, storage.NetworkLock.Key()), nil
}
