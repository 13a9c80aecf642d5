package chain

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"strata"
)

func TestFit(t *testing.T) {
	row := func(pairs ...uint16) (out []Weight) {
		for i := 0; i+1 < len(pairs); i += 2 {
			out = append(out, Weight{UID: strata.UID(pairs[i]), Value: pairs[i+1]})
		}
		return out
	}
	for _, c := range []struct {
		name string
		p    Hyperparameters
		w    []Weight
		want []Weight // nil: code Invalid
	}{
		{"as it is", Hyperparameters{}, row(1, 7, 2, 9), row(1, 7, 2, 9)},
		{"zeros are left out", Hyperparameters{}, row(1, 0, 2, 9), row(2, 9)},
		{"nothing", Hyperparameters{}, row(1, 0), nil},
		{"enough", Hyperparameters{MinAllowedWeights: 2}, row(1, 7, 2, 9), row(1, 7, 2, 9)},
		{"too few", Hyperparameters{MinAllowedWeights: 3}, row(1, 7, 2, 9), nil},
		{"as many as there are", Hyperparameters{MinAllowedWeights: 1024}, row(0, 1, 1, 7, 2, 9, 3, 1), row(0, 1, 1, 7, 2, 9, 3, 1)},
		{"twice", Hyperparameters{}, row(1, 7, 1, 9), nil},
		{"beyond", Hyperparameters{}, row(4, 7), nil},
		{"no limit", Hyperparameters{MaxWeightsLimit: 65535}, row(1, 7, 2, 65535), row(1, 7, 2, 65535)},
		{"half for one", Hyperparameters{MaxWeightsLimit: 32768}, row(1, 10000, 2, 65535), row(1, 10000, 2, 10000)},
		{"two are cut", Hyperparameters{MaxWeightsLimit: 26214}, row(0, 60000, 1, 10000, 2, 65535), row(0, 20000, 1, 10000, 2, 20000)},
		{"too few for the limit", Hyperparameters{MaxWeightsLimit: 20000}, row(1, 10000, 2, 65535), nil},
	} {
		got, err := c.p.Fit(c.w, 4)
		if c.want == nil && strata.CodeOf(err) != strata.Invalid || c.want != nil && (err != nil || !slices.Equal(got, c.want)) {
			t.Errorf("%s: %v, %v; want %v", c.name, got, err, c.want)
		}
	}
}

// TestFitHoldsTheLimit: what Fit returns, the chain takes: the greatest of the
// vector is at most the limit's share of all, but for rounding.
func TestFitHoldsTheLimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Uint16Min(1), 1, 40).Draw(t, "values")
		p := Hyperparameters{MaxWeightsLimit: rapid.Uint16Min(1).Draw(t, "limit")}
		w := make([]Weight, len(values))
		for i, v := range values {
			w[i] = Weight{UID: strata.UID(i), Value: v}
		}
		got, err := p.Fit(w, len(w))
		if err != nil {
			if len(w)*int(p.MaxWeightsLimit) >= greatest {
				t.Fatal(err)
			}
			return
		}
		var sum, most uint64
		for _, e := range got {
			sum, most = sum+uint64(e.Value), max(most, uint64(e.Value))
		}
		if p.MaxWeightsLimit != greatest && most > 1 && (most-1)*greatest > uint64(p.MaxWeightsLimit)*sum {
			t.Fatalf("%d of %d is more than %d/65535", most, sum, p.MaxWeightsLimit)
		}
	})
}

func TestMayWeigh(t *testing.T) {
	self := strata.Hotkey{1}
	for _, c := range []struct {
		name   string
		change func(*Hyperparameters, *Metagraph)
		want   strata.Code // "": allowed
	}{
		{"all is well", func(*Hyperparameters, *Metagraph) {}, ""},
		{"not registered", func(_ *Hyperparameters, g *Metagraph) { g.Neurons[0].Hotkey = strata.Hotkey{2} }, strata.Forbidden},
		{"no permit", func(_ *Hyperparameters, g *Metagraph) { g.Neurons[0].Permit = false }, strata.Forbidden},
		{"too little stake", func(p *Hyperparameters, _ *Metagraph) { p.StakeThreshold = 11 }, strata.Forbidden},
		{"stake not known", func(p *Hyperparameters, g *Metagraph) { p.StakeThreshold, g.PartStake = 11, true }, ""},
		{"rate limit", func(p *Hyperparameters, _ *Metagraph) { p.WeightsRateLimit = 12 }, strata.Throttled},
		{"rate limit over in the next block", func(p *Hyperparameters, _ *Metagraph) { p.WeightsRateLimit = 11 }, ""},
		{"never before", func(p *Hyperparameters, g *Metagraph) { p.WeightsRateLimit, g.Neurons[0].LastUpdate = 12, 0 }, ""},
	} {
		p := Hyperparameters{StakeThreshold: 10}
		g := &Metagraph{Head: Head{Number: 100}, Neurons: []Neuron{{Hotkey: self, Permit: true, Stake: 10, LastUpdate: 90}}}
		c.change(&p, g)
		err := p.MayWeigh(g, self)
		if (err == nil) != (c.want == "") || err != nil && strata.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}
