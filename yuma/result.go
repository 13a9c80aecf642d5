package yuma

import (
	"cmp"
	"slices"
)

// result rounds to the chain's units and shares the emission out.
func (e *epoch) result() Result {
	server, validator, both := e.emission()
	r := Result{
		Active:            e.active,
		Permit:            topStakes(e.stake, int(e.in.Params.MaxValidators)),
		StakeWeight:       vectorU16(e.stake),
		Rank:              vectorU16(e.rank),
		Trust:             vectorU16(e.trust),
		Consensus:         vectorU16(e.consensus),
		Incentive:         vectorU16(e.rank),
		Dividends:         vectorU16(e.dividends),
		ValidatorTrust:    vectorU16(e.vtrust),
		ServerEmission:    shares(server, e.in.Emission),
		ValidatorEmission: shares(validator, e.in.Emission),
		Emission:          shares(both, e.in.Emission),
	}
	r.Bonds, r.StoreBonds = e.storedBonds(r.Permit)
	return r
}

// emission returns the shares for mining, for validating and for both, which
// together are 1. Without any incentive all of it goes to stake.
func (e *epoch) emission() (server, validator, both []fixed) {
	server, validator = slices.Clone(e.rank), slices.Clone(e.dividends)
	both = make([]fixed, len(server))
	for i := range both {
		both[i] = server[i].add(validator[i])
	}
	total := sum(both)
	if total == 0 {
		stake := e.activeStake
		if sum(stake) == 0 {
			stake = e.stake
		}
		return server, stake, stake
	}
	scaleBy(server, total)
	scaleBy(validator, total)
	normalize(both)
	return server, validator, both
}

// topStakes gives permits to the k greatest stakes that are not 0; of equal
// ones the higher UID wins, as in the pallet's ascending stable sort.
func topStakes(stake []fixed, k int) []bool {
	out := make([]bool, len(stake))
	order := make([]int, len(stake))
	for i, s := range stake {
		out[i], order[i] = s != 0, i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(stake[a], stake[b]) })
	for _, i := range order[:max(0, len(order)-k)] {
		out[i] = false
	}
	return out
}

// storedBonds returns the rows that the chain writes: computed for a new
// permit, empty for a lost one.
func (e *epoch) storedBonds(permit []bool) (rows [][]Entry, store []bool) {
	rows, store = make([][]Entry, len(permit)), make([]bool, len(permit))
	for i, row := range e.bonds {
		store[i] = permit[i] || e.in.Neurons[i].Permit
		if !permit[i] {
			continue
		}
		for _, c := range row {
			rows[i] = append(rows[i], Entry{uint16(c.col), c.v.u16()})
		}
	}
	return rows, store
}
