package yuma

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"strata"
)

// twoValidators is a subnet where uids 0 and 1 validate and 2 and 3 mine.
func twoValidators() Input {
	row := []Entry{{2, 65535}, {3, 65535}}
	return Input{
		Params: Params{Kappa: 32767, BondsPenalty: 65535, BondsMovingAverage: 900_000, MaxValidators: 64, ActivityCutoff: 100, Tempo: 10},
		Block:  1000, Emission: 1_000_000, Owner: -1,
		Neurons: []Neuron{
			{Stake: 600, Permit: true, LastUpdate: 990, Registered: 1, Weights: row},
			{Stake: 400, Permit: true, LastUpdate: 990, Registered: 2, Weights: row},
			{LastUpdate: 5, Registered: 5},
			{LastUpdate: 6, Registered: 6},
		},
	}
}

func run(t *testing.T, change func(*Input)) Result {
	t.Helper()
	in := twoValidators()
	change(&in)
	r, err := Epoch(in)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWhatCounts(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Input)
		want   []uint16 // incentive
	}{
		{"two equal miners", func(*Input) {}, []uint16{0, 0, 32767, 32767}},
		{"a weight without a permit", func(in *Input) {
			in.Neurons[1].Permit = false
			in.Neurons[1].Weights = []Entry{{3, 1}}
		}, []uint16{0, 0, 32767, 32767}},
		{"a weight on oneself", func(in *Input) {
			in.Neurons[0].Weights = []Entry{{0, 65535}, {2, 65535}}
			in.Neurons[1].Weights = []Entry{{2, 65535}}
		}, []uint16{0, 0, 65535, 0}},
		{"the owner's weight on itself", func(in *Input) {
			in.Owner = 0
			in.Neurons[0].Weights = []Entry{{0, 65535}}
		}, []uint16{65535, 0, 0, 0}},
		{"a weight on a neuron registered since", func(in *Input) { in.Neurons[3].Registered = 990 }, []uint16{0, 0, 65535, 0}},
		{"an inactive validator", func(in *Input) {
			in.Neurons[0].LastUpdate = 899
			in.Neurons[1].Weights = []Entry{{3, 65535}}
		}, []uint16{0, 0, 0, 65535}},
		{"a validator at the cutoff is active", func(in *Input) {
			in.Neurons[0].LastUpdate = 900
			in.Neurons[1].Weights = []Entry{{3, 65535}}
		}, []uint16{0, 0, 24575, 40959}},
		{"stake under the threshold", func(in *Input) {
			in.Params.StakeThreshold = 500
			in.Neurons[1].Weights = []Entry{{3, 65535}}
		}, []uint16{0, 0, 32767, 32767}},
		{"the minority is clipped to nothing", func(in *Input) {
			in.Neurons[0].Weights = []Entry{{2, 65535}}
			in.Neurons[1].Weights = []Entry{{3, 65535}}
		}, []uint16{0, 0, 65535, 0}},
		{"a weight beyond the neurons", func(in *Input) {
			in.Neurons[0].Weights = append([]Entry{{9, 65535}}, in.Neurons[0].Weights...)
		}, []uint16{0, 0, 32767, 32767}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := run(t, c.change).Incentive; !slices.Equal(got, c.want) {
				t.Errorf("incentive %v, want %v", got, c.want)
			}
		})
	}
}

func TestWithoutWeightsEmissionFollowsStake(t *testing.T) {
	bare := func(in *Input) { in.Neurons[0].Weights, in.Neurons[1].Weights = nil, nil }
	near(t, "active stake", run(t, bare).ValidatorEmission, []uint64{600_000, 400_000, 0, 0})
	idle := func(in *Input) { bare(in); in.Block = 10_000; in.Neurons[2].Stake = 1000 }
	near(t, "all stake", run(t, idle).ValidatorEmission, []uint64{300_000, 200_000, 500_000, 0})
	near(t, "nothing to mine", run(t, idle).ServerEmission, []uint64{0, 0, 0, 0})
}

func TestPermits(t *testing.T) {
	for _, c := range []struct {
		name  string
		stake []fixed
		k     int
		want  []bool
	}{
		{"no stake, no permit", []fixed{0, 5, 0}, 3, []bool{false, true, false}},
		{"the greatest", []fixed{3, 1, 2}, 2, []bool{true, false, true}},
		{"of equals the later", []fixed{2, 2, 2}, 1, []bool{false, false, true}},
		{"none allowed", []fixed{2, 2}, 0, []bool{false, false}},
		{"nobody", nil, 2, []bool{}},
	} {
		if got := topStakes(c.stake, c.k); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestBondsMoveByAlpha(t *testing.T) {
	// Bonds stood wholly with uid 0; a tenth moves towards the new 600 : 400.
	r := run(t, func(in *Input) { in.Neurons[0].Bonds = []Entry{{2, 65535}, {3, 65535}} })
	near(t, "dividends", r.Dividends, []uint16{62913, 2621, 0, 0}) // 0.96 and 0.04
	if want := []Entry{{2, 65535}, {3, 65535}}; !slices.Equal(r.Bonds[0], want) {
		t.Errorf("bonds of uid 0 %v, want %v", r.Bonds[0], want)
	}
	near(t, "bond of uid 1", []uint16{r.Bonds[1][0].Value}, []uint16{2730}) // 0.04 / 0.96

	// A bond in a neuron registered since the last epoch is void: plain shares.
	fresh := run(t, func(in *Input) {
		in.Neurons[0].Bonds = []Entry{{2, 65535}}
		in.Neurons[0].Weights, in.Neurons[1].Weights = []Entry{{2, 65535}}, []Entry{{2, 65535}}
		in.Neurons[2].Registered, in.Neurons[0].LastUpdate, in.Neurons[1].LastUpdate = 991, 995, 995
	})
	near(t, "dividends", fresh.Dividends, []uint16{39321, 26214, 0, 0})
}

func TestLostPermitEmptiesBonds(t *testing.T) {
	r := run(t, func(in *Input) { in.Params.MaxValidators = 1 })
	if !slices.Equal(r.StoreBonds, []bool{true, true, false, false}) || len(r.Bonds[0]) == 0 || len(r.Bonds[1]) != 0 {
		t.Errorf("store %v bonds %v", r.StoreBonds, r.Bonds)
	}
}

func TestBondsPenaltyInterpolates(t *testing.T) {
	split := func(penalty uint16) func(*Input) {
		return func(in *Input) {
			in.Params.BondsPenalty = penalty
			in.Neurons[1].Weights = []Entry{{2, 65535}} // clipped to uid 0's half
		}
	}
	full, none, half := run(t, split(65535)), run(t, split(0)), run(t, split(32768))
	if full.Dividends[1] >= half.Dividends[1] || half.Dividends[1] >= none.Dividends[1] {
		t.Errorf("dividends of uid 1: %d, %d, %d for penalties 1, ½, 0", full.Dividends[1], half.Dividends[1], none.Dividends[1])
	}
}

func TestRefusals(t *testing.T) {
	for name, change := range map[string]func(*Input){
		"liquid alpha":    func(in *Input) { in.Params.LiquidAlpha = true },
		"too many":        func(in *Input) { in.Neurons = make([]Neuron, MaxNeurons+1) },
		"average over 1":  func(in *Input) { in.Params.BondsMovingAverage = 1_000_001 },
		"owner not there": func(in *Input) { in.Owner = 4 },
		"stake overflow":  func(in *Input) { in.Neurons[0].Stake = ^uint64(0) },
	} {
		in := twoValidators()
		change(&in)
		if _, err := Epoch(in); strata.CodeOf(err) != strata.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if r, err := Epoch(Input{Owner: -1}); err != nil || len(r.Emission) != 0 {
		t.Errorf("an empty subnet: %v, %v", r, err)
	}
}

func drawInput(t *rapid.T) Input {
	n := rapid.IntRange(1, 12).Draw(t, "n")
	entry := rapid.Custom(func(t *rapid.T) Entry {
		return Entry{uint16(rapid.IntRange(0, n).Draw(t, "uid")), rapid.Uint16().Draw(t, "value")}
	})
	in := Input{
		Params: Params{
			Kappa: rapid.Uint16().Draw(t, "kappa"), BondsPenalty: rapid.Uint16().Draw(t, "penalty"),
			BondsMovingAverage: rapid.Uint64Max(1_000_000).Draw(t, "average"), MaxValidators: rapid.Uint16Max(12).Draw(t, "max"),
			ActivityCutoff: rapid.Uint64Max(200).Draw(t, "cutoff"), Tempo: 10, Yuma3: rapid.Bool().Draw(t, "yuma3"),
		},
		Block: 100, Emission: rapid.Uint64().Draw(t, "emission"), Owner: rapid.IntRange(-1, n-1).Draw(t, "owner"),
	}
	for range n {
		in.Neurons = append(in.Neurons, Neuron{
			Stake: rapid.Uint64Max(1<<60).Draw(t, "stake"), Permit: rapid.Bool().Draw(t, "permit"),
			LastUpdate: rapid.Uint64Max(120).Draw(t, "updated"), Registered: rapid.Uint64Max(120).Draw(t, "registered"),
			Weights: rapid.SliceOfN(entry, 0, n).Draw(t, "weights"), Bonds: rapid.SliceOfN(entry, 0, n).Draw(t, "bonds"),
		})
	}
	return in
}

func TestEmissionIsNeverExceeded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		r, err := Epoch(in)
		if err != nil {
			t.Fatal(err)
		}
		var paid, shown uint64
		permits := 0
		for i := range in.Neurons {
			if paid+r.ServerEmission[i]+r.ValidatorEmission[i] < paid {
				t.Fatal("payments overflow")
			}
			paid += r.ServerEmission[i] + r.ValidatorEmission[i]
			shown += r.Emission[i]
			if r.Permit[i] {
				permits++
			}
		}
		if paid > in.Emission || shown > in.Emission {
			t.Fatalf("paid %d, shown %d of %d", paid, shown, in.Emission)
		}
		if permits > int(in.Params.MaxValidators) {
			t.Fatalf("%d permits, at most %d", permits, in.Params.MaxValidators)
		}
	})
}
