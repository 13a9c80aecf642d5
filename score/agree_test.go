package score_test

import (
	"math/rand/v2"
	"testing"

	"strata/score"
	"strata/yuma"
)

// market is a subnet of miners whose space changes, as validators see it.
type market struct {
	rng   *rand.Rand
	bytes []float64 // what each miner holds
}

// move grows some miners and shrinks others, as an epoch of a busy network does.
func (m *market) move() {
	for i := range m.bytes {
		m.bytes[i] *= 0.9 + 0.2*m.rng.Float64()
		if m.rng.IntN(40) == 0 {
			m.bytes[i] /= 4 // a disk is lost
		}
	}
}

// audited are the credits that one validator comes to on its own: 1,440 leaves
// of each miner an hour for a day, of which a few come late, and what it has
// checked.
func (m *market) audited(window int) []uint64 {
	out := make([]uint64, len(m.bytes))
	for i, b := range m.bytes {
		failed := uint64(m.rng.IntN(window / 400)) // about one in a thousand
		checks := 300 + uint64(m.rng.IntN(60))
		out[i] = score.Credit([]score.Cohort{{ID: 1, Bytes: uint64(b), Checks: checks}}, score.Leaves{Passed: uint64(window) - failed, Failed: failed})
	}
	return out
}

// votes are the validators of a test by their UID: how each comes to its weights.
type votes func(m *market, epoch int, history [][]uint16) []uint16

func honest(m *market, _ int, _ [][]uint16) []uint16 { return score.Weights(m.audited(34_560)) }

// copier sets what the others have revealed: weights of some epochs ago.
func copier(lag int) votes {
	return func(_ *market, epoch int, history [][]uint16) []uint16 {
		if epoch < lag {
			return nil
		}
		return history[epoch-lag]
	}
}

// liar pays one miner alone.
func liar(m *market, _ int, _ [][]uint16) []uint16 {
	w := make([]uint16, len(m.bytes))
	w[0] = 65535
	return w
}

// play runs epochs and returns each validator's dividends for its stake, the
// first one's as 1, and the lowest vtrust that it had in the second half.
func play(t *testing.T, stakes []uint64, voters []votes) (dividends, vtrust []float64) {
	t.Helper()
	const miners, epochs = 20, 60
	m := &market{rng: rand.New(rand.NewPCG(8, 9)), bytes: make([]float64, miners)}
	for i := range m.bytes {
		m.bytes[i] = 1e12 * (1 + 99*m.rng.Float64())
	}
	n := len(stakes)
	neurons := make([]yuma.Neuron, n+miners)
	for i, s := range stakes {
		neurons[i] = yuma.Neuron{Stake: s, Permit: true}
	}
	sums, vtrust := make([]float64, n), make([]float64, n)
	for i := range vtrust {
		vtrust[i] = 1
	}
	var history [][]uint16 // of the first, who is honest
	for epoch := range epochs {
		m.move()
		for i, vote := range voters {
			w := vote(m, epoch, history)
			if i == 0 {
				history = append(history, w)
			}
			neurons[i].Weights, neurons[i].LastUpdate = nil, uint64(epoch+1)*361
			for j, v := range w {
				if v > 0 {
					neurons[i].Weights = append(neurons[i].Weights, yuma.Entry{UID: uint16(n + j), Value: v})
				}
			}
		}
		r, err := yuma.Epoch(yuma.Input{
			Params: yuma.Params{Kappa: 32767, BondsPenalty: 65535, BondsMovingAverage: 900_000, MaxValidators: 64, ActivityCutoff: 5000, Tempo: 360},
			Block:  uint64(epoch+1)*361 + 1, Emission: 1e9, Owner: -1, Neurons: neurons,
		})
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			neurons[i].Bonds = r.Bonds[i]
			if epoch >= epochs/2 {
				sums[i] += float64(r.Dividends[i]) / float64(stakes[i])
				vtrust[i] = min(vtrust[i], float64(r.ValidatorTrust[i])/65535)
			}
		}
	}
	for i := range sums {
		dividends = append(dividends, sums[i]/sums[0])
	}
	return dividends, vtrust
}

// Validators that audit on their own agree, and who copies the others' weights
// of some epochs ago, or lies, has less for its stake.
func TestAgreementPays(t *testing.T) {
	dividends, vtrust := play(t, []uint64{40e12, 30e12, 20e12, 10e12, 10e12, 10e12},
		[]votes{honest, honest, honest, copier(1), copier(2), liar})
	t.Logf("honest %.4f %.4f %.4f, copier of the last epoch %.4f, of the one before %.4f, liar %.4f; vtrust %.4f",
		dividends[0], dividends[1], dividends[2], dividends[3], dividends[4], dividends[5], vtrust)
	for i := range 3 {
		if vtrust[i] < 0.98 || dividends[i] < 0.99 {
			t.Errorf("honest validator %d has vtrust %.4f and %.4f of the dividends", i, vtrust[i], dividends[i])
		}
	}
	if dividends[3] > 0.98 || dividends[4] > dividends[3] || dividends[5] > 0.1 {
		t.Errorf("copiers have %.4f and %.4f of an honest one's dividends, the liar %.4f", dividends[3], dividends[4], dividends[5])
	}
}
