package subtensor

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"strata"
	"strata/chain"
	"strata/chain/devchain/devchaintest"
	"strata/chain/scale"
	"strata/chain/subtensor/link"
	"strata/internal/recorded"
)

// The hash is that of an independent encoder (Python's struct and hashlib).
func TestCommitHash(t *testing.T) {
	r := commitRecord{
		Netuid: 7, Hotkey: unhexKey(t, "d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d"),
		UIDs: []uint16{1, 2, 300}, Values: []uint16{65535, 1, 9}, Salt: []uint16{1, 2, 3, 4, 5, 6, 7, 65535}, Version: 11,
	}
	got := r.hash()
	if want := "bfdf06771fd6e04ba2e1729caeb6786189aa0661258db81dd59833a6fbdd31d2"; hex.EncodeToString(got[:]) != want {
		t.Errorf("%x, want %s", got, want)
	}
}

// TestWeightsCalls: the newest call that a runtime has is made, mechanism 0
// named where it can be.
func TestWeightsCalls(t *testing.T) {
	spec300 := &runtime{meta: recordedMeta(t)}
	raw, err := scale.UnwrapMetadata(recorded.Hex(t, "finney_metadata_v15_at_version.hex"))
	if err != nil {
		t.Fatal(err)
	}
	meta, err := scale.DecodeMetadata(raw)
	if err != nil {
		t.Fatal(err)
	}
	finney := &runtime{meta: meta}
	for _, c := range []struct {
		rt   *runtime
		verb string
		want string
	}{
		{spec300, "set", "set_weights"}, {spec300, "commit", "commit_weights"}, {spec300, "reveal", "reveal_weights"},
		{finney, "set", "set_mechanism_weights mecid"}, {finney, "commit", "commit_mechanism_weights mecid"}, {finney, "reveal", "reveal_mechanism_weights mecid"},
	} {
		name, args := weightsCall(c.rt, c.verb, scale.Struct{})
		if _, ok := args["mecid"]; ok {
			name += " mecid"
		}
		if name != c.want {
			t.Errorf("%s: %s, want %s", c.verb, name, c.want)
		}
	}
	for _, c := range []struct {
		rt      *runtime
		version uint16
		want    string
	}{
		{spec300, withoutHotkey, "commit_crv3_weights map[netuid:3]"},
		{finney, withHotkey, "commit_timelocked_mechanism_weights map[commit_reveal_version:4 mecid:0 netuid:3]"},
	} {
		version, name, args := timelockCall(c.rt, 3)
		if got := name + " " + fmt.Sprint(args); version != c.version || got != c.want {
			t.Errorf("version %d, %s; want %d, %s", version, got, c.version, c.want)
		}
		args["commit"], args["reveal_round"] = []byte{1, 2}, uint64(9)
		if _, err := c.rt.meta.EncodeCall(subtensorModule, name, args); err != nil {
			t.Error(err)
		}
	}
}

func TestScheme(t *testing.T) {
	spec300 := &runtime{meta: recordedMeta(t)}
	none := &runtime{meta: &scale.Metadata{}}
	for _, c := range []struct {
		rt      *runtime
		enabled bool
		version uint16
		want    chain.Scheme
	}{
		{spec300, false, 4, chain.Plain}, {spec300, true, 0, chain.Timelock}, {none, true, 0, chain.CommitReveal},
		{none, true, 2, chain.CommitReveal}, {none, true, 3, chain.Timelock}, {none, true, 4, chain.Timelock},
	} {
		if got, err := scheme(c.rt, c.enabled, c.version); err != nil || got != c.want {
			t.Errorf("enabled %v, version %d: %v, %v; want %v", c.enabled, c.version, got, err, c.want)
		}
	}
	if _, err := scheme(none, true, 5); strata.CodeOf(err) != strata.Invalid || !strings.Contains(err.Error(), "version 5") {
		t.Errorf("a version to come: %v", err)
	}
}

// TestTimelockPayload: v4 has the hotkey in front, v3 has none.
func TestTimelockPayload(t *testing.T) {
	v := newVector([]chain.Weight{{UID: 1, Value: 2}, {UID: 300, Value: 65535}}, 5)
	const rest = "0801002c01" + "080200ffff" + "0500000000000000"
	if got := hex.EncodeToString(v.payload(strata.Hotkey{9}, withoutHotkey)); got != rest {
		t.Errorf("v3: %s", got)
	}
	if got := hex.EncodeToString(v.payload(strata.Hotkey{9}, withHotkey)); got != "8009"+strings.Repeat("00", 31)+rest {
		t.Errorf("v4: %s", got)
	}
}

// TestRefusedReveal: what the chain refuses for good loses the commit; too
// early, and what never reached the chain, leaves it.
func TestRefusedReveal(t *testing.T) {
	s := newStub(t, recordedMeta(t))
	c, k := dialStub(t, s), devchaintest.NewKey(t, 1)
	r := commitRecord{Netuid: 3, Hotkey: k.PublicKey(), UIDs: []uint16{1}, Values: []uint16{2}, Salt: []uint16{3}}
	for name, want := range map[string]fate{
		"": done, "NoWeightsCommitFound": lost, "ExpiredWeightCommit": lost, "InvalidRevealCommitHashNotMatch": lost, "IncorrectWeightVersionKey": lost,
		"NeuronNoValidatorPermit": lost, "RevealTooEarly": waiting, "CommitRevealDisabled": waiting,
	} {
		var failed scale.Value
		if name != "" {
			failed = moduleError(t, s.meta, "SubtensorModule", name)
		}
		s.with(func() {
			s.onSubmit = func(*scale.Extrinsic) ([]string, scale.Value) { return []string{"BLOCK"}, failed }
		})
		if got, err := c.reveal(t.Context(), k, r); got != want || (err == nil) != (want == done) {
			t.Errorf("%s: %d, %v; want %d", name, got, err, want)
		}
	}
	s.with(func() { s.failures["author_submitAndWatchExtrinsic"] = &link.Error{Code: -32000, Message: "busy"} })
	if got, err := c.reveal(t.Context(), k, r); got != waiting || err == nil {
		t.Errorf("a busy node: %d, %v", got, err)
	}
	s.meta = &scale.Metadata{Registry: s.meta.Registry}
	c.rt = &runtime{meta: s.meta, spec: 300}
	if got, err := c.reveal(t.Context(), k, r); got != waiting || strata.CodeOf(err) != strata.NotFound {
		t.Errorf("a call that the runtime does not have: %d, %v", got, err)
	}
}

// TestRoundBlock: a chain of today has the epoch in which to open a commit, the
// older one only the end of the epoch before.
func TestRoundBlock(t *testing.T) {
	for _, c := range []struct {
		version      uint16
		reveal, head uint64
		want         uint64
	}{{withHotkey, 100, 50, 103}, {withoutHotkey, 100, 50, 94}, {withoutHotkey, 100, 97, 98}} {
		if got := roundBlock(c.version, c.reveal, c.head); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}

// TestRound: quicknet's round of a time, as its operators count.
func TestRound(t *testing.T) {
	for _, c := range []struct {
		at   int64
		want uint64
	}{{0, 1}, {1692803367, 1}, {1692803367 + 3*1000, 1000}, {1692803367 + 3*1000 + 2, 1000}} {
		if got := quicknet.round(time.Unix(c.at, 0)); got != c.want {
			t.Errorf("%d: round %d, want %d", c.at, got, c.want)
		}
	}
}
