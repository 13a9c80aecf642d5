package devchain

import (
	"slices"

	"strata/chain/scale"
)

func setWeightsCall(w scale.View) call {
	netuid, version := w.Field("netuid").U16(), w.Field("version_key").U64()
	uids, values := u16List(w.Field("dests")), u16List(w.Field("weights"))
	check := func(rt *runtime, s reader, number uint64, who account) error {
		return checkWeightsEarly(rt, s, number, who, netuid)
	}
	return call{check: check, run: func(x *exec, who account) error { return x.setWeights(who, netuid, uids, values, version) }}
}

func u16List(w scale.View) []uint16 {
	items := w.Items()
	out := make([]uint16, len(items))
	for i, item := range items {
		out[i] = item.U16()
	}
	return out
}

// checkWeightsEarly is what the transaction extension refuses: too little
// stake, and weights set too fast.
func checkWeightsEarly(rt *runtime, s reader, number uint64, who account, netuid uint16) error {
	if stakeOf(s, who, netuid) < u64at(s, smStakeThreshold.key()) {
		return rt.fail("SubtensorModule", "NotEnoughStakeToSetWeights")
	}
	if uid := s.get(smUids.key(u16key(netuid), who[:])); uid != nil && tooFast(s, netuid, u16at(s, smUids.key(u16key(netuid), who[:])), number) {
		return rt.fail("SubtensorModule", "SettingWeightsTooFast")
	}
	return nil
}

func tooFast(s reader, netuid, uid uint16, number uint64) bool {
	n := u16key(netuid)
	last := at(u64sAt(s, smLastUpdate.key(n)), int(uid))
	return last != 0 && number-last < u64at(s, smWeightsRateLimit.key(n))
}

// setWeights is the call set_weights, which a subnet with commit–reveal refuses.
func (x *exec) setWeights(hotkey account, netuid uint16, uids, values []uint16, version uint64) error {
	if boolAt(x.s, smCommitReveal.key(u16key(netuid))) {
		return x.fail("CommitRevealEnabled")
	}
	return x.applyWeights(hotkey, netuid, uids, values, version)
}

// applyWeights is do_set_weights: the checks in the pallet's order, then the
// row scaled so that its greatest weight is 65535. With commit–reveal the
// commit was what counts for the rate limit and as activity.
func (x *exec) applyWeights(hotkey account, netuid uint16, uids, values []uint16, version uint64) error {
	n := u16key(netuid)
	if name := x.weightsFault(hotkey, netuid, uids, values, version); name != "" {
		return x.fail(name)
	}
	uid := u16at(x.s, smUids.key(n, hotkey[:]))
	if name := x.rowFault(netuid, uid, uids, values); name != "" {
		return x.fail(name)
	}
	row := make([]pair, len(uids))
	for i, v := range upscale(values) {
		row[i] = pair{uids[i], v}
	}
	putPairs(x.s, smWeights.key(n, u16key(uid)), row)
	if !boolAt(x.s, smCommitReveal.key(n)) {
		x.updated(hotkey, netuid)
	}
	x.deposit("SubtensorModule", "WeightsSet", []scale.Value{netuid, uid})
	return nil
}

// weightsFault names what is wrong with who asks and how, "" if nothing.
func (x *exec) weightsFault(hotkey account, netuid uint16, uids, values []uint16, version uint64) string {
	n := u16key(netuid)
	least := u64at(x.s, smWeightsVersionKey.key(n))
	switch {
	case netuid == 0:
		return "CanNotSetRootNetworkWeights"
	case len(uids) != len(values):
		return "WeightVecNotEqualSize"
	case !subnetExists(x.s, netuid):
		return "SubnetNotExists"
	case len(uids) > int(u16at(x.s, smSubnetworkN.key(n))):
		return "UidsLengthExceedUidsInSubNet"
	case x.s.get(smUids.key(n, hotkey[:])) == nil:
		return "HotKeyNotRegisteredInSubNet"
	case stakeOf(x.s, hotkey, netuid) < u64at(x.s, smStakeThreshold.key()):
		return "NotEnoughStakeToSetWeights"
	case least != 0 && version < least:
		return "IncorrectWeightVersionKey"
	}
	return ""
}

// rowFault names what is wrong with the row itself, "" if nothing. A single
// weight on oneself is always allowed.
func (x *exec) rowFault(netuid, uid uint16, uids, values []uint16) string {
	n := u16key(netuid)
	size := u16at(x.s, smSubnetworkN.key(n))
	self := len(uids) == 1 && uids[0] == uid
	sorted := slices.Sorted(slices.Values(uids))
	switch {
	case !boolAt(x.s, smCommitReveal.key(n)) && tooFast(x.s, netuid, uid, x.number):
		return "SettingWeightsTooFast"
	case !self && !at(boolsAt(x.s, smPermit.key(n)), int(uid)):
		return "NeuronNoValidatorPermit"
	case len(slices.Compact(slices.Clone(sorted))) != len(uids):
		return "DuplicateUids"
	case len(sorted) > 0 && sorted[len(sorted)-1] >= size:
		return "UidVecContainInvalidOne"
	case !self && len(uids) < int(min(u16at(x.s, smMinAllowedWeights.key(n)), size)):
		return "WeightVecLengthIsLow"
	case !self && overLimit(upscale(values), u16at(x.s, smMaxWeightsLimit.key(n))):
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
