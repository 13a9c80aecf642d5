package devchain

import (
	"errors"
	"strconv"

	"strata"
	"strata/chain/devchain/jsonrpc"
	"strata/chain/devchain/ledger"
	"strata/chain/devchain/metadata"
	"strata/chain/devchain/pallets"
	"strata/chain/devchain/runtimeapi"
	"strata/chain/devchain/state"
)

// server returns what answers the node's clients.
func (n *Node) server() *jsonrpc.Server {
	return jsonrpc.NewServer(n.group.Context(), n.methods(), n.subscriptions())
}

// methods are what the node answers, as Substrate's nodes do.
func (n *Node) methods() map[string]jsonrpc.Method {
	return map[string]jsonrpc.Method{
		"system_chain":            fixed("Strata local"),
		"system_chainType":        fixed("Development"),
		"system_name":             fixed("strata-devchain"),
		"system_version":          fixed(strconv.Itoa(metadata.FirstSpec)),
		"system_properties":       fixed(map[string]any{"ss58Format": 42, "tokenDecimals": 9, "tokenSymbol": "TAO"}),
		"system_health":           fixed(map[string]any{"peers": 0, "isSyncing": false, "shouldHavePeers": false}),
		"system_accountNextIndex": n.accountNextIndex,
		"account_nextIndex":       n.accountNextIndex,

		"chain_getHead":          n.headHash,
		"chain_getFinalizedHead": n.headHash,
		"chain_getFinalisedHead": n.headHash,
		"chain_getHeader":        n.getHeader,
		"chain_getBlock":         n.getBlock,
		"chain_getBlockHash":     n.getBlockHash,

		"state_getRuntimeVersion": n.getRuntimeVersion,
		"chain_getRuntimeVersion": n.getRuntimeVersion,
		"state_getMetadata":       n.getMetadata,
		"state_getStorage":        n.getStorage,
		"state_getStorageAt":      n.getStorage,
		"state_queryStorageAt":    n.queryStorageAt,
		"state_getKeysPaged":      n.getKeysPaged,
		"state_getKeysPagedAt":    n.getKeysPaged,
		"state_call":              n.stateCall,
		"state_callAt":            n.stateCall,
		"payment_queryInfo":       n.queryInfo,

		"author_submitExtrinsic":   n.submitExtrinsic,
		"author_pendingExtrinsics": n.pendingExtrinsics,
	}
}

func fixed(v any) jsonrpc.Method { return func(jsonrpc.Params) (any, error) { return v, nil } }

// codeUnknown is Substrate's code for what cannot be had of a state or runs in
// the runtime with an error.
const codeUnknown = 4003

// answered turns an error to what clients are sent.
func answered(err error) error {
	var refused *pallets.Refusal
	var failed runtimeapi.ExecutionError
	switch {
	case errors.As(err, &refused):
		return &jsonrpc.Error{Code: refused.Code, Message: refused.Message, Data: refused.Data}
	case errors.As(err, &failed):
		return &jsonrpc.Error{Code: codeUnknown, Message: failed.Error()}
	}
	return err
}

// accountParam reads an ss58 address or a key in hex.
func accountParam(p jsonrpc.Params, i int) (state.Account, error) {
	s, err := p.Str(i, "an account")
	if err != nil {
		return state.Account{}, err
	}
	key, err := strata.ParseHotkey(s)
	if err != nil {
		return state.Account{}, jsonrpc.ParamsError("%v", err)
	}
	return state.Account(key), nil
}

// blockAt returns the block whose hash is parameter i, the head if not given.
// The caller holds the node's lock.
func (n *Node) blockAt(p jsonrpc.Params, i int) (*ledger.Block, error) {
	if !p.Given(i) {
		return n.ledger.Head(), nil
	}
	raw, err := p.Hex(i, "a block hash")
	if err != nil {
		return nil, err
	}
	if len(raw) == 32 {
		if b := n.ledger.WithHash(state.Hash(raw)); b != nil {
			return b, nil
		}
	}
	return nil, &jsonrpc.Error{Code: codeUnknown, Message: "Client error: UnknownBlock: Header was not found in the database: " + hexOf(raw)}
}

// at runs f on the state at the block whose hash is parameter i.
func (n *Node) at(p jsonrpc.Params, i int, f func(s state.Reader, b *ledger.Block) (any, error)) (any, error) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	b, err := n.blockAt(p, i)
	if err != nil {
		return nil, err
	}
	s, err := n.ledger.StateAt(b)
	if err != nil {
		return nil, &jsonrpc.Error{Code: codeUnknown, Message: "Client error: UnknownBlock: State already discarded for " + hexOf(b.Hash[:]), Data: err.Error()}
	}
	return f(s, b)
}

func (n *Node) accountNextIndex(p jsonrpc.Params) (any, error) {
	who, err := accountParam(p, 0)
	if err != nil {
		return nil, err
	}
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.pool.NextNonce(n.nonces, who), nil
}

func (n *Node) headHash(_ jsonrpc.Params) (any, error) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	h := n.ledger.Head().Hash
	return hexOf(h[:]), nil
}

func (n *Node) getHeader(p jsonrpc.Params) (any, error) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	b, err := n.blockAt(p, 0)
	if err != nil {
		return nil, nil // as a real node: null for a block it does not know
	}
	return headerOf(b), nil
}

func (n *Node) getBlock(p jsonrpc.Params) (any, error) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	b, err := n.blockAt(p, 0)
	if err != nil {
		return nil, nil // as a real node: null for a block it does not know
	}
	extrinsics := []string{}
	for _, x := range b.Body {
		extrinsics = append(extrinsics, hexOf(x))
	}
	return map[string]any{"block": map[string]any{"header": headerOf(b), "extrinsics": extrinsics}, "justifications": nil}, nil
}

func (n *Node) getBlockHash(p jsonrpc.Params) (any, error) {
	if !p.Given(0) {
		return n.headHash(p)
	}
	number, err := p.Number(0, "a block number")
	if err != nil {
		return nil, err
	}
	n.mu.RLock()
	defer n.mu.RUnlock()
	b := n.ledger.Block(number)
	if b == nil {
		return nil, nil // not yet made, or pruned
	}
	return hexOf(b.Hash[:]), nil
}

func (n *Node) getRuntimeVersion(p jsonrpc.Params) (any, error) {
	return n.at(p, 0, func(s state.Reader, _ *ledger.Block) (any, error) {
		rt, err := n.runtimes.of(s)
		if err != nil {
			return nil, err
		}
		return rt.Version, nil
	})
}

func (n *Node) getMetadata(p jsonrpc.Params) (any, error) {
	return n.at(p, 0, func(s state.Reader, _ *ledger.Block) (any, error) {
		rt, err := n.runtimes.of(s)
		if err != nil {
			return nil, err
		}
		return hexOf(rt.V14), nil
	})
}

func hexOrNull(b []byte) any {
	if b == nil {
		return nil
	}
	return hexOf(b)
}

func (n *Node) getStorage(p jsonrpc.Params) (any, error) {
	key, err := p.Hex(0, "a storage key")
	if err != nil {
		return nil, err
	}
	return n.at(p, 1, func(s state.Reader, _ *ledger.Block) (any, error) { return hexOrNull(s.Get(string(key))), nil })
}

// changeSet is what changed in a block, as storage queries show it.
type changeSet struct {
	Block   string   `json:"block"`
	Changes [][2]any `json:"changes"`
}

func newChangeSet(b *ledger.Block, keys []string, s state.Reader) changeSet {
	out := changeSet{Block: hexOf(b.Hash[:]), Changes: [][2]any{}}
	for _, k := range keys {
		out.Changes = append(out.Changes, [2]any{hexOf([]byte(k)), hexOrNull(s.Get(k))})
	}
	return out
}

// maxKeys bounds the keys of one query.
const maxKeys = 1000

func keyList(p jsonrpc.Params, i int) ([]string, error) {
	keys, err := p.Hexes(i, "a list of storage keys")
	if err == nil && len(keys) > maxKeys {
		err = jsonrpc.ParamsError("at most %d keys", maxKeys)
	}
	return keys, err
}

func (n *Node) queryStorageAt(p jsonrpc.Params) (any, error) {
	keys, err := keyList(p, 0)
	if err != nil {
		return nil, err
	}
	return n.at(p, 1, func(s state.Reader, b *ledger.Block) (any, error) { return []changeSet{newChangeSet(b, keys, s)}, nil })
}

func (n *Node) getKeysPaged(p jsonrpc.Params) (any, error) {
	prefix, err := p.Hex(0, "a prefix")
	if err != nil {
		return nil, err
	}
	var count int
	if err := p.Into(1, "a count", &count); err != nil {
		return nil, err
	}
	if count < 0 || count > maxKeys {
		return nil, jsonrpc.ParamsError("a count of at most %d", maxKeys)
	}
	var after []byte
	if p.Given(2) {
		if after, err = p.Hex(2, "a key to start after"); err != nil {
			return nil, err
		}
	}
	return n.at(p, 3, func(s state.Reader, _ *ledger.Block) (any, error) {
		out := []string{}
		for _, k := range s.Keys(string(prefix)) {
			if len(out) < count && (after == nil || k > string(after)) {
				out = append(out, hexOf([]byte(k)))
			}
		}
		return out, nil
	})
}

func (n *Node) stateCall(p jsonrpc.Params) (any, error) {
	name, err := p.Str(0, "a method")
	if err != nil {
		return nil, err
	}
	input, err := p.Hex(1, "its arguments")
	if err != nil {
		return nil, err
	}
	return n.at(p, 2, func(s state.Reader, b *ledger.Block) (any, error) {
		rt, err := n.runtimes.of(s)
		if err != nil {
			return nil, err
		}
		out, err := runtimeapi.Run(rt, s, b.Header.Number, name, input)
		return hexOrNull(out), answered(err)
	})
}

func (n *Node) queryInfo(p jsonrpc.Params) (any, error) {
	raw, err := p.Hex(0, "an extrinsic")
	if err != nil {
		return nil, err
	}
	n.mu.RLock()
	rt := n.rt
	n.mu.RUnlock()
	fee, err := pallets.FeeOf(rt, raw)
	if err != nil {
		return nil, answered(err)
	}
	return map[string]any{
		"weight": map[string]uint64{"ref_time": 1_000_000, "proof_size": 0}, "class": "normal", "partialFee": strconv.FormatUint(fee, 10),
	}, nil
}

func (n *Node) submitExtrinsic(p jsonrpc.Params) (any, error) {
	raw, err := p.Hex(0, "an extrinsic")
	if err != nil {
		return nil, err
	}
	t, err := n.submit(raw)
	if err != nil {
		return nil, answered(err)
	}
	return hexOf(t.Hash[:]), nil
}

func (n *Node) pendingExtrinsics(_ jsonrpc.Params) (any, error) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	out := []string{}
	for _, raw := range n.pool.Waiting() {
		out = append(out, hexOf(raw))
	}
	return out, nil
}
