package pallets_test

import (
	"os"
	"testing"

	"strata/chain/devchain/devchaintest"
	"strata/chain/devchain/pallets"
	"strata/chain/devchain/state"
	"strata/chain/devchain/storage"
	"strata/chain/scale"
	"strata/yuma"
)

// TestEpochIsAsRecorded: the chain's own epoch, from its storage to its storage,
// gives what a spec-300 runtime recorded, within one unit of the last place.
func TestEpochIsAsRecorded(t *testing.T) {
	raw, err := os.ReadFile("../../../yuma/testdata/yuma_spec300.json")
	if err != nil {
		t.Fatal(err)
	}
	scenarios, err := yuma.ParseScenarios(raw)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scenarios {
		t.Run(s.Name, func(t *testing.T) { playScenario(t, s) })
	}
}

func playScenario(t *testing.T, s yuma.Scenario) {
	const emission = 1_000_000_000 // of the recording
	n := devchaintest.NewChain(t, func(p *pallets.Params) {
		*p = pallets.Params{Tempo: 20, Yuma3: bool(s.HP.Yuma3), MaxValidators: uint16(s.HP.MaxAllowedValidators), BlockEmission: 2}
	})
	owner := n.Subnet()
	for uid, stake := range s.Stakes {
		k := owner
		if uid > 0 {
			k = devchaintest.NewKey(t, byte(uid))
			n.Register(k)
		}
		if stake > 0 {
			n.Stake(k, stake)
		}
	}
	st, one := n.State, state.U16Key(1)
	st.Put(storage.Kappa.Key(one), state.U16Key(uint16(s.HP.Kappa)))
	st.Put(storage.BondsPenalty.Key(one), state.U16Key(uint16(s.HP.BondsPenalty)))
	st.Put(storage.BondsMovingAverage.Key(one), state.U64Key(uint64(s.HP.BondsMovingAverage)))
	for !storage.EpochDue(st, 1, n.Number()+1) {
		n.Step(1)
	}
	prepare(n, s, emission)
	n.Step(1)
	want := s.Steps[0]
	for _, c := range []struct {
		item *storage.Item
		want []uint16
	}{
		{storage.Rank, want.Rank}, {storage.Trust, want.Trust}, {storage.Consensus, want.Consensus}, {storage.Incentive, want.Incentive}, {storage.Dividends, want.Dividends},
		{storage.ValidatorTrust, want.ValidatorTrust}, {storage.StakeWeight, want.StakeWeight},
	} {
		got := state.U16s(st, c.item.Key(one))
		for uid, w := range c.want {
			if g := state.At(got, uid); max(g, w)-min(g, w) > 1 {
				t.Errorf("%s of uid %d is %d, recorded %d", c.item.Name, uid, g, w)
			}
		}
	}
	for uid, w := range want.Emission {
		if g := state.At(state.U64s(st, storage.Emission.Key(one)), uid); max(g, w)-min(g, w) > 1 {
			t.Errorf("emission of uid %d is %d, recorded %d", uid, g, w)
		}
	}
	for uid, w := range want.ValidatorPermit {
		if state.At(state.Bools(st, storage.Permit.Key(one)), uid) != w || state.At(state.Bools(st, storage.Active.Key(one)), uid) != want.Active[uid] {
			t.Errorf("uid %d: another permit or activity than recorded", uid)
		}
		sameBonds(t, n, uint16(uid), want.Bonds[uid])
	}
}

// prepare writes what the recording had before its epoch: weights of the block
// before, permits for whoever has stake, registrations long ago, and what is to
// be shared out, less what the next block adds.
func prepare(n *devchaintest.Chain, s yuma.Scenario, emission uint64) {
	st, one, number := n.State, state.U16Key(1), n.Number()
	var updates, permits scale.Encoder
	scale.PutVec(&updates, s.Stakes, func(e *scale.Encoder, _ uint64) { e.U64(number) })
	scale.PutVec(&permits, s.Stakes, func(e *scale.Encoder, stake uint64) { e.Bool(stake > 0) })
	st.Put(storage.LastUpdate.Key(one), updates.Bytes())
	st.Put(storage.Permit.Key(one), permits.Bytes())
	for uid := range s.Stakes {
		st.Put(storage.Registration.Key(one, state.U16Key(uint16(uid))), state.U64Key(0))
	}
	for uid, row := range s.Weights {
		var e scale.Encoder
		scale.PutVec(&e, row, func(e *scale.Encoder, p yuma.Pair) { e.U16(p[0]); e.U16(p[1]) })
		st.Put(storage.Weights.Key(one, state.U16Key(uint16(uid))), e.Bytes())
	}
	st.Put(storage.PendingServer.Key(one), state.U64Key(emission/2-1))
	st.Put(storage.PendingValidator.Key(one), state.U64Key(emission/2-1))
}

func sameBonds(t *testing.T, n *devchaintest.Chain, uid uint16, want []yuma.Pair) {
	t.Helper()
	got := storage.PairsAt(n.State, storage.Bonds.Key(state.U16Key(1), state.U16Key(uid)))
	if len(got) != len(want) {
		t.Errorf("bonds of uid %d: %v, recorded %v", uid, got, want)
		return
	}
	for i, p := range got {
		if p.UID != want[i][0] || max(p.Value, want[i][1])-min(p.Value, want[i][1]) > 1 {
			t.Errorf("bonds of uid %d: %v, recorded %v", uid, got, want)
		}
	}
}

// TestActivityCutoff: a validator that has set no weights for longer than the
// cutoff is inactive, and its weights count no more; with the next ones they do.
func TestActivityCutoff(t *testing.T) {
	n, validator := devchaintest.Market(t, func(p *pallets.Params) { p.ActivityCutoff, p.Tempo = 12, 5 })
	s, one := n.State, state.U16Key(1)
	n.Must(validator, "SubtensorModule.set_weights", devchaintest.WeightArgs(1, 0, 2, 3, 3, 1))
	n.Epoch()
	n.Epoch()
	if a := state.Bools(s, storage.Active.Key(one)); !a[1] || state.U16s(s, storage.Incentive.Key(one))[2] == 0 {
		t.Errorf("within the cutoff: active %v, incentive %v", a, state.U16s(s, storage.Incentive.Key(one)))
	}
	n.Epoch()
	n.Epoch()
	if a := state.Bools(s, storage.Active.Key(one)); a[1] || state.U16s(s, storage.Incentive.Key(one))[2] != 0 {
		t.Errorf("after the cutoff: active %v, incentive %v", a, state.U16s(s, storage.Incentive.Key(one)))
	}
	n.Must(validator, "SubtensorModule.set_weights", devchaintest.WeightArgs(1, 0, 2, 3, 3, 1))
	n.Epoch()
	if a := state.Bools(s, storage.Active.Key(one)); !a[1] || state.U16s(s, storage.Incentive.Key(one))[2] == 0 {
		t.Errorf("after new weights: active %v, incentive %v", a, state.U16s(s, storage.Incentive.Key(one)))
	}
}
