package cheaters

import (
	"context"
	"net/netip"
	"slices"

	"strata"
	"strata/chain"
	"strata/yuma"
)

// netuid is the subnet of every game.
const netuid = 7

// emission is what an epoch pays out, in rao.
const emission = 100 * uint64(strata.RaoPerTao)

// subnet is a chain with one subnet. The game moves it.
type subnet struct {
	head    chain.Head
	tempo   uint16
	neurons []chain.Neuron
	weights map[strata.UID][]yuma.Entry // as last set
	bonds   map[strata.UID][]yuma.Entry
	paid    map[strata.Hotkey]uint64 // rao for mining, over all epochs
	epochs  int
}

func newSubnet(tempo uint16) *subnet {
	return &subnet{
		tempo: tempo, weights: map[strata.UID][]yuma.Entry{}, bonds: map[strata.UID][]yuma.Entry{},
		paid: map[strata.Hotkey]uint64{},
	}
}

// register adds a neuron: a validator if it has stake, else a miner.
func (s *subnet) register(h strata.Hotkey, stake strata.Rao) netip.AddrPort {
	uid := strata.UID(len(s.neurons))
	n := chain.Neuron{UID: uid, Hotkey: h, Coldkey: strata.Coldkey(h), Stake: stake, Permit: stake > 0, Active: true}
	if stake == 0 { // each in a network of its own
		n.Axon.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(uid), 0, 1}), 8091)
	}
	s.neurons = append(s.neurons, n)
	return n.Axon.Addr
}

// Heads is not used: a game drives its validators.
func (s *subnet) Heads(context.Context) (<-chan chain.Head, error) { return nil, nil }

// Metagraph returns the subnet as it is.
func (s *subnet) Metagraph(context.Context, strata.Netuid, strata.BlockHash) (*chain.Metagraph, error) {
	return &chain.Metagraph{Netuid: netuid, Head: s.head, Neurons: slices.Clone(s.neurons)}, nil
}

// Hyperparameters returns the subnet's settings.
func (s *subnet) Hyperparameters(context.Context, strata.Netuid) (chain.Hyperparameters, error) {
	return chain.Hyperparameters{Tempo: s.tempo, MaxAllowedUIDs: 256, MaxAllowedValidator: 64, ActivityCutoff: 5000}, nil
}

// SetWeights keeps a validator's vector until its next one.
func (s *subnet) SetWeights(_ context.Context, hot chain.Signer, _ strata.Netuid, w []chain.Weight, _ chain.Commits) (chain.WeightsReceipt, error) {
	i := slices.IndexFunc(s.neurons, func(n chain.Neuron) bool { return n.Hotkey == hot.PublicKey() })
	if i < 0 || !s.neurons[i].Permit {
		return chain.WeightsReceipt{}, strata.E(strata.Forbidden, "no permit")
	}
	w, err := chain.Hyperparameters{}.Fit(w, len(s.neurons))
	if err != nil {
		return chain.WeightsReceipt{}, err
	}
	row := make([]yuma.Entry, len(w))
	for j, e := range w {
		row[j] = yuma.Entry{UID: uint16(e.UID), Value: e.Value}
	}
	s.weights[strata.UID(i)] = row
	s.neurons[i].LastUpdate = s.head.Number
	return chain.WeightsReceipt{Block: strata.BlockHash{1}}, nil
}

// RevealWeights has nothing to do: weights count at once.
func (s *subnet) RevealWeights(context.Context, chain.Signer, strata.Netuid, chain.Commits) (chain.Reveals, error) {
	return chain.Reveals{}, nil
}

// epoch pays out if the block ends one, as subtensor counts them.
func (s *subnet) epoch() error {
	if (s.head.Number+netuid+1)%(uint64(s.tempo)+1) != 0 {
		return nil
	}
	in := yuma.Input{
		Params: yuma.Params{
			Kappa: 32767, BondsPenalty: 65535, BondsMovingAverage: 900_000, MaxValidators: 64,
			StakeThreshold: 1, ActivityCutoff: 5000, Tempo: uint64(s.tempo),
		},
		Block: s.head.Number, Emission: emission, Owner: -1,
	}
	for _, n := range s.neurons {
		in.Neurons = append(in.Neurons, yuma.Neuron{
			Stake: uint64(n.Stake), Permit: n.Permit, LastUpdate: n.LastUpdate,
			Weights: s.weights[n.UID], Bonds: s.bonds[n.UID],
		})
	}
	r, err := yuma.Epoch(in)
	if err != nil {
		return err
	}
	s.epochs++
	for i := range s.neurons {
		n := &s.neurons[i]
		n.Incentive, n.Consensus, n.ValidatorTrust = r.Incentive[i], r.Consensus[i], r.ValidatorTrust[i]
		s.paid[n.Hotkey] += r.ServerEmission[i]
		if r.StoreBonds[i] {
			s.bonds[n.UID] = r.Bonds[i]
		}
	}
	return nil
}
