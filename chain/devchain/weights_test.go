package devchain

import (
	"slices"
	"testing"

	"strata/chain/scale"
)

func weightArgs(netuid int, version uint64, row ...uint16) scale.Struct {
	var uids, values []uint16
	for i := 0; i+1 < len(row); i += 2 {
		uids, values = append(uids, row[i]), append(values, row[i+1])
	}
	return scale.Struct{"netuid": netuid, "dests": uids, "weights": values, "version_key": version}
}

// market is a subnet with a staked validator that has its permit, and two miners.
func market(t *testing.T, change func(*Config)) (n testNode, validator key) {
	n = start(t, change)
	n.subnet()
	validator = newKey(t, 1)
	n.register(validator)
	n.register(newKey(t, 2))
	n.register(newKey(t, 3))
	n.stake(validator, tao(100))
	n.epoch()
	return n, validator
}

func TestSetWeights(t *testing.T) {
	n, validator := market(t, nil)
	n.must(validator, "SubtensorModule.set_weights", weightArgs(1, 0, 2, 100, 3, 50))
	if !n.has("SubtensorModule.WeightsSet") || n.has("TransactionPayment.TransactionFeePaid") {
		t.Error("weights have to be free, and seen")
	}
	got := pairsAt(n.ledger.state, smWeights.key(u16key(1), u16key(1)))
	if want := []pair{{2, 65535}, {3, 32768}}; !slices.Equal(got, want) {
		t.Errorf("row %v, want %v", got, want)
	}
	if at(u64sAt(n.ledger.state, smLastUpdate.key(u16key(1))), 1) != n.ledger.head().header.number {
		t.Error("LastUpdate is not this block")
	}
}

func TestSetWeightsFaults(t *testing.T) {
	uneven := scale.Struct{"netuid": 1, "dests": []uint16{2}, "weights": []uint16{1, 2}, "version_key": 0}
	for _, c := range []struct {
		name string
		set  func(n testNode)
		by   byte
		args scale.Struct
		want string
	}{
		{"root", nil, 1, weightArgs(0, 9, 2, 1), "CanNotSetRootNetworkWeights"},
		{"uneven", nil, 1, uneven, "WeightVecNotEqualSize"},
		{"no subnet", nil, 1, weightArgs(7, 9, 2, 1), "SubnetNotExists"},
		{"too many", nil, 1, weightArgs(1, 9, 0, 1, 1, 1, 2, 1, 3, 1, 4, 1), "UidsLengthExceedUidsInSubNet"},
		{"old version", nil, 1, weightArgs(1, 8, 2, 1, 3, 1), "IncorrectWeightVersionKey"},
		{"no permit", func(n testNode) { n.stake(newKey(t, 2), tao(5)) }, 2, weightArgs(1, 9, 1, 1, 3, 1), "NeuronNoValidatorPermit"},
		{"twice the same", nil, 1, weightArgs(1, 9, 2, 1, 2, 1), "DuplicateUids"},
		{"unknown uid", nil, 1, weightArgs(1, 9, 2, 1, 4, 1), "UidVecContainInvalidOne"},
		{"too few", nil, 1, weightArgs(1, 9, 2, 1), "WeightVecLengthIsLow"},
		{"too heavy", func(n testNode) { n.set(smMaxWeightsLimit, u16key(40000)) }, 1, weightArgs(1, 9, 2, 9, 3, 1), "MaxWeightExceeded"},
		{"commit–reveal", func(n testNode) { n.set(smCommitReveal, []byte{1}) }, 1, weightArgs(1, 9, 2, 1, 3, 1), "CommitRevealEnabled"},
		{"only oneself", nil, 1, weightArgs(1, 9, 1, 1), ""},
		{"only oneself, no permit", func(n testNode) { n.stake(newKey(t, 2), tao(5)) }, 2, weightArgs(1, 9, 2, 1), ""},
		{"no weight at all", nil, 1, weightArgs(1, 9, 2, 0, 3, 0), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, _ := market(t, func(c *Config) {
				c.Params.WeightsVersionKey, c.Params.MinAllowedWeights, c.Params.Tempo = 9, 2, 8
			})
			if c.set != nil {
				c.set(n)
			}
			netuid := c.args["netuid"].(int)
			if netuid != 1 { // the pool checks stake on that subnet first
				by := newKey(t, c.by).public
				n.ledger.state.put(smTotalHotkeyAlpha.key(by[:], u16key(uint16(netuid))), encodeU64(tao(9)))
			}
			if got := n.do(newKey(t, c.by), "SubtensorModule.set_weights", c.args); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestSetWeightsRefusedEarly(t *testing.T) {
	n, validator := market(t, func(c *Config) { c.Params.WeightsRateLimit = 4 })
	if got := n.refused(newKey(t, 2), "SubtensorModule.set_weights", weightArgs(1, 0, 3, 1)); got != "Custom error: 1" {
		t.Errorf("without stake: %q", got)
	}
	n.must(validator, "SubtensorModule.set_weights", weightArgs(1, 0, 2, 1))
	if got := n.refused(validator, "SubtensorModule.set_weights", weightArgs(1, 0, 2, 1)); got != "Custom error: 6" {
		t.Errorf("too fast: %q", got)
	}
	n.step(3)
	n.must(validator, "SubtensorModule.set_weights", weightArgs(1, 0, 2, 1))
	stranger := newKey(t, 77)
	n.ledger.state.put(smTotalHotkeyAlpha.key(stranger.public[:], u16key(1)), encodeU64(tao(9)))
	if got := n.do(stranger, "SubtensorModule.set_weights", weightArgs(1, 0, 2, 1)); got != "HotKeyNotRegisteredInSubNet" {
		t.Errorf("a stranger: %q", got)
	}
}

func TestEpochPaysAndGivesPermits(t *testing.T) {
	n, validator := market(t, nil)
	s, one := n.ledger.state, u16key(1)
	if got := boolsAt(s, smPermit.key(one)); !slices.Equal(got, []bool{false, true, false, false}) {
		t.Fatalf("permits %v", got)
	}
	n.must(validator, "SubtensorModule.set_weights", weightArgs(1, 0, 2, 3, 3, 1))
	n.epoch() // weights on neurons registered earlier count at once
	before := [3]uint64{stakeOf(s, validator.public, 1), stakeOf(s, newKey(t, 2).public, 1), stakeOf(s, newKey(t, 3).public, 1)}
	n.epoch()
	incentive := u16sAt(s, smIncentive.key(one))
	if len(incentive) != 4 || incentive[2] < 3*incentive[3]-3 || incentive[2] > 3*incentive[3]+3 || incentive[1] != 0 {
		t.Errorf("incentive %v, want 3 : 1 for uids 2 and 3", incentive)
	}
	if got := u16sAt(s, smDividends.key(one)); got[1] < 65533 {
		t.Errorf("dividends %v, want all for uid 1", got)
	}
	paid := [3]uint64{stakeOf(s, validator.public, 1) - before[0], stakeOf(s, newKey(t, 2).public, 1) - before[1], stakeOf(s, newKey(t, 3).public, 1) - before[2]}
	whole := uint64(21 * 1000) // tempo + 1 blocks
	if d := int64(paid[0]) - int64(whole/2); d < -5 || d > 5 {
		t.Errorf("the validator got %d of %d", paid[0], whole)
	}
	if d := int64(paid[1]) - 3*int64(paid[2]); d < -10 || d > 10 || paid[1]+paid[2] > whole/2+5 {
		t.Errorf("the miners got %d and %d", paid[1], paid[2])
	}
	if bonds := pairsAt(s, smBonds.key(one, u16key(1))); !slices.Equal(bonds, []pair{{2, 65535}, {3, 65535}}) {
		t.Errorf("bonds %v", bonds)
	}
	if u64at(s, smLastStep.key(one)) != n.ledger.head().header.number || (n.ledger.head().header.number+2)%21 != 20 {
		t.Errorf("an epoch at block %d", n.ledger.head().header.number)
	}
}

func TestYuma3Subnet(t *testing.T) {
	n, validator := market(t, func(c *Config) { c.Params.Yuma3 = true })
	n.must(validator, "SubtensorModule.set_weights", weightArgs(1, 0, 2, 3, 3, 1))
	n.epoch()
	bonds := pairsAt(n.ledger.state, smBonds.key(u16key(1), u16key(1)))
	if want := []pair{{2, 4915}, {3, 1638}}; !slices.Equal(bonds, want) { // a tenth of 0.75 and 0.25
		t.Errorf("bonds %v, want %v", bonds, want)
	}
}

func TestEpochWithoutYumaLeavesEmission(t *testing.T) {
	n, _ := market(t, nil)
	n.ledger.state.put(smLiquidAlpha.key(u16key(1)), []byte{1})
	n.epoch()
	n.epoch()
	if got := u64at(n.ledger.state, smPendingValidator.key(u16key(1))); got != 42*500 {
		t.Errorf("pending %d", got)
	}
}

func TestUpscale(t *testing.T) {
	for _, c := range []struct{ in, want []uint16 }{
		{nil, nil}, {[]uint16{0, 0}, []uint16{0, 0}}, {[]uint16{1}, []uint16{65535}}, {[]uint16{65535, 1}, []uint16{65535, 1}},
		{[]uint16{3, 2, 1}, []uint16{65535, 43690, 21845}},
	} {
		if got := upscale(c.in); !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, want %v", c.in, got, c.want)
		}
	}
}
