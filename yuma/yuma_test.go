package yuma

import (
	"encoding/json"
	"os"
	"reflect"
	"strconv"
	"testing"

	"strata"
)

// load reads the recording of a spec-300 runtime's epochs.
func load(t *testing.T) []Scenario {
	t.Helper()
	raw, err := os.ReadFile("testdata/yuma_spec300.json")
	if err != nil {
		t.Fatal(err)
	}
	out, err := ParseScenarios(raw)
	if err != nil {
		t.Fatal(err)
	}
	if len(out) != 3 {
		t.Fatalf("%d scenarios, want 3", len(out))
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
			got, err := s.Run()
			if err != nil {
				t.Fatal(err)
			}
			agree(t, got, s.Steps[0])
		})
	}
}

// agree fails unless two outcomes are the same but for one unit of the last place.
func agree(t *testing.T, got, want Step) {
	t.Helper()
	near(t, "rank", got.Rank, want.Rank)
	near(t, "trust", got.Trust, want.Trust)
	near(t, "consensus", got.Consensus, want.Consensus)
	near(t, "incentive", got.Incentive, want.Incentive)
	near(t, "dividends", got.Dividends, want.Dividends)
	near(t, "validator trust", got.ValidatorTrust, want.ValidatorTrust)
	near(t, "stake weight", got.StakeWeight, want.StakeWeight)
	near(t, "emission", got.Emission, want.Emission)
	for i := range want.ValidatorPermit {
		if got.ValidatorPermit[i] != want.ValidatorPermit[i] || got.Active[i] != want.Active[i] {
			t.Errorf("uid %d: permit %v active %v", i, got.ValidatorPermit[i], got.Active[i])
		}
		nearBonds(t, i, cells(got.Bonds[i]), cells(want.Bonds[i]))
	}
}

// TestScenarioOutcomeIsOne: what a scenario's run is written as is a scenario
// again, with the same outcome.
func TestScenarioOutcomeIsOne(t *testing.T) {
	for _, s := range load(t) {
		first, err := s.Run()
		if err != nil {
			t.Fatal(err)
		}
		s.Steps = []Step{first}
		raw, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseScenarios(raw)
		if err != nil {
			t.Fatal(err)
		}
		second, err := again[0].Run()
		if err != nil || !reflect.DeepEqual(second, first) {
			t.Errorf("%s: %+v, %v; want %+v", s.Name, second, err, first)
		}
	}
}

func TestScenarioDefaultsAndRefusals(t *testing.T) {
	const hp = `"hp":{"kappa":32767,"bondsMovingAverage":"900000","bondsPenalty":65535,"liquidAlphaOn":"false","maxAllowedValidators":1,"tempo":9,"yuma3":true}`
	list, err := ParseScenarios([]byte(`{` + hp + `,"stakes":[5,7],"weights":[[[1,9]]],"owner":-1,"emission":10,"permits":[false],"lastUpdate":[3]}`))
	if err != nil {
		t.Fatal(err)
	}
	in, err := list[0].Input()
	if err != nil || in.Block != 1000 || in.Emission != 10 || in.Owner != -1 || !in.Params.Yuma3 || in.Params.ActivityCutoff != 5000 ||
		in.Neurons[0].Permit || !in.Neurons[1].Permit || in.Neurons[0].LastUpdate != 3 || in.Neurons[1].LastUpdate != 999 {
		t.Errorf("%+v, %v", in, err)
	}
	for name, text := range map[string]string{
		"nothing": ``, "no JSON": `{`, "two": `{} {}`, "misspelt": `{` + hp + `,"stake":[5]}`, "not a number": `{"hp":{"kappa":"many"}}`,
		"too large": `{"hp":{"kappa":65536}}`, "more weights than neurons": `{` + hp + `,"stakes":[5],"weights":[[],[]]}`,
		"liquid alpha": `{"hp":{"liquidAlphaOn":true},"stakes":[1]}`, "owner": `{` + hp + `,"stakes":[5],"owner":1}`,
	} {
		list, err := ParseScenarios([]byte(text))
		if err == nil {
			_, err = list[0].Run()
		}
		if strata.CodeOf(err) != strata.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzScenario: nothing panics, and no more is paid out than there is.
func FuzzScenario(f *testing.F) {
	raw, err := os.ReadFile("testdata/yuma_spec300.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte(`{"hp":{"kappa":1},"stakes":[1,2],"weights":[[[1,2]]],"bonds":[[[9,9]]]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		list, err := ParseScenarios(raw)
		if err != nil {
			return
		}
		for _, s := range list {
			step, err := s.Run()
			if err != nil {
				continue
			}
			if len(step.Rank) != len(s.Stakes) || len(step.Bonds) != len(s.Stakes) {
				t.Fatalf("%d neurons, %d ranks", len(s.Stakes), len(step.Rank))
			}
		}
	})
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
