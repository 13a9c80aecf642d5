package devchain

import "slices"

// Limits of the pool.
const (
	maxPool        = 8192 // transactions waiting
	maxWaiting     = 256  // of them from one signer
	maxBlockBody   = 2048 // transactions in a block
	banBlocks      = 100  // for how long one that became invalid is refused
	maxBanned      = 8192
	maxFutureNonce = 1024 // how far ahead a nonce may be
)

// pool holds transactions that wait for a block, in order of arrival. The
// node's lock guards it. It is not on disk: what was not in a block when the
// node stopped is lost, as clients expect of a node.
type pool struct {
	queue  []*tx
	byHash map[hash]*tx
	banned map[hash]uint64 // until this block
}

func newPool() *pool { return &pool{byHash: map[hash]*tx{}, banned: map[hash]uint64{}} }

// add takes a transaction that is valid but for gaps before its nonce.
func (p *pool) add(s reader, t *tx) error {
	mine := 0
	for _, o := range p.queue {
		if o.signer != t.signer {
			continue
		}
		if o.nonce == t.nonce {
			return errPriority
		}
		mine++
	}
	if len(p.queue) >= maxPool || mine >= maxWaiting || t.nonce > uint64(infoAt(s, t.signer).nonce)+maxFutureNonce {
		return errDropped
	}
	p.queue = append(p.queue, t)
	p.byHash[t.hash] = t
	p.promote(s, t.signer)
	if !t.ready {
		t.tell("future")
	}
	return nil
}

// clear empties the pool and returns what was in it.
func (p *pool) clear() []*tx {
	out := p.queue
	p.queue, p.byHash = nil, map[hash]*tx{}
	return out
}

// known says whether a transaction is refused before it is looked at.
func (p *pool) known(h hash, number uint64) error {
	if _, ok := p.byHash[h]; ok {
		return errImported
	}
	if until, ok := p.banned[h]; ok && number < until {
		return errBanned
	}
	return nil
}

// nextNonce returns the first nonce that neither the chain nor an unbroken
// run in the pool has used.
func (p *pool) nextNonce(s reader, who account) uint64 {
	waiting := map[uint64]bool{}
	for _, t := range p.queue {
		if t.signer == who {
			waiting[t.nonce] = true
		}
	}
	next := uint64(infoAt(s, who).nonce)
	for waiting[next] {
		next++
	}
	return next
}

// promote makes a signer's transactions ready that no gap holds back.
func (p *pool) promote(s reader, who account) {
	next := p.nextNonce(s, who)
	for _, t := range p.queue {
		if t.signer == who && t.nonce < next && !t.ready {
			t.ready = true
			t.tell("ready")
		}
	}
}

// fill applies what it can to a block: in order of arrival, each signer's in
// order of nonce. It returns what went in and what turned out invalid.
func (p *pool) fill(x *exec) (in, out []*tx) {
	waiting := slices.Clone(p.queue)
	for progress := true; progress; {
		progress = false
		var rest []*tx
		for _, t := range waiting {
			nonce := uint64(infoAt(x.s, t.signer).nonce)
			switch {
			case t.nonce > nonce && x.number < t.dies || len(in) >= maxBlockBody:
				rest = append(rest, t)
				continue
			case x.include(t, len(in)+1) == nil: // after the timestamp
				in = append(in, t)
			default:
				out = append(out, t)
			}
			progress = true
		}
		waiting = rest
	}
	return in, out
}

// settle removes what a block took or refused. It is called when the block is
// on disk: before that a failure leaves the pool as it was.
func (p *pool) settle(s reader, in, out []*tx, number uint64) {
	for _, t := range append(slices.Clone(in), out...) {
		delete(p.byHash, t.hash)
	}
	p.queue = slices.DeleteFunc(p.queue, func(t *tx) bool { return p.byHash[t.hash] == nil })
	for h, until := range p.banned {
		if until <= number {
			delete(p.banned, h)
		}
	}
	for _, t := range out {
		if len(p.banned) < maxBanned {
			p.banned[t.hash] = number + banBlocks
		}
	}
	for _, t := range in {
		p.promote(s, t.signer)
	}
}
