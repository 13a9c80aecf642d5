package devchain

import (
	"slices"

	"strata/chain/scale"
)

func burnedRegisterCall(w scale.View) call {
	netuid, hotkey := w.Field("netuid").U16(), account(w.Field("hotkey").Bytes32())
	return call{pays: true, run: func(x *exec, who account) error { return x.burnedRegister(who, netuid, hotkey) }}
}

// burnedRegister is do_burned_registration without its limits for each block
// and interval, and with a price that stays.
func (x *exec) burnedRegister(coldkey account, netuid uint16, hotkey account) error {
	n := u16key(netuid)
	burn := u64at(x.s, smBurn.key(n))
	switch {
	case netuid == 0:
		return x.fail("RegistrationNotPermittedOnRootSubnet")
	case !subnetExists(x.s, netuid):
		return x.fail("SubnetNotExists")
	case !boolAt(x.s, smRegAllowed.key(n)):
		return x.fail("SubNetRegistrationDisabled")
	case x.s.get(smUids.key(n, hotkey[:])) != nil:
		return x.fail("HotKeyAlreadyRegisteredInSubNet")
	case !canSpend(x.s, coldkey, burn):
		return x.fail("NotEnoughBalanceToStake")
	case !x.mayUse(coldkey, hotkey):
		return x.fail("NonAssociatedColdKey")
	case u16at(x.s, smMaxUIDs.key(n)) == 0:
		return x.fail("NoNeuronIdAvailable")
	}
	if err := x.debit(coldkey, burn, true); err != nil {
		return err
	}
	x.issue(-burn)
	x.own(coldkey, hotkey)
	uid := x.registerNeuron(netuid, hotkey)
	x.deposit("SubtensorModule", "NeuronRegistered", []scale.Value{netuid, uid, hotkey})
	return nil
}

func (x *exec) registerNeuron(netuid uint16, hotkey account) (uid uint16) {
	n := u16key(netuid)
	if u16at(x.s, smSubnetworkN.key(n)) < u16at(x.s, smMaxUIDs.key(n)) {
		return x.appendNeuron(netuid, hotkey)
	}
	uid = x.toPrune(netuid)
	x.removeNeuron(netuid, uid)
	x.placeNeuron(netuid, uid, hotkey)
	return uid
}

func (x *exec) appendNeuron(netuid uint16, hotkey account) (uid uint16) {
	key := smSubnetworkN.key(u16key(netuid))
	uid = u16at(x.s, key)
	putU16(x.s, key, uid+1)
	x.placeNeuron(netuid, uid, hotkey)
	return uid
}

// placeNeuron gives a uid to a hotkey, with nothing of who had it before.
func (x *exec) placeNeuron(netuid, uid uint16, hotkey account) {
	n, u, i := u16key(netuid), u16key(uid), int(uid)
	putU16(x.s, smUids.key(n, hotkey[:]), uid)
	x.s.put(smKeys.key(n, u), hotkey[:])
	putBool(x.s, smIsMember.key(hotkey[:], n), true)
	putU64(x.s, smRegistration.key(n, u), x.number)
	for _, e := range []*entry{smRank, smTrust, smConsensus, smIncentive, smDividends, smValidatorTrust, smPruningScores, smStakeWeight} {
		putU16s(x.s, e.key(n), setAt(u16sAt(x.s, e.key(n)), i, 0))
	}
	putU64s(x.s, smEmission.key(n), setAt(u64sAt(x.s, smEmission.key(n)), i, 0))
	putU64s(x.s, smLastUpdate.key(n), setAt(u64sAt(x.s, smLastUpdate.key(n)), i, x.number))
	putBools(x.s, smActive.key(n), setAt(boolsAt(x.s, smActive.key(n)), i, true))
	putBools(x.s, smPermit.key(n), setAt(boolsAt(x.s, smPermit.key(n)), i, false))
}

// removeNeuron takes a uid from its hotkey, which keeps its stake.
func (x *exec) removeNeuron(netuid, uid uint16) {
	n, u := u16key(netuid), u16key(uid)
	old := accountAt(x.s, smKeys.key(n, u))
	for _, key := range []string{smUids.key(n, old[:]), smAxons.key(n, old[:]), smCertificates.key(n, old[:]), smIsMember.key(old[:], n), smWeights.key(n, u), smBonds.key(n, u)} {
		x.s.put(key, nil)
	}
}

// toPrune returns the uid to give away: of those whose immunity is over, or of
// all if nobody's is, the one with the least emission, the earliest registered
// of equals; never the owner's.
func (x *exec) toPrune(netuid uint16) uint16 {
	n := u16key(netuid)
	owner := accountAt(x.s, smOwnerHotkey.key(n))
	emission, immunity := u64sAt(x.s, smEmission.key(n)), uint64(u16at(x.s, smImmunityPeriod.key(n)))
	type candidate struct {
		immune               bool
		emission, registered uint64
		uid                  uint16
	}
	var all []candidate
	for uid := range u16at(x.s, smSubnetworkN.key(n)) {
		if accountAt(x.s, smKeys.key(n, u16key(uid))) == owner {
			continue
		}
		registered := u64at(x.s, smRegistration.key(n, u16key(uid)))
		all = append(all, candidate{x.number-registered < immunity, at(emission, int(uid)), registered, uid})
	}
	if len(all) == 0 {
		return 0
	}
	return slices.MinFunc(all, func(a, b candidate) int {
		switch {
		case a.immune != b.immune:
			return boolOrder(a.immune)
		case a.emission != b.emission:
			return boolOrder(a.emission > b.emission)
		case a.registered != b.registered:
			return boolOrder(a.registered > b.registered)
		}
		return int(a.uid) - int(b.uid)
	}).uid
}

func boolOrder(greater bool) int {
	if greater {
		return 1
	}
	return -1
}
