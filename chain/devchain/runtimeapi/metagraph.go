package runtimeapi

import (
	"cmp"
	"slices"

	"strata/chain/devchain/metadata"
	"strata/chain/devchain/state"
	"strata/chain/devchain/storage"
	"strata/chain/scale"
)

func values[T any](list []T) []scale.Value {
	out := make([]scale.Value, len(list))
	for i, v := range list {
		out[i] = v
	}
	return out
}

// padded returns a vector's values for n neurons.
func padded[T any](list []T, n int) []scale.Value {
	out := make([]scale.Value, n)
	for i := range out {
		out[i] = state.At(list, i)
	}
	return out
}

// metagraph returns every field of Metagraph. What a local chain does not have
// (proof of work, pools, identities, root dividends) is zero or empty.
func metagraph(s state.Reader, number uint64, netuid uint16) scale.Struct {
	out := subnetFields(s, number, netuid)
	for name, v := range neuronFields(s, netuid) {
		out[name] = v
	}
	for _, f := range metadata.MetagraphFields {
		if _, ok := out[f[0]]; !ok {
			out[f[0]] = emptyOf(f[1])
		}
	}
	return out
}

// emptyOf returns the zero value of a metagraph field's type.
func emptyOf(typ string) scale.Value {
	switch {
	case typ == "bool":
		return false
	case typ == "FixedI128":
		return scale.Struct{"bits": 0}
	case typ[0] == 'V':
		return []scale.Value{}
	case typ[0] == 'O':
		return nil
	}
	return 0
}

func subnetFields(s state.Reader, number uint64, netuid uint16) scale.Struct {
	n := state.U16Key(netuid)
	d := scale.NewDecoder(s.Get(storage.TokenSymbol.Key(n)))
	out := scale.Struct{
		"netuid": netuid, "block": number, "symbol": values(d.Blob()), "moving_price": scale.Struct{"bits": 0},
		"owner_hotkey": state.AccountAt(s, storage.OwnerHotkey.Key(n)), "owner_coldkey": state.AccountAt(s, storage.SubnetOwner.Key(n)),
		"registration_allowed": state.Bool(s, storage.RegAllowed.Key(n)), "commit_reveal_weights_enabled": state.Bool(s, storage.CommitReveal.Key(n)),
		"commit_reveal_period": storage.RevealPeriodOf(s, netuid), "liquid_alpha_enabled": state.Bool(s, storage.LiquidAlpha.Key(n)),
	}
	for name, e := range map[string]*storage.Item{
		"network_registered_at": storage.RegisteredAt, "tempo": storage.Tempo, "last_step": storage.LastStep, "blocks_since_last_step": storage.SinceLastStep,
		"tao_in": storage.SubnetTAO, "alpha_out": storage.AlphaOut, "rho": storage.Rho, "kappa": storage.Kappa, "min_allowed_weights": storage.MinAllowedWeights,
		"max_weights_limit": storage.MaxWeightsLimit, "weights_version": storage.WeightsVersionKey, "weights_rate_limit": storage.WeightsRateLimit,
		"activity_cutoff": storage.ActivityCutoff, "max_validators": storage.MaxValidators, "num_uids": storage.SubnetworkN, "max_uids": storage.MaxUIDs, "burn": storage.Burn,
		"immunity_period": storage.ImmunityPeriod, "serving_rate_limit": storage.ServingRateLimit, "bonds_moving_avg": storage.BondsMovingAverage,
	} {
		out[name] = state.U64(s, e.Key(n))
	}
	out["pending_alpha_emission"] = state.U64(s, storage.PendingServer.Key(n)) + state.U64(s, storage.PendingValidator.Key(n))
	return out
}

func neuronFields(s state.Reader, netuid uint16) scale.Struct {
	n := state.U16Key(netuid)
	hotkeys := storage.NeuronKeys(s, netuid)
	size := len(hotkeys)
	coldkeys, axons := make([]scale.Value, size), make([]scale.Value, size)
	registered, stakes := make([]scale.Value, size), make([]scale.Value, size)
	for i, h := range hotkeys {
		coldkeys[i] = state.AccountAt(s, storage.Owner.Key(h[:]))
		axons[i] = axonValue(storage.AxonAt(s, netuid, h))
		registered[i] = state.U64(s, storage.Registration.Key(n, state.U16Key(uint16(i))))
		stakes[i] = storage.StakeOf(s, h, netuid)
	}
	out := scale.Struct{
		"hotkeys": values(hotkeys), "coldkeys": coldkeys, "identities": make([]scale.Value, size), "axons": axons,
		"active": padded(state.Bools(s, storage.Active.Key(n)), size), "validator_permit": padded(state.Bools(s, storage.Permit.Key(n)), size),
		"last_update": padded(state.U64s(s, storage.LastUpdate.Key(n)), size), "emission": padded(state.U64s(s, storage.Emission.Key(n)), size),
		"block_at_registration": registered, "alpha_stake": stakes, "total_stake": stakes, "tao_stake": padded[uint64](nil, size),
	}
	for name, e := range map[string]*storage.Item{
		"pruning_score": storage.PruningScores, "dividends": storage.Dividends, "incentives": storage.Incentive, "consensus": storage.Consensus, "trust": storage.Trust, "rank": storage.Rank,
	} {
		out[name] = padded(state.U16s(s, e.Key(n)), size)
	}
	return out
}

func axonValue(a storage.Axon) scale.Value {
	return scale.Struct{
		"block": a.Block, "version": a.Version, "ip": a.IP, "port": a.Port, "ip_type": a.IPType, "protocol": a.Protocol,
		"placeholder1": a.Placeholder1, "placeholder2": a.Placeholder2,
	}
}

func getMetagraph(_ *metadata.Runtime, s state.Reader, number uint64, a []scale.View) (scale.Value, error) {
	netuid := a[0].U16()
	if !storage.SubnetExists(s, netuid) {
		return nil, a[0].Err()
	}
	return some(metagraph(s, number, netuid)), a[0].Err()
}

func getSubnetState(_ *metadata.Runtime, s state.Reader, number uint64, a []scale.View) (scale.Value, error) {
	netuid := a[0].U16()
	if !storage.SubnetExists(s, netuid) {
		return nil, a[0].Err()
	}
	all := metagraph(s, number, netuid)
	out := scale.Struct{"emission_history": []scale.Value{}}
	for _, name := range metadata.SubnetStateFields {
		out[name] = all[name]
	}
	return some(out), a[0].Err()
}

// getSelectiveMetagraph returns the fields with the given positions; unknown
// positions are ignored, as on chain.
func getSelectiveMetagraph(rt *metadata.Runtime, s state.Reader, number uint64, a []scale.View) (scale.Value, error) {
	netuid, wanted := a[0].U16(), a[1].U16s()
	if !storage.SubnetExists(s, netuid) {
		return nil, a[0].Err()
	}
	all := metagraph(s, number, netuid)
	all["validators"], all["commitments"] = validators(s, netuid), commitments(s, netuid)
	out := scale.Struct{"netuid": netuid}
	for i, f := range slices.Concat(metadata.MetagraphFields, metadata.SelectiveOnly) {
		switch {
		case i == 0:
		case slices.Contains(wanted, uint16(i)):
			out[f[0]] = some(all[f[0]])
		default:
			out[f[0]] = nil
		}
	}
	return some(out), a[1].Err()
}

// validators returns the uids with a permit and stake above the threshold, the
// least stake first.
func validators(s state.Reader, netuid uint16) []scale.Value {
	type validator struct {
		uid   uint16
		stake uint64
	}
	permits := state.Bools(s, storage.Permit.Key(state.U16Key(netuid)))
	var list []validator
	for uid, h := range storage.NeuronKeys(s, netuid) {
		if stake := storage.StakeOf(s, h, netuid); state.At(permits, uid) && stake > state.U64(s, storage.StakeThreshold.Key()) {
			list = append(list, validator{uint16(uid), stake})
		}
	}
	slices.SortStableFunc(list, func(a, b validator) int { return cmp.Compare(a.stake, b.stake) })
	out := make([]scale.Value, len(list))
	for i, v := range list {
		out[i] = v.uid
	}
	return out
}

// commitments returns each hotkey's encoded registration, byte by byte.
func commitments(s state.Reader, netuid uint16) []scale.Value {
	out := []scale.Value{}
	for _, key := range s.Keys(storage.CommitmentOf.Key(state.U16Key(netuid))) {
		out = append(out, []scale.Value{storage.Tail(key, 32), values(s.Get(key))})
	}
	return out
}
