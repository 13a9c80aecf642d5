package object

import (
	"context"
	"sync"
	"time"

	"strata/catalog"
)

const (
	// packBytes and packObjects bound one pack.
	packBytes   = 1 << 20
	packObjects = 512
	// packsAtOnce is how many packs are on their way, at most. A second one leaves
	// while fewAtOnce objects are not under way yet; further ones are full: those who
	// come wait and share the next.
	packsAtOnce = 4
	fewAtOnce   = 2
	// lingerPart and lingerMost bound how long a packer waits for those whom the
	// last pack has just answered: a part of that pack's time.
	lingerPart = 4
	lingerMost = 100 * time.Millisecond
)

// packer puts those together who come at the same time. What a pack costs hardly
// depends on how many share it, so the cost of each falls with the load. Who
// comes alone never waits, nor does a second.
type packer struct {
	send func([]*small) // sends a pack and tells each how it went
	now  func() time.Time
	life context.Context
	wg   *sync.WaitGroup // of goroutines

	mu      sync.Mutex // guards what follows
	waiting []*small
	bytes   int // of waiting
	running int // goroutines
	away    int // objects under way
	target  int // how many a lingering one waits for, 0: none lingers
	come    chan struct{}
}

// small is a small object on its way.
type small struct {
	packed catalog.Packed
	sealed []byte
	ctx    context.Context
	done   chan error // gets one value
}

func newPacker(life context.Context, wg *sync.WaitGroup, now func() time.Time, send func([]*small)) *packer {
	return &packer{send: send, now: now, life: life, wg: wg, come: make(chan struct{}, 1)}
}

// add queues an object; its done gets the outcome.
func (p *packer) add(it *small) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = append(p.waiting, it)
	p.bytes += len(it.sealed)
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
func (p *packer) mayLeave() bool { return p.full() || p.away < fewAtOnce }

// full says whether those who wait fill a pack; p.mu is held.
func (p *packer) full() bool { return p.bytes >= packBytes || len(p.waiting) >= packObjects }

// run sends packs until nobody waits.
func (p *packer) run() {
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
func (p *packer) next() (batch []*small) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running > 1 && !p.mayLeave() {
		p.running--
		return nil
	}
	size := 0
	for len(p.waiting) > 0 && len(batch) < packObjects && (size == 0 || size+len(p.waiting[0].sealed) <= packBytes) {
		it := p.waiting[0]
		p.waiting = p.waiting[1:]
		p.bytes -= len(it.sealed)
		if err := it.ctx.Err(); err != nil {
			it.done <- err
			continue
		}
		size += len(it.sealed)
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
// of them would otherwise leave alone, and every other pack would carry one object.
// Who was alone is not waited for.
func (p *packer) linger(n int, took time.Duration) {
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
