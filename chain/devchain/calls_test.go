package devchain

import (
	"math/big"
	"testing"

	"strata/chain/scale"
)

func TestTransfer(t *testing.T) {
	bob := newKey(t, 1)
	dest := scale.Variant{Name: "Id", Value: bob.public}
	for _, c := range []struct {
		name, call string
		from       func(n testNode) key
		dest       scale.Value
		value      uint64
		want       string
	}{
		{"moves", "transfer_keep_alive", func(testNode) key { return alice(t) }, dest, tao(5), ""},
		{"too much", "transfer_keep_alive", func(testNode) key { return alice(t) }, dest, tao(2e9), "FundsUnavailable"},
		{"makes dust", "transfer_keep_alive", func(testNode) key { return alice(t) }, dest, existentialDeposit - 1, "BelowMinimum"},
		{"to an index", "transfer_keep_alive", func(testNode) key { return alice(t) }, scale.Variant{Name: "Raw", Value: []byte{1}}, 1, "CannotLookup"},
		{"keeps alive", "transfer_keep_alive", func(n testNode) key { return n.funded(bob, tao(1)) }, scale.Variant{Name: "Id", Value: account{9}}, tao(1) - transactionFee, "NotExpendable"},
		{"may die", "transfer_allow_death", func(n testNode) key { return n.funded(bob, tao(1)) }, scale.Variant{Name: "Id", Value: account{9}}, tao(1) - transactionFee - 1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := start(t, nil)
			from := c.from(n)
			before := n.free(from)
			if got := n.do(from, "Balances."+c.call, scale.Struct{"dest": c.dest, "value": c.value}); got != c.want {
				t.Fatalf("got %q, want %q", got, c.want)
			}
			if !n.has("TransactionPayment.TransactionFeePaid") {
				t.Error("no fee was paid")
			}
			if want := before - transactionFee; c.want != "" && n.free(from) != want {
				t.Errorf("a failed transfer leaves %d, want %d", n.free(from), want)
			}
			if c.want == "" && !n.has("Balances.Transfer") {
				t.Error("no Transfer event")
			}
		})
	}
}

func (n testNode) funded(k key, amount uint64) key {
	n.t.Helper()
	n.must(alice(n.t), "Balances.transfer_keep_alive", scale.Struct{"dest": scale.Variant{Name: "Id", Value: k.public}, "value": amount})
	return k
}

func TestIssuanceCountsEveryRao(t *testing.T) {
	n := start(t, nil)
	bob := n.funded(newKey(t, 1), tao(2))
	owner := n.subnet()
	n.stake(owner, tao(3))
	n.register(newKey(t, 2))
	dest := scale.Variant{Name: "Id", Value: account{9}}
	n.must(bob, "Balances.transfer_allow_death", scale.Struct{"dest": dest, "value": tao(2) - transactionFee - 7})
	if !n.has("System.KilledAccount") || !n.has("Balances.DustLost") {
		t.Error("the emptied account is alive")
	}
	var free uint64
	for _, k := range n.ledger.state.keys(sysAccount.key()) {
		free += infoAt(n.ledger.state, account(tail(k, 32))).free
	}
	s := n.ledger.state
	locked := u64at(s, smTotalStake.key())
	if issued := u64at(s, balIssuance.key()); issued != free+locked {
		t.Errorf("issued %d, but accounts hold %d and stake %d", issued, free, locked)
	}
}

func TestRemark(t *testing.T) {
	n := start(t, nil)
	n.must(alice(t), "System.remark", scale.Struct{"remark": []byte("x")})
	n.must(alice(t), "System.remark_with_event", scale.Struct{"remark": []byte("x")})
	if !n.has("System.Remarked") {
		t.Error("no Remarked event")
	}
}

func TestRegisterNetwork(t *testing.T) {
	n := start(t, nil)
	owner := n.subnet()
	s, one := n.ledger.state, u16key(1)
	if !n.has("SubtensorModule.NetworkAdded") || !subnetExists(s, 1) || u16at(s, smSubnetworkN.key(one)) != 1 {
		t.Error("subnet 1 does not stand with its owner in it")
	}
	if accountAt(s, smKeys.key(one, u16key(0))) != owner.public || accountAt(s, smSubnetOwner.key(one)) != alice(t).public {
		t.Error("the owner is somebody else")
	}
	n.must(alice(t), "SubtensorModule.register_network", scale.Struct{"hotkey": owner.public})
	if !subnetExists(n.ledger.state, 2) {
		t.Error("the second subnet is not number 2")
	}
	bob := n.funded(newKey(t, 1), tao(10))
	if got := n.do(bob, "SubtensorModule.register_network", scale.Struct{"hotkey": owner.public}); got != "NonAssociatedColdKey" {
		t.Errorf("with somebody's hotkey: %q", got)
	}
	poor := n.funded(newKey(t, 2), tao(1))
	if got := n.do(poor, "SubtensorModule.register_network", scale.Struct{"hotkey": account{7}}); got != "NotEnoughBalanceToStake" {
		t.Errorf("without the lock: %q", got)
	}
}

func TestBurnedRegister(t *testing.T) {
	hot := newKey(t, 5)
	for _, c := range []struct {
		name   string
		who    func(n testNode) key
		netuid int
		hotkey func(n testNode) account
		want   string
	}{
		{"registers", func(testNode) key { return alice(t) }, 1, func(testNode) account { return hot.public }, ""},
		{"on root", func(testNode) key { return alice(t) }, 0, func(testNode) account { return hot.public }, "RegistrationNotPermittedOnRootSubnet"},
		{"no subnet", func(testNode) key { return alice(t) }, 9, func(testNode) account { return hot.public }, "SubnetNotExists"},
		{"twice", func(testNode) key { return alice(t) }, 1, func(n testNode) account { n.register(hot); return hot.public }, "HotKeyAlreadyRegisteredInSubNet"},
		{"closed", func(n testNode) key { n.set(smRegAllowed, []byte{0}); return alice(t) }, 1, func(testNode) account { return hot.public }, "SubNetRegistrationDisabled"},
		{"no uids", func(n testNode) key { n.set(smMaxUIDs, u16key(0)); return alice(t) }, 1, func(testNode) account { return hot.public }, "NoNeuronIdAvailable"},
		{"poor", func(n testNode) key { return n.funded(newKey(t, 6), 1_000_000) }, 1, func(testNode) account { return hot.public }, "NotEnoughBalanceToStake"},
		{"another's", func(n testNode) key { return n.funded(newKey(t, 6), tao(1)) }, 1, func(n testNode) account {
			n.must(alice(t), "SubtensorModule.register_network", scale.Struct{"hotkey": hot.public})
			return hot.public
		}, "NonAssociatedColdKey"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := start(t, nil)
			n.subnet()
			who, hotkey := c.who(n), c.hotkey(n)
			got := n.do(who, "SubtensorModule.burned_register", scale.Struct{"netuid": c.netuid, "hotkey": hotkey})
			if got != c.want {
				t.Fatalf("got %q, want %q", got, c.want)
			}
			if c.want == "" && (!n.has("SubtensorModule.NeuronRegistered") || u16at(n.ledger.state, smUids.key(u16key(1), hotkey[:])) != 1) {
				t.Error("the neuron is not uid 1")
			}
		})
	}
}

// set overwrites an item of subnet 1, as a root call would.
func (n testNode) set(e *entry, value []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ledger.state.put(e.key(u16key(1)), value)
}

func TestFullSubnetPrunes(t *testing.T) {
	n := start(t, func(c *Config) { c.Params.MaxUIDs = 4; c.Params.ImmunityPeriod = 3 })
	n.subnet()
	first, second, third := newKey(t, 1), newKey(t, 2), newKey(t, 3)
	for _, k := range []key{first, second, third} {
		n.register(k)
	}
	n.must(first, "SubtensorModule.serve_axon", axonArgs(nil))
	n.set(smEmission, encodeU64s(0, 50, 10, 0))
	n.step(1)
	// uid 3 has least emission but is immune still; uid 2 goes.
	n.ledger.state.put(smRegistration.key(u16key(1), u16key(3)), encodeU64(n.ledger.head().header.number+1))
	n.register(newKey(t, 4))
	s := n.ledger.state
	if s.get(smUids.key(u16key(1), second.public[:])) != nil || accountAt(s, smKeys.key(u16key(1), u16key(2))) != newKey(t, 4).public {
		t.Error("uid 2 was not given away")
	}
	// The next goes by registration, oldest first: uid 1 has emission, so uid 2
	// and 3 compete; with everybody immune the least emission goes.
	n.set(smImmunityPeriod, u16key(1000))
	n.register(newKey(t, 5))
	if accountAt(n.ledger.state, smKeys.key(u16key(1), u16key(0))) != newKey(t, 200).public {
		t.Error("the owner was pruned")
	}
	if n.ledger.state.get(smAxons.key(u16key(1), first.public[:])) == nil {
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

func axonArgs(change scale.Struct) scale.Struct {
	args := scale.Struct{
		"netuid": 1, "version": 7, "ip": 0x7f000001, "port": 8091, "ip_type": 4, "protocol": 4, "placeholder1": 0, "placeholder2": 0,
	}
	for k, v := range change {
		args[k] = v
	}
	return args
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
			n := start(t, nil)
			n.subnet()
			hot := newKey(t, 1)
			n.register(hot)
			if c.want != "" {
				if got := n.refused(hot, "SubtensorModule.serve_axon", axonArgs(c.change)); got != c.want {
					t.Fatalf("got %q, want %q", got, c.want)
				}
				return
			}
			n.must(hot, "SubtensorModule.serve_axon", axonArgs(c.change))
			a := axonAt(n.ledger.state, 1, hot.public)
			if !n.has("SubtensorModule.AxonServed") || a.port != 8091 || a.version != 7 || a.block != n.ledger.head().header.number {
				t.Errorf("served %+v", a)
			}
		})
	}
	n := start(t, func(c *Config) { c.Params.ServingRateLimit = 5 })
	n.subnet()
	hot := newKey(t, 1)
	if got := n.refused(hot, "SubtensorModule.serve_axon", axonArgs(nil)); got != "Custom error: 10" {
		t.Errorf("unregistered: %q", got)
	}
	n.register(hot)
	n.must(hot, "SubtensorModule.serve_axon", axonArgs(nil))
	if got := n.refused(hot, "SubtensorModule.serve_axon", axonArgs(nil)); got != "Custom error: 12" {
		t.Errorf("at once again: %q", got)
	}
	n.step(4)
	n.must(hot, "SubtensorModule.serve_axon", axonArgs(nil))
}

func TestAddStake(t *testing.T) {
	n := start(t, nil)
	owner := n.subnet()
	for _, c := range []struct {
		name string
		args scale.Struct
		want string
	}{
		{"stakes", scale.Struct{"hotkey": owner.public, "netuid": 1, "amount_staked": tao(2)}, ""},
		{"no subnet", scale.Struct{"hotkey": owner.public, "netuid": 8, "amount_staked": tao(2)}, "SubnetNotExists"},
		{"on root", scale.Struct{"hotkey": owner.public, "netuid": 0, "amount_staked": tao(2)}, "SubtokenDisabled"},
		{"too little", scale.Struct{"hotkey": owner.public, "netuid": 1, "amount_staked": minStake - 1}, "AmountTooLow"},
		{"too much", scale.Struct{"hotkey": owner.public, "netuid": 1, "amount_staked": tao(2e9)}, "NotEnoughBalanceToStake"},
		{"unknown hotkey", scale.Struct{"hotkey": account{5}, "netuid": 1, "amount_staked": tao(2)}, "HotKeyAccountNotExists"},
	} {
		if got := n.do(alice(t), "SubtensorModule.add_stake", c.args); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
	if got := stakeOf(n.ledger.state, owner.public, 1); got != tao(2) {
		t.Errorf("stake %d", got)
	}
}

func commitArgs(netuid int, fields ...scale.Value) scale.Struct {
	return scale.Struct{"netuid": netuid, "info": scale.Struct{"fields": fields}}
}

func TestSetCommitment(t *testing.T) {
	n := start(t, nil)
	n.subnet()
	hot := newKey(t, 1)
	raw := scale.Variant{Name: "Raw128", Value: make([]byte, 128)}
	if got := n.do(hot, "Commitments.set_commitment", commitArgs(1, raw)); got != "AccountNotAllowedCommit" {
		t.Errorf("unregistered: %q", got)
	}
	n.register(hot)
	n.must(hot, "Commitments.set_commitment", commitArgs(1, raw))
	if !n.has("Commitments.Commitment") || u32at(n.ledger.state, comLast.key(u16key(1), hot.public[:])) != uint32(n.ledger.head().header.number) {
		t.Error("the commitment is not recorded")
	}
	if got := n.do(hot, "Commitments.set_commitment", commitArgs(1, raw, raw, raw, raw)); got != "TooManyFieldsInCommitmentInfo" {
		t.Errorf("four fields: %q", got)
	}
	n.ledger.state.put(comMaxSpace.key(), u32key(400))
	n.epoch()
	n.must(hot, "Commitments.set_commitment", commitArgs(1, raw, raw))
	if got := n.do(hot, "Commitments.set_commitment", commitArgs(1, raw, raw)); got != "SpaceLimitExceeded" {
		t.Errorf("over the space of a tempo: %q", got)
	}
	n.epoch()
	n.must(hot, "Commitments.set_commitment", commitArgs(1, raw))
}
