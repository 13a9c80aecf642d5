package devchain

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"strata"
	"strata/chain/devchain/devchaintest"
	"strata/chain/devchain/jsonrpc"
	"strata/chain/devchain/state"
	"strata/chain/devchain/storage"
	"strata/chain/scale"
)

// wire is a raw websocket to a node.
type wire struct {
	t  testing.TB
	ws *websocket.Conn
}

func (n testNode) dial() wire {
	n.t.Helper()
	ws, resp, err := websocket.Dial(n.t.Context(), n.URL(), nil)
	if err != nil {
		n.t.Fatal(err)
	}
	_ = resp // its body is empty after an upgrade
	ws.SetReadLimit(-1)
	n.t.Cleanup(func() { _ = ws.CloseNow() })
	return wire{n.t, ws}
}

func (w wire) write(msg string) {
	w.t.Helper()
	if err := w.ws.Write(w.t.Context(), websocket.MessageText, []byte(msg)); err != nil {
		w.t.Fatal(err)
	}
}

// message is any message of the server.
type message struct {
	ID     json.RawMessage
	Method string
	Result json.RawMessage
	Error  *jsonrpc.Error
	Params struct {
		Subscription string
		Result       json.RawMessage
	}
}

func (w wire) read() message {
	w.t.Helper()
	_, raw, err := w.ws.Read(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	var m message
	if err := json.Unmarshal(raw, &m); err != nil {
		w.t.Fatalf("%s: %v", raw, err)
	}
	return m
}

// ask sends a request and reads its answer.
func (w wire) ask(method, params string) message {
	w.t.Helper()
	w.write(fmt.Sprintf(`{"jsonrpc":"2.0","id":7,"method":%q,"params":%s}`, method, params))
	m := w.read()
	if string(m.ID) != "7" {
		w.t.Fatalf("%s: answer to %s", method, m.ID)
	}
	return m
}

// result is ask for what has to succeed.
func (w wire) result(method, params string) string {
	w.t.Helper()
	m := w.ask(method, params)
	if m.Error != nil {
		w.t.Fatalf("%s %s: %v", method, params, m.Error)
	}
	return string(m.Result)
}

func TestMethodsAnswer(t *testing.T) {
	n := start(t, nil)
	n.must(devchaintest.Alice(t), "SubtensorModule.register_network", scale.Struct{"hotkey": devchaintest.NewKey(t, 200).Public})
	w := n.dial()
	head, genesis := n.ledger.Head(), hexOf(n.ledger.Genesis().Hash[:])
	headHash := hexOf(head.Hash[:])
	account := strata.EncodeSS58(devchaintest.Alice(t).Public)
	numberKey := hexOf([]byte(storage.SystemNumber.Key()))
	for _, c := range []struct{ method, params, want string }{
		{"system_chain", "[]", `"Strata local"`},
		{"system_name", "null", `"strata-devchain"`},
		{"system_version", "[]", `"300"`},
		{"system_properties", "[]", `{"ss58Format":42,"tokenDecimals":9,"tokenSymbol":"TAO"}`},
		{"system_health", "[]", `{"isSyncing":false,"peers":0,"shouldHavePeers":false}`},
		{"system_accountNextIndex", `["` + account + `"]`, "1"},
		{"chain_getHead", "[]", `"` + headHash + `"`},
		{"chain_getFinalizedHead", "[]", `"` + headHash + `"`},
		{"chain_getBlockHash", "[0]", `"` + genesis + `"`},
		{"chain_getBlockHash", `["0x0"]`, `"` + genesis + `"`},
		{"chain_getBlockHash", "[]", `"` + headHash + `"`},
		{"chain_getBlockHash", "[99]", "null"},
		{"chain_getHeader", `["0x` + strings.Repeat("11", 32) + `"]`, "null"},
		{"chain_getBlock", `["0x` + strings.Repeat("11", 32) + `"]`, "null"},
		{"state_getStorage", `["` + numberKey + `"]`, `"0x01000000"`},
		{"state_getStorageAt", `["` + numberKey + `","` + genesis + `"]`, "null"},
		{"state_getStorage", `["0x1234"]`, "null"},
		{"state_queryStorageAt", `[["` + numberKey + `","0x12"]]`, `[{"block":"` + headHash + `","changes":[["` + numberKey + `","0x01000000"],["0x12",null]]}]`},
		{"state_getKeysPaged", `["` + numberKey + `",10,null,"` + headHash + `"]`, `["` + numberKey + `"]`},
		{"state_getKeysPaged", `["` + numberKey + `",10,"` + numberKey + `"]`, `[]`},
		{"state_call", `["AccountNonceApi_account_nonce","` + hexOf(alicePublic(t)) + `"]`, `"0x01000000"`},
		{"state_call", `["SubnetInfoRuntimeApi_get_metagraph","0x0900"]`, `"0x00"`},
		{"state_call", `["SubnetInfoRuntimeApi_get_subnet_state","0x0900"]`, `"0x00"`},
		{"state_call", `["SubnetInfoRuntimeApi_get_selective_metagraph","0x090000"]`, `"0x00"`},
		{"state_call", `["Metadata_metadata_versions","0x"]`, `"0x080e0000000f000000"`},
		{"author_pendingExtrinsics", "[]", "[]"},
	} {
		if got := w.result(c.method, c.params); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.method, c.params, got, c.want)
		}
	}
}

func alicePublic(t testing.TB) []byte { a := devchaintest.Alice(t).Public; return a[:] }

func TestRPCErrors(t *testing.T) {
	n := start(t, nil)
	w := n.dial()
	unknown := `"0x` + strings.Repeat("11", 32) + `"`
	for _, c := range []struct {
		method, params string
		code           int
	}{
		{"no_such", "[]", jsonrpc.CodeMethod},
		{"chain_getBlockHash", `{"a":1}`, jsonrpc.CodeParams},
		{"chain_getBlockHash", `["x"]`, jsonrpc.CodeParams},
		{"chain_getBlockHash", `[[1]]`, jsonrpc.CodeParams},
		{"state_getStorage", "[]", jsonrpc.CodeParams},
		{"state_getStorage", `["1z"]`, jsonrpc.CodeParams},
		{"state_getStorage", `[5]`, jsonrpc.CodeParams},
		{"state_getStorage", `["0x12",` + unknown + `]`, 4003},
		{"state_getKeysPaged", `["0x",1001]`, jsonrpc.CodeParams},
		{"state_getKeysPaged", `["0x"]`, jsonrpc.CodeParams},
		{"state_queryStorageAt", `["0x"]`, jsonrpc.CodeParams},
		{"state_queryStorageAt", `[["zz"]]`, jsonrpc.CodeParams},
		{"state_call", `["No_such","0x"]`, 4003},
		{"state_call", `["SubnetInfoRuntimeApi_get_metagraph","0x01"]`, 4003},
		{"system_accountNextIndex", `["nobody"]`, jsonrpc.CodeParams},
		{"author_submitExtrinsic", `["0x0463"]`, 1001},
		{"author_submitAndWatchExtrinsic", `["0x0463"]`, 1001},
		{"payment_queryInfo", `["0x0463"]`, 1001},
		{"state_subscribeStorage", `[5]`, jsonrpc.CodeParams},
	} {
		if m := w.ask(c.method, c.params); m.Error == nil || m.Error.Code != c.code {
			t.Errorf("%s %s: %v, want code %d", c.method, c.params, m.Error, c.code)
		}
	}
	for msg, code := range map[string]int{
		"{": jsonrpc.CodeParse, "[": jsonrpc.CodeParse, "[]": jsonrpc.CodeRequest, `{"id":1,"method":"system_chain"}`: jsonrpc.CodeRequest, `{"jsonrpc":"2.0","id":1}`: jsonrpc.CodeRequest,
		"[1]": jsonrpc.CodeParse,
		"[" + strings.Repeat(`{"jsonrpc":"2.0","id":1,"method":"system_name"},`, 64) + `{}]`: jsonrpc.CodeRequest,
	} {
		w.write(msg)
		if m := w.read(); m.Error == nil || m.Error.Code != code {
			t.Errorf("%.20s: %v, want code %d", msg, m.Error, code)
		}
	}
	w.write(`{"jsonrpc":"2.0","method":"system_chain"}`) // a notification: no answer
	if got := w.result("system_name", "[]"); got != `"strata-devchain"` {
		t.Errorf("after a notification: %s", got)
	}
}

func TestBlocksAndHeaders(t *testing.T) {
	n := start(t, nil)
	n.step(1)
	raw := n.signed(devchaintest.Alice(t), remark(n), nil)
	w := n.dial()
	if got, h := w.result("author_submitExtrinsic", `["`+hexOf(raw)+`"]`), state.HashOf(raw); got != `"`+hexOf(h[:])+`"` {
		t.Errorf("the hash is %s", got)
	}
	if got := w.result("author_pendingExtrinsics", "[]"); got != `["`+hexOf(raw)+`"]` {
		t.Errorf("pending: %s", got)
	}
	if got := w.result("payment_queryInfo", `["`+hexOf(raw)+`"]`); !strings.Contains(got, `"partialFee":"100000"`) {
		t.Errorf("info: %s", got)
	}
	n.step(1)
	var answer struct {
		Block struct {
			Header     headerJSON
			Extrinsics []string
		}
	}
	if err := json.Unmarshal([]byte(w.result("chain_getBlock", "[]")), &answer); err != nil {
		t.Fatal(err)
	}
	parent := n.ledger.Block(1).Hash
	if h := answer.Block.Header; h.Number != "0x2" || h.ParentHash != hexOf(parent[:]) || h.Digest.Logs == nil {
		t.Errorf("header %+v", h)
	}
	if x := answer.Block.Extrinsics; len(x) != 2 || x[1] != hexOf(raw) {
		t.Errorf("extrinsics %v", x)
	}
	now, err := n.rt.Meta.DecodeExtrinsic(n.ledger.Head().Body[0])
	if err != nil || now.Signed {
		t.Fatalf("the inherent: %v", err)
	}
	if pallet, name, args, err := n.rt.Meta.DecodeCall(now.Call); err != nil || pallet+"."+name != "Timestamp.set" || scale.Look(args, "now").Field("now").U64() != 1_700_000_000_001 {
		t.Errorf("the inherent is %s.%s %v %v: a stopped clock still has to move on", pallet, name, args, err)
	}
}

func TestSubscriptions(t *testing.T) {
	n := start(t, nil)
	w := n.dial()
	subscribe := func(method, params string) string {
		t.Helper()
		var id string
		if err := json.Unmarshal([]byte(w.result(method, params)), &id); err != nil {
			t.Fatal(err)
		}
		return id
	}
	expect := func(id, method, part string) {
		t.Helper()
		m := w.read()
		if m.Method != method || m.Params.Subscription != id || !strings.Contains(string(m.Params.Result), part) {
			t.Fatalf("%s of %s: %s, want %s of %s with %s", m.Method, m.Params.Subscription, m.Params.Result, method, id, part)
		}
	}
	for _, c := range []struct{ start, end, message string }{
		{"chain_subscribeNewHeads", "chain_unsubscribeNewHeads", "chain_newHead"},
		{"chain_subscribeFinalizedHeads", "chain_unsubscribeFinalizedHeads", "chain_finalizedHead"},
	} {
		id := subscribe(c.start, "[]")
		expect(id, c.message, headerOf(n.ledger.Head()).Number)
		n.step(1)
		expect(id, c.message, headerOf(n.ledger.Head()).Number)
		if w.result(c.end, `["`+id+`"]`) != "true" || w.result(c.end, `["`+id+`"]`) != "false" {
			t.Error("a subscription does not end once")
		}
		n.step(1)
	}
	key := hexOf([]byte(storage.SystemNumber.Key()))
	id := subscribe("state_subscribeStorage", `[["`+key+`","0x1234"]]`)
	expect(id, "state_storage", `["0x1234",null]`)
	n.step(1)
	expect(id, "state_storage", `[["`+key+`","0x05000000"]]`)
	w.result("state_unsubscribeStorage", `["`+id+`"]`)
	id = subscribe("state_subscribeRuntimeVersion", "[]")
	expect(id, "state_runtimeVersion", `"specVersion":300`)

	raw := n.signed(devchaintest.Alice(t), remark(n), nil)
	id = subscribe("author_submitAndWatchExtrinsic", `["`+hexOf(raw)+`"]`)
	expect(id, "author_extrinsicUpdate", `"ready"`)
	n.step(1)
	h := n.ledger.Head().Hash
	expect(id, "author_extrinsicUpdate", `{"inBlock":"`+hexOf(h[:])+`"}`)
	expect(id, "author_extrinsicUpdate", `{"finalized":"`+hexOf(h[:])+`"}`)
	w.result("author_unwatchExtrinsic", `["`+id+`"]`)
}

func TestConnectionsEndWithTheNode(t *testing.T) {
	n := start(t, nil)
	w := n.dial()
	w.result("chain_subscribeNewHeads", "[]")
	w.read()
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.ws.Read(t.Context()); err == nil {
		t.Error("the connection is open")
	}
	if len(n.feeds) != 0 {
		t.Error("a subscription outlived its connection")
	}
}

func TestBlocksComeByThemselves(t *testing.T) {
	n := start(t, func(c *Config) { c.BlockTime = time.Millisecond })
	w := n.dial()
	w.result("chain_subscribeNewHeads", "[]")
	for range 3 {
		if m := w.read(); m.Method != "chain_newHead" {
			t.Errorf("got %s", m.Method)
		}
	}
}
