package devchain

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"strata"
)

// params are a request's positional parameters. Each accessor takes the index
// of one; a missing or null one counts as not given.
type params []json.RawMessage

func paramsError(format string, args ...any) error {
	return &rpcError{Code: codeParams, Message: "Invalid params: " + fmt.Sprintf(format, args...)}
}

func parseParams(raw json.RawMessage) (params, error) {
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		return nil, nil
	}
	var p params
	if json.Unmarshal(raw, &p) != nil {
		return nil, paramsError("an array is expected")
	}
	return p, nil
}

func (p params) given(i int) bool { return i < len(p) && !bytes.Equal(p[i], []byte("null")) }

func (p params) into(i int, what string, v any) error {
	if !p.given(i) {
		return paramsError("parameter %d (%s) is missing", i, what)
	}
	if json.Unmarshal(p[i], v) != nil {
		return paramsError("parameter %d is not %s", i, what)
	}
	return nil
}

func (p params) str(i int, what string) (s string, err error) {
	err = p.into(i, what, &s)
	return s, err
}

func (p params) hex(i int, what string) ([]byte, error) {
	s, err := p.str(i, what)
	if err != nil {
		return nil, err
	}
	return fromHex(s)
}

func fromHex(s string) ([]byte, error) {
	b, err := hex.DecodeString(strings.TrimPrefix(s, "0x")) // real nodes do without 0x too
	if err != nil {
		return nil, paramsError("hex digits are expected")
	}
	return b, nil
}

func (p params) hexes(i int, what string) ([]string, error) {
	var list []string
	if err := p.into(i, what, &list); err != nil {
		return nil, err
	}
	for k, s := range list {
		b, err := fromHex(s)
		if err != nil {
			return nil, err
		}
		list[k] = string(b)
	}
	return list, nil
}

// account reads an ss58 address or a key in hex.
func (p params) account(i int) (account, error) {
	s, err := p.str(i, "an account")
	if err != nil {
		return account{}, err
	}
	key, err := strata.ParseHotkey(s)
	if err != nil {
		return account{}, paramsError("%v", err)
	}
	return account(key), nil
}

// number reads a block number, in decimal or as 0x hex.
func (p params) number(i int) (n uint64, err error) {
	if json.Unmarshal(p[i], &n) == nil {
		return n, nil
	}
	s, err := p.str(i, "a block number")
	if err != nil {
		return 0, err
	}
	if _, err := fmt.Sscanf(s, "0x%x", &n); err != nil {
		return 0, paramsError("parameter %d is not a block number", i)
	}
	return n, nil
}

// blockAt returns the block whose hash is parameter i, the head if not given.
// The caller holds the node's lock.
func (n *Node) blockAt(p params, i int) (*block, error) {
	if !p.given(i) {
		return n.ledger.head(), nil
	}
	raw, err := p.hex(i, "a block hash")
	if err != nil {
		return nil, err
	}
	if len(raw) == 32 {
		if b := n.ledger.byHash[hash(raw)]; b != nil {
			return b, nil
		}
	}
	return nil, &rpcError{4003, "Client error: UnknownBlock: Header was not found in the database: " + hexOf(raw), ""}
}

// at runs f on the state at the block whose hash is parameter i.
func (n *Node) at(p params, i int, f func(s reader, b *block) (any, error)) (any, error) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	b, err := n.blockAt(p, i)
	if err != nil {
		return nil, err
	}
	s, err := n.ledger.stateAt(b)
	if err != nil {
		return nil, &rpcError{4003, "Client error: UnknownBlock: State already discarded for " + hexOf(b.hash[:]), err.Error()}
	}
	return f(s, b)
}
