package pool

import (
	"slices"

	"strata/chain/devchain/pallets"
	"strata/chain/devchain/state"
)

// Limits of the pool.
const (
	maxPool        = 8192 // transactions waiting
	maxWaiting     = 256  // of them from one signer
	maxBlockBody   = 2048 // transactions in a block
	banBlocks      = 100  // for how long one that became invalid is refused
	maxBanned      = 8192
	maxFutureNonce = 1024 // how far ahead a nonce may be
)

// Errors of the pool, with the codes and words of Substrate's RPC.
var (
	errBanned   = &pallets.Refusal{Code: 1012, Message: "Transaction is temporarily banned", Data: ""}
	errImported = &pallets.Refusal{Code: 1013, Message: "Transaction Already Imported", Data: ""}
	errPriority = &pallets.Refusal{Code: 1014, Message: "Priority is too low: (0 vs 0)", Data: "The transaction has too low priority to replace another transaction already in the pool."}
	errDropped  = &pallets.Refusal{Code: 1016, Message: "Immediately Dropped", Data: "The transaction couldn't enter the pool because of the limit"}
)

// Tx is an extrinsic on its way into a block.
type Tx struct {
	*pallets.Extrinsic
	hidden bool // from those who ask what waits: it came encrypted

	ready    bool
	status   []any // what watchers were told so far
	watchers map[int]func(any)
	nextID   int
}

// NewTx returns an extrinsic that nobody watches yet.
func NewTx(x *pallets.Extrinsic, hidden bool) *Tx {
	return &Tx{Extrinsic: x, hidden: hidden, watchers: map[int]func(any){}}
}

// Tell records a status and tells the watchers, who must not block.
func (t *Tx) Tell(status any) {
	t.status = append(t.status, status)
	for _, w := range t.watchers {
		w(status)
	}
}

// Watch tells f what happened to the transaction and what will, until the
// result is called.
func (t *Tx) Watch(f func(any)) (stop func()) {
	for _, s := range t.status {
		f(s)
	}
	t.nextID++
	id := t.nextID
	t.watchers[id] = f
	return func() { delete(t.watchers, id) }
}

// nonces says which nonce of an account is the next, by a state.
type nonces func(who state.Account) uint64

// Block is the block that a pool fills.
type Block interface {
	Number() uint64
	Nonce(who state.Account) uint64
	// Include applies an extrinsic as number index of the block. After an error
	// the block is as before.
	Include(t *pallets.Extrinsic, index int) error
}

// Pool holds transactions that wait for a block, in order of arrival. It is not
// safe for concurrent use: its owner's lock guards it and the transactions in
// it. It is not on disk: what was not in a block when the node stopped is lost,
// as clients expect of a node.
type Pool struct {
	queue  []*Tx
	byHash map[state.Hash]*Tx
	banned map[state.Hash]uint64 // until this block
}

// New returns an empty pool.
func New() *Pool { return &Pool{byHash: map[state.Hash]*Tx{}, banned: map[state.Hash]uint64{}} }

// Add takes a transaction that is valid but for gaps before its nonce. The
// error is a pallets.Refusal.
func (p *Pool) Add(next nonces, t *Tx) error {
	mine := 0
	for _, o := range p.queue {
		if o.Signer != t.Signer {
			continue
		}
		if o.Nonce == t.Nonce {
			return errPriority
		}
		mine++
	}
	if len(p.queue) >= maxPool || mine >= maxWaiting || t.Nonce > next(t.Signer)+maxFutureNonce {
		return errDropped
	}
	p.queue = append(p.queue, t)
	p.byHash[t.Hash] = t
	p.promote(next, t.Signer)
	if !t.ready {
		t.Tell("future")
	}
	return nil
}

// Clear empties the pool and tells all who wait that theirs is invalid.
func (p *Pool) Clear() {
	waited := p.queue
	p.queue, p.byHash = nil, map[state.Hash]*Tx{}
	for _, t := range waited {
		t.Tell("invalid")
	}
}

// Waiting returns the transactions that everybody may know of.
func (p *Pool) Waiting() [][]byte {
	var out [][]byte
	for _, t := range p.queue {
		if !t.hidden {
			out = append(out, t.Raw)
		}
	}
	return out
}

// Known says whether a transaction is refused before it is looked at: nil or a
// pallets.Refusal.
func (p *Pool) Known(h state.Hash, number uint64) error {
	if _, ok := p.byHash[h]; ok {
		return errImported
	}
	if until, ok := p.banned[h]; ok && number < until {
		return errBanned
	}
	return nil
}

// NextNonce returns the first nonce that neither the chain nor an unbroken
// run in the pool has used.
func (p *Pool) NextNonce(next nonces, who state.Account) uint64 {
	waiting := map[uint64]bool{}
	for _, t := range p.queue {
		if t.Signer == who {
			waiting[t.Nonce] = true
		}
	}
	nonce := next(who)
	for waiting[nonce] {
		nonce++
	}
	return nonce
}

// promote makes a signer's transactions ready that no gap holds back.
func (p *Pool) promote(next nonces, who state.Account) {
	nonce := p.NextNonce(next, who)
	for _, t := range p.queue {
		if t.Signer == who && t.Nonce < nonce && !t.ready {
			t.ready = true
			t.Tell("ready")
		}
	}
}

// Fill applies what it can to a block: in order of arrival, each signer's in
// order of nonce. It returns what went in and what turned out invalid.
func (p *Pool) Fill(b Block) (in, out []*Tx) {
	waiting := slices.Clone(p.queue)
	for progress := true; progress; {
		progress = false
		var rest []*Tx
		for _, t := range waiting {
			switch {
			case t.Nonce > b.Nonce(t.Signer) && b.Number() < t.Dies || len(in) >= maxBlockBody:
				rest = append(rest, t)
				continue
			case b.Include(t.Extrinsic, len(in)+1) == nil: // after the timestamp
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

// Settle removes what block number took or refused. It is called when the block
// is on disk: before that a failure leaves the pool as it was.
func (p *Pool) Settle(next nonces, in, out []*Tx, number uint64) {
	for _, t := range append(slices.Clone(in), out...) {
		delete(p.byHash, t.Hash)
	}
	p.queue = slices.DeleteFunc(p.queue, func(t *Tx) bool { return p.byHash[t.Hash] == nil })
	for h, until := range p.banned {
		if until <= number {
			delete(p.banned, h)
		}
	}
	for _, t := range out {
		if len(p.banned) < maxBanned {
			p.banned[t.Hash] = number + banBlocks
		}
	}
	for _, t := range in {
		p.promote(next, t.Signer)
	}
}
