package devchain

import (
	"errors"
	"testing"
	"time"

	"strata/chain/devchain/devchaintest"
	"strata/chain/devchain/metadata"
	"strata/chain/devchain/pallets"
	"strata/chain/devchain/storage"
	"strata/chain/scale"
)

// testNode is a node in memory whose blocks are made by Step only.
type testNode struct {
	*Node
	t testing.TB
}

func start(t testing.TB, change func(*Config)) testNode {
	t.Helper()
	now := time.UnixMilli(1_700_000_000_000)
	cfg := Config{BlockTime: -1, Now: func() time.Time { return now }}
	if change != nil {
		change(&cfg)
	}
	n, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return testNode{n, t}
}

func (n testNode) step(blocks int) {
	n.t.Helper()
	for range blocks {
		if err := n.Step(); err != nil {
			n.t.Fatal(err)
		}
	}
}

// signed makes a transaction of a call that is valid now, but for what change does.
func (n testNode) signed(k devchaintest.Key, call []byte, change func(*scale.TxParams)) []byte {
	n.t.Helper()
	n.mu.RLock()
	g := n.ledger.Genesis().Hash
	p := scale.TxParams{Nonce: n.pool.NextNonce(n.nonces, k.Public), SpecVersion: n.rt.Spec, TxVersion: metadata.TxVersion, Genesis: g, EraBlock: g}
	n.mu.RUnlock()
	if change != nil {
		change(&p)
	}
	return devchaintest.Signed(n.t, n.rt.Meta, k, call, p)
}

func (n testNode) call(name string, args scale.Struct) []byte {
	n.t.Helper()
	return devchaintest.EncodeCall(n.t, n.rt.Meta, name, args)
}

// must runs a call in a block of its own, where it has to succeed.
func (n testNode) must(k devchaintest.Key, name string, args scale.Struct) {
	n.t.Helper()
	if _, err := n.submit(n.signed(k, n.call(name, args), nil)); err != nil {
		n.t.Fatalf("%s: %v", name, err)
	}
	n.step(1)
	if failed := n.events().Outcome(n.t); failed != "" {
		n.t.Fatalf("%s: %s", name, failed)
	}
}

// refusedWith says whether an error is the refusal with a code.
func refusedWith(err error, code int) bool {
	var why *pallets.Refusal
	return errors.As(err, &why) && why.Code == code
}

// events returns the head's events.
func (n testNode) events() devchaintest.Events {
	n.t.Helper()
	return devchaintest.EventsOf(n.t, n.rt.Meta, n.ledger.State().Get(storage.SystemEvents.Key()))
}

// subnet registers subnet 1, owned by //Alice, and a hotkey of hers on it.
func (n testNode) subnet(hot devchaintest.Key) {
	n.t.Helper()
	n.must(devchaintest.Alice(n.t), "SubtensorModule.register_network", scale.Struct{"hotkey": devchaintest.NewKey(n.t, 200).Public})
	n.must(devchaintest.Alice(n.t), "SubtensorModule.burned_register", scale.Struct{"netuid": 1, "hotkey": hot.Public})
}

func remark(n testNode) []byte {
	return n.call("System.remark", scale.Struct{"remark": []byte("hello")})
}
