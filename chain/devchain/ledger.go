package devchain

import (
	"context"

	"strata"
)

// ledger is the chain so far: the state after its last block, and the blocks
// that clients can still ask for. Its owner guards it.
type ledger struct {
	state   *table
	genesis *block
	recent  []*block // in order, the head last; the genesis block included while recent
	byHash  map[hash]*block
	disk    *disk // nil: in memory only
}

func (l *ledger) head() *block { return l.recent[len(l.recent)-1] }

// block returns a block by number, nil if it is not kept or not yet made.
func (l *ledger) block(number uint64) *block {
	if number == 0 {
		return l.genesis
	}
	first := l.recent[0].header.number
	if number < first || number > l.head().header.number {
		return nil
	}
	return l.recent[number-first]
}

// add takes a block in memory. Blocks and states too old are forgotten.
func (l *ledger) add(b *block) {
	l.recent = append(l.recent, b)
	l.byHash[b.hash] = b
	if n := len(l.recent) - 1 - stateHistory; n >= 0 {
		l.recent[n].undo = nil
	}
	if len(l.recent) > headerHistory {
		if old := l.recent[0]; old != l.genesis {
			delete(l.byHash, old.hash)
		}
		l.recent = l.recent[1:]
	}
}

// append writes a block that makes these changes.
//
// The changes and the block reach the disk in one transaction, before anybody
// hears of the block. A crash before it leaves the chain as it was, its pool
// gone; a crash after it leaves the block, and a client that was not told yet
// finds its extrinsic there.
func (l *ledger) append(ctx context.Context, b *block, c changes) error {
	b.undo = l.state.apply(c)
	b.header.state = l.state.root()
	b.header.extrinsics = bodyRoot(b.body)
	b.hash = hashOf(b.header.encode())
	if l.disk != nil {
		if err := l.disk.append(ctx, b, c); err != nil {
			l.state.apply(b.undo)
			return err
		}
	}
	l.add(b)
	return nil
}

// stateAt returns the state after a block. It is valid until the next append.
// The error has code NotFound: the block is too old.
func (l *ledger) stateAt(b *block) (reader, error) {
	past := newLayer(l.state)
	for i := len(l.recent) - 1; l.recent[i] != b; i-- {
		if i == 0 || l.recent[i].undo == nil {
			return nil, strata.E(strata.NotFound, "the state of block %d is discarded: only the last %d blocks have one", b.header.number, stateHistory)
		}
		for k, v := range l.recent[i].undo {
			past.diff[k] = v
		}
	}
	return past, nil
}
