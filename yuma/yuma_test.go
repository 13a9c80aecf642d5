package yuma

import (
	"encoding/json"
	"os"
	"strconv"
	"testing"
)

// scenario is one recording of a spec-300 runtime's epochs.
type scenario struct {
	Name string
	HP   struct {
		Kappa, MaxAllowedValidators      uint16
		BondsMovingAverage, BondsPenalty string
		LiquidAlphaOn                    string
		Tempo                            uint64
		Yuma3                            bool
	}
	Stakes  []uint64
	Weights [][][2]uint16
	Steps   []struct {
		Block                                                                     uint64
		Rank, Trust, Consensus, Incentive, Dividends, ValidatorTrust, StakeWeight []uint16
		Emission                                                                  []uint64
		ValidatorPermit, Active                                                   []bool
		Bonds                                                                     [][][2]uint16
	}
}

func load(t *testing.T) []scenario {
	t.Helper()
	raw, err := os.ReadFile("testdata/yuma_spec300.json")
	if err != nil {
		t.Fatal(err)
	}
	var out []scenario
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	if len(out) != 3 {
		t.Fatalf("%d scenarios, want 3", len(out))
	}
	return out
}

func number(t *testing.T, s string) uint64 {
	t.Helper()
	v, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (s scenario) input(t *testing.T) Input {
	in := Input{
		Params: Params{
			Kappa: s.HP.Kappa, BondsPenalty: uint16(number(t, s.HP.BondsPenalty)),
			BondsMovingAverage: number(t, s.HP.BondsMovingAverage),
			MaxValidators:      s.HP.MaxAllowedValidators, Tempo: s.HP.Tempo,
			ActivityCutoff: 5000, Yuma3: s.HP.Yuma3, LiquidAlpha: s.HP.LiquidAlphaOn == "true",
		},
		Block: s.Steps[0].Block, Emission: 1_000_000_000, Owner: 0,
	}
	for i, stake := range s.Stakes {
		n := Neuron{Stake: stake, Permit: stake > 0, LastUpdate: s.Steps[0].Block - 1}
		if i < len(s.Weights) {
			n.Weights = entries(s.Weights[i])
		}
		in.Neurons = append(in.Neurons, n)
	}
	return in
}

func entries(rows [][2]uint16) []Entry {
	var out []Entry
	for _, r := range rows {
		out = append(out, Entry{r[0], r[1]})
	}
	return out
}

// near fails unless both have the same length and differ by at most one unit.
func near[T uint16 | uint64](t *testing.T, what string, got, want []T) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i := range got {
		if max(got[i], want[i])-min(got[i], want[i]) > 1 {
			t.Errorf("%s[%d] = %d, the chain has %d", what, i, got[i], want[i])
		}
	}
}

func TestEpochAgreesWithRecordedChain(t *testing.T) {
	for _, s := range load(t) {
		t.Run(s.Name, func(t *testing.T) {
			want := s.Steps[0]
			got, err := Epoch(s.input(t))
			if err != nil {
				t.Fatal(err)
			}
			near(t, "rank", got.Rank, want.Rank)
			near(t, "trust", got.Trust, want.Trust)
			near(t, "consensus", got.Consensus, want.Consensus)
			near(t, "incentive", got.Incentive, want.Incentive)
			near(t, "dividends", got.Dividends, want.Dividends)
			near(t, "validator trust", got.ValidatorTrust, want.ValidatorTrust)
			near(t, "stake weight", got.StakeWeight, want.StakeWeight)
			near(t, "emission", got.Emission, want.Emission)
			for i := range want.ValidatorPermit {
				if got.Permit[i] != want.ValidatorPermit[i] || got.Active[i] != want.Active[i] {
					t.Errorf("uid %d: permit %v active %v", i, got.Permit[i], got.Active[i])
				}
				nearBonds(t, i, got.Bonds[i], entries(want.Bonds[i]))
			}
		})
	}
}

func nearBonds(t *testing.T, uid int, got, want []Entry) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("bonds of uid %d: %v, want %v", uid, got, want)
	}
	for k := range got {
		near(t, "bonds of uid "+strconv.Itoa(uid), []uint16{got[k].UID * 2, got[k].Value}, []uint16{want[k].UID * 2, want[k].Value})
	}
}
