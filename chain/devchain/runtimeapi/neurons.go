package runtimeapi

import (
	"strata/chain/devchain/metadata"
	"strata/chain/devchain/state"
	"strata/chain/devchain/storage"
	"strata/chain/scale"
)

// neuronLite is NeuronInfoLite; NeuronInfo has weights and bonds besides.
func neuronLite(s state.Reader, netuid, uid uint16, hotkey state.Account) scale.Struct {
	n, i := state.U16Key(netuid), int(uid)
	owner := state.AccountAt(s, storage.Owner.Key(hotkey[:]))
	out := scale.Struct{
		"hotkey": hotkey, "coldkey": owner, "uid": uid, "netuid": netuid, "axon_info": axonValue(storage.AxonAt(s, netuid, hotkey)),
		"prometheus_info": scale.Struct{"block": 0, "version": 0, "ip": 0, "port": 0, "ip_type": 0},
		"stake":           []scale.Value{[]scale.Value{owner, storage.StakeOf(s, hotkey, netuid)}},
		"active":          state.At(state.Bools(s, storage.Active.Key(n)), i), "validator_permit": state.At(state.Bools(s, storage.Permit.Key(n)), i),
		"last_update": state.At(state.U64s(s, storage.LastUpdate.Key(n)), i), "emission": state.At(state.U64s(s, storage.Emission.Key(n)), i),
	}
	for name, e := range map[string]*storage.Item{
		"rank": storage.Rank, "incentive": storage.Incentive, "consensus": storage.Consensus, "trust": storage.Trust, "validator_trust": storage.ValidatorTrust,
		"dividends": storage.Dividends, "pruning_score": storage.PruningScores,
	} {
		out[name] = state.At(state.U16s(s, e.Key(n)), i)
	}
	return out
}

func neuronFull(s state.Reader, netuid, uid uint16, hotkey state.Account) scale.Struct {
	out := neuronLite(s, netuid, uid, hotkey)
	for name, e := range map[string]*storage.Item{"weights": storage.Weights, "bonds": storage.Bonds} {
		row := []scale.Value{}
		for _, p := range storage.PairsAt(s, e.Key(state.U16Key(netuid), state.U16Key(uid))) {
			row = append(row, []scale.Value{p.UID, p.Value})
		}
		out[name] = row
	}
	return out
}

// neuronView makes a neuron's struct.
type neuronView func(s state.Reader, netuid, uid uint16, hotkey state.Account) scale.Struct

func (v neuronView) all(_ *metadata.Runtime, s state.Reader, _ uint64, a []scale.View) (scale.Value, error) {
	netuid := a[0].U16()
	out := []scale.Value{}
	for uid, hotkey := range storage.NeuronKeys(s, netuid) {
		out = append(out, v(s, netuid, uint16(uid), hotkey))
	}
	return out, a[0].Err()
}

func (v neuronView) one(_ *metadata.Runtime, s state.Reader, _ uint64, a []scale.View) (scale.Value, error) {
	netuid, uid := a[0].U16(), a[1].U16()
	if a[0].Err() != nil || a[1].Err() != nil {
		return nil, a[0].Err()
	}
	keys := storage.NeuronKeys(s, netuid)
	if int(uid) >= len(keys) {
		return nil, nil
	}
	return some(v(s, netuid, uid, keys[uid])), nil
}

func getAllMetagraphs(_ *metadata.Runtime, s state.Reader, number uint64, _ []scale.View) (scale.Value, error) {
	out := []scale.Value{}
	for _, netuid := range storage.Netuids(s) {
		out = append(out, some(metagraph(s, number, netuid)))
	}
	return out, nil
}
