package subtensor

import (
	"context"
	"sync"
)

// nonceBook holds the nonces of the accounts that this Client signs for.
type nonceBook struct {
	mu       sync.Mutex
	accounts map[[32]byte]*accountNonces
}

func (b *nonceBook) of(account [32]byte) *accountNonces {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.accounts[account]
	if n == nil {
		n = &accountNonces{held: make(chan struct{}, 1)}
		b.accounts[account] = n
	}
	return n
}

// accountNonces lets several extrinsics of one account be in flight: the
// node's next index may not yet count one that it has just taken.
type accountNonces struct {
	held chan struct{} // a lock that waits with a context: one extrinsic is being sent

	mu       sync.Mutex
	inFlight int
	after    uint64 // the nonce after the last one taken; counts while inFlight > 0
}

func (n *accountNonces) lock(ctx context.Context) error {
	select {
	case n.held <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (n *accountNonces) unlock() { <-n.held }

// next returns the nonce to use, given what the node says.
func (n *accountNonces) next(node uint64) uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.inFlight == 0 {
		return node
	}
	return max(node, n.after)
}

// taken notes that a node has taken an extrinsic with a nonce.
func (n *accountNonces) taken(nonce uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.inFlight++
	n.after = nonce + 1
}

// settled notes that an extrinsic's fate is known. After one that came to no
// block, the node alone says what is next: there may be a gap to fill.
func (n *accountNonces) settled(included bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.inFlight--
	if !included {
		n.after = 0
	}
}
