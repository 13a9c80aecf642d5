package devchain

import (
	"maps"
	"slices"
	"strconv"
)

// method runs a request. conn is nil over HTTP, where nothing can be
// subscribed to. after, if any, runs when the answer is on its way.
type method func(n *Node, c *conn, p params) (result any, after func(), err error)

// methods are what the node answers. Set once by init: rpc_methods lists it.
var methods map[string]method

func init() {
	methods = map[string]method{
		"rpc_methods":             plain(listMethods),
		"system_chain":            fixed("Strata local"),
		"system_chainType":        fixed("Development"),
		"system_name":             fixed("strata-devchain"),
		"system_version":          fixed(strconv.Itoa(firstSpec)),
		"system_properties":       fixed(map[string]any{"ss58Format": 42, "tokenDecimals": 9, "tokenSymbol": "TAO"}),
		"system_health":           fixed(map[string]any{"peers": 0, "isSyncing": false, "shouldHavePeers": false}),
		"system_accountNextIndex": plain(accountNextIndex),
		"account_nextIndex":       plain(accountNextIndex),

		"chain_getHead":          plain(headHash),
		"chain_getFinalizedHead": plain(headHash),
		"chain_getFinalisedHead": plain(headHash),
		"chain_getHeader":        plain(getHeader),
		"chain_getBlock":         plain(getBlock),
		"chain_getBlockHash":     plain(getBlockHash),

		"state_getRuntimeVersion": plain(getRuntimeVersion),
		"chain_getRuntimeVersion": plain(getRuntimeVersion),
		"state_getMetadata":       plain(getMetadata),
		"state_getStorage":        plain(getStorage),
		"state_getStorageAt":      plain(getStorage),
		"state_queryStorageAt":    plain(queryStorageAt),
		"state_getKeysPaged":      plain(getKeysPaged),
		"state_getKeysPagedAt":    plain(getKeysPaged),
		"state_call":              plain(stateCall),
		"state_callAt":            plain(stateCall),
		"payment_queryInfo":       plain(queryInfo),

		"author_submitExtrinsic":   plain(submitExtrinsic),
		"author_pendingExtrinsics": plain(pendingExtrinsics),
	}
	maps.Copy(methods, subscriptionMethods())
}

func plain(f func(n *Node, p params) (any, error)) method {
	return func(n *Node, _ *conn, p params) (any, func(), error) {
		result, err := f(n, p)
		return result, nil, err
	}
}

func fixed(v any) method { return plain(func(*Node, params) (any, error) { return v, nil }) }

func listMethods(*Node, params) (any, error) {
	return map[string][]string{"methods": slices.Sorted(maps.Keys(methods))}, nil
}

func accountNextIndex(n *Node, p params) (any, error) {
	who, err := p.account(0)
	if err != nil {
		return nil, err
	}
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.pool.nextNonce(n.ledger.state, who), nil
}

func headHash(n *Node, _ params) (any, error) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	h := n.ledger.head().hash
	return hexOf(h[:]), nil
}

func getHeader(n *Node, p params) (any, error) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	b, err := n.blockAt(p, 0)
	if err != nil {
		return nil, nil // as a real node: null for a block it does not know
	}
	return b.header.json(), nil
}

func getBlock(n *Node, p params) (any, error) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	b, err := n.blockAt(p, 0)
	if err != nil {
		return nil, nil // as a real node: null for a block it does not know
	}
	extrinsics := []string{}
	for _, x := range b.body {
		extrinsics = append(extrinsics, hexOf(x))
	}
	return map[string]any{"block": map[string]any{"header": b.header.json(), "extrinsics": extrinsics}, "justifications": nil}, nil
}

func getBlockHash(n *Node, p params) (any, error) {
	if !p.given(0) {
		return headHash(n, p)
	}
	number, err := p.number(0)
	if err != nil {
		return nil, err
	}
	n.mu.RLock()
	defer n.mu.RUnlock()
	b := n.ledger.block(number)
	if b == nil {
		return nil, nil // not yet made, or pruned
	}
	return hexOf(b.hash[:]), nil
}

func getRuntimeVersion(n *Node, p params) (any, error) {
	return n.at(p, 0, func(s reader, _ *block) (any, error) {
		rt, err := n.runtimeOf(s)
		if err != nil {
			return nil, err
		}
		return rt.version, nil
	})
}

func getMetadata(n *Node, p params) (any, error) {
	return n.at(p, 0, func(s reader, _ *block) (any, error) {
		rt, err := n.runtimeOf(s)
		if err != nil {
			return nil, err
		}
		return hexOf(rt.v14), nil
	})
}

func hexOrNull(b []byte) any {
	if b == nil {
		return nil
	}
	return hexOf(b)
}

func getStorage(n *Node, p params) (any, error) {
	key, err := p.hex(0, "a storage key")
	if err != nil {
		return nil, err
	}
	return n.at(p, 1, func(s reader, _ *block) (any, error) { return hexOrNull(s.get(string(key))), nil })
}

// changeSet is what changed in a block, as storage queries show it.
type changeSet struct {
	Block   string   `json:"block"`
	Changes [][2]any `json:"changes"`
}

func newChangeSet(b *block, keys []string, s reader) changeSet {
	out := changeSet{Block: hexOf(b.hash[:]), Changes: [][2]any{}}
	for _, k := range keys {
		out.Changes = append(out.Changes, [2]any{hexOf([]byte(k)), hexOrNull(s.get(k))})
	}
	return out
}

// maxKeys bounds the keys of one query.
const maxKeys = 1000

func keyList(p params, i int) ([]string, error) {
	keys, err := p.hexes(i, "a list of storage keys")
	if err == nil && len(keys) > maxKeys {
		err = paramsError("at most %d keys", maxKeys)
	}
	return keys, err
}

func queryStorageAt(n *Node, p params) (any, error) {
	keys, err := keyList(p, 0)
	if err != nil {
		return nil, err
	}
	return n.at(p, 1, func(s reader, b *block) (any, error) { return []changeSet{newChangeSet(b, keys, s)}, nil })
}

func getKeysPaged(n *Node, p params) (any, error) {
	prefix, err := p.hex(0, "a prefix")
	if err != nil {
		return nil, err
	}
	var count int
	if err := p.into(1, "a count", &count); err != nil {
		return nil, err
	}
	if count < 0 || count > maxKeys {
		return nil, paramsError("a count of at most %d", maxKeys)
	}
	var after []byte
	if p.given(2) {
		if after, err = p.hex(2, "a key to start after"); err != nil {
			return nil, err
		}
	}
	return n.at(p, 3, func(s reader, _ *block) (any, error) {
		out := []string{}
		for _, k := range s.keys(string(prefix)) {
			if len(out) < count && (after == nil || k > string(after)) {
				out = append(out, hexOf([]byte(k)))
			}
		}
		return out, nil
	})
}

func stateCall(n *Node, p params) (any, error) {
	name, err := p.str(0, "a method")
	if err != nil {
		return nil, err
	}
	input, err := p.hex(1, "its arguments")
	if err != nil {
		return nil, err
	}
	return n.at(p, 2, func(s reader, b *block) (any, error) {
		rt, err := n.runtimeOf(s)
		if err != nil {
			return nil, err
		}
		out, err := rt.api(s, b.header.number, name, input)
		return hexOrNull(out), err
	})
}

func queryInfo(n *Node, p params) (any, error) {
	raw, err := p.hex(0, "an extrinsic")
	if err != nil {
		return nil, err
	}
	n.mu.RLock()
	rt := n.rt
	n.mu.RUnlock()
	c, err := rt.callOf(raw)
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"weight": map[string]uint64{"ref_time": 1_000_000, "proof_size": 0}, "class": "normal", "partialFee": strconv.FormatUint(c.fee(), 10),
	}, nil
}

func submitExtrinsic(n *Node, p params) (any, error) {
	raw, err := p.hex(0, "an extrinsic")
	if err != nil {
		return nil, err
	}
	t, err := n.submit(raw)
	if err != nil {
		return nil, err
	}
	return hexOf(t.hash[:]), nil
}

func pendingExtrinsics(n *Node, _ params) (any, error) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	out := []string{}
	for _, t := range n.pool.queue {
		if t.hidden {
			continue
		}
		out = append(out, hexOf(t.raw))
	}
	return out, nil
}
