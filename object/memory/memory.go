// Package memory bounds what encoded segments on their way take: all that a store
// sends or makes again at one time, however many objects and however large.
//
// Shards lie in buffers that are used again. While a writer waits for memory, sends
// that go on only to complete a segment that counts already, and are far slower
// than the others, are ended: a hung miner holds no more of it than what is sent in
// the time that makes it late.
package memory

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"strata"
)

// Memory is what all segments on their way share. It is safe for concurrent use.
type Memory struct {
	size    int64
	reserve *semaphore.Weighted
	buffers sync.Pool // *[]byte, encoded shards
	tails   tails
}

// New returns a Memory of size bytes.
func New(size int64) *Memory {
	return &Memory{size: size, reserve: semaphore.NewWeighted(size)}
}

// Size returns how many bytes there are in all.
func (m *Memory) Size() int64 { return m.size }

// Lease is memory for the shards of a segment. Its methods are safe for concurrent
// use; a body is its user's until it is freed.
type Lease struct {
	Bodies [][]byte // buffers to append to, one for each shard; nil once freed

	m      *Memory
	weight int64 // of Memory.reserve

	mu   sync.Mutex
	left int64 // of weight, what is still to be given back; guarded by mu
}

// Acquire waits for memory for n shards of size bytes each, or for all there is
// where that is less. Late sends are ended while it waits.
func (m *Memory) Acquire(ctx context.Context, n int, size int64) (*Lease, error) {
	weight := m.weigh(n, size)
	if !m.reserve.TryAcquire(weight) {
		done := m.tails.wait()
		err := m.reserve.Acquire(ctx, weight)
		done()
		if err != nil {
			return nil, err
		}
	}
	return m.lease(n, size, weight), nil
}

const (
	// patience is how long AcquireLast leaves memory to others.
	patience  = time.Minute
	lookEvery = 100 * time.Millisecond
)

// AcquireLast waits as Acquire does, but lets all others go first, and ends nobody's
// sends: for a minute, then it takes its turn.
func (m *Memory) AcquireLast(ctx context.Context, n int, size int64) (*Lease, error) {
	weight := m.weigh(n, size)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for wait := patience; !m.reserve.TryAcquire(weight); wait -= lookEvery {
		if wait <= 0 {
			if err := m.reserve.Acquire(ctx, weight); err != nil {
				return nil, err
			}
			break
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return m.lease(n, size, weight), nil
}

func (m *Memory) weigh(n int, size int64) int64 { return min(m.size, int64(n)*size) }

// lease makes a Lease of what has been acquired: with buffers that earlier ones
// gave back where they are large enough, and not by far too large.
func (m *Memory) lease(n int, size, weight int64) *Lease {
	l := &Lease{Bodies: make([][]byte, n), m: m, weight: weight, left: weight}
	for i := range l.Bodies {
		if p, ok := m.buffers.Get().(*[]byte); ok && int64(cap(*p)) >= size && int64(cap(*p)) <= 4*size {
			l.Bodies[i] = (*p)[:0]
		} else {
			l.Bodies[i] = make([]byte, 0, size)
		}
	}
	return l
}

// Free gives back the memory of one shard, once: one slow miner must not hold up the
// next segment with the shards of all others.
func (l *Lease) Free(i int) {
	l.recycle(i)
	share := l.weight / int64(len(l.Bodies))
	l.mu.Lock()
	l.left -= share
	l.mu.Unlock()
	l.m.reserve.Release(share)
}

// Close gives back what is left. Nobody uses the bodies any more.
func (l *Lease) Close() {
	for i := range l.Bodies {
		l.recycle(i)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.m.reserve.Release(l.left)
	l.left = 0
}

// recycle keeps a buffer for later, if it is worth it.
func (l *Lease) recycle(i int) {
	if b := l.Bodies[i]; cap(b) >= int(strata.MiB)/4 {
		l.m.buffers.Put(&b)
	}
	l.Bodies[i] = nil
}
