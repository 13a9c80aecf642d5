package pallets_test

import (
	"testing"
	"time"

	"strata/chain/devchain/devchaintest"
	"strata/chain/devchain/state"
	"strata/chain/devchain/storage"
	"strata/chain/timelock"
)

// TestBeacon: rounds come out with the time, those of a pause too, and the
// state keeps a bounded number.
func TestBeacon(t *testing.T) {
	n := devchaintest.NewChain(t, nil)
	n.Step(1)
	key, genesis := storage.BeaconConfigAt(n.State)
	if genesis != 1_700_000_000 || state.U64(n.State, storage.DrandLast.Key()) != 1 {
		t.Errorf("genesis %d, round %d", genesis, state.U64(n.State, storage.DrandLast.Key()))
	}
	n.Clock = n.Clock.Add(100 * time.Second)
	n.Step(1)
	if got := state.U64(n.State, storage.DrandLast.Key()); got != 1+64 {
		t.Errorf("caught up to round %d in one block", got)
	}
	const kept = 600
	n.Clock = n.Clock.Add(2 * kept * time.Second)
	n.Step(kept/64 + 2)
	if got := len(n.State.Keys(storage.DrandPulses.Key())); got != kept {
		t.Errorf("%d pulses are kept", got)
	}
	last := state.U64(n.State, storage.DrandLast.Key())
	if !timelock.Verify(key, last, storage.PulseAt(n.State, last)) || last != 1+100+2*kept {
		t.Errorf("round %d is not signed", last)
	}
}
