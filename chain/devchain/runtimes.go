package devchain

import (
	"sync"
	"time"

	"strata/chain/devchain/metadata"
	"strata/chain/devchain/pallets"
	"strata/chain/devchain/state"
)

// runtimes holds the runtime of each spec version, made once. Safe for
// concurrent use.
type runtimes struct {
	blockTime time.Duration

	mu   sync.Mutex // guards what follows
	made map[uint32]*metadata.Runtime
}

// of returns the runtime that builds on a state.
func (r *runtimes) of(s state.Reader) (*metadata.Runtime, error) {
	spec := pallets.SpecAt(s)
	r.mu.Lock()
	defer r.mu.Unlock()
	if rt := r.made[spec]; rt != nil {
		return rt, nil
	}
	rt, err := metadata.New(spec, r.blockTime)
	if err == nil {
		r.made[spec] = rt
	}
	return rt, err
}

// Upgrade returns the code that System.set_code takes to make a local chain's
// runtime that of a spec version: 301 and up. The runtime works as before, but
// every index in its metadata is another, and what was signed for the old one
// is refused, as when a public chain is upgraded.
func Upgrade(spec uint32) []byte { return pallets.CodeOf(spec) }

// enact takes over the runtime of the state, after a block. All that waits was
// signed for the one before: it is invalid now. The caller holds the node's lock.
func (n *Node) enact() error {
	if pallets.SpecAt(n.ledger.State()) == n.rt.Spec {
		return nil
	}
	rt, err := n.runtimes.of(n.ledger.State())
	if err != nil {
		return err
	}
	n.rt = rt
	n.cfg.Log.Info("the runtime was upgraded", "spec", rt.Spec, "block", n.ledger.Head().Header.Number)
	n.pool.Clear()
	for _, f := range n.versions {
		f(rt.Version)
	}
	return nil
}
