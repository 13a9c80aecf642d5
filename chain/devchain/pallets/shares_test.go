package pallets_test

import (
	"testing"

	"strata/chain/devchain/devchaintest"
	"strata/chain/devchain/pallets"
	"strata/chain/devchain/state"
	"strata/chain/devchain/storage"
	"strata/chain/scale"
)

func stakeArgs(hot state.Account, amount uint64) scale.Struct {
	return scale.Struct{"hotkey": hot, "netuid": 1, "amount_staked": amount}
}

func unstakeArgs(hot state.Account, amount uint64) scale.Struct {
	return scale.Struct{"hotkey": hot, "netuid": 1, "amount_unstaked": amount}
}

func TestStakersShareEmission(t *testing.T) {
	n := devchaintest.NewChain(t, nil)
	owner := n.Subnet()
	bob := n.Funded(devchaintest.NewKey(t, 7), devchaintest.Tao(500))
	n.Stake(owner, devchaintest.Tao(100))
	n.Must(bob, "SubtensorModule.add_stake", stakeArgs(owner.Public, devchaintest.Tao(300)))
	s := n.State
	if a, b := storage.StakeBy(s, devchaintest.Alice(t).Public, owner.Public, 1), storage.StakeBy(s, bob.Public, owner.Public, 1); a < devchaintest.Tao(100) || b < devchaintest.Tao(300)-1 || b > devchaintest.Tao(300) {
		t.Errorf("staked 100 and 300 TAO, and hold %d and %d", a, b)
	}
	total := storage.StakeOf(s, owner.Public, 1)
	n.Epoch()
	n.Epoch()
	s = n.State
	grown := storage.StakeOf(s, owner.Public, 1) - total
	a, b := storage.StakeBy(s, devchaintest.Alice(t).Public, owner.Public, 1)-devchaintest.Tao(100), storage.StakeBy(s, bob.Public, owner.Public, 1)-devchaintest.Tao(300)
	if grown < 1000 || a+b > grown || a+b+2 < grown || b < 2*a {
		t.Errorf("of %d that were emitted, holders of a quarter and three have %d and %d", grown, a, b)
	}
}

func TestRemoveStake(t *testing.T) {
	n := devchaintest.NewChain(t, nil)
	owner := n.Subnet()
	bob := n.Funded(devchaintest.NewKey(t, 7), devchaintest.Tao(500))
	n.Must(bob, "SubtensorModule.add_stake_limit", devchaintest.With(devchaintest.With(stakeArgs(owner.Public, devchaintest.Tao(300)), "limit_price", pallets.AlphaPrice), "allow_partial", false))
	for _, c := range []struct {
		who  devchaintest.Key
		call string
		args scale.Struct
		want string
	}{
		{bob, "add_stake_limit", devchaintest.With(devchaintest.With(stakeArgs(owner.Public, devchaintest.Tao(1)), "limit_price", pallets.AlphaPrice-1), "allow_partial", false), "SlippageTooHigh"},
		{bob, "remove_stake_limit", devchaintest.With(devchaintest.With(unstakeArgs(owner.Public, devchaintest.Tao(1)), "limit_price", pallets.AlphaPrice+1), "allow_partial", false), "SlippageTooHigh"},
		{bob, "remove_stake", unstakeArgs(owner.Public, devchaintest.Tao(300)+1), "NotEnoughStakeToWithdraw"},
		{devchaintest.Alice(t), "remove_stake", unstakeArgs(owner.Public, devchaintest.Tao(100)), "NotEnoughStakeToWithdraw"},
		{bob, "remove_stake", unstakeArgs(owner.Public, 0), "AmountTooLow"},
		{bob, "remove_stake", unstakeArgs(state.Account{9}, 1), "HotKeyAccountNotExists"},
		{bob, "remove_stake", devchaintest.With(unstakeArgs(owner.Public, 1), "netuid", 9), "SubnetNotExists"},
		{bob, "remove_stake_limit", devchaintest.With(devchaintest.With(unstakeArgs(owner.Public, devchaintest.Tao(100)), "limit_price", pallets.AlphaPrice), "allow_partial", true), ""},
		{bob, "remove_stake", unstakeArgs(owner.Public, storage.StakeBy(n.State, bob.Public, owner.Public, 1)-devchaintest.Tao(100)), ""},
	} {
		if got := n.Do(c.who, "SubtensorModule."+c.call, c.args); got != c.want {
			t.Errorf("%s: %q, want %q", c.call, got, c.want)
		}
	}
	s := n.State
	if left := storage.StakeBy(s, bob.Public, owner.Public, 1); left > 10 {
		t.Errorf("%d are left", left)
	}
	if free := n.Free(bob); free < devchaintest.Tao(500)-20*fee || free > devchaintest.Tao(500) {
		t.Errorf("all unstaked, %d free", free)
	}
	if sum := accountFor(n); sum != state.U64(s, storage.BalancesIssuance.Key()) {
		t.Errorf("accounts and stake hold %d of %d issued", sum, state.U64(s, storage.BalancesIssuance.Key()))
	}
	if s.Get(storage.AlphaShares.Key(owner.Public[:], bob.Public[:], state.U16Key(1))) != nil && storage.StakeBy(s, bob.Public, owner.Public, 1) == 0 {
		t.Error("shares without alpha stay")
	}
}

// accountFor is what all accounts and all stake hold.
func accountFor(n *devchaintest.Chain) uint64 {
	var sum uint64
	for _, k := range n.State.Keys(storage.SystemAccount.Key()) {
		sum += storage.AccountInfoAt(n.State, state.Account(storage.Tail(k, 32))).Free
	}
	return sum + state.U64(n.State, storage.TotalStake.Key())
}

// Emission that nobody has paid for cannot be turned into TAO.
func TestRemoveStakeNeedsLiquidity(t *testing.T) {
	n := devchaintest.NewChain(t, func(p *pallets.Params) { p.BlockEmission = 1_000_000_000 })
	owner := n.Subnet()
	n.Stake(owner, devchaintest.Tao(2))
	n.Epoch()
	n.Epoch()
	all := storage.StakeBy(n.State, devchaintest.Alice(t).Public, owner.Public, 1)
	if got := n.Do(devchaintest.Alice(t), "SubtensorModule.remove_stake", unstakeArgs(owner.Public, all)); got != "InsufficientLiquidity" {
		t.Errorf("%d unstaked from a subnet of 3 TAO: %q", all, got)
	}
}
