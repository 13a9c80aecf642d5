package ledger

import (
	"context"

	"strata"
	"strata/chain/devchain/state"
)

// How much of the past can be asked for.
const (
	stateHistory  = 512  // blocks whose state is known
	headerHistory = 4096 // blocks whose header and body are kept, genesis besides
)

// Ledger is the chain so far: the state after its last block, and the blocks
// that clients can still ask for. Its owner guards it.
type Ledger struct {
	table   *state.Table
	genesis *Block
	recent  []*Block // in order, the head last; the genesis block included while recent
	byHash  map[state.Hash]*Block
	disk    *disk // nil: in memory only
}

// State returns the state after the last block. It is valid until the next
// append, and nobody else writes to it.
func (l *Ledger) State() state.Reader { return l.table }

// Genesis returns block 0.
func (l *Ledger) Genesis() *Block { return l.genesis }

// WithHash returns the block with a hash, nil if it is not kept.
func (l *Ledger) WithHash(h state.Hash) *Block { return l.byHash[h] }

// Head returns the last block.
func (l *Ledger) Head() *Block { return l.recent[len(l.recent)-1] }

// Block returns a block by number, nil if it is not kept or not yet made.
func (l *Ledger) Block(number uint64) *Block {
	if number == 0 {
		return l.genesis
	}
	first := l.recent[0].Header.Number
	if number < first || number > l.Head().Header.Number {
		return nil
	}
	return l.recent[number-first]
}

// add takes a block in memory. Blocks and states too old are forgotten.
func (l *Ledger) add(b *Block) {
	l.recent = append(l.recent, b)
	l.byHash[b.Hash] = b
	if n := len(l.recent) - 1 - stateHistory; n >= 0 {
		l.recent[n].undo = nil
	}
	if len(l.recent) > headerHistory {
		if old := l.recent[0]; old != l.genesis {
			delete(l.byHash, old.Hash)
		}
		l.recent = l.recent[1:]
	}
}

// Next implements history: the number of the block to come.
func (l *Ledger) Next() uint64 { return l.Head().Header.Number + 1 }

// HashAt implements history.
func (l *Ledger) HashAt(number uint64) (state.Hash, bool) {
	b := l.Block(number)
	if b == nil {
		return state.Hash{}, false
	}
	return b.Hash, true
}

// Open opens the chain in a directory, or makes one whose first block
// writes what genesis returns. Without a directory it is in memory only. A crash
// while it is made leaves no chain, and the next start makes another. Errors
// have code Locked if another process has the directory, Corrupt if the chain
// in it is damaged.
func Open(ctx context.Context, dir string, genesis func() (state.Changes, error)) (*Ledger, error) {
	l := &Ledger{table: state.NewTable(), byHash: map[state.Hash]*Block{}}
	if dir != "" {
		d, err := openDisk(ctx, dir)
		if err != nil {
			return nil, err
		}
		if l, err = d.load(ctx); err != nil {
			_ = d.close() // the first error is the one to tell
			return nil, err
		}
	}
	if len(l.recent) > 0 {
		return l, nil
	}
	state, err := genesis()
	if err == nil {
		l.genesis = &Block{}
		err = l.write(ctx, l.genesis, state)
	}
	if err != nil {
		_ = l.Close()
		return nil, err
	}
	return l, nil
}

// Append makes the next block of a body and what it changes, and returns it.
func (l *Ledger) Append(ctx context.Context, body [][]byte, c state.Changes) (*Block, error) {
	head := l.Head()
	b := &Block{Header: header{Parent: head.Hash, Number: head.Header.Number + 1}, Body: body}
	return b, l.write(ctx, b, c)
}

// write adds a block that makes these changes.
//
// The changes and the block reach the disk in one transaction, before anybody
// hears of the block. A crash before it leaves the chain as it was, its pool
// gone; a crash after it leaves the block, and a client that was not told yet
// finds its extrinsic there.
func (l *Ledger) write(ctx context.Context, b *Block, c state.Changes) error {
	b.undo = l.table.Apply(c)
	b.Header.State = l.table.Root()
	b.Header.Extrinsics = bodyRoot(b.Body)
	b.Hash = state.HashOf(b.Header.encode())
	if l.disk != nil {
		if err := l.disk.append(ctx, b, c); err != nil {
			l.table.Apply(b.undo)
			return err
		}
	}
	l.add(b)
	return nil
}

// StateAt returns the state after a block. It is valid until the next append.
// The error has code NotFound: the block is too old.
func (l *Ledger) StateAt(b *Block) (state.Reader, error) {
	past := state.NewLayer(l.table)
	for i := len(l.recent) - 1; l.recent[i] != b; i-- {
		if i == 0 || l.recent[i].undo == nil {
			return nil, strata.E(strata.NotFound, "the state of block %d is discarded: only the last %d blocks have one", b.Header.Number, stateHistory)
		}
		for k, v := range l.recent[i].undo {
			past.Put(k, v)
		}
	}
	return past, nil
}

// Close gives the directory free. The ledger is not to be used any more.
func (l *Ledger) Close() error {
	if l.disk == nil {
		return nil
	}
	return l.disk.close()
}
