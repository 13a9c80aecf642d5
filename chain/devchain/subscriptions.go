package devchain

import (
	"strata/chain/devchain/jsonrpc"
	"strata/chain/devchain/ledger"
	"strata/chain/devchain/metadata"
	"strata/chain/devchain/state"
)

// subscriptions are what clients can follow. Some have older names, which real
// nodes know too.
func (n *Node) subscriptions() []jsonrpc.Subscription {
	return []jsonrpc.Subscription{
		{Start: "chain_subscribeNewHeads", End: "chain_unsubscribeNewHeads", Message: "chain_newHead", Open: n.openHeads},
		{Start: "chain_subscribeNewHead", End: "chain_unsubscribeNewHead", Message: "chain_newHead", Open: n.openHeads},
		{Start: "subscribe_newHead", End: "unsubscribe_newHead", Message: "chain_newHead", Open: n.openHeads},
		{Start: "chain_subscribeAllHeads", End: "chain_unsubscribeAllHeads", Message: "chain_allHead", Open: n.openHeads},
		{Start: "chain_subscribeFinalizedHeads", End: "chain_unsubscribeFinalizedHeads", Message: "chain_finalizedHead", Open: n.openHeads},
		{Start: "chain_subscribeFinalisedHeads", End: "chain_unsubscribeFinalisedHeads", Message: "chain_finalizedHead", Open: n.openHeads},
		{Start: "chain_subscribeRuntimeVersion", End: "chain_unsubscribeRuntimeVersion", Message: "state_runtimeVersion", Open: n.openVersion},
		{Start: "state_subscribeRuntimeVersion", End: "state_unsubscribeRuntimeVersion", Message: "state_runtimeVersion", Open: n.openVersion},
		{Start: "state_subscribeStorage", End: "state_unsubscribeStorage", Message: "state_storage", Open: n.openStorage},
		{Start: "author_submitAndWatchExtrinsic", End: "author_unwatchExtrinsic", Message: "author_extrinsicUpdate", Open: n.openExtrinsic},
	}
}

// openHeads sends the head and each new one; every block is final at once.
func (n *Node) openHeads(_ jsonrpc.Params) (jsonrpc.Starter, error) {
	return func(send func(any)) func() {
		return n.follow(
			func(b *ledger.Block, _ state.Reader) { send(headerOf(b)) },
			func(b *ledger.Block, _ state.Changes) { send(headerOf(b)) })
	}, nil
}

// openStorage sends the values of keys, then those that a block changes.
func (n *Node) openStorage(p jsonrpc.Params) (jsonrpc.Starter, error) {
	keys, err := keyList(p, 0)
	if err != nil {
		return nil, err
	}
	return func(send func(any)) func() {
		return n.follow(
			func(b *ledger.Block, s state.Reader) { send(newChangeSet(b, keys, s)) },
			func(b *ledger.Block, c state.Changes) {
				var changed []string
				for _, k := range keys {
					if _, ok := c[k]; ok {
						changed = append(changed, k)
					}
				}
				if changed != nil {
					send(newChangeSet(b, changed, n.ledger.State()))
				}
			})
	}, nil
}

// openVersion sends the runtime's version, and each later one.
func (n *Node) openVersion(_ jsonrpc.Params) (jsonrpc.Starter, error) {
	return func(send func(any)) func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		send(n.rt.Version)
		n.nextID++
		id := n.nextID
		n.versions[id] = func(v metadata.Version) { send(v) }
		return func() {
			n.mu.Lock()
			defer n.mu.Unlock()
			delete(n.versions, id)
		}
	}, nil
}

// openExtrinsic submits an extrinsic and sends what becomes of it.
func (n *Node) openExtrinsic(p jsonrpc.Params) (jsonrpc.Starter, error) {
	raw, err := p.Hex(0, "an extrinsic")
	if err != nil {
		return nil, err
	}
	t, err := n.submit(raw)
	if err != nil {
		return nil, answered(err)
	}
	return func(send func(any)) func() { return n.watch(t, send) }, nil
}
