package devchain

import (
	"testing"

	"strata/chain/devchain/devchaintest"
	"strata/chain/devchain/pallets"
	"strata/chain/devchain/state"
	"strata/chain/devchain/storage"
	"strata/chain/scale"
)

func TestRefusedTransactions(t *testing.T) {
	n := start(t, nil)
	n.step(20)
	a, poor := devchaintest.Alice(t), devchaintest.NewKey(t, 9)
	n.must(a, "System.remark", scale.Struct{"remark": []byte{}})
	hashAt := func(number uint64) state.Hash { return n.ledger.Block(number).Hash }
	for _, c := range []struct {
		name string
		raw  func() []byte
		code int
		data string
	}{
		{"garbage", func() []byte { return []byte{4, 99} }, 1001, ""},
		{"too long", func() []byte { return make([]byte, 256<<10+1) }, 1001, ""},
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
			return n.signed(a, remark(n), func(p *scale.TxParams) { p.Nonce = 1 + 1024 + 1 })
		}, 1016, "The transaction couldn't enter the pool because of the limit"},
	} {
		_, err := n.submit(c.raw())
		e, ok := err.(*pallets.Refusal)
		if !ok || e.Code != c.code || e.Data != c.data {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if len(n.pool.Waiting()) != 0 {
		t.Errorf("%d refused transactions are in the pool", len(n.pool.Waiting()))
	}
}

func TestSameTransactionTwice(t *testing.T) {
	n := start(t, nil)
	raw := n.signed(devchaintest.Alice(t), remark(n), nil)
	if _, err := n.submit(raw); err != nil {
		t.Fatal(err)
	}
	if _, err := n.submit(raw); !refusedWith(err, 1013) {
		t.Errorf("again: %v", err)
	}
	other := n.signed(devchaintest.Alice(t), n.call("System.remark", scale.Struct{"remark": []byte("other")}), func(p *scale.TxParams) { p.Nonce = 0 })
	if _, err := n.submit(other); !refusedWith(err, 1014) {
		t.Errorf("the same nonce: %v", err)
	}
	n.step(1)
	if _, err := n.submit(raw); !refusedWith(err, 1010) {
		t.Errorf("after its block: %v", err)
	}
}

func TestNoncesWaitForEachOther(t *testing.T) {
	n := start(t, nil)
	var seen [3][]any
	for i := range uint64(3) {
		nonce := 2 - i // the last first
		x, err := n.submit(n.signed(devchaintest.Alice(t), remark(n), func(p *scale.TxParams) { p.Nonce = nonce }))
		if err != nil {
			t.Fatal(err)
		}
		n.watch(x, func(s any) { seen[nonce] = append(seen[nonce], s) })
		if i == 1 {
			n.step(1)
			if len(n.ledger.Head().Body) != 1 {
				t.Fatal("a nonce with a gap before it went in")
			}
		}
	}
	n.step(1)
	if got := len(n.ledger.Head().Body); got != 4 {
		t.Fatalf("%d extrinsics in the block, want the timestamp and 3", got)
	}
	if storage.AccountInfoAt(n.ledger.State(), devchaintest.Alice(t).Public).Nonce != 3 {
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
	hot := devchaintest.NewKey(t, 1)
	n.subnet(hot)
	serve := n.call("SubtensorModule.serve_axon", devchaintest.AxonArgs(nil))
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
	if _, err := n.submit(second); !refusedWith(err, 1012) {
		t.Errorf("again: %v", err)
	}
	n.step(100)
	if _, err := n.submit(second); err != nil {
		t.Errorf("after the ban: %v", err)
	}
}

func TestMortalTransaction(t *testing.T) {
	n := start(t, nil)
	n.step(10)
	raw := n.signed(devchaintest.Alice(t), remark(n), func(p *scale.TxParams) { p.Era = scale.MortalEra(8, 9); p.EraBlock = n.ledger.Block(9).Hash })
	if _, err := n.submit(raw); err != nil {
		t.Fatal(err)
	}
	n.step(1)
	if len(n.ledger.Head().Body) != 2 {
		t.Error("it is not in the block")
	}
	waiting, err := n.submit(n.signed(devchaintest.Alice(t), remark(n), func(p *scale.TxParams) {
		p.Nonce, p.Era, p.EraBlock = 5, scale.MortalEra(8, 11), n.ledger.Block(11).Hash
	}))
	if err != nil {
		t.Fatal(err)
	}
	var told []any
	n.watch(waiting, func(s any) { told = append(told, s) })
	n.step(9)
	if told[len(told)-1] != "invalid" || len(n.pool.Waiting()) != 0 {
		t.Errorf("it outlived its era: %v", told)
	}
}
