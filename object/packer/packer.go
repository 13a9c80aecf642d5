// Package packer decides which small things travel together: those who come at
// the same time share a pack. What a pack costs hardly depends on how many share
// it, so the cost of each falls with the load. It knows sizes and times, but not
// what is packed, nor what sending is.
package packer

import (
	"context"
	"sync"
	"time"
)

const (
	// packBytes and packItems bound one pack.
	packBytes = 1 << 20
	packItems = 512
	// packsAtOnce is how many packs are on their way, at most. A second one leaves
	// while fewAtOnce items are not under way yet; further ones are full: those who
	// come wait and share the next.
	packsAtOnce = 4
	fewAtOnce   = 2
	// lingerPart and lingerMost bound how long a packer waits for those whom the
	// last pack has just answered: a part of that pack's time.
	lingerPart = 4
	lingerMost = 100 * time.Millisecond
)

// Packer puts those together who come at the same time. Who comes alone never
// waits, nor does a second. It is safe for concurrent use.
type Packer[T any] struct {
	send func([]*Item[T])
	now  func() time.Time
	life context.Context
	wg   sync.WaitGroup // of goroutines

	mu      sync.Mutex // guards what follows
	waiting []*Item[T]
	bytes   int // of waiting
	running int // goroutines
	away    int // items under way
	target  int // how many a lingering one waits for, 0: none lingers
	come    chan struct{}
}

// Item is one of those who share a pack.
type Item[T any] struct {
	Value T
	size  int
	ctx   context.Context
	done  chan error // gets one value
}

// Done tells who waits for the item how it went. It is called once.
func (it *Item[T]) Done(err error) { it.done <- err }

// New returns a Packer. send sends a pack, of one item at least, and calls Done of
// each; several calls may be under way at once. When life ends, nobody is waited
// for any more.
func New[T any](life context.Context, now func() time.Time, send func([]*Item[T])) *Packer[T] {
	return &Packer[T]{send: send, now: now, life: life, come: make(chan struct{}, 1)}
}

// Do sends a value of size bytes with others and returns how it went, or ctx's
// error when its pack left after ctx was done.
func (p *Packer[T]) Do(ctx context.Context, size int, value T) error {
	it := &Item[T]{Value: value, size: size, ctx: ctx, done: make(chan error, 1)}
	p.add(it)
	return <-it.done
}

// Wait returns when all that was sent has been answered, and no goroutine is left.
// Nobody calls Do meanwhile.
func (p *Packer[T]) Wait() { p.wg.Wait() }

// add queues an item.
func (p *Packer[T]) add(it *Item[T]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = append(p.waiting, it)
	p.bytes += it.size
	switch {
	case p.target > 0:
		if len(p.waiting) >= p.target || p.full() {
			p.target = 0
			p.come <- struct{}{} // it has room: one is sent for each target
		}
	case p.running == 0, p.mayLeave() && p.running < packsAtOnce:
		p.running++
		p.wg.Go(p.run)
	}
}

// mayLeave says whether those who wait go beside those who are under way; p.mu is
// held.
func (p *Packer[T]) mayLeave() bool { return p.full() || p.away < fewAtOnce }

// full says whether those who wait fill a pack; p.mu is held.
func (p *Packer[T]) full() bool { return p.bytes >= packBytes || len(p.waiting) >= packItems }

// run sends packs until nobody waits.
func (p *Packer[T]) run() {
	for {
		batch := p.next()
		if batch == nil {
			return
		}
		began := p.now()
		p.send(batch)
		p.linger(len(batch), p.now().Sub(began))
	}
}

// next takes what fits into one pack, and tells those who have gone away; nil
// when nobody waits, or another is there for those who do.
func (p *Packer[T]) next() (batch []*Item[T]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running > 1 && !p.mayLeave() {
		p.running--
		return nil
	}
	size := 0
	for len(p.waiting) > 0 && len(batch) < packItems && (size == 0 || size+p.waiting[0].size <= packBytes) {
		it := p.waiting[0]
		p.waiting = p.waiting[1:]
		p.bytes -= it.size
		if err := it.ctx.Err(); err != nil {
			it.Done(err)
			continue
		}
		size += it.size
		batch = append(batch, it)
	}
	p.away += len(batch)
	switch {
	case batch == nil:
		p.running--
		p.waiting = nil
	case p.full() && p.running < packsAtOnce:
		p.running++
		p.wg.Go(p.run)
	}
	return batch
}

// linger notes that a pack of n which took so long is under way no more, and
// waits for as many as there were in it and came meanwhile. Programs that store
// many objects send the next one when they have the answer for the last: the first
// of them would otherwise leave alone, and every other pack would carry one.
// Who was alone is not waited for.
func (p *Packer[T]) linger(n int, took time.Duration) {
	p.mu.Lock()
	p.away -= n // at once with what follows: whoever came between would leave alone
	n += len(p.waiting)
	if n < 2 || p.running > 1 || p.full() {
		p.mu.Unlock()
		return
	}
	p.target = n
	p.mu.Unlock()
	timer := time.NewTimer(min(took/lingerPart, lingerMost))
	defer timer.Stop()
	select {
	case <-p.come:
		return
	case <-timer.C:
	case <-p.life.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.target == 0 {
		<-p.come // sent just now
	}
	p.target = 0
}
