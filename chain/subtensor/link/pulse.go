package link

import (
	"sync"
	"time"
)

const (
	stallBlocks   = 3 // block times without a block that are no stall
	maxVainDouble = 5 // how often patience doubles: 28 s become a quarter of an hour
)

// pulse judges by the blocks that a node tells of whether it stalls: it answers,
// but what it answers with is old. Safe for concurrent use.
//
// A chain that makes no blocks, because it makes them on demand or stands
// still, looks the same from one node. Once every endpoint has been tried in
// vain, patience doubles with each further round, until a block comes.
type pulse struct {
	now       func() time.Time
	endpoints int // that a round goes through, at least 1

	mu    sync.Mutex // guards what follows
	limit time.Duration
	fixed bool      // limit is as it was asked for
	since time.Time // the connection was made, or a block came
	best  uint64    // the highest block so far
	told  uint64    // the last one on this connection, 0 if none
	vain  int       // stalls in a row without a block between them
}

// connected notes a new connection.
func (p *pulse) connected() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.since, p.told = p.now(), 0
}

// block notes a block that the node told of. The first on a connection is the
// node's head, which says nothing unless it is new.
func (p *pulse) block(number uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if fresh := number > p.best || p.told > 0 && number > p.told; fresh {
		p.since, p.vain = p.now(), 0
	}
	p.best, p.told = max(p.best, number), number
}

// expect takes note of the chain's block time: three of them are waited for.
func (p *pulse) expect(blockTime time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.fixed {
		p.limit = max(p.limit, stallBlocks*blockTime)
	}
}

// patience is for how long the node may tell of no block.
func (p *pulse) patience() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.limit << min(p.vain/p.endpoints, maxVainDouble)
}

// stalled says whether the node has told of no block for too long, and for how
// long; asking again is judging the next node.
func (p *pulse) stalled() (time.Duration, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	limit := p.limit << min(p.vain/p.endpoints, maxVainDouble)
	if p.now().Sub(p.since) <= limit {
		return 0, false
	}
	p.vain++
	p.since = p.now()
	return limit, true
}
