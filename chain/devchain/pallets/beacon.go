package pallets

import (
	"bytes"
	"crypto/sha256"

	"strata/chain/devchain/state"
	"strata/chain/devchain/storage"
	"strata/chain/scale"
)

// The local beacon. Round r comes out (r − 1) periods after the genesis time,
// as drand's do.
const (
	beaconPeriod  = 1   // seconds
	keptRounds    = 600 // pulses that the state holds
	roundsInBlock = 64  // that one block catches up with
)

// pulse writes the rounds that have come out since the last block. A chain
// without this beacon's key, such as one that is older than beacons, gets it.
func (x *Execution) pulse(beacon Beacon, seconds uint64) error {
	key, genesis := storage.BeaconConfigAt(x.s)
	if !bytes.Equal(key, beacon.PublicKey()) {
		if genesis == 0 {
			genesis = uint32(seconds)
		}
		storage.PutBeaconConfig(x.s, beacon.PublicKey(), beaconPeriod, genesis)
		x.deposit("Drand", "BeaconConfigChanged", nil)
	}
	if seconds < uint64(genesis) {
		return nil
	}
	now := (seconds-uint64(genesis))/beaconPeriod + 1
	last := state.U64(x.s, storage.DrandLast.Key())
	if now > last+keptRounds {
		last = now - keptRounds
	}
	var rounds []scale.Value
	for last < now && len(rounds) < roundsInBlock {
		last++
		if err := x.putPulse(beacon, last); err != nil {
			return err
		}
		rounds = append(rounds, last)
	}
	if rounds == nil {
		return nil
	}
	state.PutU64(x.s, storage.DrandLast.Key(), last)
	x.forgetPulses(last)
	x.deposit("Drand", "NewPulse", scale.Struct{"rounds": rounds})
	return nil
}

func (x *Execution) putPulse(beacon Beacon, round uint64) error {
	signature, err := beacon.Sign(round)
	if err != nil {
		return err
	}
	storage.PutPulse(x.s, round, sha256.Sum256(signature), signature)
	return nil
}

// forgetPulses keeps the state small.
func (x *Execution) forgetPulses(last uint64) {
	oldest := max(1, state.U64(x.s, storage.DrandOldest.Key()))
	for ; oldest+keptRounds <= last; oldest++ {
		x.s.Put(storage.DrandPulses.Key(state.U64Key(oldest)), nil)
	}
	state.PutU64(x.s, storage.DrandOldest.Key(), oldest)
}
