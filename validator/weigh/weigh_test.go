package weigh_test

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"strata"
	"strata/chain"
	"strata/score"
	"strata/validator/validatortest"
)

func TestWeightsFollowCredit(t *testing.T) {
	w := validatortest.New(t)
	large, small, none, unserved := w.Proven("//Large", 40), w.Proven("//Small", 20), w.Miner("//None"), w.Proven("//Unserved", 40)
	w.Start()
	w.Earn(large, small, unserved)
	w.Chain.Change(unserved.Key.Hotkey(), func(n *chain.Neuron) { n.Axon = chain.Axon{} })
	w.Blocks(validatortest.FirstWindow - 3)
	if got := w.Chain.Vectors(); len(got) != 0 {
		t.Fatalf("weights before the last quarter: %+v", got)
	}
	w.Blocks(1)
	sets := w.Chain.Vectors()
	if len(sets) != 1 || len(sets[0].Weights) != 2 {
		t.Fatalf("weights = %+v", sets)
	}
	credits := []uint64{w.Credit(large), w.Credit(small)}
	if want := score.Weights(credits); validatortest.WeightOf(sets[0].Weights, 1) != want[0] || validatortest.WeightOf(sets[0].Weights, 2) != want[1] || want[0] != 65535 || want[1] < 30000 {
		t.Errorf("weights %+v for credits %v, want %v", sets[0].Weights, credits, want)
	}
	block, records, err := w.DB.LastWeights(t.Context())
	if err != nil || block != validatortest.FirstWindow || len(records) != 4 || records[2].Hotkey != none.Key.Hotkey() || records[0].Credit != credits[0] || records[3].Credit != 0 {
		t.Errorf("recorded at block %d: %+v, %v", block, records, err)
	}
	// Once in an epoch, over a restart too.
	w.Restart()
	w.Blocks(8)
	if got := w.Chain.Vectors(); len(got) != 1 {
		t.Errorf("%d vectors in one epoch", len(got))
	}
	if got := w.Weigher.Weight(large.Key.Hotkey()); got != 65535 {
		t.Errorf("the largest miner's weight after a restart is %d", got)
	}
	w.Blocks(20)
	if got := w.Chain.Vectors(); len(got) != 2 || got[1].Block != validatortest.FirstWindow+20 {
		t.Errorf("in the next epoch: %+v", got)
	}
}

func TestNoWeights(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*validatortest.World)
		want   []uint64 // blocks in which weights are set within two epochs
	}{
		"all is well": {func(*validatortest.World) {}, []uint64{6, 26}},
		"no permit": {func(w *validatortest.World) {
			w.Chain.Change(w.Key.Hotkey(), func(n *chain.Neuron) { n.Permit = false })
		}, nil},
		"too few miners": {func(w *validatortest.World) { w.Chain.Params.MinAllowedWeights = 2 }, nil},
		"not registered now": {func(w *validatortest.World) {
			w.Chain.Change(w.Key.Hotkey(), func(n *chain.Neuron) { n.Hotkey = strata.Hotkey{9} })
		}, nil},
		"rate limit ends within the quarter": {func(w *validatortest.World) {
			w.Chain.Params.WeightsRateLimit = 8
			w.Chain.Change(w.Key.Hotkey(), func(n *chain.Neuron) { n.LastUpdate = 1 })
		}, []uint64{8, 26}},
		"rate limit ends after it": {func(w *validatortest.World) {
			w.Chain.Params.WeightsRateLimit = 25
			w.Chain.Change(w.Key.Hotkey(), func(n *chain.Neuron) { n.LastUpdate = 3 })
		}, []uint64{27}},
		"no credit": {func(w *validatortest.World) {
			w.Net.Miners[validatortest.NewKey(t, "//Miner").Hotkey()].Fake(w.Key.Hotkey(), 39, 1)
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := validatortest.New(t)
			m := w.Proven("//Miner", 40)
			w.Start()
			w.Earn(m)
			c.change(w)
			if _, err := w.Weigher.Refresh(t.Context(), strata.BlockHash{}); err != nil {
				t.Fatal(err)
			}
			w.Seen(m)
			w.Blocks(validatortest.FirstWindow + 30)
			var got []uint64
			for _, s := range w.Chain.Vectors() {
				got = append(got, s.Block)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("weights were set in blocks %v, want %v", got, c.want)
			}
		})
	}
}

// TestReasonIsToldOnce: why no weights are set is logged when it is new, not in
// every epoch, and again after weights were set.
func TestReasonIsToldOnce(t *testing.T) {
	w := validatortest.New(t)
	m := w.Proven("//Miner", 40)
	w.Start()
	w.Earn(m)
	var log bytes.Buffer
	w.Weigher.Log = slog.New(slog.NewTextHandler(&log, nil))
	permit := func(has bool) {
		t.Helper()
		w.Chain.Change(w.Key.Hotkey(), func(n *chain.Neuron) { n.Permit = has })
		if _, err := w.Weigher.Refresh(t.Context(), strata.BlockHash{}); err != nil {
			t.Fatal(err)
		}
	}
	told := func() int { return strings.Count(log.String(), "no weights are set") }
	permit(false)
	w.Blocks(validatortest.FirstWindow + 20)
	if got := told(); got != 1 || !strings.Contains(log.String(), "no validator permit") {
		t.Errorf("told %d times:\n%s", got, log.String())
	}
	permit(true)
	w.Blocks(20)
	permit(false)
	w.Blocks(20)
	if got := told(); got != 2 || len(w.Chain.Vectors()) == 0 {
		t.Errorf("told %d times:\n%s", got, log.String())
	}
}

func TestRefusedWeightsAreSetAgain(t *testing.T) {
	w := validatortest.New(t)
	m := w.Proven("//Miner", 10)
	w.Start()
	w.Earn(m)
	w.Chain.Refuse = strata.E(strata.Unavailable, "the node is down")
	w.Blocks(validatortest.FirstWindow)
	w.Chain.Refuse = nil
	w.Blocks(1)
	if got := w.Chain.Vectors(); len(got) != 1 {
		t.Errorf("weights = %+v", got)
	}
}
