package devchain

import "strata/yuma"

// stepSubnets is what every block does before its extrinsics: emission for each
// subnet, its timelocked weights that can be opened, and its epoch when it is due.
func (x *exec) stepSubnets() {
	for _, key := range x.s.keys(smNetworksAdded.key()) {
		n := tail(key, 2)
		netuid := uint16(n[0]) | uint16(n[1])<<8
		if netuid == 0 || !boolAt(x.s, key) {
			continue
		}
		emission := uint64(x.params.BlockEmission)
		putU64(x.s, smPendingServer.key(n), u64at(x.s, smPendingServer.key(n))+emission/2)
		putU64(x.s, smPendingValidator.key(n), u64at(x.s, smPendingValidator.key(n))+emission-emission/2)
		x.revealTimelocked(netuid)
		if !epochDue(x.s, netuid, x.number) {
			putU64(x.s, smSinceLastStep.key(n), u64at(x.s, smSinceLastStep.key(n))+1)
			continue
		}
		x.epoch(netuid)
		putU64(x.s, smSinceLastStep.key(n), 0)
		putU64(x.s, smLastStep.key(n), x.number)
	}
}

// epoch runs Yuma and pays out what is pending, as stake: half for mining, half
// for validating; all by stake while there is no incentive. What rounding
// leaves stays pending. A subnet whose settings Yuma refuses has no epoch.
func (x *exec) epoch(netuid uint16) {
	n := u16key(netuid)
	hotkeys := neuronKeys(x.s, netuid)
	pending := u64at(x.s, smPendingServer.key(n)) + u64at(x.s, smPendingValidator.key(n))
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
			putPairs(x.s, smBonds.key(n, u16key(uint16(i))), pairs(r.Bonds[i]))
		}
	}
	putU64(x.s, smPendingServer.key(n), pending/2)
	putU64(x.s, smPendingValidator.key(n), pending-pending/2)
	x.storeEpoch(n, r)
}

func (x *exec) storeEpoch(n []byte, r yuma.Result) {
	for e, v := range map[*entry][]uint16{
		smRank: r.Rank, smTrust: r.Trust, smConsensus: r.Consensus, smIncentive: r.Incentive, smDividends: r.Dividends,
		smValidatorTrust: r.ValidatorTrust, smStakeWeight: r.StakeWeight,
	} {
		putU16s(x.s, e.key(n), v)
	}
	putU64s(x.s, smEmission.key(n), r.Emission)
	putBools(x.s, smActive.key(n), r.Active)
	putBools(x.s, smPermit.key(n), r.Permit)
}

// neuronKeys returns a subnet's hotkeys in UID order.
func neuronKeys(s reader, netuid uint16) []account {
	n := u16key(netuid)
	out := make([]account, u16at(s, smSubnetworkN.key(n)))
	for uid := range out {
		out[uid] = accountAt(s, smKeys.key(n, u16key(uint16(uid))))
	}
	return out
}

func (x *exec) epochInput(netuid uint16, hotkeys []account, emission uint64) yuma.Input {
	n := u16key(netuid)
	in := yuma.Input{
		Params: yuma.Params{
			Kappa: u16at(x.s, smKappa.key(n)), BondsPenalty: u16at(x.s, smBondsPenalty.key(n)), BondsMovingAverage: u64at(x.s, smBondsMovingAverage.key(n)),
			MaxValidators: u16at(x.s, smMaxValidators.key(n)), StakeThreshold: u64at(x.s, smStakeThreshold.key()),
			ActivityCutoff: uint64(u16at(x.s, smActivityCutoff.key(n))), Tempo: uint64(u16at(x.s, smTempo.key(n))),
			Yuma3: boolAt(x.s, smYuma3.key(n)), LiquidAlpha: boolAt(x.s, smLiquidAlpha.key(n)),
		},
		Block: x.number, Emission: emission, Owner: -1,
	}
	owner := accountAt(x.s, smOwnerHotkey.key(n))
	permits, updates := boolsAt(x.s, smPermit.key(n)), u64sAt(x.s, smLastUpdate.key(n))
	for uid, hotkey := range hotkeys {
		u := u16key(uint16(uid))
		if hotkey == owner {
			in.Owner = uid
		}
		in.Neurons = append(in.Neurons, yuma.Neuron{
			Stake: stakeOf(x.s, hotkey, netuid), Permit: at(permits, uid), LastUpdate: at(updates, uid), Registered: u64at(x.s, smRegistration.key(n, u)),
			Weights: entries(pairsAt(x.s, smWeights.key(n, u))), Bonds: entries(pairsAt(x.s, smBonds.key(n, u))),
		})
	}
	return in
}

func entries(row []pair) []yuma.Entry {
	out := make([]yuma.Entry, len(row))
	for i, p := range row {
		out[i] = yuma.Entry{UID: p.uid, Value: p.value}
	}
	return out
}

func pairs(row []yuma.Entry) []pair {
	out := make([]pair, len(row))
	for i, e := range row {
		out[i] = pair{e.UID, e.Value}
	}
	return out
}
