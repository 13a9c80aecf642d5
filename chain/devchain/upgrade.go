package devchain

import (
	"encoding/binary"

	"strata/chain/scale"
)

// maxUpgrades is how often a chain can be upgraded: indices are bytes.
const maxUpgrades = 100

// Upgrade returns the code that System.set_code takes to make a local chain's
// runtime that of a spec version: 301 and up. The runtime works as before, but
// every index in its metadata is another, and what was signed for the old one
// is refused, as when a public chain is upgraded.
func Upgrade(spec uint32) []byte { return binary.LittleEndian.AppendUint32(nil, spec) }

// specAt returns the spec version of the runtime that builds on a state.
func specAt(s reader) uint32 {
	if raw := s.get(codeKey); len(raw) == 4 {
		return binary.LittleEndian.Uint32(raw)
	}
	return firstSpec
}

func setCodeCall(w scale.View) call {
	code := w.Field("code").Bytes()
	return rootCall(func(x *exec) error {
		if len(code) != 4 || specAt(oneKey(code)) > firstSpec+maxUpgrades {
			return x.rt.fail("System", "FailedToExtractRuntimeVersion")
		}
		if specAt(oneKey(code)) <= specAt(x.s) {
			return x.rt.fail("System", "SpecVersionNeedsToIncrease")
		}
		x.s.put(codeKey, code)
		x.deposit("System", "CodeUpdated", nil)
		return nil
	})
}

// oneKey is a state with nothing but code.
type oneKey []byte

func (k oneKey) get(key string) []byte { return k }

func (k oneKey) keys(string) []string { return nil }

// runtimeOf returns the runtime that builds on a state. It is made once.
func (n *Node) runtimeOf(s reader) (*runtime, error) {
	spec := specAt(s)
	n.rtMu.Lock()
	defer n.rtMu.Unlock()
	if rt := n.runtimes[spec]; rt != nil {
		return rt, nil
	}
	rt, err := newRuntime(spec, n.cfg.BlockTime)
	if err == nil {
		n.runtimes[spec] = rt
	}
	return rt, err
}

// enact takes over the runtime of the state, after a block. All that waits was
// signed for the one before: it is invalid now. The caller holds the node's lock.
func (n *Node) enact() error {
	if specAt(n.ledger.state) == n.rt.spec {
		return nil
	}
	rt, err := n.runtimeOf(n.ledger.state)
	if err != nil {
		return err
	}
	n.rt = rt
	n.cfg.Log.Info("the runtime was upgraded", "spec", rt.spec, "block", n.ledger.head().header.number)
	for _, t := range n.pool.clear() {
		t.tell("invalid")
	}
	for _, f := range n.versions {
		f(rt.version)
	}
	return nil
}
