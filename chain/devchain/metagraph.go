package devchain

import (
	"cmp"
	"slices"

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
		out[i] = at(list, i)
	}
	return out
}

// metagraph returns every field of Metagraph. What a local chain does not have
// (proof of work, pools, identities, root dividends) is zero or empty.
func metagraph(s reader, number uint64, netuid uint16) scale.Struct {
	out := subnetFields(s, number, netuid)
	for name, v := range neuronFields(s, netuid) {
		out[name] = v
	}
	for _, f := range metagraphFields {
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

func subnetFields(s reader, number uint64, netuid uint16) scale.Struct {
	n := u16key(netuid)
	d := scale.NewDecoder(s.get(smTokenSymbol.key(n)))
	out := scale.Struct{
		"netuid": netuid, "block": number, "symbol": values(d.Blob()), "moving_price": scale.Struct{"bits": 0},
		"owner_hotkey": accountAt(s, smOwnerHotkey.key(n)), "owner_coldkey": accountAt(s, smSubnetOwner.key(n)),
		"registration_allowed": boolAt(s, smRegAllowed.key(n)), "commit_reveal_weights_enabled": boolAt(s, smCommitReveal.key(n)),
		"commit_reveal_period": revealPeriod(s, netuid), "liquid_alpha_enabled": boolAt(s, smLiquidAlpha.key(n)),
	}
	for name, e := range map[string]*entry{
		"network_registered_at": smRegisteredAt, "tempo": smTempo, "last_step": smLastStep, "blocks_since_last_step": smSinceLastStep,
		"tao_in": smSubnetTAO, "alpha_out": smAlphaOut, "rho": smRho, "kappa": smKappa, "min_allowed_weights": smMinAllowedWeights,
		"max_weights_limit": smMaxWeightsLimit, "weights_version": smWeightsVersionKey, "weights_rate_limit": smWeightsRateLimit,
		"activity_cutoff": smActivityCutoff, "max_validators": smMaxValidators, "num_uids": smSubnetworkN, "max_uids": smMaxUIDs, "burn": smBurn,
		"immunity_period": smImmunityPeriod, "serving_rate_limit": smServingRateLimit, "bonds_moving_avg": smBondsMovingAverage,
	} {
		out[name] = u64at(s, e.key(n))
	}
	out["pending_alpha_emission"] = u64at(s, smPendingServer.key(n)) + u64at(s, smPendingValidator.key(n))
	return out
}

func neuronFields(s reader, netuid uint16) scale.Struct {
	n := u16key(netuid)
	hotkeys := neuronKeys(s, netuid)
	size := len(hotkeys)
	coldkeys, axons := make([]scale.Value, size), make([]scale.Value, size)
	registered, stakes := make([]scale.Value, size), make([]scale.Value, size)
	for i, h := range hotkeys {
		coldkeys[i] = accountAt(s, smOwner.key(h[:]))
		axons[i] = axonAt(s, netuid, h).value()
		registered[i] = u64at(s, smRegistration.key(n, u16key(uint16(i))))
		stakes[i] = stakeOf(s, h, netuid)
	}
	out := scale.Struct{
		"hotkeys": values(hotkeys), "coldkeys": coldkeys, "identities": make([]scale.Value, size), "axons": axons,
		"active": padded(boolsAt(s, smActive.key(n)), size), "validator_permit": padded(boolsAt(s, smPermit.key(n)), size),
		"last_update": padded(u64sAt(s, smLastUpdate.key(n)), size), "emission": padded(u64sAt(s, smEmission.key(n)), size),
		"block_at_registration": registered, "alpha_stake": stakes, "total_stake": stakes, "tao_stake": padded[uint64](nil, size),
	}
	for name, e := range map[string]*entry{
		"pruning_score": smPruningScores, "dividends": smDividends, "incentives": smIncentive, "consensus": smConsensus, "trust": smTrust, "rank": smRank,
	} {
		out[name] = padded(u16sAt(s, e.key(n)), size)
	}
	return out
}

func (a axon) value() scale.Value {
	return scale.Struct{
		"block": a.block, "version": a.version, "ip": a.ip, "port": a.port, "ip_type": a.ipType, "protocol": a.protocol,
		"placeholder1": a.placeholder1, "placeholder2": a.placeholder2,
	}
}

func getMetagraph(_ *runtime, s reader, number uint64, a []scale.View) (scale.Value, error) {
	netuid := a[0].U16()
	if !subnetExists(s, netuid) {
		return nil, a[0].Err()
	}
	return some(metagraph(s, number, netuid)), a[0].Err()
}

func getSubnetState(_ *runtime, s reader, number uint64, a []scale.View) (scale.Value, error) {
	netuid := a[0].U16()
	if !subnetExists(s, netuid) {
		return nil, a[0].Err()
	}
	all := metagraph(s, number, netuid)
	out := scale.Struct{"emission_history": []scale.Value{}}
	for _, name := range stateFields {
		out[name] = all[name]
	}
	return some(out), a[0].Err()
}

// getSelectiveMetagraph returns the fields with the given positions; unknown
// positions are ignored, as on chain.
func getSelectiveMetagraph(rt *runtime, s reader, number uint64, a []scale.View) (scale.Value, error) {
	netuid, wanted := a[0].U16(), u16List(a[1])
	if !subnetExists(s, netuid) {
		return nil, a[0].Err()
	}
	all := metagraph(s, number, netuid)
	all["validators"], all["commitments"] = validators(s, netuid), commitments(s, netuid)
	out := scale.Struct{"netuid": netuid}
	for i, f := range slices.Concat(metagraphFields, selectiveOnly) {
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
func validators(s reader, netuid uint16) []scale.Value {
	type validator struct {
		uid   uint16
		stake uint64
	}
	permits := boolsAt(s, smPermit.key(u16key(netuid)))
	var list []validator
	for uid, h := range neuronKeys(s, netuid) {
		if stake := stakeOf(s, h, netuid); at(permits, uid) && stake > u64at(s, smStakeThreshold.key()) {
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
func commitments(s reader, netuid uint16) []scale.Value {
	out := []scale.Value{}
	for _, key := range s.keys(comCommitmentOf.key(u16key(netuid))) {
		out = append(out, []scale.Value{tail(key, 32), values(s.get(key))})
	}
	return out
}
