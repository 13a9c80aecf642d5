package pallets

import (
	"slices"

	"strata/chain/devchain/state"
	"strata/chain/devchain/storage"
	"strata/chain/scale"
)

func burnedRegisterCall(w scale.View) call {
	netuid, hotkey := w.Field("netuid").U16(), state.Account(w.Field("hotkey").Bytes32())
	return call{pays: true, run: func(x *Execution, who state.Account) error { return x.burnedRegister(who, netuid, hotkey) }}
}

// burnedRegister is do_burned_registration without its limits for each block
// and interval, and with a price that stays.
func (x *Execution) burnedRegister(coldkey state.Account, netuid uint16, hotkey state.Account) error {
	n := state.U16Key(netuid)
	burn := state.U64(x.s, storage.Burn.Key(n))
	switch {
	case netuid == 0:
		return x.fail("RegistrationNotPermittedOnRootSubnet")
	case !storage.SubnetExists(x.s, netuid):
		return x.fail("SubnetNotExists")
	case !state.Bool(x.s, storage.RegAllowed.Key(n)):
		return x.fail("SubNetRegistrationDisabled")
	case x.s.Get(storage.Uids.Key(n, hotkey[:])) != nil:
		return x.fail("HotKeyAlreadyRegisteredInSubNet")
	case !canSpend(x.s, coldkey, burn):
		return x.fail("NotEnoughBalanceToStake")
	case !x.mayUse(coldkey, hotkey):
		return x.fail("NonAssociatedColdKey")
	case state.U16(x.s, storage.MaxUIDs.Key(n)) == 0:
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

func (x *Execution) registerNeuron(netuid uint16, hotkey state.Account) (uid uint16) {
	n := state.U16Key(netuid)
	if state.U16(x.s, storage.SubnetworkN.Key(n)) < state.U16(x.s, storage.MaxUIDs.Key(n)) {
		return x.appendNeuron(netuid, hotkey)
	}
	uid = x.toPrune(netuid)
	x.removeNeuron(netuid, uid)
	x.placeNeuron(netuid, uid, hotkey)
	return uid
}

func (x *Execution) appendNeuron(netuid uint16, hotkey state.Account) (uid uint16) {
	key := storage.SubnetworkN.Key(state.U16Key(netuid))
	uid = state.U16(x.s, key)
	state.PutU16(x.s, key, uid+1)
	x.placeNeuron(netuid, uid, hotkey)
	return uid
}

// placeNeuron gives a uid to a hotkey, with nothing of who had it before.
func (x *Execution) placeNeuron(netuid, uid uint16, hotkey state.Account) {
	n, u, i := state.U16Key(netuid), state.U16Key(uid), int(uid)
	state.PutU16(x.s, storage.Uids.Key(n, hotkey[:]), uid)
	x.s.Put(storage.Keys.Key(n, u), hotkey[:])
	state.PutBool(x.s, storage.IsMember.Key(hotkey[:], n), true)
	state.PutU64(x.s, storage.Registration.Key(n, u), x.number)
	for _, e := range []*storage.Item{storage.Rank, storage.Trust, storage.Consensus, storage.Incentive, storage.Dividends, storage.ValidatorTrust, storage.PruningScores, storage.StakeWeight} {
		state.PutU16s(x.s, e.Key(n), state.SetAt(state.U16s(x.s, e.Key(n)), i, 0))
	}
	state.PutU64s(x.s, storage.Emission.Key(n), state.SetAt(state.U64s(x.s, storage.Emission.Key(n)), i, 0))
	state.PutU64s(x.s, storage.LastUpdate.Key(n), state.SetAt(state.U64s(x.s, storage.LastUpdate.Key(n)), i, x.number))
	state.PutBools(x.s, storage.Active.Key(n), state.SetAt(state.Bools(x.s, storage.Active.Key(n)), i, true))
	state.PutBools(x.s, storage.Permit.Key(n), state.SetAt(state.Bools(x.s, storage.Permit.Key(n)), i, false))
}

// removeNeuron takes a uid from its hotkey, which keeps its stake.
func (x *Execution) removeNeuron(netuid, uid uint16) {
	n, u := state.U16Key(netuid), state.U16Key(uid)
	old := state.AccountAt(x.s, storage.Keys.Key(n, u))
	for _, key := range []string{storage.Uids.Key(n, old[:]), storage.Axons.Key(n, old[:]), storage.Certificates.Key(n, old[:]), storage.IsMember.Key(old[:], n), storage.Weights.Key(n, u), storage.Bonds.Key(n, u)} {
		x.s.Put(key, nil)
	}
}

// toPrune returns the uid to give away: of those whose immunity is over, or of
// all if nobody's is, the one with the least emission, the earliest registered
// of equals; never the owner's.
func (x *Execution) toPrune(netuid uint16) uint16 {
	n := state.U16Key(netuid)
	owner := state.AccountAt(x.s, storage.OwnerHotkey.Key(n))
	emission, immunity := state.U64s(x.s, storage.Emission.Key(n)), uint64(state.U16(x.s, storage.ImmunityPeriod.Key(n)))
	type candidate struct {
		immune               bool
		emission, registered uint64
		uid                  uint16
	}
	var all []candidate
	for uid := range state.U16(x.s, storage.SubnetworkN.Key(n)) {
		if state.AccountAt(x.s, storage.Keys.Key(n, state.U16Key(uid))) == owner {
			continue
		}
		registered := state.U64(x.s, storage.Registration.Key(n, state.U16Key(uid)))
		all = append(all, candidate{x.number-registered < immunity, state.At(emission, int(uid)), registered, uid})
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
