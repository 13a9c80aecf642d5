package devchain

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"strata/chain/scale"
)

func stakeArgs(hot account, amount uint64) scale.Struct {
	return scale.Struct{"hotkey": hot, "netuid": 1, "amount_staked": amount}
}

func unstakeArgs(hot account, amount uint64) scale.Struct {
	return scale.Struct{"hotkey": hot, "netuid": 1, "amount_unstaked": amount}
}

func with(s scale.Struct, name string, v scale.Value) scale.Struct {
	s[name] = v
	return s
}

func TestStakersShareEmission(t *testing.T) {
	n := start(t, nil)
	owner := n.subnet()
	bob := n.funded(newKey(t, 7), tao(500))
	n.stake(owner, tao(100))
	n.must(bob, "SubtensorModule.add_stake", stakeArgs(owner.public, tao(300)))
	s := n.ledger.state
	if a, b := stakeBy(s, alice(t).public, owner.public, 1), stakeBy(s, bob.public, owner.public, 1); a < tao(100) || b < tao(300)-1 || b > tao(300) {
		t.Errorf("staked 100 and 300 TAO, and hold %d and %d", a, b)
	}
	total := stakeOf(s, owner.public, 1)
	n.epoch()
	n.epoch()
	s = n.ledger.state
	grown := stakeOf(s, owner.public, 1) - total
	a, b := stakeBy(s, alice(t).public, owner.public, 1)-tao(100), stakeBy(s, bob.public, owner.public, 1)-tao(300)
	if grown < 1000 || a+b > grown || a+b+2 < grown || b < 2*a {
		t.Errorf("of %d that were emitted, holders of a quarter and three have %d and %d", grown, a, b)
	}
}

func TestRemoveStake(t *testing.T) {
	n := start(t, nil)
	owner := n.subnet()
	bob := n.funded(newKey(t, 7), tao(500))
	n.must(bob, "SubtensorModule.add_stake_limit", with(with(stakeArgs(owner.public, tao(300)), "limit_price", alphaPrice), "allow_partial", false))
	for _, c := range []struct {
		who  key
		call string
		args scale.Struct
		want string
	}{
		{bob, "add_stake_limit", with(with(stakeArgs(owner.public, tao(1)), "limit_price", alphaPrice-1), "allow_partial", false), "SlippageTooHigh"},
		{bob, "remove_stake_limit", with(with(unstakeArgs(owner.public, tao(1)), "limit_price", alphaPrice+1), "allow_partial", false), "SlippageTooHigh"},
		{bob, "remove_stake", unstakeArgs(owner.public, tao(300)+1), "NotEnoughStakeToWithdraw"},
		{alice(t), "remove_stake", unstakeArgs(owner.public, tao(100)), "NotEnoughStakeToWithdraw"},
		{bob, "remove_stake", unstakeArgs(owner.public, 0), "AmountTooLow"},
		{bob, "remove_stake", unstakeArgs(account{9}, 1), "HotKeyAccountNotExists"},
		{bob, "remove_stake", with(unstakeArgs(owner.public, 1), "netuid", 9), "SubnetNotExists"},
		{bob, "remove_stake_limit", with(with(unstakeArgs(owner.public, tao(100)), "limit_price", alphaPrice), "allow_partial", true), ""},
		{bob, "remove_stake", unstakeArgs(owner.public, stakeBy(n.ledger.state, bob.public, owner.public, 1)-tao(100)), ""},
	} {
		if got := n.do(c.who, "SubtensorModule."+c.call, c.args); got != c.want {
			t.Errorf("%s: %q, want %q", c.call, got, c.want)
		}
	}
	s := n.ledger.state
	if left := stakeBy(s, bob.public, owner.public, 1); left > 10 {
		t.Errorf("%d are left", left)
	}
	if free := n.free(bob); free < tao(500)-20*transactionFee || free > tao(500) {
		t.Errorf("all unstaked, %d free", free)
	}
	if sum := n.accountFor(); sum != u64at(s, balIssuance.key()) {
		t.Errorf("accounts and stake hold %d of %d issued", sum, u64at(s, balIssuance.key()))
	}
	if s.get(smAlphaShares.key(owner.public[:], bob.public[:], u16key(1))) != nil && stakeBy(s, bob.public, owner.public, 1) == 0 {
		t.Error("shares without alpha stay")
	}
}

// accountFor is what all accounts and all stake hold.
func (n testNode) accountFor() uint64 {
	var sum uint64
	for _, k := range n.ledger.state.keys(sysAccount.key()) {
		sum += infoAt(n.ledger.state, account(tail(k, 32))).free
	}
	return sum + u64at(n.ledger.state, smTotalStake.key())
}

// Emission that nobody has paid for cannot be turned into TAO.
func TestRemoveStakeNeedsLiquidity(t *testing.T) {
	n := start(t, func(c *Config) { c.Params.BlockEmission = 1_000_000_000 })
	owner := n.subnet()
	n.stake(owner, tao(2))
	n.epoch()
	n.epoch()
	all := stakeBy(n.ledger.state, alice(t).public, owner.public, 1)
	if got := n.do(alice(t), "SubtensorModule.remove_stake", unstakeArgs(owner.public, all)); got != "InsufficientLiquidity" {
		t.Errorf("%d unstaked from a subnet of 3 TAO: %q", all, got)
	}
}

// However stakers come and go, their parts never exceed the whole, and nobody
// gains by it.
func TestSharesNeverExceedTheWhole(t *testing.T) {
	rt, err := newRuntime(firstSpec, 0)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		x := &exec{rt: rt, s: newLayer(newTable())}
		hot, stakers := account{1}, []account{{2}, {3}, {4}}
		x.s.put(smOwner.key(hot[:]), stakers[0][:])
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			who := stakers[rapid.IntRange(0, 2).Draw(t, "who")]
			amount := rapid.Uint64Range(1, 1<<50).Draw(t, "amount")
			held := stakeBy(x.s, who, hot, 1)
			switch rapid.IntRange(0, 2).Draw(t, "what") {
			case 0:
				if err := x.buyShares(who, hot, 1, amount); err != nil {
					t.Fatal(err)
				}
				x.addAlpha(hot, 1, amount)
				if now := stakeBy(x.s, who, hot, 1); now > held+amount {
					t.Fatalf("%d bought with %d held are %d", amount, held, now)
				}
			case 1:
				amount = min(amount, held)
				if amount == 0 {
					continue
				}
				if err := x.sellShares(who, hot, 1, amount); err != nil {
					t.Fatal(err)
				}
				key := smTotalHotkeyAlpha.key(hot[:], u16key(1))
				putU64(x.s, key, u64at(x.s, key)-amount)
				if now := stakeBy(x.s, who, hot, 1); now > held-amount {
					t.Fatalf("%d of %d sold leave %d", amount, held, now)
				}
			default:
				x.addAlpha(hot, 1, amount)
			}
			sum := uint64(0)
			for _, who := range stakers {
				sum += stakeBy(x.s, who, hot, 1)
			}
			if whole := stakeOf(x.s, hot, 1); sum > whole {
				t.Fatalf("parts of %d are %d", whole, sum)
			}
		}
	})
}

func TestStakeAndNeuronAPIs(t *testing.T) {
	n, validator := market(t, nil)
	n.must(validator, "SubtensorModule.set_weights", weightArgs(1, 0, 2, 1, 3, 1))
	n.must(validator, "SubtensorModule.serve_axon_tls", with(axonArgs(nil), "certificate", []byte{1, 2, 3}))
	if raw := n.ledger.state.get(smCertificates.key(u16key(1), validator.public[:])); string(raw) != "\x08\x02\x03\x01" {
		t.Errorf("the certificate is kept as %x", raw)
	}
	n.must(validator, "SubtensorModule.serve_axon_tls", with(axonArgs(nil), "certificate", make([]byte, 66)))

	cold := alice(t).public
	mine := n.runAPI("StakeInfoRuntimeApi", "get_stake_info_for_coldkey", cold)
	found := false
	for _, s := range mine.Items() {
		if s.Field("hotkey").Bytes32() == validator.public {
			found = s.Field("stake").U64() == stakeOf(n.ledger.state, validator.public, 1) && s.Field("is_registered").Bool()
		}
	}
	if !found || mine.Err() != nil {
		t.Errorf("stakes %v: %v", mine.Value(), mine.Err())
	}
	many := n.runAPI("StakeInfoRuntimeApi", "get_stake_info_for_coldkeys", []scale.Value{cold, account{8}})
	if len(many.Items()) != 2 || len(many.Index(0).Index(1).Items()) != len(mine.Items()) || len(many.Index(1).Index(1).Items()) != 0 {
		t.Errorf("stakes of two: %v", many.Value())
	}
	one, _ := n.runAPI("StakeInfoRuntimeApi", "get_stake_info_for_hotkey_coldkey_netuid", validator.public, cold, 1).Option()
	if one.Field("stake").U64() < tao(100) {
		t.Errorf("stake %v", one.Value())
	}
	lite, full := n.runAPI("NeuronInfoRuntimeApi", "get_neurons_lite", 1), n.runAPI("NeuronInfoRuntimeApi", "get_neurons", 1)
	if len(lite.Items()) != 4 || len(full.Items()) != 4 || lite.Index(1).Field("axon_info").Field("port").U16() != 8091 {
		t.Errorf("neurons %v", lite.Value())
	}
	if w := full.Index(1).Field("weights"); len(w.Items()) != 2 || w.Index(0).Index(0).U16() != 2 || w.Index(0).Index(1).U16() != 65535 {
		t.Errorf("weights %v", w.Value())
	}
	if v, ok := n.runAPI("NeuronInfoRuntimeApi", "get_neuron", 1, 1).Option(); !ok || v.Field("hotkey").Bytes32() != validator.public {
		t.Errorf("uid 1 is %v", v.Value())
	}
	if _, ok := n.runAPI("NeuronInfoRuntimeApi", "get_neuron_lite", 1, 4).Option(); ok {
		t.Error("uid 4 is there")
	}
	if price := n.runAPI("SwapRuntimeApi", "current_alpha_price", 1).U64(); price != alphaPrice {
		t.Errorf("an alpha costs %d", price)
	}
	if r := n.runAPI("SwapRuntimeApi", "sim_swap_tao_for_alpha", 1, 7); r.Field("alpha_amount").U64() != 7 {
		t.Errorf("7 TAO give %v", r.Value())
	}
	if cost := n.runAPI("SubnetRegistrationRuntimeApi", "get_network_registration_cost").U64(); cost != tao(1) {
		t.Errorf("a subnet costs %d", cost)
	}
	graphs := n.runAPI("SubnetInfoRuntimeApi", "get_all_metagraphs")
	if g, ok := graphs.Index(1).Option(); len(graphs.Items()) != 2 || !ok || g.Field("netuid").U16() != 1 {
		t.Errorf("%d metagraphs", len(graphs.Items()))
	}
}

func TestSlotDurationIsTheBlockTime(t *testing.T) {
	for blockTime, want := range map[time.Duration]uint64{2 * time.Second: 2000, -1: 250} {
		rt, err := newRuntime(firstSpec, blockTime)
		if err != nil {
			t.Fatal(err)
		}
		p, err := rt.meta.Pallet("Aura")
		if err != nil {
			t.Fatal(err)
		}
		if got := scale.NewDecoder(p.Constants[0].Value).U64(); got != want {
			t.Errorf("block time %s: slots of %d ms", blockTime, got)
		}
	}
}
