package devchain

import (
	"strata/chain/scale"
)

// Defaults of a new subnet that nobody has needed to set.
const (
	defaultKappa        = 32767
	defaultRho          = 10
	defaultBondsAverage = 900_000
	defaultBondsPenalty = 65535
	maxWeightsLimit     = 65535
	dynamicMechanism    = 1
	defaultSymbol       = "α"
)

func subnetExists(s reader, netuid uint16) bool {
	return boolAt(s, smNetworksAdded.key(u16key(netuid)))
}

func registerNetworkCall(w scale.View) call {
	hotkey := account(w.Field("hotkey").Bytes32())
	return call{pays: true, run: func(x *exec, who account) error { return x.registerNetwork(who, hotkey) }}
}

// registerNetwork makes the next subnet and registers the owner's hotkey as
// its uid 0. Unlike on a public chain the subnet is open at once: there is no
// start_call, no rate limit, and the lock has a fixed price.
func (x *exec) registerNetwork(coldkey, hotkey account) error {
	if !x.mayUse(coldkey, hotkey) {
		return x.fail("NonAssociatedColdKey")
	}
	lock := u64at(x.s, smNetworkLock.key())
	if !canSpend(x.s, coldkey, lock) {
		return x.fail("NotEnoughBalanceToStake")
	}
	if err := x.debit(coldkey, lock, true); err != nil {
		return err
	}
	netuid := uint16(1)
	for subnetExists(x.s, netuid) {
		netuid++
	}
	n := u16key(netuid)
	x.initSubnet(n)
	x.s.put(smSubnetOwner.key(n), coldkey[:])
	x.s.put(smOwnerHotkey.key(n), hotkey[:])
	putU64(x.s, smSubnetTAO.key(n), lock)
	putU64(x.s, smLocked.key(n), lock)
	putU64(x.s, smTotalStake.key(), u64at(x.s, smTotalStake.key())+lock)
	x.own(coldkey, hotkey)
	x.appendNeuron(netuid, hotkey)
	x.deposit("SubtensorModule", "NetworkAdded", []scale.Value{netuid, uint16(dynamicMechanism)})
	return nil
}

func (x *exec) initSubnet(n []byte) {
	p := x.params
	putBool(x.s, smNetworksAdded.key(n), true)
	putBool(x.s, smSubtoken.key(n), true)
	putBool(x.s, smRegAllowed.key(n), true)
	putBool(x.s, smYuma3.key(n), p.Yuma3)
	putU16(x.s, smTotalNetworks.key(), u16at(x.s, smTotalNetworks.key())+1)
	for e, v := range map[*entry]uint16{
		smSubnetworkN: 0, smTempo: p.Tempo, smRho: defaultRho, smKappa: defaultKappa, smMaxUIDs: p.MaxUIDs, smImmunityPeriod: p.ImmunityPeriod,
		smActivityCutoff: p.ActivityCutoff, smMaxWeightsLimit: maxWeightsLimit, smMinAllowedWeights: p.MinAllowedWeights,
		smMaxValidators: p.MaxValidators, smBondsPenalty: defaultBondsPenalty, smMechanism: dynamicMechanism,
	} {
		putU16(x.s, e.key(n), v)
	}
	for e, v := range map[*entry]uint64{
		smRegisteredAt: x.number, smWeightsVersionKey: p.WeightsVersionKey, smBondsMovingAverage: defaultBondsAverage,
		smWeightsRateLimit: p.WeightsRateLimit, smServingRateLimit: p.ServingRateLimit, smBurn: uint64(p.Burn),
	} {
		putU64(x.s, e.key(n), v)
	}
	putBool(x.s, smCommitReveal.key(n), p.CommitReveal != 0)
	putU64(x.s, smRevealPeriod.key(n), p.RevealPeriod)
	x.s.put(smMechanisms.key(n), []byte{1})
	var symbol scale.Encoder
	symbol.Str(defaultSymbol)
	x.s.put(smTokenSymbol.key(n), symbol.Bytes())
}

// fail returns an error of SubtensorModule.
func (x *exec) fail(name string) error { return x.rt.fail("SubtensorModule", name) }

// mayUse says whether a coldkey may act for a hotkey: it owns it, or nobody does.
func (x *exec) mayUse(coldkey, hotkey account) bool {
	owner := x.s.get(smOwner.key(hotkey[:]))
	return owner == nil || account(owner) == coldkey
}

// own makes the coldkey the hotkey's owner if it has none.
func (x *exec) own(coldkey, hotkey account) {
	if x.s.get(smOwner.key(hotkey[:])) != nil {
		return
	}
	x.s.put(smOwner.key(hotkey[:]), coldkey[:])
	key := smOwnedHotkeys.key(coldkey[:])
	putAccounts(x.s, key, append(accountsAt(x.s, key), hotkey))
}
