package devchain

import (
	"encoding/hex"
	"testing"
	"time"

	schnorrkel "github.com/ChainSafe/go-schnorrkel"

	"strata"
	"strata/chain/scale"
)

// key signs for tests.
type key struct {
	secret *schnorrkel.SecretKey
	public account
}

func keyFromSeed(t testing.TB, seed [32]byte) key {
	t.Helper()
	mini, err := schnorrkel.NewMiniSecretKeyFromRaw(seed)
	if err != nil {
		t.Fatal(err)
	}
	return key{mini.ExpandEd25519(), mini.Public().Encode()}
}

// alice is //Alice; newKey makes keys that nobody endowed.
func alice(t testing.TB) key {
	raw, _ := hex.DecodeString("e5be9a5092b81bca64be81d212e7f2f9eba183bb7a90954f7b76361f6edb5c0a")
	return keyFromSeed(t, [32]byte(raw))
}

func newKey(t testing.TB, n byte) key { return keyFromSeed(t, [32]byte{n, 1}) }

func (k key) sign(t testing.TB, msg []byte) (out [64]byte) {
	t.Helper()
	sig, err := k.secret.Sign(schnorrkel.NewSigningContext([]byte("substrate"), msg))
	if err != nil {
		t.Fatal(err)
	}
	return sig.Encode()
}

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

// params of a transaction that is valid now.
func (n testNode) txParams(k key) scale.TxParams {
	n.mu.RLock()
	defer n.mu.RUnlock()
	g := n.ledger.genesis.hash
	return scale.TxParams{
		Nonce: n.pool.nextNonce(n.ledger.state, k.public), SpecVersion: n.rt.spec, TxVersion: txVersion, Genesis: g, EraBlock: g,
	}
}

func (n testNode) call(name string, args scale.Struct) []byte {
	n.t.Helper()
	pallet, call := name[:len(name)-len(afterDot(name))-1], afterDot(name)
	raw, err := n.rt.meta.EncodeCall(pallet, call, args)
	if err != nil {
		n.t.Fatal(err)
	}
	return raw
}

func afterDot(s string) string {
	for i := range s {
		if s[i] == '.' {
			return s[i+1:]
		}
	}
	return ""
}

func (n testNode) signed(k key, call []byte, change func(*scale.TxParams)) []byte {
	n.t.Helper()
	p := n.txParams(k)
	if change != nil {
		change(&p)
	}
	payload, err := n.rt.meta.SigningPayload(call, p)
	if err != nil {
		n.t.Fatal(err)
	}
	raw, err := n.rt.meta.EncodeSigned(call, k.public, k.sign(n.t, payload), p)
	if err != nil {
		n.t.Fatal(err)
	}
	return raw
}

// do runs a call in a block of its own and returns the dispatch error's name,
// "" for success.
func (n testNode) do(k key, name string, args scale.Struct) string {
	n.t.Helper()
	if _, err := n.submit(n.signed(k, n.call(name, args), nil)); err != nil {
		n.t.Fatalf("%s: %v", name, err)
	}
	n.step(1)
	return n.outcome()
}

// must is do for calls that have to succeed.
func (n testNode) must(k key, name string, args scale.Struct) {
	n.t.Helper()
	if failed := n.do(k, name, args); failed != "" {
		n.t.Fatalf("%s: %s", name, failed)
	}
}

// refused submits a call that does not get into the pool and returns why not.
func (n testNode) refused(k key, name string, args scale.Struct) string {
	n.t.Helper()
	_, err := n.submit(n.signed(k, n.call(name, args), nil))
	var e *rpcError
	if err == nil || !asRPC(err, &e) {
		n.t.Fatalf("%s was taken (%v)", name, err)
	}
	return e.Data
}

func asRPC(err error, e **rpcError) bool {
	r, ok := err.(*rpcError)
	*e = r
	return ok
}

// eventList returns the head's events as "Pallet.Event".
func (n testNode) eventList() (names []string, bodies []scale.View) {
	n.t.Helper()
	v, err := n.rt.meta.Registry.Decode(n.rt.eventRecord, n.ledger.state.get(sysEvents.key()))
	if err != nil {
		n.t.Fatal(err)
	}
	for _, r := range scale.Look(v, "events").Items() {
		pallet, inner := r.Field("event").Case()
		name, body := inner.Case()
		names, bodies = append(names, pallet+"."+name), append(bodies, body)
	}
	return names, bodies
}

// outcome returns the error of the last extrinsic of the head, "" if it succeeded.
func (n testNode) outcome() string {
	n.t.Helper()
	names, bodies := n.eventList()
	for i := len(names) - 1; i >= 0; i-- {
		switch names[i] {
		case "System.ExtrinsicSuccess":
			return ""
		case "System.ExtrinsicFailed":
			return n.errorName(bodies[i].Field("dispatch_error"))
		}
	}
	n.t.Fatal("the block has no extrinsic")
	return ""
}

func (n testNode) errorName(w scale.View) string {
	n.t.Helper()
	kind, inner := w.Case()
	switch kind {
	case "Module":
		_, v, err := n.rt.meta.ModuleError(inner.Field("index").U8(), inner.Field("error").Bytes()[0])
		if err != nil {
			n.t.Fatal(err)
		}
		return v.Name
	case "Token":
		name, _ := inner.Case()
		return name
	}
	return kind
}

func (n testNode) has(event string) bool {
	names, _ := n.eventList()
	for _, e := range names {
		if e == event {
			return true
		}
	}
	return false
}

func (n testNode) free(k key) uint64 { return infoAt(n.ledger.state, k.public).free }

// tao is an amount in rao.
func tao(n uint64) uint64 { return n * uint64(strata.RaoPerTao) }

// subnet registers subnet 1, owned by //Alice, with a fresh hotkey as uid 0.
func (n testNode) subnet() (owner key) {
	n.t.Helper()
	owner = newKey(n.t, 200)
	n.must(alice(n.t), "SubtensorModule.register_network", scale.Struct{"hotkey": owner.public})
	return owner
}

// register registers a hotkey of //Alice on subnet 1.
func (n testNode) register(hot key) {
	n.t.Helper()
	n.must(alice(n.t), "SubtensorModule.burned_register", scale.Struct{"netuid": 1, "hotkey": hot.public})
}

func (n testNode) stake(hot key, amount uint64) {
	n.t.Helper()
	n.must(alice(n.t), "SubtensorModule.add_stake", scale.Struct{"hotkey": hot.public, "netuid": 1, "amount_staked": amount})
}

// epoch makes blocks until an epoch of subnet 1 has just run.
func (n testNode) epoch() {
	n.t.Helper()
	before := u64at(n.ledger.state, smLastStep.key(u16key(1)))
	for range 1000 {
		n.step(1)
		if u64at(n.ledger.state, smLastStep.key(u16key(1))) != before {
			return
		}
	}
	n.t.Fatal("no epoch came")
}
