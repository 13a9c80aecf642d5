package pallets_test

import (
	"testing"

	"strata/chain/devchain/devchaintest"
	"strata/chain/devchain/pallets"
	"strata/chain/devchain/state"
	"strata/chain/devchain/storage"
	"strata/chain/scale"
)

func TestSudo(t *testing.T) {
	n := devchaintest.NewChain(t, nil)
	n.Subnet()
	for _, c := range []struct {
		name string
		by   devchaintest.Key
		call string
		args scale.Struct
		want string
	}{
		{"sets the tempo", devchaintest.Alice(t), "sudo_set_tempo", scale.Struct{"netuid": 1, "tempo": 33}, ""},
		{"somebody else", n.Funded(devchaintest.NewKey(t, 9), devchaintest.Tao(1)), "sudo_set_tempo", scale.Struct{"netuid": 1, "tempo": 34}, "RequireSudo"},
		{"no such subnet", devchaintest.Alice(t), "sudo_set_tempo", scale.Struct{"netuid": 7, "tempo": 34}, "SubnetDoesNotExist"},
		{"a bool", devchaintest.Alice(t), "sudo_set_commit_reveal_weights_enabled", scale.Struct{"netuid": 1, "enabled": true}, ""},
		{"64 bits", devchaintest.Alice(t), "sudo_set_weights_set_rate_limit", scale.Struct{"netuid": 1, "weights_set_rate_limit": 5_000_000_000}, ""},
		{"of the chain", devchaintest.Alice(t), "sudo_set_commit_reveal_version", scale.Struct{"version": 2}, ""},
	} {
		if got := n.Sudo(c.by, "AdminUtils", c.call, c.args); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	s, one := n.State, state.U16Key(1)
	if state.U16(s, storage.Tempo.Key(one)) != 33 || !state.Bool(s, storage.CommitReveal.Key(one)) || state.U64(s, storage.WeightsRateLimit.Key(one)) != 5_000_000_000 || state.U16(s, storage.CommitVersion.Key()) != 2 {
		t.Error("a setting was not written")
	}
	if got := n.Do(devchaintest.Alice(t), "AdminUtils.sudo_set_tempo", scale.Struct{"netuid": 1, "tempo": 3}); got != "BadOrigin" {
		t.Errorf("without Sudo: %q", got)
	}
	if got := n.Sudo(devchaintest.Alice(t), "System", "remark", scale.Struct{"remark": []byte("x")}); got != "BadOrigin" {
		t.Errorf("a call that is not root's: %q", got)
	}
}

func TestSetCode(t *testing.T) {
	n := devchaintest.NewChain(t, nil)
	for _, c := range []struct {
		name string
		code []byte
		want string
	}{
		{"no code", []byte{1}, "FailedToExtractRuntimeVersion"},
		{"too many upgrades", []byte{0, 2, 0, 0}, "FailedToExtractRuntimeVersion"},
		{"the same version", pallets.CodeOf(300), "SpecVersionNeedsToIncrease"},
		{"the next", pallets.CodeOf(301), ""},
		{"the next again", pallets.CodeOf(301), "SpecVersionNeedsToIncrease"},
	} {
		if got := n.Sudo(devchaintest.Alice(t), "System", "set_code", scale.Struct{"code": c.code}); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if spec := pallets.SpecAt(n.State); spec != 301 {
		t.Errorf("the spec is %d", spec)
	}
}
