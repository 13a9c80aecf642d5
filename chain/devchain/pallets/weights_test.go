package pallets_test

import (
	"slices"
	"testing"

	"strata/chain/devchain/devchaintest"
	"strata/chain/devchain/pallets"
	"strata/chain/devchain/state"
	"strata/chain/devchain/storage"
	"strata/chain/scale"
)

func TestSetWeights(t *testing.T) {
	n, validator := devchaintest.Market(t, nil)
	n.Must(validator, "SubtensorModule.set_weights", devchaintest.WeightArgs(1, 0, 2, 100, 3, 50))
	if !n.Has("SubtensorModule.WeightsSet") || n.Has("TransactionPayment.TransactionFeePaid") {
		t.Error("weights have to be free, and seen")
	}
	got := storage.PairsAt(n.State, storage.Weights.Key(state.U16Key(1), state.U16Key(1)))
	if want := []storage.Pair{{UID: 2, Value: 65535}, {UID: 3, Value: 32768}}; !slices.Equal(got, want) {
		t.Errorf("row %v, want %v", got, want)
	}
	if state.At(state.U64s(n.State, storage.LastUpdate.Key(state.U16Key(1))), 1) != n.Number() {
		t.Error("LastUpdate is not this block")
	}
}

func TestSetWeightsFaults(t *testing.T) {
	uneven := scale.Struct{"netuid": 1, "dests": []uint16{2}, "weights": []uint16{1, 2}, "version_key": 0}
	for _, c := range []struct {
		name string
		set  func(n *devchaintest.Chain)
		by   byte
		args scale.Struct
		want string
	}{
		{"root", nil, 1, devchaintest.WeightArgs(0, 9, 2, 1), "CanNotSetRootNetworkWeights"},
		{"uneven", nil, 1, uneven, "WeightVecNotEqualSize"},
		{"no subnet", nil, 1, devchaintest.WeightArgs(7, 9, 2, 1), "SubnetNotExists"},
		{"too many", nil, 1, devchaintest.WeightArgs(1, 9, 0, 1, 1, 1, 2, 1, 3, 1, 4, 1), "UidsLengthExceedUidsInSubNet"},
		{"old version", nil, 1, devchaintest.WeightArgs(1, 8, 2, 1, 3, 1), "IncorrectWeightVersionKey"},
		{"no permit", func(n *devchaintest.Chain) { n.Stake(devchaintest.NewKey(t, 2), devchaintest.Tao(5)) }, 2, devchaintest.WeightArgs(1, 9, 1, 1, 3, 1), "NeuronNoValidatorPermit"},
		{"twice the same", nil, 1, devchaintest.WeightArgs(1, 9, 2, 1, 2, 1), "DuplicateUids"},
		{"unknown uid", nil, 1, devchaintest.WeightArgs(1, 9, 2, 1, 4, 1), "UidVecContainInvalidOne"},
		{"too few", nil, 1, devchaintest.WeightArgs(1, 9, 2, 1), "WeightVecLengthIsLow"},
		{"too heavy", func(n *devchaintest.Chain) { n.Set(storage.MaxWeightsLimit, state.U16Key(40000)) }, 1, devchaintest.WeightArgs(1, 9, 2, 9, 3, 1), "MaxWeightExceeded"},
		{"commit–reveal", func(n *devchaintest.Chain) { n.Set(storage.CommitReveal, []byte{1}) }, 1, devchaintest.WeightArgs(1, 9, 2, 1, 3, 1), "CommitRevealEnabled"},
		{"only oneself", nil, 1, devchaintest.WeightArgs(1, 9, 1, 1), ""},
		{"only oneself, no permit", func(n *devchaintest.Chain) { n.Stake(devchaintest.NewKey(t, 2), devchaintest.Tao(5)) }, 2, devchaintest.WeightArgs(1, 9, 2, 1), ""},
		{"no weight at all", nil, 1, devchaintest.WeightArgs(1, 9, 2, 0, 3, 0), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, _ := devchaintest.Market(t, func(p *pallets.Params) {
				p.WeightsVersionKey, p.MinAllowedWeights, p.Tempo = 9, 2, 8
			})
			if c.set != nil {
				c.set(n)
			}
			netuid := c.args["netuid"].(int)
			if netuid != 1 { // the pool checks stake on that subnet first
				by := devchaintest.NewKey(t, c.by).Public
				n.State.Put(storage.TotalHotkeyAlpha.Key(by[:], state.U16Key(uint16(netuid))), encodeU64(devchaintest.Tao(9)))
			}
			if got := n.Do(devchaintest.NewKey(t, c.by), "SubtensorModule.set_weights", c.args); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestSetWeightsRefusedEarly(t *testing.T) {
	n, validator := devchaintest.Market(t, func(p *pallets.Params) { p.WeightsRateLimit = 4 })
	if got := n.Refused(devchaintest.NewKey(t, 2), "SubtensorModule.set_weights", devchaintest.WeightArgs(1, 0, 3, 1)); got != "Custom error: 1" {
		t.Errorf("without stake: %q", got)
	}
	n.Must(validator, "SubtensorModule.set_weights", devchaintest.WeightArgs(1, 0, 2, 1))
	if got := n.Refused(validator, "SubtensorModule.set_weights", devchaintest.WeightArgs(1, 0, 2, 1)); got != "Custom error: 6" {
		t.Errorf("too fast: %q", got)
	}
	n.Step(3)
	n.Must(validator, "SubtensorModule.set_weights", devchaintest.WeightArgs(1, 0, 2, 1))
	stranger := devchaintest.NewKey(t, 77)
	n.State.Put(storage.TotalHotkeyAlpha.Key(stranger.Public[:], state.U16Key(1)), encodeU64(devchaintest.Tao(9)))
	if got := n.Do(stranger, "SubtensorModule.set_weights", devchaintest.WeightArgs(1, 0, 2, 1)); got != "HotKeyNotRegisteredInSubNet" {
		t.Errorf("a stranger: %q", got)
	}
}

func TestEpochPaysAndGivesPermits(t *testing.T) {
	n, validator := devchaintest.Market(t, nil)
	s, one := n.State, state.U16Key(1)
	if got := state.Bools(s, storage.Permit.Key(one)); !slices.Equal(got, []bool{false, true, false, false}) {
		t.Fatalf("permits %v", got)
	}
	n.Must(validator, "SubtensorModule.set_weights", devchaintest.WeightArgs(1, 0, 2, 3, 3, 1))
	n.Epoch() // weights on neurons registered earlier count at once
	before := [3]uint64{storage.StakeOf(s, validator.Public, 1), storage.StakeOf(s, devchaintest.NewKey(t, 2).Public, 1), storage.StakeOf(s, devchaintest.NewKey(t, 3).Public, 1)}
	n.Epoch()
	incentive := state.U16s(s, storage.Incentive.Key(one))
	if len(incentive) != 4 || incentive[2] < 3*incentive[3]-3 || incentive[2] > 3*incentive[3]+3 || incentive[1] != 0 {
		t.Errorf("incentive %v, want 3 : 1 for uids 2 and 3", incentive)
	}
	if got := state.U16s(s, storage.Dividends.Key(one)); got[1] < 65533 {
		t.Errorf("dividends %v, want all for uid 1", got)
	}
	paid := [3]uint64{storage.StakeOf(s, validator.Public, 1) - before[0], storage.StakeOf(s, devchaintest.NewKey(t, 2).Public, 1) - before[1], storage.StakeOf(s, devchaintest.NewKey(t, 3).Public, 1) - before[2]}
	whole := uint64(21 * 1000) // tempo + 1 blocks
	if d := int64(paid[0]) - int64(whole/2); d < -5 || d > 5 {
		t.Errorf("the validator got %d of %d", paid[0], whole)
	}
	if d := int64(paid[1]) - 3*int64(paid[2]); d < -10 || d > 10 || paid[1]+paid[2] > whole/2+5 {
		t.Errorf("the miners got %d and %d", paid[1], paid[2])
	}
	if bonds := storage.PairsAt(s, storage.Bonds.Key(one, state.U16Key(1))); !slices.Equal(bonds, []storage.Pair{{UID: 2, Value: 65535}, {UID: 3, Value: 65535}}) {
		t.Errorf("bonds %v", bonds)
	}
	if state.U64(s, storage.LastStep.Key(one)) != n.Number() || (n.Number()+2)%21 != 20 {
		t.Errorf("an epoch at block %d", n.Number())
	}
}

func TestYuma3Subnet(t *testing.T) {
	n, validator := devchaintest.Market(t, func(p *pallets.Params) { p.Yuma3 = true })
	n.Must(validator, "SubtensorModule.set_weights", devchaintest.WeightArgs(1, 0, 2, 3, 3, 1))
	n.Epoch()
	bonds := storage.PairsAt(n.State, storage.Bonds.Key(state.U16Key(1), state.U16Key(1)))
	if want := []storage.Pair{{UID: 2, Value: 4915}, {UID: 3, Value: 1638}}; !slices.Equal(bonds, want) { // a tenth of 0.75 and 0.25
		t.Errorf("bonds %v, want %v", bonds, want)
	}
}

func TestEpochWithoutYumaLeavesEmission(t *testing.T) {
	n, _ := devchaintest.Market(t, nil)
	n.State.Put(storage.LiquidAlpha.Key(state.U16Key(1)), []byte{1})
	n.Epoch()
	n.Epoch()
	if got := state.U64(n.State, storage.PendingValidator.Key(state.U16Key(1))); got != 42*500 {
		t.Errorf("pending %d", got)
	}
}
