package devchain

import (
	"os"
	"testing"

	"strata/chain/scale"
	"strata/yuma"
)

// TestEpochIsAsRecorded: the chain's own epoch, from its storage to its storage,
// gives what a spec-300 runtime recorded, within one unit of the last place.
func TestEpochIsAsRecorded(t *testing.T) {
	raw, err := os.ReadFile("../../yuma/testdata/yuma_spec300.json")
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
	n := start(t, func(c *Config) {
		c.Params = Params{Tempo: 20, Yuma3: bool(s.HP.Yuma3), MaxValidators: uint16(s.HP.MaxAllowedValidators), BlockEmission: 2}
	})
	owner := n.subnet()
	for uid, stake := range s.Stakes {
		k := owner
		if uid > 0 {
			k = newKey(t, byte(uid))
			n.register(k)
		}
		if stake > 0 {
			n.stake(k, stake)
		}
	}
	st, one := n.ledger.state, u16key(1)
	st.put(smKappa.key(one), u16key(uint16(s.HP.Kappa)))
	st.put(smBondsPenalty.key(one), u16key(uint16(s.HP.BondsPenalty)))
	st.put(smBondsMovingAverage.key(one), u64key(uint64(s.HP.BondsMovingAverage)))
	for !epochDue(st, 1, n.ledger.head().header.number+1) {
		n.step(1)
	}
	n.prepare(s, emission)
	n.step(1)
	want := s.Steps[0]
	for _, c := range []struct {
		item *entry
		want []uint16
	}{
		{smRank, want.Rank}, {smTrust, want.Trust}, {smConsensus, want.Consensus}, {smIncentive, want.Incentive}, {smDividends, want.Dividends},
		{smValidatorTrust, want.ValidatorTrust}, {smStakeWeight, want.StakeWeight},
	} {
		got := u16sAt(st, c.item.key(one))
		for uid, w := range c.want {
			if g := at(got, uid); max(g, w)-min(g, w) > 1 {
				t.Errorf("%s of uid %d is %d, recorded %d", c.item.name, uid, g, w)
			}
		}
	}
	for uid, w := range want.Emission {
		if g := at(u64sAt(st, smEmission.key(one)), uid); max(g, w)-min(g, w) > 1 {
			t.Errorf("emission of uid %d is %d, recorded %d", uid, g, w)
		}
	}
	for uid, w := range want.ValidatorPermit {
		if at(boolsAt(st, smPermit.key(one)), uid) != w || at(boolsAt(st, smActive.key(one)), uid) != want.Active[uid] {
			t.Errorf("uid %d: another permit or activity than recorded", uid)
		}
		n.sameBonds(uint16(uid), want.Bonds[uid])
	}
}

// prepare writes what the recording had before its epoch: weights of the block
// before, permits for whoever has stake, registrations long ago, and what is to
// be shared out, less what the next block adds.
func (n testNode) prepare(s yuma.Scenario, emission uint64) {
	st, one, number := n.ledger.state, u16key(1), n.ledger.head().header.number
	var updates, permits scale.Encoder
	scale.PutVec(&updates, s.Stakes, func(e *scale.Encoder, _ uint64) { e.U64(number) })
	scale.PutVec(&permits, s.Stakes, func(e *scale.Encoder, stake uint64) { e.Bool(stake > 0) })
	st.put(smLastUpdate.key(one), updates.Bytes())
	st.put(smPermit.key(one), permits.Bytes())
	for uid := range s.Stakes {
		st.put(smRegistration.key(one, u16key(uint16(uid))), u64key(0))
	}
	for uid, row := range s.Weights {
		var e scale.Encoder
		scale.PutVec(&e, row, func(e *scale.Encoder, p yuma.Pair) { e.U16(p[0]); e.U16(p[1]) })
		st.put(smWeights.key(one, u16key(uint16(uid))), e.Bytes())
	}
	st.put(smPendingServer.key(one), u64key(emission/2-1))
	st.put(smPendingValidator.key(one), u64key(emission/2-1))
}

func (n testNode) sameBonds(uid uint16, want []yuma.Pair) {
	n.t.Helper()
	got := pairsAt(n.ledger.state, smBonds.key(u16key(1), u16key(uid)))
	if len(got) != len(want) {
		n.t.Errorf("bonds of uid %d: %v, recorded %v", uid, got, want)
		return
	}
	for i, p := range got {
		if p.uid != want[i][0] || max(p.value, want[i][1])-min(p.value, want[i][1]) > 1 {
			n.t.Errorf("bonds of uid %d: %v, recorded %v", uid, got, want)
		}
	}
}

// TestActivityCutoff: a validator that has set no weights for longer than the
// cutoff is inactive, and its weights count no more; with the next ones they do.
func TestActivityCutoff(t *testing.T) {
	n, validator := market(t, func(c *Config) { c.Params.ActivityCutoff, c.Params.Tempo = 12, 5 })
	s, one := n.ledger.state, u16key(1)
	n.must(validator, "SubtensorModule.set_weights", weightArgs(1, 0, 2, 3, 3, 1))
	n.epoch()
	n.epoch()
	if a := boolsAt(s, smActive.key(one)); !a[1] || u16sAt(s, smIncentive.key(one))[2] == 0 {
		t.Errorf("within the cutoff: active %v, incentive %v", a, u16sAt(s, smIncentive.key(one)))
	}
	n.epoch()
	n.epoch()
	if a := boolsAt(s, smActive.key(one)); a[1] || u16sAt(s, smIncentive.key(one))[2] != 0 {
		t.Errorf("after the cutoff: active %v, incentive %v", a, u16sAt(s, smIncentive.key(one)))
	}
	n.must(validator, "SubtensorModule.set_weights", weightArgs(1, 0, 2, 3, 3, 1))
	n.epoch()
	if a := boolsAt(s, smActive.key(one)); !a[1] || u16sAt(s, smIncentive.key(one))[2] == 0 {
		t.Errorf("after new weights: active %v, incentive %v", a, u16sAt(s, smIncentive.key(one)))
	}
}
