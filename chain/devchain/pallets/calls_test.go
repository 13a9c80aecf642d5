package pallets_test

import (
	"math/big"
	"testing"

	"strata/chain/devchain/devchaintest"
	"strata/chain/devchain/pallets"
	"strata/chain/devchain/state"
	"strata/chain/devchain/storage"
	"strata/chain/scale"
)

// fee is what a call that pays costs, in rao.
const fee = 100_000

func TestTransfer(t *testing.T) {
	bob := devchaintest.NewKey(t, 1)
	dest := scale.Variant{Name: "Id", Value: bob.Public}
	for _, c := range []struct {
		name, call string
		from       func(n *devchaintest.Chain) devchaintest.Key
		dest       scale.Value
		value      uint64
		want       string
	}{
		{"moves", "transfer_keep_alive", func(*devchaintest.Chain) devchaintest.Key { return devchaintest.Alice(t) }, dest, devchaintest.Tao(5), ""},
		{"too much", "transfer_keep_alive", func(*devchaintest.Chain) devchaintest.Key { return devchaintest.Alice(t) }, dest, devchaintest.Tao(2e9), "FundsUnavailable"},
		{"makes dust", "transfer_keep_alive", func(*devchaintest.Chain) devchaintest.Key { return devchaintest.Alice(t) }, dest, 500 - 1, "BelowMinimum"},
		{"to an index", "transfer_keep_alive", func(*devchaintest.Chain) devchaintest.Key { return devchaintest.Alice(t) }, scale.Variant{Name: "Raw", Value: []byte{1}}, 1, "CannotLookup"},
		{"keeps alive", "transfer_keep_alive", func(n *devchaintest.Chain) devchaintest.Key { return n.Funded(bob, devchaintest.Tao(1)) }, scale.Variant{Name: "Id", Value: state.Account{9}}, devchaintest.Tao(1) - fee, "NotExpendable"},
		{"may die", "transfer_allow_death", func(n *devchaintest.Chain) devchaintest.Key { return n.Funded(bob, devchaintest.Tao(1)) }, scale.Variant{Name: "Id", Value: state.Account{9}}, devchaintest.Tao(1) - fee - 1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := devchaintest.NewChain(t, nil)
			from := c.from(n)
			before := n.Free(from)
			if got := n.Do(from, "Balances."+c.call, scale.Struct{"dest": c.dest, "value": c.value}); got != c.want {
				t.Fatalf("got %q, want %q", got, c.want)
			}
			if !n.Has("TransactionPayment.TransactionFeePaid") {
				t.Error("no fee was paid")
			}
			if want := before - fee; c.want != "" && n.Free(from) != want {
				t.Errorf("a failed transfer leaves %d, want %d", n.Free(from), want)
			}
			if c.want == "" && !n.Has("Balances.Transfer") {
				t.Error("no Transfer event")
			}
		})
	}
}

func TestIssuanceCountsEveryRao(t *testing.T) {
	n := devchaintest.NewChain(t, nil)
	bob := n.Funded(devchaintest.NewKey(t, 1), devchaintest.Tao(2))
	owner := n.Subnet()
	n.Stake(owner, devchaintest.Tao(3))
	n.Register(devchaintest.NewKey(t, 2))
	dest := scale.Variant{Name: "Id", Value: state.Account{9}}
	n.Must(bob, "Balances.transfer_allow_death", scale.Struct{"dest": dest, "value": devchaintest.Tao(2) - fee - 7})
	if !n.Has("System.KilledAccount") || !n.Has("Balances.DustLost") {
		t.Error("the emptied account is alive")
	}
	var free uint64
	for _, k := range n.State.Keys(storage.SystemAccount.Key()) {
		free += storage.AccountInfoAt(n.State, state.Account(storage.Tail(k, 32))).Free
	}
	s := n.State
	locked := state.U64(s, storage.TotalStake.Key())
	if issued := state.U64(s, storage.BalancesIssuance.Key()); issued != free+locked {
		t.Errorf("issued %d, but accounts hold %d and stake %d", issued, free, locked)
	}
}

func TestRemark(t *testing.T) {
	n := devchaintest.NewChain(t, nil)
	n.Must(devchaintest.Alice(t), "System.remark", scale.Struct{"remark": []byte("x")})
	n.Must(devchaintest.Alice(t), "System.remark_with_event", scale.Struct{"remark": []byte("x")})
	if !n.Has("System.Remarked") {
		t.Error("no Remarked event")
	}
}

func TestRegisterNetwork(t *testing.T) {
	n := devchaintest.NewChain(t, nil)
	owner := n.Subnet()
	s, one := n.State, state.U16Key(1)
	if !n.Has("SubtensorModule.NetworkAdded") || !storage.SubnetExists(s, 1) || state.U16(s, storage.SubnetworkN.Key(one)) != 1 {
		t.Error("subnet 1 does not stand with its owner in it")
	}
	if state.AccountAt(s, storage.Keys.Key(one, state.U16Key(0))) != owner.Public || state.AccountAt(s, storage.SubnetOwner.Key(one)) != devchaintest.Alice(t).Public {
		t.Error("the owner is somebody else")
	}
	n.Must(devchaintest.Alice(t), "SubtensorModule.register_network", scale.Struct{"hotkey": owner.Public})
	if !storage.SubnetExists(n.State, 2) {
		t.Error("the second subnet is not number 2")
	}
	bob := n.Funded(devchaintest.NewKey(t, 1), devchaintest.Tao(10))
	if got := n.Do(bob, "SubtensorModule.register_network", scale.Struct{"hotkey": owner.Public}); got != "NonAssociatedColdKey" {
		t.Errorf("with somebody's hotkey: %q", got)
	}
	poor := n.Funded(devchaintest.NewKey(t, 2), devchaintest.Tao(1))
	if got := n.Do(poor, "SubtensorModule.register_network", scale.Struct{"hotkey": state.Account{7}}); got != "NotEnoughBalanceToStake" {
		t.Errorf("without the lock: %q", got)
	}
}

func TestBurnedRegister(t *testing.T) {
	hot := devchaintest.NewKey(t, 5)
	for _, c := range []struct {
		name   string
		who    func(n *devchaintest.Chain) devchaintest.Key
		netuid int
		hotkey func(n *devchaintest.Chain) state.Account
		want   string
	}{
		{"registers", func(*devchaintest.Chain) devchaintest.Key { return devchaintest.Alice(t) }, 1, func(*devchaintest.Chain) state.Account { return hot.Public }, ""},
		{"on root", func(*devchaintest.Chain) devchaintest.Key { return devchaintest.Alice(t) }, 0, func(*devchaintest.Chain) state.Account { return hot.Public }, "RegistrationNotPermittedOnRootSubnet"},
		{"no subnet", func(*devchaintest.Chain) devchaintest.Key { return devchaintest.Alice(t) }, 9, func(*devchaintest.Chain) state.Account { return hot.Public }, "SubnetNotExists"},
		{"twice", func(*devchaintest.Chain) devchaintest.Key { return devchaintest.Alice(t) }, 1, func(n *devchaintest.Chain) state.Account { n.Register(hot); return hot.Public }, "HotKeyAlreadyRegisteredInSubNet"},
		{"closed", func(n *devchaintest.Chain) devchaintest.Key {
			n.Set(storage.RegAllowed, []byte{0})
			return devchaintest.Alice(t)
		}, 1, func(*devchaintest.Chain) state.Account { return hot.Public }, "SubNetRegistrationDisabled"},
		{"no uids", func(n *devchaintest.Chain) devchaintest.Key {
			n.Set(storage.MaxUIDs, state.U16Key(0))
			return devchaintest.Alice(t)
		}, 1, func(*devchaintest.Chain) state.Account { return hot.Public }, "NoNeuronIdAvailable"},
		{"poor", func(n *devchaintest.Chain) devchaintest.Key { return n.Funded(devchaintest.NewKey(t, 6), 1_000_000) }, 1, func(*devchaintest.Chain) state.Account { return hot.Public }, "NotEnoughBalanceToStake"},
		{"another's", func(n *devchaintest.Chain) devchaintest.Key {
			return n.Funded(devchaintest.NewKey(t, 6), devchaintest.Tao(1))
		}, 1, func(n *devchaintest.Chain) state.Account {
			n.Must(devchaintest.Alice(t), "SubtensorModule.register_network", scale.Struct{"hotkey": hot.Public})
			return hot.Public
		}, "NonAssociatedColdKey"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := devchaintest.NewChain(t, nil)
			n.Subnet()
			who, hotkey := c.who(n), c.hotkey(n)
			got := n.Do(who, "SubtensorModule.burned_register", scale.Struct{"netuid": c.netuid, "hotkey": hotkey})
			if got != c.want {
				t.Fatalf("got %q, want %q", got, c.want)
			}
			if c.want == "" && (!n.Has("SubtensorModule.NeuronRegistered") || state.U16(n.State, storage.Uids.Key(state.U16Key(1), hotkey[:])) != 1) {
				t.Error("the neuron is not uid 1")
			}
		})
	}
}

func TestFullSubnetPrunes(t *testing.T) {
	n := devchaintest.NewChain(t, func(p *pallets.Params) { p.MaxUIDs = 4; p.ImmunityPeriod = 3 })
	n.Subnet()
	first, second, third := devchaintest.NewKey(t, 1), devchaintest.NewKey(t, 2), devchaintest.NewKey(t, 3)
	for _, k := range []devchaintest.Key{first, second, third} {
		n.Register(k)
	}
	n.Must(first, "SubtensorModule.serve_axon", devchaintest.AxonArgs(nil))
	n.Set(storage.Emission, encodeU64s(0, 50, 10, 0))
	n.Step(1)
	// uid 3 has least emission but is immune still; uid 2 goes.
	n.State.Put(storage.Registration.Key(state.U16Key(1), state.U16Key(3)), encodeU64(n.Number()+1))
	n.Register(devchaintest.NewKey(t, 4))
	s := n.State
	if s.Get(storage.Uids.Key(state.U16Key(1), second.Public[:])) != nil || state.AccountAt(s, storage.Keys.Key(state.U16Key(1), state.U16Key(2))) != devchaintest.NewKey(t, 4).Public {
		t.Error("uid 2 was not given away")
	}
	// The next goes by registration, oldest first: uid 1 has emission, so uid 2
	// and 3 compete; with everybody immune the least emission goes.
	n.Set(storage.ImmunityPeriod, state.U16Key(1000))
	n.Register(devchaintest.NewKey(t, 5))
	if state.AccountAt(n.State, storage.Keys.Key(state.U16Key(1), state.U16Key(0))) != devchaintest.NewKey(t, 200).Public {
		t.Error("the owner was pruned")
	}
	if n.State.Get(storage.Axons.Key(state.U16Key(1), first.Public[:])) == nil {
		t.Error("the earning neuron was pruned")
	}
}

func encodeU64(v uint64) []byte {
	var e scale.Encoder
	e.U64(v)
	return e.Bytes()
}

func encodeU64s(v ...uint64) []byte {
	var e scale.Encoder
	scale.PutVec(&e, v, (*scale.Encoder).U64)
	return e.Bytes()
}

func TestServeAxon(t *testing.T) {
	allOnes := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 128), big.NewInt(1))
	for _, c := range []struct {
		name   string
		change scale.Struct
		want   string // "" if taken
	}{
		{"loopback", nil, ""},
		{"ipv6", scale.Struct{"ip": 1, "ip_type": 6}, ""},
		{"bad type", scale.Struct{"ip_type": 5}, "Custom error: 255"},
		{"broadcast", scale.Struct{"ip": 0xffffffff}, "Custom error: 11"},
		{"too long", scale.Struct{"ip": 0x1ffffffff}, "Custom error: 11"},
		{"ipv6 all ones", scale.Struct{"ip": allOnes, "ip_type": 6}, "Custom error: 11"},
		{"no port", scale.Struct{"port": 0}, "Custom error: 13"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := devchaintest.NewChain(t, nil)
			n.Subnet()
			hot := devchaintest.NewKey(t, 1)
			n.Register(hot)
			if c.want != "" {
				if got := n.Refused(hot, "SubtensorModule.serve_axon", devchaintest.AxonArgs(c.change)); got != c.want {
					t.Fatalf("got %q, want %q", got, c.want)
				}
				return
			}
			n.Must(hot, "SubtensorModule.serve_axon", devchaintest.AxonArgs(c.change))
			a := storage.AxonAt(n.State, 1, hot.Public)
			if !n.Has("SubtensorModule.AxonServed") || a.Port != 8091 || a.Version != 7 || a.Block != n.Number() {
				t.Errorf("served %+v", a)
			}
		})
	}
	n := devchaintest.NewChain(t, func(p *pallets.Params) { p.ServingRateLimit = 5 })
	n.Subnet()
	hot := devchaintest.NewKey(t, 1)
	if got := n.Refused(hot, "SubtensorModule.serve_axon", devchaintest.AxonArgs(nil)); got != "Custom error: 10" {
		t.Errorf("unregistered: %q", got)
	}
	n.Register(hot)
	n.Must(hot, "SubtensorModule.serve_axon", devchaintest.AxonArgs(nil))
	if got := n.Refused(hot, "SubtensorModule.serve_axon", devchaintest.AxonArgs(nil)); got != "Custom error: 12" {
		t.Errorf("at once again: %q", got)
	}
	n.Step(4)
	n.Must(hot, "SubtensorModule.serve_axon", devchaintest.AxonArgs(nil))
}

func TestAddStake(t *testing.T) {
	n := devchaintest.NewChain(t, nil)
	owner := n.Subnet()
	for _, c := range []struct {
		name string
		args scale.Struct
		want string
	}{
		{"stakes", scale.Struct{"hotkey": owner.Public, "netuid": 1, "amount_staked": devchaintest.Tao(2)}, ""},
		{"no subnet", scale.Struct{"hotkey": owner.Public, "netuid": 8, "amount_staked": devchaintest.Tao(2)}, "SubnetNotExists"},
		{"on root", scale.Struct{"hotkey": owner.Public, "netuid": 0, "amount_staked": devchaintest.Tao(2)}, "SubtokenDisabled"},
		{"too little", scale.Struct{"hotkey": owner.Public, "netuid": 1, "amount_staked": 2_000_000 - 1}, "AmountTooLow"},
		{"too much", scale.Struct{"hotkey": owner.Public, "netuid": 1, "amount_staked": devchaintest.Tao(2e9)}, "NotEnoughBalanceToStake"},
		{"unknown hotkey", scale.Struct{"hotkey": state.Account{5}, "netuid": 1, "amount_staked": devchaintest.Tao(2)}, "HotKeyAccountNotExists"},
	} {
		if got := n.Do(devchaintest.Alice(t), "SubtensorModule.add_stake", c.args); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
	if got := storage.StakeOf(n.State, owner.Public, 1); got != devchaintest.Tao(2) {
		t.Errorf("stake %d", got)
	}
}

func TestSetCommitment(t *testing.T) {
	n := devchaintest.NewChain(t, nil)
	n.Subnet()
	hot := devchaintest.NewKey(t, 1)
	raw := scale.Variant{Name: "Raw128", Value: make([]byte, 128)}
	if got := n.Do(hot, "Commitments.set_commitment", devchaintest.CommitArgs(1, raw)); got != "AccountNotAllowedCommit" {
		t.Errorf("unregistered: %q", got)
	}
	n.Register(hot)
	n.Must(hot, "Commitments.set_commitment", devchaintest.CommitArgs(1, raw))
	if !n.Has("Commitments.Commitment") || state.U32(n.State, storage.LastCommitment.Key(state.U16Key(1), hot.Public[:])) != uint32(n.Number()) {
		t.Error("the commitment is not recorded")
	}
	if got := n.Do(hot, "Commitments.set_commitment", devchaintest.CommitArgs(1, raw, raw, raw, raw)); got != "TooManyFieldsInCommitmentInfo" {
		t.Errorf("four fields: %q", got)
	}
	n.State.Put(storage.CommitmentMaxSpace.Key(), state.U32Key(400))
	n.Epoch()
	n.Must(hot, "Commitments.set_commitment", devchaintest.CommitArgs(1, raw, raw))
	if got := n.Do(hot, "Commitments.set_commitment", devchaintest.CommitArgs(1, raw, raw)); got != "SpaceLimitExceeded" {
		t.Errorf("over the space of a tempo: %q", got)
	}
	n.Epoch()
	n.Must(hot, "Commitments.set_commitment", devchaintest.CommitArgs(1, raw))
}

func TestTooLongToShield(t *testing.T) {
	n := devchaintest.NewChain(t, nil)
	if got := n.Do(devchaintest.Alice(t), "MevShield.submit_encrypted", scale.Struct{"ciphertext": make([]byte, 8193)}); got != "BadCiphertext" {
		t.Errorf("got %q", got)
	}
}
