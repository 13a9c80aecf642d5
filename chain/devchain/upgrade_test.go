package devchain

import (
	"testing"

	"strata/chain/devchain/devchaintest"
	"strata/chain/devchain/state"
	"strata/chain/devchain/storage"
	"strata/chain/scale"
)

func TestUpgrade(t *testing.T) {
	n := start(t, nil)
	n.subnet(devchaintest.NewKey(t, 8))
	old := n.rt
	waiting, err := n.submit(n.signed(devchaintest.NewKey(t, 8), n.call("SubtensorModule.set_weights", devchaintest.WeightArgs(1, 0, 0, 1)), nil))
	if err == nil {
		t.Fatalf("%v was taken without stake", waiting)
	}
	stale := n.signed(devchaintest.Alice(t), n.call("System.remark", scale.Struct{"remark": []byte("x")}), func(p *scale.TxParams) { p.Nonce++ })
	upgradeTo301(t, n)
	if n.rt == old || n.rt.Spec != 301 || n.rt.Version.SpecVersion != 301 {
		t.Fatalf("the runtime is %d", n.rt.Spec)
	}
	if _, err := n.submit(stale); err == nil {
		t.Error("an extrinsic for the old runtime was taken")
	}
	n.must(devchaintest.Alice(t), "System.remark", scale.Struct{"remark": []byte("x")})
	for _, p := range old.Meta.Pallets {
		if now, err := n.rt.Meta.Pallet(p.Name); err != nil || now.Index == p.Index {
			t.Errorf("pallet %s kept its index, %v", p.Name, err)
		}
	}
	at := old.Meta
	if rt, err := n.runtimes.of(state.NewLayer(state.NewTable())); err != nil || rt.Meta != at {
		t.Errorf("blocks from before have another runtime: %v", err)
	}
}

// upgradeTo301 upgrades to 301; the block's events are the old runtime's.
func upgradeTo301(t *testing.T, n testNode) {
	t.Helper()
	old := n.rt
	inner := scale.Variant{Name: "System", Value: scale.Variant{Name: "set_code", Value: scale.Struct{"code": Upgrade(301)}}}
	queued := n.signed(devchaintest.Alice(t), n.call("Sudo.sudo", scale.Struct{"call": inner}), nil)
	if _, err := n.submit(queued); err != nil {
		t.Fatal(err)
	}
	waits, err := n.submit(n.signed(devchaintest.Alice(t), n.call("System.remark", scale.Struct{"remark": []byte("y")}), func(p *scale.TxParams) { p.Nonce += 5 }))
	if err != nil {
		t.Fatal(err)
	}
	var last any
	n.watch(waits, func(s any) { last = s })
	n.step(1)
	if last != "invalid" || len(n.pool.Waiting()) != 0 {
		t.Errorf("what waited is %v, %d in the pool", last, len(n.pool.Waiting()))
	}
	raw := n.ledger.State().Get(storage.SystemEvents.Key())
	if _, err := old.Meta.Registry.Decode(old.EventRecord, raw); err != nil {
		t.Errorf("the events of the block: %v", err)
	}
}
