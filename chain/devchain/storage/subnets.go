package storage

import (
	"math/big"
	"slices"

	"strata/chain/devchain/state"
)

// SubnetExists says whether a subnet is there.
func SubnetExists(s state.Reader, netuid uint16) bool {
	return state.Bool(s, NetworksAdded.Key(state.U16Key(netuid)))
}

// Netuids returns the subnets that exist, in order.
func Netuids(s state.Reader) []uint16 {
	var out []uint16
	for _, key := range s.Keys(NetworksAdded.Key()) {
		if n := Tail(key, 2); state.Bool(s, key) {
			out = append(out, uint16(n[0])|uint16(n[1])<<8)
		}
	}
	slices.Sort(out)
	return out
}

// NeuronKeys returns a subnet's hotkeys in UID order.
func NeuronKeys(s state.Reader, netuid uint16) []state.Account {
	n := state.U16Key(netuid)
	out := make([]state.Account, state.U16(s, SubnetworkN.Key(n)))
	for uid := range out {
		out[uid] = state.AccountAt(s, Keys.Key(n, state.U16Key(uint16(uid))))
	}
	return out
}

// StakeOf is a hotkey's total stake on a subnet: its alpha. Nobody stakes on
// the root subnet here, so that there is no TAO to weigh in.
func StakeOf(s state.Reader, hotkey state.Account, netuid uint16) uint64 {
	return state.U64(s, TotalHotkeyAlpha.Key(hotkey[:], state.U16Key(netuid)))
}

// StakeBy is a coldkey's part of a hotkey's alpha on a subnet.
func StakeBy(s state.Reader, coldkey, hotkey state.Account, netuid uint16) uint64 {
	n := state.U16Key(netuid)
	alpha, total := StakeOf(s, hotkey, netuid), SharesAt(s, HotkeyShares.Key(hotkey[:], n))
	if total.Sign() == 0 {
		if s.Get(Owner.Key(hotkey[:])) == nil || state.AccountAt(s, Owner.Key(hotkey[:])) != coldkey {
			return 0
		}
		return alpha
	}
	v := new(big.Int).Mul(SharesAt(s, AlphaShares.Key(hotkey[:], coldkey[:], n)), new(big.Int).SetUint64(alpha))
	return v.Quo(v, total).Uint64()
}

// EpochIndex is get_epoch_index: which epoch a block belongs to.
func EpochIndex(s state.Reader, netuid uint16, number uint64) uint64 {
	return (number + uint64(netuid) + 1) / (uint64(state.U16(s, Tempo.Key(state.U16Key(netuid)))) + 1)
}

// EpochDue is should_run_epoch: the epoch runs in the last block of its index.
func EpochDue(s state.Reader, netuid uint16, number uint64) bool {
	tempo := uint64(state.U16(s, Tempo.Key(state.U16Key(netuid))))
	return tempo > 0 && (number+uint64(netuid)+1)%(tempo+1) == tempo
}

// RevealPeriodOf returns after how many epochs a subnet's commits are revealed.
func RevealPeriodOf(s state.Reader, netuid uint16) uint64 {
	return max(1, state.U64(s, RevealPeriod.Key(state.U16Key(netuid))))
}
