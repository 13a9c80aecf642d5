package devchain

import "strata/chain/scale"

// neuronLite is NeuronInfoLite; NeuronInfo has weights and bonds besides.
func neuronLite(s reader, netuid, uid uint16, hotkey account) scale.Struct {
	n, i := u16key(netuid), int(uid)
	owner := accountAt(s, smOwner.key(hotkey[:]))
	out := scale.Struct{
		"hotkey": hotkey, "coldkey": owner, "uid": uid, "netuid": netuid, "axon_info": axonAt(s, netuid, hotkey).value(),
		"prometheus_info": scale.Struct{"block": 0, "version": 0, "ip": 0, "port": 0, "ip_type": 0},
		"stake":           []scale.Value{[]scale.Value{owner, stakeOf(s, hotkey, netuid)}},
		"active":          at(boolsAt(s, smActive.key(n)), i), "validator_permit": at(boolsAt(s, smPermit.key(n)), i),
		"last_update": at(u64sAt(s, smLastUpdate.key(n)), i), "emission": at(u64sAt(s, smEmission.key(n)), i),
	}
	for name, e := range map[string]*entry{
		"rank": smRank, "incentive": smIncentive, "consensus": smConsensus, "trust": smTrust, "validator_trust": smValidatorTrust,
		"dividends": smDividends, "pruning_score": smPruningScores,
	} {
		out[name] = at(u16sAt(s, e.key(n)), i)
	}
	return out
}

func neuronFull(s reader, netuid, uid uint16, hotkey account) scale.Struct {
	out := neuronLite(s, netuid, uid, hotkey)
	for name, e := range map[string]*entry{"weights": smWeights, "bonds": smBonds} {
		row := []scale.Value{}
		for _, p := range pairsAt(s, e.key(u16key(netuid), u16key(uid))) {
			row = append(row, []scale.Value{p.uid, p.value})
		}
		out[name] = row
	}
	return out
}

// neuronView makes a neuron's struct.
type neuronView func(s reader, netuid, uid uint16, hotkey account) scale.Struct

func (v neuronView) all(_ *runtime, s reader, _ uint64, a []scale.View) (scale.Value, error) {
	netuid := a[0].U16()
	out := []scale.Value{}
	for uid, hotkey := range neuronKeys(s, netuid) {
		out = append(out, v(s, netuid, uint16(uid), hotkey))
	}
	return out, a[0].Err()
}

func (v neuronView) one(_ *runtime, s reader, _ uint64, a []scale.View) (scale.Value, error) {
	netuid, uid := a[0].U16(), a[1].U16()
	if a[0].Err() != nil || a[1].Err() != nil {
		return nil, a[0].Err()
	}
	keys := neuronKeys(s, netuid)
	if int(uid) >= len(keys) {
		return nil, nil
	}
	return some(v(s, netuid, uid, keys[uid])), nil
}

func getAllMetagraphs(_ *runtime, s reader, number uint64, _ []scale.View) (scale.Value, error) {
	out := []scale.Value{}
	for _, netuid := range netuids(s) {
		out = append(out, some(metagraph(s, number, netuid)))
	}
	return out, nil
}
