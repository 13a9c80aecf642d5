package devchain

import (
	"encoding/hex"
	"math/big"
	"testing"

	"strata/chain/scale"
)

// TestGoldenExtrinsic: an extrinsic recorded from a real node (spec 438) holds
// under the check that every extrinsic here goes through, and under no other
// nonce, chain or signer.
func TestGoldenExtrinsic(t *testing.T) {
	rt, err := newRuntime(firstSpec, 0)
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := hex.DecodeString("39028400d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d01d6be92c2fdb49f3d9df549938ce21c849792a40d5e89bb066604d0c80b8ce1645a7db054b85dc13dec75d6bcce7fd710f5ae67f168152c68816da86efc98678e000000000503008eaf04151687736326c9fea17e25fc5287613693c912909cb226aa4794f26a4802286bee")
	genesis, _ := hex.DecodeString("d642ae29c636817637b3b869e776516dda61f0dab7550f6992ce3aac24d62728")
	params := scale.TxParams{SpecVersion: 438, TxVersion: 1, Genesis: hash(genesis), EraBlock: hash(genesis)}
	good, err := rt.meta.DecodeExtrinsic(raw)
	if err != nil {
		t.Fatal(err)
	}
	if !signatureHolds(rt.meta, good, params) {
		t.Fatal("the recorded extrinsic does not hold")
	}
	for name, change := range map[string]func(x *scale.Extrinsic, p *scale.TxParams){
		"nonce":       func(x *scale.Extrinsic, _ *scale.TxParams) { x.Nonce++ },
		"tip":         func(x *scale.Extrinsic, _ *scale.TxParams) { x.Tip = big.NewInt(1) },
		"signer":      func(x *scale.Extrinsic, _ *scale.TxParams) { x.Signer[0] ^= 1 },
		"call":        func(x *scale.Extrinsic, _ *scale.TxParams) { x.Call = append(x.Call[:len(x.Call):len(x.Call)], 0) },
		"chain":       func(_ *scale.Extrinsic, p *scale.TxParams) { p.Genesis[0] ^= 1 },
		"spec":        func(_ *scale.Extrinsic, p *scale.TxParams) { p.SpecVersion++ },
		"scheme":      func(x *scale.Extrinsic, _ *scale.TxParams) { x.Signature.Name = "Ed25519" },
		"no bytes":    func(x *scale.Extrinsic, _ *scale.TxParams) { x.Signature.Value = nil },
		"not a point": func(x *scale.Extrinsic, _ *scale.TxParams) { x.Signer = account{0xff, 0xff, 0xff} },
	} {
		x, p := *good, params
		change(&x, &p)
		if signatureHolds(rt.meta, &x, p) {
			t.Errorf("it holds with another %s", name)
		}
	}
}

func remark(n testNode) []byte {
	return n.call("System.remark", scale.Struct{"remark": []byte("hello")})
}

func TestRefusedTransactions(t *testing.T) {
	n := start(t, nil)
	n.step(20)
	a, poor := alice(t), newKey(t, 9)
	n.must(a, "System.remark", scale.Struct{"remark": []byte{}})
	hashAt := func(number uint64) hash { return n.ledger.block(number).hash }
	for _, c := range []struct {
		name string
		raw  func() []byte
		code int
		data string
	}{
		{"garbage", func() []byte { return []byte{4, 99} }, 1001, ""},
		{"too long", func() []byte { return make([]byte, maxExtrinsic+1) }, 1001, ""},
		{"unknown call", func() []byte { return n.signed(a, []byte{5, 250}, nil) }, 1001, ""},
		{"an inherent, signed", func() []byte { return n.signed(a, n.call("Timestamp.set", scale.Struct{"now": 1}), nil) }, 1001, ""},
		{"unsigned", func() []byte { return scale.EncodeUnsigned(remark(n)) }, 1010, "Transaction dispatch is mandatory; transactions must not be validated."},
		{"for another chain", func() []byte { return n.signed(a, remark(n), func(p *scale.TxParams) { p.Genesis[0] ^= 1 }) }, 1010, "Transaction has a bad signature"},
		{"for another runtime", func() []byte { return n.signed(a, remark(n), func(p *scale.TxParams) { p.SpecVersion++ }) }, 1010, "Transaction has a bad signature"},
		{"used nonce", func() []byte { return n.signed(a, remark(n), func(p *scale.TxParams) { p.Nonce = 0 }) }, 1010, "Transaction is outdated"},
		{"no money", func() []byte { return n.signed(poor, remark(n), nil) }, 1010, "Inability to pay some fees (e.g. account balance too low)"},
		{"era over", func() []byte {
			return n.signed(a, remark(n), func(p *scale.TxParams) { p.Era = scale.MortalEra(8, 2); p.EraBlock = hashAt(2) })
		}, 1010, "Transaction has a bad signature"},
		{"far nonce", func() []byte {
			return n.signed(a, remark(n), func(p *scale.TxParams) { p.Nonce = 1 + maxFutureNonce + 1 })
		}, 1016, "The transaction couldn't enter the pool because of the limit"},
	} {
		_, err := n.submit(c.raw())
		e, ok := err.(*rpcError)
		if !ok || e.Code != c.code || e.Data != c.data {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if len(n.pool.queue) != 0 {
		t.Errorf("%d refused transactions are in the pool", len(n.pool.queue))
	}
}

func TestAncientBirth(t *testing.T) {
	n := start(t, nil)
	n.step(3)
	raw := n.signed(alice(t), remark(n), func(p *scale.TxParams) { p.Era = scale.MortalEra(64, 2); p.EraBlock = n.ledger.block(2).hash })
	n.ledger.recent = n.ledger.recent[3:] // as if block 2 were pruned
	if _, err := n.submit(raw); err != errAncient {
		t.Errorf("%v", err)
	}
}

func TestSameTransactionTwice(t *testing.T) {
	n := start(t, nil)
	raw := n.signed(alice(t), remark(n), nil)
	if _, err := n.submit(raw); err != nil {
		t.Fatal(err)
	}
	if _, err := n.submit(raw); err != errImported {
		t.Errorf("again: %v", err)
	}
	other := n.signed(alice(t), n.call("System.remark", scale.Struct{"remark": []byte("other")}), func(p *scale.TxParams) { p.Nonce = 0 })
	if _, err := n.submit(other); err != errPriority {
		t.Errorf("the same nonce: %v", err)
	}
	n.step(1)
	if _, err := n.submit(raw); err != errStale {
		t.Errorf("after its block: %v", err)
	}
}

func TestNoncesWaitForEachOther(t *testing.T) {
	n := start(t, nil)
	var seen [3][]any
	for i := range uint64(3) {
		nonce := 2 - i // the last first
		x, err := n.submit(n.signed(alice(t), remark(n), func(p *scale.TxParams) { p.Nonce = nonce }))
		if err != nil {
			t.Fatal(err)
		}
		n.watch(x, func(s any) { seen[nonce] = append(seen[nonce], s) })
		if i == 1 {
			n.step(1)
			if len(n.ledger.head().body) != 1 {
				t.Fatal("a nonce with a gap before it went in")
			}
		}
	}
	n.step(1)
	if got := len(n.ledger.head().body); got != 4 {
		t.Fatalf("%d extrinsics in the block, want the timestamp and 3", got)
	}
	if infoAt(n.ledger.state, alice(t).public).nonce != 3 {
		t.Error("the nonce is not 3")
	}
	for nonce, want := range []string{"ready", "future", "future"} {
		if got := seen[nonce]; got[0] != want || len(got) < 3 {
			t.Errorf("nonce %d was told %v", nonce, got)
		}
	}
}

func TestWhatBecomesInvalidIsBanned(t *testing.T) {
	n := start(t, func(c *Config) { c.Params.ServingRateLimit = 50 })
	n.subnet()
	hot := newKey(t, 1)
	n.register(hot)
	serve := n.call("SubtensorModule.serve_axon", axonArgs(nil))
	first := n.signed(hot, serve, nil)
	second := n.signed(hot, serve, func(p *scale.TxParams) { p.Nonce = 1 })
	if _, err := n.submit(first); err != nil {
		t.Fatal(err)
	}
	x, err := n.submit(second)
	if err != nil {
		t.Fatal(err)
	}
	var told []any
	n.watch(x, func(s any) { told = append(told, s) })
	n.step(1)
	if len(told) != 2 || told[1] != "invalid" {
		t.Errorf("the second was told %v", told)
	}
	if _, err := n.submit(second); err != errBanned {
		t.Errorf("again: %v", err)
	}
	n.step(banBlocks)
	if _, err := n.submit(second); err != nil {
		t.Errorf("after the ban: %v", err)
	}
}

func TestMortalTransaction(t *testing.T) {
	n := start(t, nil)
	n.step(10)
	raw := n.signed(alice(t), remark(n), func(p *scale.TxParams) { p.Era = scale.MortalEra(8, 9); p.EraBlock = n.ledger.block(9).hash })
	if _, err := n.submit(raw); err != nil {
		t.Fatal(err)
	}
	n.step(1)
	if len(n.ledger.head().body) != 2 {
		t.Error("it is not in the block")
	}
	waiting, err := n.submit(n.signed(alice(t), remark(n), func(p *scale.TxParams) {
		p.Nonce, p.Era, p.EraBlock = 5, scale.MortalEra(8, 11), n.ledger.block(11).hash
	}))
	if err != nil {
		t.Fatal(err)
	}
	n.step(9)
	if got := waiting.status[len(waiting.status)-1]; got != "invalid" || len(n.pool.queue) != 0 {
		t.Errorf("it outlived its era: %v", waiting.status)
	}
}

func TestPoolLimitOfOneSigner(t *testing.T) {
	n := start(t, nil)
	p := newPool()
	who := alice(t).public
	for i := range maxWaiting + 1 {
		err := p.add(n.ledger.state, &tx{hash: hash{byte(i), byte(i >> 8)}, signer: who, nonce: uint64(i)})
		if want := i == maxWaiting; (err == errDropped) != want {
			t.Fatalf("transaction %d: %v", i, err)
		}
	}
	if p.nextNonce(n.ledger.state, who) != maxWaiting {
		t.Error("the next nonce does not count what waits")
	}
}
