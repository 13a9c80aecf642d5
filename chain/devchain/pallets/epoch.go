package pallets

import (
	"strata/chain/devchain/state"
	"strata/chain/devchain/storage"
	"strata/yuma"
)

// stepSubnets is what every block does before its extrinsics: emission for each
// subnet, its timelocked weights that can be opened, and its epoch when it is due.
func (x *Execution) stepSubnets() {
	for _, key := range x.s.Keys(storage.NetworksAdded.Key()) {
		n := storage.Tail(key, 2)
		netuid := uint16(n[0]) | uint16(n[1])<<8
		if netuid == 0 || !state.Bool(x.s, key) {
			continue
		}
		emission := uint64(x.params.BlockEmission)
		state.PutU64(x.s, storage.PendingServer.Key(n), state.U64(x.s, storage.PendingServer.Key(n))+emission/2)
		state.PutU64(x.s, storage.PendingValidator.Key(n), state.U64(x.s, storage.PendingValidator.Key(n))+emission-emission/2)
		x.revealTimelocked(netuid)
		if !storage.EpochDue(x.s, netuid, x.number) {
			state.PutU64(x.s, storage.SinceLastStep.Key(n), state.U64(x.s, storage.SinceLastStep.Key(n))+1)
			continue
		}
		x.epoch(netuid)
		state.PutU64(x.s, storage.SinceLastStep.Key(n), 0)
		state.PutU64(x.s, storage.LastStep.Key(n), x.number)
	}
}

// epoch runs Yuma and pays out what is pending, as stake: half for mining, half
// for validating; all by stake while there is no incentive. What rounding
// leaves stays pending. A subnet whose settings Yuma refuses has no epoch.
func (x *Execution) epoch(netuid uint16) {
	n := state.U16Key(netuid)
	hotkeys := storage.NeuronKeys(x.s, netuid)
	pending := state.U64(x.s, storage.PendingServer.Key(n)) + state.U64(x.s, storage.PendingValidator.Key(n))
	r, err := yuma.Epoch(x.epochInput(netuid, hotkeys, pending))
	if err != nil {
		return
	}
	for i, hotkey := range hotkeys {
		if pay := r.ServerEmission[i] + r.ValidatorEmission[i]; pay > 0 {
			x.addAlpha(hotkey, netuid, pay)
			pending -= pay
		}
		if r.StoreBonds[i] {
			storage.PutPairs(x.s, storage.Bonds.Key(n, state.U16Key(uint16(i))), pairs(r.Bonds[i]))
		}
	}
	state.PutU64(x.s, storage.PendingServer.Key(n), pending/2)
	state.PutU64(x.s, storage.PendingValidator.Key(n), pending-pending/2)
	x.storeEpoch(n, r)
}

func (x *Execution) storeEpoch(n []byte, r yuma.Result) {
	for e, v := range map[*storage.Item][]uint16{
		storage.Rank: r.Rank, storage.Trust: r.Trust, storage.Consensus: r.Consensus, storage.Incentive: r.Incentive, storage.Dividends: r.Dividends,
		storage.ValidatorTrust: r.ValidatorTrust, storage.StakeWeight: r.StakeWeight,
	} {
		state.PutU16s(x.s, e.Key(n), v)
	}
	state.PutU64s(x.s, storage.Emission.Key(n), r.Emission)
	state.PutBools(x.s, storage.Active.Key(n), r.Active)
	state.PutBools(x.s, storage.Permit.Key(n), r.Permit)
}

func (x *Execution) epochInput(netuid uint16, hotkeys []state.Account, emission uint64) yuma.Input {
	n := state.U16Key(netuid)
	in := yuma.Input{
		Params: yuma.Params{
			Kappa: state.U16(x.s, storage.Kappa.Key(n)), BondsPenalty: state.U16(x.s, storage.BondsPenalty.Key(n)), BondsMovingAverage: state.U64(x.s, storage.BondsMovingAverage.Key(n)),
			MaxValidators: state.U16(x.s, storage.MaxValidators.Key(n)), StakeThreshold: state.U64(x.s, storage.StakeThreshold.Key()),
			ActivityCutoff: uint64(state.U16(x.s, storage.ActivityCutoff.Key(n))), Tempo: uint64(state.U16(x.s, storage.Tempo.Key(n))),
			Yuma3: state.Bool(x.s, storage.Yuma3.Key(n)), LiquidAlpha: state.Bool(x.s, storage.LiquidAlpha.Key(n)),
		},
		Block: x.number, Emission: emission, Owner: -1,
	}
	owner := state.AccountAt(x.s, storage.OwnerHotkey.Key(n))
	permits, updates := state.Bools(x.s, storage.Permit.Key(n)), state.U64s(x.s, storage.LastUpdate.Key(n))
	for uid, hotkey := range hotkeys {
		u := state.U16Key(uint16(uid))
		if hotkey == owner {
			in.Owner = uid
		}
		in.Neurons = append(in.Neurons, yuma.Neuron{
			Stake: storage.StakeOf(x.s, hotkey, netuid), Permit: state.At(permits, uid), LastUpdate: state.At(updates, uid), Registered: state.U64(x.s, storage.Registration.Key(n, u)),
			Weights: entries(storage.PairsAt(x.s, storage.Weights.Key(n, u))), Bonds: entries(storage.PairsAt(x.s, storage.Bonds.Key(n, u))),
		})
	}
	return in
}

func entries(row []storage.Pair) []yuma.Entry {
	out := make([]yuma.Entry, len(row))
	for i, p := range row {
		out[i] = yuma.Entry{UID: p.UID, Value: p.Value}
	}
	return out
}

func pairs(row []yuma.Entry) []storage.Pair {
	out := make([]storage.Pair, len(row))
	for i, e := range row {
		out[i] = storage.Pair{UID: e.UID, Value: e.Value}
	}
	return out
}
