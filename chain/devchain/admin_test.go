package devchain

import (
	"testing"

	"strata/chain/scale"
)

// sudo has //Alice make a call as root and returns the inner error's name.
func (n testNode) sudo(by key, pallet, name string, args scale.Struct) string {
	n.t.Helper()
	inner := scale.Variant{Name: pallet, Value: scale.Variant{Name: name, Value: args}}
	if failed := n.do(by, "Sudo.sudo", scale.Struct{"call": inner}); failed != "" {
		return failed
	}
	names, bodies := n.eventList()
	for i, e := range names {
		if e == "Sudo.Sudid" {
			if is, err := bodies[i].Field("sudo_result").Case(); is == "Err" {
				return n.errorName(err)
			}
			return ""
		}
	}
	n.t.Fatal("no Sudid event")
	return ""
}

func TestSudo(t *testing.T) {
	n := start(t, nil)
	n.subnet()
	for _, c := range []struct {
		name string
		by   key
		call string
		args scale.Struct
		want string
	}{
		{"sets the tempo", alice(t), "sudo_set_tempo", scale.Struct{"netuid": 1, "tempo": 33}, ""},
		{"somebody else", n.funded(newKey(t, 9), tao(1)), "sudo_set_tempo", scale.Struct{"netuid": 1, "tempo": 34}, "RequireSudo"},
		{"no such subnet", alice(t), "sudo_set_tempo", scale.Struct{"netuid": 7, "tempo": 34}, "SubnetDoesNotExist"},
		{"a bool", alice(t), "sudo_set_commit_reveal_weights_enabled", scale.Struct{"netuid": 1, "enabled": true}, ""},
		{"64 bits", alice(t), "sudo_set_weights_set_rate_limit", scale.Struct{"netuid": 1, "weights_set_rate_limit": 5_000_000_000}, ""},
		{"of the chain", alice(t), "sudo_set_commit_reveal_version", scale.Struct{"version": 2}, ""},
	} {
		if got := n.sudo(c.by, "AdminUtils", c.call, c.args); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	s, one := n.ledger.state, u16key(1)
	if u16at(s, smTempo.key(one)) != 33 || !boolAt(s, smCommitReveal.key(one)) || u64at(s, smWeightsRateLimit.key(one)) != 5_000_000_000 || u16at(s, smCommitVersion.key()) != 2 {
		t.Error("a setting was not written")
	}
	if got := n.do(alice(t), "AdminUtils.sudo_set_tempo", scale.Struct{"netuid": 1, "tempo": 3}); got != "BadOrigin" {
		t.Errorf("without Sudo: %q", got)
	}
	if got := n.sudo(alice(t), "System", "remark", scale.Struct{"remark": []byte("x")}); got != "BadOrigin" {
		t.Errorf("a call that is not root's: %q", got)
	}
}

func TestUpgrade(t *testing.T) {
	n := start(t, nil)
	n.subnet()
	old := n.rt
	waiting, err := n.submit(n.signed(newKey(t, 8), n.call("SubtensorModule.set_weights", weightArgs(1, 0, 0, 1)), nil))
	if err == nil {
		t.Fatalf("%v was taken without stake", waiting)
	}
	if got := n.sudo(alice(t), "System", "set_code", scale.Struct{"code": []byte{1}}); got != "FailedToExtractRuntimeVersion" {
		t.Errorf("no code: %q", got)
	}
	stale := n.signed(alice(t), n.call("System.remark", scale.Struct{"remark": []byte("x")}), func(p *scale.TxParams) { p.Nonce++ })
	n.events301(t)
	if n.rt == old || n.rt.spec != 301 || n.rt.version.SpecVersion != 301 {
		t.Fatalf("the runtime is %d", n.rt.spec)
	}
	if _, err := n.submit(stale); err == nil {
		t.Error("an extrinsic for the old runtime was taken")
	}
	n.must(alice(t), "System.remark", scale.Struct{"remark": []byte("x")})
	if got := n.sudo(alice(t), "System", "set_code", scale.Struct{"code": Upgrade(301)}); got != "SpecVersionNeedsToIncrease" {
		t.Errorf("the same again: %q", got)
	}
	for _, p := range old.meta.Pallets {
		if now, err := n.rt.meta.Pallet(p.Name); err != nil || now.Index == p.Index {
			t.Errorf("pallet %s kept its index, %v", p.Name, err)
		}
	}
	at := old.meta
	if rt, err := n.runtimeOf(newLayer(newTable())); err != nil || rt.meta != at {
		t.Errorf("blocks from before have another runtime: %v", err)
	}
}

// events301 upgrades to 301; the block's events are the old runtime's.
func (n testNode) events301(t *testing.T) {
	t.Helper()
	old := n.rt
	inner := scale.Variant{Name: "System", Value: scale.Variant{Name: "set_code", Value: scale.Struct{"code": Upgrade(301)}}}
	queued := n.signed(alice(t), n.call("Sudo.sudo", scale.Struct{"call": inner}), nil)
	if _, err := n.submit(queued); err != nil {
		t.Fatal(err)
	}
	waits, err := n.submit(n.signed(alice(t), n.call("System.remark", scale.Struct{"remark": []byte("y")}), func(p *scale.TxParams) { p.Nonce += 5 }))
	if err != nil {
		t.Fatal(err)
	}
	n.step(1)
	if last := waits.status[len(waits.status)-1]; last != "invalid" || len(n.pool.queue) != 0 {
		t.Errorf("what waited is %v, %d in the pool", last, len(n.pool.queue))
	}
	raw := n.ledger.state.get(sysEvents.key())
	if _, err := old.meta.Registry.Decode(old.eventRecord, raw); err != nil {
		t.Errorf("the events of the block: %v", err)
	}
}
