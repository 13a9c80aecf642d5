package pallets

import (
	"strata/chain/devchain/state"
	"strata/chain/devchain/storage"
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

func registerNetworkCall(w scale.View) call {
	hotkey := state.Account(w.Field("hotkey").Bytes32())
	return call{pays: true, run: func(x *Execution, who state.Account) error { return x.registerNetwork(who, hotkey) }}
}

// registerNetwork makes the next subnet and registers the owner's hotkey as
// its uid 0. Unlike on a public chain the subnet is open at once: there is no
// start_call, no rate limit, and the lock has a fixed price.
func (x *Execution) registerNetwork(coldkey, hotkey state.Account) error {
	if !x.mayUse(coldkey, hotkey) {
		return x.fail("NonAssociatedColdKey")
	}
	lock := state.U64(x.s, storage.NetworkLock.Key())
	if !canSpend(x.s, coldkey, lock) {
		return x.fail("NotEnoughBalanceToStake")
	}
	if err := x.debit(coldkey, lock, true); err != nil {
		return err
	}
	netuid := uint16(1)
	for storage.SubnetExists(x.s, netuid) {
		netuid++
	}
	n := state.U16Key(netuid)
	x.initSubnet(n)
	x.s.Put(storage.SubnetOwner.Key(n), coldkey[:])
	x.s.Put(storage.OwnerHotkey.Key(n), hotkey[:])
	state.PutU64(x.s, storage.SubnetTAO.Key(n), lock)
	state.PutU64(x.s, storage.Locked.Key(n), lock)
	state.PutU64(x.s, storage.TotalStake.Key(), state.U64(x.s, storage.TotalStake.Key())+lock)
	x.own(coldkey, hotkey)
	x.appendNeuron(netuid, hotkey)
	x.deposit("SubtensorModule", "NetworkAdded", []scale.Value{netuid, uint16(dynamicMechanism)})
	return nil
}

func (x *Execution) initSubnet(n []byte) {
	p := x.params
	state.PutBool(x.s, storage.NetworksAdded.Key(n), true)
	state.PutBool(x.s, storage.Subtoken.Key(n), true)
	state.PutBool(x.s, storage.RegAllowed.Key(n), true)
	state.PutBool(x.s, storage.Yuma3.Key(n), p.Yuma3)
	state.PutU16(x.s, storage.TotalNetworks.Key(), state.U16(x.s, storage.TotalNetworks.Key())+1)
	for e, v := range map[*storage.Item]uint16{
		storage.SubnetworkN: 0, storage.Tempo: p.Tempo, storage.Rho: defaultRho, storage.Kappa: defaultKappa, storage.MaxUIDs: p.MaxUIDs, storage.ImmunityPeriod: p.ImmunityPeriod,
		storage.ActivityCutoff: p.ActivityCutoff, storage.MaxWeightsLimit: maxWeightsLimit, storage.MinAllowedWeights: p.MinAllowedWeights,
		storage.MaxValidators: p.MaxValidators, storage.BondsPenalty: defaultBondsPenalty, storage.Mechanism: dynamicMechanism,
	} {
		state.PutU16(x.s, e.Key(n), v)
	}
	for e, v := range map[*storage.Item]uint64{
		storage.RegisteredAt: x.number, storage.WeightsVersionKey: p.WeightsVersionKey, storage.BondsMovingAverage: defaultBondsAverage,
		storage.WeightsRateLimit: p.WeightsRateLimit, storage.ServingRateLimit: p.ServingRateLimit, storage.Burn: uint64(p.Burn),
	} {
		state.PutU64(x.s, e.Key(n), v)
	}
	state.PutBool(x.s, storage.CommitReveal.Key(n), p.CommitReveal != 0)
	state.PutU64(x.s, storage.RevealPeriod.Key(n), p.RevealPeriod)
	x.s.Put(storage.Mechanisms.Key(n), []byte{1})
	var symbol scale.Encoder
	symbol.Str(defaultSymbol)
	x.s.Put(storage.TokenSymbol.Key(n), symbol.Bytes())
}

// fail returns an error of SubtensorModule.
func (x *Execution) fail(name string) error { return x.rt.Fail("SubtensorModule", name) }

// mayUse says whether a coldkey may act for a hotkey: it owns it, or nobody does.
func (x *Execution) mayUse(coldkey, hotkey state.Account) bool {
	owner := x.s.Get(storage.Owner.Key(hotkey[:]))
	return owner == nil || state.Account(owner) == coldkey
}

// own makes the coldkey the hotkey's owner if it has none.
func (x *Execution) own(coldkey, hotkey state.Account) {
	if x.s.Get(storage.Owner.Key(hotkey[:])) != nil {
		return
	}
	x.s.Put(storage.Owner.Key(hotkey[:]), coldkey[:])
	key := storage.OwnedHotkeys.Key(coldkey[:])
	state.PutAccounts(x.s, key, append(state.AccountsAt(x.s, key), hotkey))
}
