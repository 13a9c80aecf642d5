package chain

import "strata"

// Schedule says when a subnet's epochs are. In older runtimes an epoch's number
// follows from the block's and the epoch runs in its last block; newer ones
// count: an epoch runs, and the next number begins, Tempo blocks after the last.
// The methods extrapolate from the block at which it was read.
// Source: subtensor, pallets/subtensor/src/coinbase/run_coinbase.rs.
type Schedule struct {
	Netuid  strata.Netuid // like Tempo, set by Hyperparameters.Epochs
	Tempo   uint16
	Counted bool
	Index   uint64 // epochs run so far; like what follows, only if Counted
	Last    uint64 // block of the last epoch
	Pending uint64 // block of an epoch out of turn; 0: none
}

// Length returns an epoch's length in blocks, at least 1.
func (s Schedule) Length() uint64 {
	if s.Counted {
		return max(1, uint64(s.Tempo))
	}
	return uint64(s.Tempo) + 1
}

// next is the first block of epoch Index + 1, if Counted.
func (s Schedule) next() uint64 {
	n := s.Last + s.Length()
	if s.Pending > 0 {
		n = min(n, s.Pending)
	}
	return n
}

// Epoch returns the number of the epoch that a block belongs to.
func (s Schedule) Epoch(block uint64) uint64 {
	switch next := s.next(); {
	case !s.Counted:
		return (block + uint64(s.Netuid) + 1) / s.Length()
	case block < next:
		return s.Index
	default:
		return s.Index + 1 + (block-next)/s.Length()
	}
}

// First returns an epoch's first block. Of a Counted epoch that has passed it
// is not known: then it is the last one's.
func (s Schedule) First(epoch uint64) uint64 {
	switch {
	case s.Counted && epoch <= s.Index:
		return s.Last
	case s.Counted:
		return s.next() + (epoch-s.Index-1)*s.Length()
	}
	first := epoch * s.Length()
	return first - min(first, uint64(s.Netuid)+1)
}

// Left returns how many blocks of a block's epoch come after it.
func (s Schedule) Left(block uint64) uint64 {
	return s.First(s.Epoch(block)+1) - 1 - block
}
