package pallets

import (
	"slices"

	"strata/chain/devchain/metadata"
	"strata/chain/devchain/state"
	"strata/chain/devchain/storage"
	"strata/chain/scale"
)

func setWeightsCall(w scale.View) call {
	netuid, version := w.Field("netuid").U16(), w.Field("version_key").U64()
	uids, values := w.Field("dests").U16s(), w.Field("weights").U16s()
	check := func(rt *metadata.Runtime, s state.Reader, number uint64, who state.Account) error {
		return checkWeightsEarly(rt, s, number, who, netuid)
	}
	return call{check: check, run: func(x *Execution, who state.Account) error { return x.setWeights(who, netuid, uids, values, version) }}
}

// checkWeightsEarly is what the transaction extension refuses: too little
// stake, and weights set too fast.
func checkWeightsEarly(rt *metadata.Runtime, s state.Reader, number uint64, who state.Account, netuid uint16) error {
	if storage.StakeOf(s, who, netuid) < state.U64(s, storage.StakeThreshold.Key()) {
		return rt.Fail("SubtensorModule", "NotEnoughStakeToSetWeights")
	}
	if uid := s.Get(storage.Uids.Key(state.U16Key(netuid), who[:])); uid != nil && tooFast(s, netuid, state.U16(s, storage.Uids.Key(state.U16Key(netuid), who[:])), number) {
		return rt.Fail("SubtensorModule", "SettingWeightsTooFast")
	}
	return nil
}

func tooFast(s state.Reader, netuid, uid uint16, number uint64) bool {
	n := state.U16Key(netuid)
	last := state.At(state.U64s(s, storage.LastUpdate.Key(n)), int(uid))
	return last != 0 && number-last < state.U64(s, storage.WeightsRateLimit.Key(n))
}

// setWeights is the call set_weights, which a subnet with commit–reveal refuses.
func (x *Execution) setWeights(hotkey state.Account, netuid uint16, uids, values []uint16, version uint64) error {
	if state.Bool(x.s, storage.CommitReveal.Key(state.U16Key(netuid))) {
		return x.fail("CommitRevealEnabled")
	}
	return x.applyWeights(hotkey, netuid, uids, values, version)
}

// applyWeights is do_set_weights: the checks in the pallet's order, then the
// row scaled so that its greatest weight is 65535. With commit–reveal the
// commit was what counts for the rate limit and as activity.
func (x *Execution) applyWeights(hotkey state.Account, netuid uint16, uids, values []uint16, version uint64) error {
	n := state.U16Key(netuid)
	if name := x.weightsFault(hotkey, netuid, uids, values, version); name != "" {
		return x.fail(name)
	}
	uid := state.U16(x.s, storage.Uids.Key(n, hotkey[:]))
	if name := x.rowFault(netuid, uid, uids, values); name != "" {
		return x.fail(name)
	}
	row := make([]storage.Pair, len(uids))
	for i, v := range upscale(values) {
		row[i] = storage.Pair{UID: uids[i], Value: v}
	}
	storage.PutPairs(x.s, storage.Weights.Key(n, state.U16Key(uid)), row)
	if !state.Bool(x.s, storage.CommitReveal.Key(n)) {
		x.updated(hotkey, netuid)
	}
	x.deposit("SubtensorModule", "WeightsSet", []scale.Value{netuid, uid})
	return nil
}

// weightsFault names what is wrong with who asks and how, "" if nothing.
func (x *Execution) weightsFault(hotkey state.Account, netuid uint16, uids, values []uint16, version uint64) string {
	n := state.U16Key(netuid)
	least := state.U64(x.s, storage.WeightsVersionKey.Key(n))
	switch {
	case netuid == 0:
		return "CanNotSetRootNetworkWeights"
	case len(uids) != len(values):
		return "WeightVecNotEqualSize"
	case !storage.SubnetExists(x.s, netuid):
		return "SubnetNotExists"
	case len(uids) > int(state.U16(x.s, storage.SubnetworkN.Key(n))):
		return "UidsLengthExceedUidsInSubNet"
	case x.s.Get(storage.Uids.Key(n, hotkey[:])) == nil:
		return "HotKeyNotRegisteredInSubNet"
	case storage.StakeOf(x.s, hotkey, netuid) < state.U64(x.s, storage.StakeThreshold.Key()):
		return "NotEnoughStakeToSetWeights"
	case least != 0 && version < least:
		return "IncorrectWeightVersionKey"
	}
	return ""
}

// rowFault names what is wrong with the row itself, "" if nothing. A single
// weight on oneself is always allowed.
func (x *Execution) rowFault(netuid, uid uint16, uids, values []uint16) string {
	n := state.U16Key(netuid)
	size := state.U16(x.s, storage.SubnetworkN.Key(n))
	self := len(uids) == 1 && uids[0] == uid
	sorted := slices.Sorted(slices.Values(uids))
	switch {
	case !state.Bool(x.s, storage.CommitReveal.Key(n)) && tooFast(x.s, netuid, uid, x.number):
		return "SettingWeightsTooFast"
	case !self && !state.At(state.Bools(x.s, storage.Permit.Key(n)), int(uid)):
		return "NeuronNoValidatorPermit"
	case len(slices.Compact(slices.Clone(sorted))) != len(uids):
		return "DuplicateUids"
	case len(sorted) > 0 && sorted[len(sorted)-1] >= size:
		return "UidVecContainInvalidOne"
	case !self && len(uids) < int(min(state.U16(x.s, storage.MinAllowedWeights.Key(n)), size)):
		return "WeightVecLengthIsLow"
	case !self && overLimit(upscale(values), state.U16(x.s, storage.MaxWeightsLimit.Key(n))):
		return "MaxWeightExceeded"
	}
	return ""
}

// upscale multiplies so that the greatest value is 65535, rounded to the nearest.
func upscale(values []uint16) []uint16 {
	out := slices.Clone(values)
	if len(values) == 0 || slices.Max(values) == 0 {
		return out
	}
	greatest := uint64(slices.Max(values))
	for i, v := range values {
		out[i] = uint16((uint64(v)*65535*2 + greatest) / (2 * greatest))
	}
	return out
}

// overLimit says whether the greatest weight is more than limit/65535 of all.
func overLimit(values []uint16, limit uint16) bool {
	if limit == maxWeightsLimit || len(values) == 0 {
		return false
	}
	var sum uint64
	for _, v := range values {
		sum += uint64(v)
	}
	return uint64(slices.Max(values))*maxWeightsLimit > uint64(limit)*sum
}
