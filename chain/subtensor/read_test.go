package subtensor

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"strata"
	"strata/chain"
	"strata/chain/scale"
	"strata/chain/subtensor/link"
	"strata/internal/recorded"
)

func TestEndpoints(t *testing.T) {
	for _, c := range []struct {
		network, endpoint string
		want              []string // nil: an error
	}{
		{"", "", []string{"wss://entrypoint-finney.opentensor.ai:443"}},
		{"test", "", []string{"wss://test.finney.opentensor.ai:443"}},
		{"archive", "", []string{"wss://archive.chain.opentensor.ai:443"}},
		{"local", "", []string{"ws://127.0.0.1:9944"}},
		{"finney", "ws://10.0.0.1:9944", []string{"ws://10.0.0.1:9944"}},
		{"ws://h:1", "", []string{"ws://h:1"}},
		{"", "ws://a:1, wss://b:2", []string{"ws://a:1", "wss://b:2"}},
		{"mars", "", nil}, {"", "http://a:1", nil}, {"", "a:1", nil}, {"", "ws://", nil}, {"", "ws://a:1,", nil},
	} {
		got, err := Endpoints(c.network, c.endpoint)
		if !reflect.DeepEqual(got, c.want) || (err != nil) != (c.want == nil) || err != nil && strata.CodeOf(err) != strata.Invalid {
			t.Errorf("%q, %q: %v, %v; want %v", c.network, c.endpoint, got, err, c.want)
		}
	}
}

// recordedReplies makes a stub answer as the recorded node did.
func recordedReplies(t *testing.T, s *stub) {
	t.Helper()
	var all map[string]json.RawMessage
	if err := json.Unmarshal(recorded.File(t, "spec300_rpc_replies.json"), &all); err != nil {
		t.Fatal(err)
	}
	for call, reply := range all {
		if strings.HasPrefix(call, "state_call") && reply[0] == '"' {
			s.replies[call] = reply
		}
	}
	if len(s.replies) < 3 {
		t.Fatal("the recorded replies are missing")
	}
}

// checkRecorded compares with the stakes, permits and incentives of subnet 1 in
// the recorded replies.
func checkRecorded(t *testing.T, m *chain.Metagraph) {
	t.Helper()
	stakes := []strata.Rao{9499983049, 1000016949, 84756, 499915243, 0, 0}
	incentives := []uint16{0, 0, 11, 65523, 0, 0}
	if len(m.Neurons) != len(stakes) {
		t.Fatalf("%d neurons, want %d", len(m.Neurons), len(stakes))
	}
	for i, n := range m.Neurons {
		if n.UID != strata.UID(i) || n.Stake != stakes[i] || n.Incentive != incentives[i] || n.Permit != (i < 4) || !n.Active || n.LastUpdate != 157 {
			t.Errorf("neuron %d is %+v", i, n)
		}
	}
	if h := m.Neurons[0].Hotkey; hex.EncodeToString(h[:4]) != "982d8d77" || m.Neurons[0].Coldkey != strata.Coldkey(h) {
		t.Errorf("hotkey 0 is %s of %s", h, m.Neurons[0].Coldkey)
	}
	if n := m.Neurons[0]; n.Dividends != 65532 || m.Neurons[3].Consensus != 65525 {
		t.Errorf("dividends %d, consensus %d", n.Dividends, m.Neurons[3].Consensus)
	}
}

func TestRecordedMetagraph(t *testing.T) {
	s := newStub(t, recordedMeta(t))
	recordedReplies(t, s)
	s.set("SubtensorModule", "ValidatorTrust", []uint16{65534, 19, 0, 0, 0, 0}, 1)
	c := dialStub(t, s)
	m, err := c.Metagraph(t.Context(), 1, strata.BlockHash{})
	if err != nil {
		t.Fatal(err)
	}
	checkRecorded(t, m)
	if m.Neurons[1].ValidatorTrust != 19 || m.Neurons[1].Axon.Served() || m.Head.Number != 1 || m.Netuid != 1 {
		t.Errorf("%+v at %+v", m.Neurons[1], m.Head)
	}
}

// TestNewerMetagraph: a runtime that has dropped what a role can do without.
func TestNewerMetagraph(t *testing.T) {
	meta := recordedMeta(t)
	pallet, err := meta.Pallet("SubtensorModule")
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range pallet.Storage.Entries {
		if e.Name == "ValidatorTrust" {
			pallet.Storage.Entries[i].Name = "SomethingElse"
		}
	}
	s := newStub(t, meta)
	recordedReplies(t, s)
	m, err := dialStub(t, s).Metagraph(t.Context(), 1, strata.BlockHash{})
	if err != nil {
		t.Fatal(err)
	}
	checkRecorded(t, m)
}

// TestMetagraphWithoutItsAPI: where get_metagraph fails, get_subnet_state and
// storage give the same.
func TestMetagraphWithoutItsAPI(t *testing.T) {
	s := newStub(t, recordedMeta(t))
	recordedReplies(t, s)
	s.failures["state_callSubnetInfoRuntimeApi_get_metagraph"] = &link.Error{Code: -32603, Message: "wasm `unreachable` instruction executed"}
	hot := unhexKey(t, "38b9bb691a560e8b7e3b24380665d67e6078c80f1c1a25df86c51abf00786a70")
	s.set("SubtensorModule", "Axons", axonValue("1.2.3.4"), 1, hot)
	c := dialStub(t, s)
	m, err := c.Metagraph(t.Context(), 1, s.blocks[1].hash)
	if err != nil {
		t.Fatal(err)
	}
	checkRecorded(t, m)
	if a := m.Neurons[1].Axon; a.Addr != netip.MustParseAddrPort("1.2.3.4:8091") || a.Block != 5 || a.Version != 7 || a.Protocol != 4 {
		t.Errorf("axon %+v", a)
	}
}

func unhexKey(t testing.TB, s string) (out [32]byte) {
	t.Helper()
	if n, err := hex.Decode(out[:], []byte(s)); err != nil || n != 32 {
		t.Fatal(n, err)
	}
	return out
}

func axonValue(ip string) scale.Struct {
	a := netip.MustParseAddr(ip)
	ipType := 4
	if a.Is6() {
		ipType = 6
	}
	n := scale.NewDecoder(reversed(a.AsSlice())).U128()
	return scale.Struct{
		"block": 5, "version": 7, "ip": n, "port": 8091, "ip_type": ipType,
		"protocol": 4, "placeholder1": 0, "placeholder2": 0,
	}
}

// reversed turns an address to the 16 little-endian bytes of its number.
func reversed(b []byte) []byte {
	out := make([]byte, 16)
	for i := range b {
		out[i] = b[len(b)-1-i]
	}
	return out
}

// TestMetagraphFromStorage: a node with V14 only lists no runtime APIs.
func TestMetagraphFromStorage(t *testing.T) {
	meta, err := scale.DecodeMetadata(recorded.Hex(t, "spec300_metadata_v14.hex"))
	if err != nil {
		t.Fatal(err)
	}
	s := newStub(t, meta)
	s.v14 = true
	mod := "SubtensorModule"
	s.set(mod, "NetworksAdded", true, 1)
	s.set(mod, "SubnetworkN", 2, 1)
	for uid, ip := range []string{"1.2.3.4", "2001:db8::1"} {
		hot := [32]byte{byte(uid), 1}
		s.set(mod, "Keys", hot, 1, uid)
		s.set(mod, "Owner", [32]byte{byte(uid), 2}, hot)
		s.set(mod, "TotalHotkeyAlpha", 1000+uid, hot, 1)
		s.set(mod, "BlockAtRegistration", 10+uid, 1, uid)
		s.set(mod, "Axons", axonValue(ip), 1, hot)
	}
	s.set(mod, "ValidatorPermit", []bool{true, false}, 1)
	s.set(mod, "Active", []bool{true}, 1) // one shorter, as just after a registration
	s.set(mod, "Incentive", []uint16{7, 8}, 1)
	s.set(mod, "Emission", []uint64{70, 80}, 1)
	c := dialStub(t, s)
	m, err := c.Metagraph(t.Context(), 1, strata.BlockHash{})
	if err != nil {
		t.Fatal(err)
	}
	want := []chain.Neuron{{
		UID: 0, Hotkey: strata.Hotkey{0, 1}, Coldkey: strata.Coldkey{0, 2}, Active: true, Permit: true,
		Stake: 1000, Registered: 10, Incentive: 7, Emission: 70,
		Axon: chain.Axon{Block: 5, Version: 7, Protocol: 4, Addr: netip.MustParseAddrPort("1.2.3.4:8091")},
	}, {
		UID: 1, Hotkey: strata.Hotkey{1, 1}, Coldkey: strata.Coldkey{1, 2}, Stake: 1001, Registered: 11, Incentive: 8, Emission: 80,
		Axon: chain.Axon{Block: 5, Version: 7, Protocol: 4, Addr: netip.MustParseAddrPort("[2001:db8::1]:8091")},
	}}
	if !reflect.DeepEqual(m.Neurons, want) {
		t.Errorf("got  %+v\nwant %+v", m.Neurons, want)
	}
	if !m.PartStake {
		t.Error("stake read from storage is taken for the whole")
	}
	if _, err := c.Metagraph(t.Context(), 2, strata.BlockHash{}); strata.CodeOf(err) != strata.NotFound {
		t.Errorf("subnet 2: %v", err)
	}
}

func TestMetagraphOfNoSubnet(t *testing.T) {
	s := newStub(t, recordedMeta(t))
	s.replies[`state_call ["SubnetInfoRuntimeApi_get_metagraph","0x0900"]`] = json.RawMessage(`"0x00"`)
	c := dialStub(t, s)
	if _, err := c.Metagraph(t.Context(), 9, strata.BlockHash{}); strata.CodeOf(err) != strata.NotFound || !strings.Contains(err.Error(), "subnet 9") {
		t.Errorf("%v", err)
	}
}

func TestReadAxon(t *testing.T) {
	for name, c := range map[string]struct {
		change scale.Struct
		want   string // empty: not served
	}{
		"as it is":       {nil, "1.2.3.4:8091"},
		"no port":        {scale.Struct{"port": uint64(0)}, ""},
		"no address":     {scale.Struct{"ip": uint64(0)}, ""},
		"type 5":         {scale.Struct{"ip_type": uint64(5)}, ""},
		"too big for v4": {scale.Struct{"ip": uint64(1 << 40)}, ""},
	} {
		v := axonValue("1.2.3.4")
		for k, x := range c.change {
			v[k] = x
		}
		a := readAxon(scale.Look(v, "axon"))
		if a.Served() != (c.want != "") || a.Served() && a.Addr.String() != c.want {
			t.Errorf("%s: %+v", name, a)
		}
	}
	if a := readAxon(scale.Look(nil, "axon")); a != (chain.Axon{}) {
		t.Errorf("no axon is %+v", a)
	}
}

func TestHeadAndBlocks(t *testing.T) {
	s := newStub(t, recordedMeta(t))
	c := dialStub(t, s)
	ctx := t.Context()
	want := chain.Head{Number: 1, Hash: s.blocks[1].hash, Time: time.UnixMilli(1_700_000_000_123).UTC()}
	for name, read := range map[string]func() (chain.Head, error){
		"head":      func() (chain.Head, error) { return c.Head(ctx) },
		"finalized": func() (chain.Head, error) { return c.Finalized(ctx) },
		"block":     func() (chain.Head, error) { return c.BlockAt(ctx, 1) },
	} {
		if got, err := read(); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, want)
		}
	}
	if _, err := c.BlockAt(ctx, 99); strata.CodeOf(err) != strata.NotFound {
		t.Errorf("a block not yet made: %v", err)
	}
	if _, err := c.Metagraph(ctx, 1, strata.BlockHash{1}); strata.CodeOf(err) != strata.NotFound {
		t.Errorf("an unknown block: %v", err)
	}
	s.with(func() {
		s.failures["state_getStorage"] = &link.Error{Code: 4003, Message: "Client error: State already discarded for 0x01"}
	})
	if _, err := c.BlockAt(ctx, 1); strata.CodeOf(err) != strata.NotFound || !strings.Contains(err.Error(), "archive") {
		t.Errorf("a pruned block: %v", err)
	}
	if g, err := c.Genesis(ctx); err != nil || g != strata.GenesisHash(s.genesis) {
		t.Errorf("genesis %s, %v", g, err)
	}
}

func TestSubnetReads(t *testing.T) {
	s := newStub(t, recordedMeta(t))
	mod, ctx := "SubtensorModule", t.Context()
	s.set(mod, "NetworksAdded", true, 1)
	s.set(mod, "Tempo", 99, 1)
	s.set(mod, "Burn", 12345, 1)
	s.set(mod, "CommitRevealWeightsEnabled", true, 1)
	s.set(mod, "WeightsSetRateLimit", 77, 1)
	s.set(mod, "Weights", []scale.Value{[]int{5, 100}, []int{2, 65535}}, 1, 3)
	account := [32]byte{9}
	s.set("System", "Account", scale.Struct{
		"nonce": 1, "consumers": 0, "providers": 1, "sufficients": 0,
		"data": scale.Struct{"free": 5_000_000_000, "reserved": 1, "frozen": 0, "flags": 0},
	}, account)
	c := dialStub(t, s)

	p, err := c.Hyperparameters(ctx, 1)
	want := chain.Hyperparameters{ // those not set have the recorded runtime's defaults
		Tempo: 99, WeightsRateLimit: 77, MaxWeightsLimit: 1000, MinAllowedWeights: 1024, CommitReveal: true,
		ServingRateLimit: 50, ImmunityPeriod: 4096, ActivityCutoff: 5000, MaxAllowedUIDs: 4096, MaxAllowedValidator: 128, Burn: 12345,
		RevealPeriod: 1, Scheme: chain.Timelock, // spec 300 has commit_crv3_weights
	}
	if err != nil || p != want {
		t.Errorf("%+v, %v; want %+v", p, err, want)
	}
	if _, err := c.Hyperparameters(ctx, 2); strata.CodeOf(err) != strata.NotFound {
		t.Errorf("no subnet: %v", err)
	}
	w, err := c.Weights(ctx, 1, 3)
	if err != nil || !reflect.DeepEqual(w, []chain.Weight{{UID: 2, Value: 65535}, {UID: 5, Value: 100}}) {
		t.Errorf("weights %v, %v", w, err)
	}
	if b, err := c.Balance(ctx, account); err != nil || b != 5*strata.RaoPerTao {
		t.Errorf("balance %s, %v", b, err)
	}
	if b, err := c.Balance(ctx, [32]byte{8}); err != nil || b != 0 {
		t.Errorf("balance of nobody %s, %v", b, err)
	}
}

func TestCommitments(t *testing.T) {
	s := newStub(t, recordedMeta(t))
	put := func(h strata.Hotkey, fields ...scale.Value) {
		s.set("Commitments", "CommitmentOf", scale.Struct{
			"deposit": 1, "block": 2, "info": scale.Struct{"fields": fields},
		}, 1, [32]byte(h))
	}
	put(strata.Hotkey{1}, scale.Variant{Name: "Raw3", Value: []byte("abc")}, scale.Variant{Name: "None"}, scale.Variant{Name: "Raw1", Value: []byte("d")})
	put(strata.Hotkey{2}, scale.Variant{Name: "Raw0", Value: []byte{}})
	put(strata.Hotkey{3}, scale.Variant{Name: "Sha256", Value: make([]byte, 32)})
	c := dialStub(t, s)
	for _, x := range []struct {
		h    strata.Hotkey
		want []byte
		code strata.Code
	}{
		{strata.Hotkey{1}, []byte("abcd"), ""}, {strata.Hotkey{2}, []byte{}, ""},
		{strata.Hotkey{3}, nil, strata.Invalid}, {strata.Hotkey{4}, nil, ""},
	} {
		got, err := c.Commitment(t.Context(), 1, x.h)
		if !bytes.Equal(got, x.want) || (got == nil) != (x.want == nil) || strata.CodeOf(err) != x.code {
			t.Errorf("hotkey %d: %q, %v", x.h[0], got, err)
		}
	}
}

// TestHeaderHash: the genesis block of Polkadot, and the recorded header, which
// is of the recorded finalized head.
func TestHeaderHash(t *testing.T) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(recorded.File(t, "spec300_rpc_replies.json"), &all); err != nil {
		t.Fatal(err)
	}
	polkadot := `{"parentHash":"0x0000000000000000000000000000000000000000000000000000000000000000","number":"0x0",
		"stateRoot":"0x29d0d972cd27cbc511e9589fcb7a4506d5eb6a9e8df205f00472e5ab354a4e17",
		"extrinsicsRoot":"0x03170a2e7597b7b7e3d84c05391d139a62b157e78786d8c082f29dcf4c111314","digest":{"logs":[]}}`
	for name, x := range map[string]struct {
		header []byte
		want   string
	}{
		"polkadot": {[]byte(polkadot), `"0x91b171bb158e2d3848fa23a9f1c25182fb8e20313b2c1eb49219da7a70ce90c3"`},
		"recorded": {all["chain_getHeader []"], string(all["chain_getFinalizedHead []"])},
	} {
		var h header
		if err := json.Unmarshal(x.header, &h); err != nil {
			t.Fatal(err)
		}
		if got, err := h.hash(); err != nil || `"0x`+got.String()+`"` != x.want {
			t.Errorf("%s: %s, %v; want %s", name, got, err, x.want)
		}
	}
}

// TestNewerHyperparameters: a runtime that has dropped items and counts its
// epochs, as those after the recorded ones.
func TestNewerHyperparameters(t *testing.T) {
	meta := recordedMeta(t)
	pallet, err := meta.Pallet("SubtensorModule")
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range pallet.Storage.Entries {
		newer := map[string]string{
			"ActivityCutoff": "ActivityCutoffFactorMilli", "ServingRateLimit": "LastEpochBlock", "ImmunityPeriod": "SubnetEpochIndex", "Burn": "PendingEpochAt",
		}[e.Name]
		if newer != "" {
			pallet.Storage.Entries[i].Name = newer
		}
	}
	s := newStub(t, meta)
	mod := "SubtensorModule"
	s.set(mod, "NetworksAdded", true, 1)
	s.set(mod, "Tempo", 360, 1)
	s.set(mod, "ActivityCutoffFactorMilli", 13889, 1)
	s.set(mod, "SubnetEpochIndex", 7, 1)
	s.set(mod, "LastEpochBlock", 5000, 1)
	s.set(mod, "PendingEpochAt", 0, 1)
	p, err := dialStub(t, s).Hyperparameters(t.Context(), 1)
	if err != nil || p.ActivityCutoff != 5000 || p.ServingRateLimit != 0 {
		t.Errorf("%+v, %v", p, err)
	}
	epochs := p.Epochs(1)
	if epochs != (chain.Schedule{Netuid: 1, Tempo: 360, Counted: true, Index: 7, Last: 5000}) || epochs.Epoch(5360) != 8 {
		t.Errorf("%+v", epochs)
	}
}
