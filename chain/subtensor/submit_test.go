package subtensor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"strata"
	"strata/chain"
	"strata/chain/devchain/devchaintest"
	"strata/chain/scale"
	"strata/chain/subtensor/link"
)

// submissions are all methods of chain.Submitter, with the call that each makes.
var submissions = []struct {
	call string
	run  func(ctx context.Context, c *Client, k chain.Signer) (strata.BlockHash, error)
	want scale.Struct
}{
	{"Balances.transfer_keep_alive", func(ctx context.Context, c *Client, k chain.Signer) (strata.BlockHash, error) {
		return c.Transfer(ctx, k, [32]byte{5}, 77)
	}, scale.Struct{"dest": scale.Variant{Name: "Id", Value: padded(5)}, "value": uint64(77)}},
	{"SubtensorModule.register_network", func(ctx context.Context, c *Client, k chain.Signer) (strata.BlockHash, error) {
		return c.RegisterNetwork(ctx, k, strata.Hotkey{5})
	}, scale.Struct{"hotkey": padded(5)}},
	{"SubtensorModule.burned_register", func(ctx context.Context, c *Client, k chain.Signer) (strata.BlockHash, error) {
		return c.BurnedRegister(ctx, k, 3, strata.Hotkey{5})
	}, scale.Struct{"netuid": uint64(3), "hotkey": padded(5)}},
	{"SubtensorModule.add_stake", func(ctx context.Context, c *Client, k chain.Signer) (strata.BlockHash, error) {
		return c.AddStake(ctx, k, strata.Hotkey{5}, 3, 99)
	}, scale.Struct{"netuid": uint64(3), "hotkey": padded(5), "amount_staked": uint64(99)}},
	{"SubtensorModule.serve_axon", func(ctx context.Context, c *Client, k chain.Signer) (strata.BlockHash, error) {
		return c.ServeAxon(ctx, k, 3, chain.Axon{Version: 7, Protocol: 4, Addr: netip.MustParseAddrPort("1.2.3.4:8091")})
	}, scale.Struct{
		"netuid": uint64(3), "version": uint64(7), "ip": big.NewInt(0x01020304), "port": uint64(8091), "ip_type": uint64(4),
		"protocol": uint64(4), "placeholder1": uint64(0), "placeholder2": uint64(0),
	}},
	{"Commitments.set_commitment", func(ctx context.Context, c *Client, k chain.Signer) (strata.BlockHash, error) {
		return c.SetCommitment(ctx, k, 3, []byte("hello"))
	}, scale.Struct{"netuid": uint64(3), "info": scale.Struct{"fields": []scale.Value{scale.Variant{Name: "Raw5", Value: []byte("hello")}}}}},
}

func padded(b byte) []byte { return append([]byte{b}, make([]byte, 31)...) }

// TestSubmissions: each method makes its call, with the arguments by name, and
// returns the block that holds it.
func TestSubmissions(t *testing.T) {
	s := newStub(t, recordedMeta(t))
	var got string
	var args scale.Struct
	s.onSubmit = func(x *scale.Extrinsic) ([]string, scale.Value) {
		pallet, name, a, err := s.meta.DecodeCall(x.Call)
		if err != nil {
			t.Error(err)
		}
		got, args = pallet+"."+name, a
		return []string{`"ready"`, `{"broadcast":["peer"]}`, "BLOCK"}, nil
	}
	c, k := dialStub(t, s), devchaintest.NewKey(t, 1)
	for _, x := range submissions {
		block, err := x.run(t.Context(), c, k)
		if err != nil {
			t.Errorf("%s: %v", x.call, err)
			continue
		}
		if got != x.call || fmt.Sprint(args) != fmt.Sprint(x.want) {
			t.Errorf("%s %v, want %s %v", got, args, x.call, x.want)
		}
		if last := s.blocks[len(s.blocks)-1].hash; block != last {
			t.Errorf("%s: in block %s, not %s", x.call, block, last)
		}
	}
}

// moduleError is the dispatch error of a pallet's error by its name.
func moduleError(t *testing.T, meta *scale.Metadata, pallet, name string) scale.Value {
	t.Helper()
	p, err := meta.Pallet(pallet)
	if err != nil {
		t.Fatal(err)
	}
	errs, err := meta.Registry.Type(*p.Error)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range errs.Variants {
		if e.Name == name {
			return scale.Variant{Name: "Module", Value: scale.Struct{"index": p.Index, "error": []byte{e.Index, 0, 0, 0}}}
		}
	}
	t.Fatalf("%s has no error %s", pallet, name)
	return nil
}

func TestDispatchErrors(t *testing.T) {
	s := newStub(t, recordedMeta(t))
	c, k := dialStub(t, s), devchaintest.NewKey(t, 1)
	mod := func(name string) scale.Value { return moduleError(t, s.meta, "SubtensorModule", name) }
	for _, x := range []struct {
		failed scale.Value
		code   strata.Code
		text   string
	}{
		{mod("NotEnoughBalanceToStake"), strata.Invalid, "SubtensorModule.NotEnoughBalanceToStake: The caller is requesting adding more stake than there exists in the coldkey account."},
		{mod("SettingWeightsTooFast"), strata.Throttled, "SettingWeightsTooFast"},
		{mod("ServingRateLimitExceeded"), strata.Throttled, "ServingRateLimitExceeded"},
		{mod("NeuronNoValidatorPermit"), strata.Forbidden, "NeuronNoValidatorPermit"},
		{mod("HotKeyAlreadyRegisteredInSubNet"), strata.Conflict, "HotKeyAlreadyRegisteredInSubNet"},
		{mod("HotKeyNotRegisteredInSubNet"), strata.NotFound, "HotKeyNotRegisteredInSubNet"},
		{mod("CommitRevealEnabled"), strata.Conflict, "CommitRevealEnabled"},
		{scale.Variant{Name: "Token", Value: scale.Variant{Name: "FundsUnavailable"}}, strata.Invalid, "Token.FundsUnavailable"},
		{scale.Variant{Name: "BadOrigin"}, strata.Forbidden, "BadOrigin"},
		{scale.Variant{Name: "Module", Value: scale.Struct{"index": 250, "error": make([]byte, 4)}}, strata.NotFound, "index 250"},
	} {
		s.with(func() {
			s.onSubmit = func(*scale.Extrinsic) ([]string, scale.Value) { return []string{`{"ready":null}`, "BLOCK"}, x.failed }
		})
		block, err := c.AddStake(t.Context(), k, strata.Hotkey{5}, 1, 1)
		if strata.CodeOf(err) != x.code || !strings.Contains(err.Error(), x.text) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: code %q: %v", x.failed, strata.CodeOf(err), err)
		}
		if block == (strata.BlockHash{}) {
			t.Errorf("%v: the block is not told", x.failed)
		}
	}
}

func TestStatuses(t *testing.T) {
	s := newStub(t, recordedMeta(t))
	c, k := dialStub(t, s), devchaintest.NewKey(t, 1)
	for name, x := range map[string]struct {
		statuses []string
		code     strata.Code // "" for success
	}{
		"null ready":    {[]string{`{"ready":null}`, `{"broadcast":null}`, "BLOCK"}, ""},
		"future first":  {[]string{`"future"`, `"ready"`, "BLOCK"}, ""},
		"retracted":     {[]string{`{"retracted":"0x00"}`, "BLOCK"}, ""},
		"invalid":       {[]string{`"ready"`, `"invalid"`}, strata.Conflict},
		"null invalid":  {[]string{`{"invalid":null}`}, strata.Conflict},
		"usurped":       {[]string{`{"usurped":"0x00"}`}, strata.Conflict},
		"dropped":       {[]string{`"dropped"`}, strata.Unavailable},
		"short hash":    {[]string{`{"inBlock":"0x00"}`}, strata.Invalid},
		"block of none": {[]string{`{"inBlock":"0x` + strings.Repeat("00", 32) + `"}`}, strata.Invalid},
		"nonsense":      {[]string{`7`}, strata.Invalid},
	} {
		s.with(func() { s.onSubmit = func(*scale.Extrinsic) ([]string, scale.Value) { return x.statuses, nil } })
		if _, err := c.RegisterNetwork(t.Context(), k, strata.Hotkey{5}); strata.CodeOf(err) != x.code {
			t.Errorf("%s: code %q: %v", name, strata.CodeOf(err), err)
		}
	}
}

func TestPoolErrors(t *testing.T) {
	for _, x := range []struct {
		code int
		data string
		want strata.Code
		text string
	}{
		{1010, `"Custom error: 10"`, strata.NotFound, "not registered"},
		{1010, `"Custom error: 12"`, strata.Throttled, "serving rate limit"},
		{1010, `"Custom error: 15"`, strata.Conflict, "round of the beacon has passed"},
		{1010, `"Custom error: 16"`, strata.NotFound, "no such commit"},
		{1010, `"Custom error: 17"`, strata.Conflict, "too early, or too late"},
		{1010, `"Custom error: 200"`, strata.Invalid, "Custom error: 200"},
		{1010, `"Inability to pay some fees (e.g. account balance too low)"`, strata.Invalid, "cannot pay the fee"},
		{1010, `"Transaction is outdated"`, strata.Conflict, "nonce"},
		{1010, `"Transaction has a bad signature"`, strata.Conflict, "signature"},
		{1010, `"Transaction has an ancient birth block"`, strata.Conflict, "era"},
		{1010, `{"x":1}`, strata.Invalid, "boom"},
		{1001, ``, strata.Conflict, "form"},
		{1002, `"Runtime error: could not decode"`, strata.Conflict, "could not decode"},
		{1012, ``, strata.Throttled, "banned"},
		{1013, ``, strata.Conflict, "already"},
		{1014, `"too low priority"`, strata.Conflict, "same nonce"},
		{-32000, ``, strata.Unavailable, "boom"},
	} {
		err := poolError(&link.Error{Code: x.code, Message: "boom", Data: json.RawMessage(x.data)})
		if strata.CodeOf(err) != x.want || !strings.Contains(err.Error(), x.text) {
			t.Errorf("%d %s: code %q: %v", x.code, x.data, strata.CodeOf(err), err)
		}
		if old := x.code == 1001 || x.code == 1002 || strings.Contains(x.data, "bad signature"); errors.Is(err, errOutdated) != old {
			t.Errorf("%d %s: taken for one of an old runtime: %v", x.code, x.data, !old)
		}
	}
}

// TestManyInFlight: extrinsics of one account that overlap get nonces in a
// row, even from a node that counts one only when it is in a block.
func TestManyInFlight(t *testing.T) {
	const many = 8
	s := newStub(t, recordedMeta(t))
	account := devchaintest.NewKey(t, 1).PublicKey()
	s.replies[fmt.Sprintf(`system_accountNextIndex [%q]`, strata.EncodeSS58(account))] = json.RawMessage("0")
	seen := map[uint64]bool{}
	release := make(chan struct{})
	s.onSubmit = func(x *scale.Extrinsic) ([]string, scale.Value) { // under the stub's lock
		seen[x.Nonce] = true
		if len(seen) == many {
			close(release)
		}
		return []string{`"ready"`}, nil
	}
	c := dialStub(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range many {
		wg.Go(func() { _, _ = c.RegisterNetwork(ctx, devchaintest.NewKey(t, 1), strata.Hotkey{5}) })
	}
	<-release
	cancel()
	wg.Wait()
	for n := range uint64(many) {
		if !seen[n] {
			t.Errorf("nonce %d was not used: %v", n, seen)
		}
	}
}

// TestNonceAfterRefusal: an extrinsic that the node refuses leaves no gap.
func TestNonceAfterRefusal(t *testing.T) {
	s := newStub(t, recordedMeta(t))
	c, k := dialStub(t, s), devchaintest.NewKey(t, 1)
	s.with(func() {
		s.failures["author_submitAndWatchExtrinsic"] = &link.Error{Code: 1010, Message: "Invalid", Data: json.RawMessage(`"Custom error: 6"`)}
	})
	if _, err := c.RegisterNetwork(t.Context(), k, strata.Hotkey{5}); strata.CodeOf(err) != strata.Throttled || !strings.Contains(err.Error(), "SubtensorModule.register_network") {
		t.Errorf("refused: %v", err)
	}
	s.with(func() { clear(s.failures) })
	if _, err := c.RegisterNetwork(t.Context(), k, strata.Hotkey{5}); err != nil {
		t.Errorf("after a refusal: %v", err)
	}
}

func TestSubmitEndsWithItsContext(t *testing.T) {
	s := newStub(t, recordedMeta(t))
	ctx, cancel := context.WithCancel(t.Context())
	s.onSubmit = func(*scale.Extrinsic) ([]string, scale.Value) {
		cancel()
		return []string{`"ready"`}, nil
	}
	if _, err := dialStub(t, s).RegisterNetwork(ctx, devchaintest.NewKey(t, 1), strata.Hotkey{5}); err == nil {
		t.Error("an extrinsic in no block succeeded")
	}
}

// TestSearchAfterBreak: the connection breaks right after sending, and the
// outcome is read from the block all the same.
func TestSearchAfterBreak(t *testing.T) {
	for name, failed := range map[string]bool{"success": false, "failure": true} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t, recordedMeta(t))
			s.cutAfterSubmit = true
			var outcome scale.Value
			if failed {
				outcome = moduleError(t, s.meta, "SubtensorModule", "SettingWeightsTooFast")
			}
			s.onSubmit = func(*scale.Extrinsic) ([]string, scale.Value) { return []string{"BLOCK"}, outcome }
			c := dialStub(t, s)
			block, err := c.RegisterNetwork(t.Context(), devchaintest.NewKey(t, 1), strata.Hotkey{5})
			if block != s.blocks[2].hash {
				t.Errorf("in block %s, not %s: %v", block, s.blocks[2].hash, err)
			}
			if want := map[bool]strata.Code{true: strata.Throttled}[failed]; strata.CodeOf(err) != want {
				t.Errorf("code %q: %v", strata.CodeOf(err), err)
			}
		})
	}
}

// TestSearchEndsWithTheEra: an extrinsic that never arrives, or of which the
// node says nothing, is given up when no block can hold it any more.
func TestSearchEndsWithTheEra(t *testing.T) {
	for name, cut := range map[string]bool{"broken connection": true, "silent node": false} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t, recordedMeta(t))
			s.cutAfterSubmit = cut
			s.onSubmit = func(*scale.Extrinsic) ([]string, scale.Value) {
				for range eraPeriod + 1 {
					s.addBlock(nil, nil)
				}
				return nil, nil
			}
			c := dialStub(t, s)
			if !cut {
				c.opts.Timeout = 400 * time.Millisecond // how often a silent watch is doubted
			}
			_, err := c.RegisterNetwork(t.Context(), devchaintest.NewKey(t, 1), strata.Hotkey{5})
			if strata.CodeOf(err) != strata.Unavailable || !strings.Contains(err.Error(), "in no block") {
				t.Errorf("%v", err)
			}
			if s.count("author_submitExtrinsic") != 1 {
				t.Error("it was not sent again")
			}
		})
	}
}

func TestSubmitRejects(t *testing.T) {
	s := newStub(t, recordedMeta(t))
	c, k, ctx := dialStub(t, s), devchaintest.NewKey(t, 1), t.Context()
	if _, err := c.SetCommitment(ctx, k, 1, make([]byte, 129)); strata.CodeOf(err) != strata.TooLarge {
		t.Errorf("a long commitment: %v", err)
	}
	if _, err := c.ServeAxon(ctx, k, 1, chain.Axon{}); strata.CodeOf(err) != strata.Invalid {
		t.Errorf("an empty axon: %v", err)
	}
	if n := s.count("author_submitAndWatchExtrinsic"); n != 0 {
		t.Errorf("%d were sent", n)
	}
}

// addArgument gives a call of the metadata one more argument.
func addArgument(t *testing.T, m *scale.Metadata, call, name string, id scale.TypeID) {
	t.Helper()
	p, err := m.Pallet("SubtensorModule")
	if err != nil {
		t.Fatal(err)
	}
	calls, err := m.Registry.Type(*p.Calls)
	if err != nil {
		t.Fatal(err)
	}
	for i := range calls.Variants {
		if v := &calls.Variants[i]; v.Name == call {
			v.Fields = append(v.Fields, scale.Named(name, id))
		}
	}
}

// TestNewerArguments: a runtime whose calls have more arguments is served if
// they are known or optional, and told otherwise.
func TestNewerArguments(t *testing.T) {
	meta := recordedMeta(t)
	burn, _, err := meta.Storage("SubtensorModule", "Burn")
	if err != nil {
		t.Fatal(err)
	}
	option, err := meta.Registry.Find("Option")
	if err != nil {
		t.Fatal(err)
	}
	addArgument(t, meta, "burned_register", "register_limit", burn.Value)
	addArgument(t, meta, "add_stake", "perhaps", option)
	addArgument(t, meta, "register_network", "surprise", burn.Value)
	s := newStub(t, meta)
	s.set("SubtensorModule", "Burn", 1000, 3)
	var args scale.Struct
	s.onSubmit = func(x *scale.Extrinsic) ([]string, scale.Value) {
		_, _, args, _ = s.meta.DecodeCall(x.Call)
		return []string{"BLOCK"}, nil
	}
	c, k, ctx := dialStub(t, s), devchaintest.NewKey(t, 1), t.Context()
	if _, err := c.BurnedRegister(ctx, k, 3, strata.Hotkey{5}); err != nil || args["register_limit"] != uint64(1100) {
		t.Errorf("register_limit is %v, %v", args["register_limit"], err)
	}
	if _, err := c.AddStake(ctx, k, strata.Hotkey{5}, 3, 1); err != nil || args["perhaps"] != (scale.Variant{Name: "None"}) {
		t.Errorf("perhaps is %v, %v", args["perhaps"], err)
	}
	if _, err := c.RegisterNetwork(ctx, k, strata.Hotkey{5}); strata.CodeOf(err) != strata.Invalid || !strings.Contains(err.Error(), "surprise") {
		t.Errorf("an unknown argument: %v", err)
	}
}
