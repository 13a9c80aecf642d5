package subtensor

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	schnorrkel "github.com/ChainSafe/go-schnorrkel"
	"github.com/coder/websocket"

	"strata"
	"strata/chain/scale"
	"strata/chain/subtensor/link"
	"strata/internal/recorded"
)

// recordedMeta is the metadata of a real runtime, spec 300.
func recordedMeta(t testing.TB) *scale.Metadata {
	t.Helper()
	raw, err := scale.UnwrapMetadata(recorded.Hex(t, "spec300_metadata_v15.hex"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := scale.DecodeMetadata(raw)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// stubBlock is a block of a stub.
type stubBlock struct {
	header     header
	hash       strata.BlockHash
	extrinsics []hexBytes
	events     []byte
}

// stub is a node with the metadata and replies it is given. It makes a block
// of every extrinsic that it takes, and answers from a state without history,
// events excepted.
type stub struct {
	t    testing.TB
	http *httptest.Server
	meta *scale.Metadata

	mu       sync.Mutex // guards what follows
	spec     uint32
	v14      bool // has no V15
	genesis  strata.BlockHash
	state    map[string][]byte
	blocks   []*stubBlock
	replies  map[string]json.RawMessage // `method ["param",…]` → reply, before all else
	failures map[string]*link.Error     // by method and by state_call function
	silent   map[string]bool            // methods never answered
	calls    map[string]int
	conns    map[*stubConn]struct{}
	nonces   map[[32]byte]uint64

	// onSubmit decides about an extrinsic: the statuses to send, "BLOCK" standing
	// for its inclusion and "FINAL" for that block's finality, and the dispatch error it ends with, nil for success.
	onSubmit func(x *scale.Extrinsic) (statuses []string, failed scale.Value)
	// cutAfterSubmit breaks the connection instead of sending statuses.
	cutAfterSubmit bool
	syncing        bool
	deaf           bool // new connections are accepted and never read
}

type stubConn struct {
	ws   *websocket.Conn
	ctx  context.Context
	mu   sync.Mutex // guards subs
	subs map[string]string
	next int
}

func newStub(t testing.TB, meta *scale.Metadata) *stub {
	t.Helper()
	s := &stub{
		t: t, meta: meta, spec: 300, genesis: strata.BlockHash{0x45},
		state: map[string][]byte{}, replies: map[string]json.RawMessage{}, failures: map[string]*link.Error{},
		silent: map[string]bool{}, calls: map[string]int{}, conns: map[*stubConn]struct{}{}, nonces: map[[32]byte]uint64{},
		onSubmit: func(*scale.Extrinsic) ([]string, scale.Value) { return []string{`"ready"`, "BLOCK"}, nil },
	}
	s.blocks = []*stubBlock{{hash: s.genesis, header: header{Number: "0x0"}}}
	s.addBlock(nil, nil)
	s.set("Timestamp", "Now", uint64(1_700_000_000_123))
	s.http = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(func() {
		s.cut()
		s.http.Close()
	})
	return s
}

func (s *stub) url() string { return "ws" + strings.TrimPrefix(s.http.URL, "http") }

// set puts a value into the state.
func (s *stub) set(pallet, item string, v scale.Value, keys ...scale.Value) {
	s.t.Helper()
	key, err := s.meta.StorageKey(pallet, item, keys...)
	if err != nil {
		s.t.Fatal(err)
	}
	raw, err := s.meta.EncodeStorage(pallet, item, v)
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state[string(key)] = raw
}

// addBlock appends a block; the caller holds mu or has the stub alone.
func (s *stub) addBlock(extrinsics []hexBytes, events []byte) *stubBlock {
	parent := s.blocks[len(s.blocks)-1]
	b := &stubBlock{extrinsics: extrinsics, events: events}
	b.header = header{
		ParentHash: parent.hash[:], Number: fmt.Sprintf("0x%x", len(s.blocks)),
		StateRoot: make([]byte, 32), ExtrinsicsRoot: make([]byte, 32),
	}
	b.header.Digest.Logs = []hexBytes{{6, 1, 2, 3, 4, 4, 9}}
	hash, err := b.header.hash()
	if err != nil {
		s.t.Error(err)
	}
	b.hash = hash
	s.blocks = append(s.blocks, b)
	return b
}

// mine appends an empty block and tells the subscribers.
func (s *stub) mine() *stubBlock {
	s.mu.Lock()
	b := s.addBlock(nil, nil)
	s.mu.Unlock()
	s.publish("chain_subscribeNewHeads", b.header)
	return b
}

// publish sends a notification to all who subscribed with a method.
func (s *stub) publish(method string, v any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.mu.Lock()
		for id, m := range c.subs {
			if m == method {
				c.notify(id, v)
			}
		}
		c.mu.Unlock()
	}
}

func (c *stubConn) notify(id string, v any) {
	raw, _ := json.Marshal(map[string]any{"jsonrpc": "2.0", "method": "n", "params": map[string]any{"subscription": id, "result": v}})
	_ = c.ws.Write(c.ctx, websocket.MessageText, raw) // a client that left
}

// cut breaks all connections.
func (s *stub) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		_ = c.ws.CloseNow()
	}
}

func (s *stub) serve(w http.ResponseWriter, r *http.Request) {
	ws, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	c := &stubConn{ws: ws, ctx: r.Context(), subs: map[string]string{}}
	s.mu.Lock()
	s.conns[c] = struct{}{}
	deaf := s.deaf
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
		_ = ws.CloseNow()
	}()
	for !deaf {
		_, raw, err := ws.Read(r.Context())
		if err != nil {
			return
		}
		s.handle(c, raw)
		s.mu.Lock()
		deaf = s.deaf
		s.mu.Unlock()
	}
	<-r.Context().Done()
}

func (s *stub) handle(c *stubConn, raw []byte) {
	var req struct {
		ID     uint64            `json:"id"`
		Method string            `json:"method"`
		Params []json.RawMessage `json:"params"`
	}
	if err := json.Unmarshal(raw, &req); err != nil {
		s.t.Errorf("the client sent %s: %v", raw, err)
		return
	}
	result, after, err := s.answer(c, req.Method, req.Params)
	s.mu.Lock()
	silent := s.silent[req.Method]
	s.mu.Unlock()
	if silent {
		return
	}
	reply := map[string]any{"jsonrpc": "2.0", "id": req.ID}
	if err != nil {
		reply["error"] = map[string]any{"code": err.Code, "message": err.Message, "data": err.Data}
	} else {
		reply["result"] = result
	}
	out, _ := json.Marshal(reply)
	_ = c.ws.Write(c.ctx, websocket.MessageText, out) // a client that left
	if after != nil {
		after()
	}
}

// answer computes a reply, and what to do once it is sent.
func (s *stub) answer(c *stubConn, method string, params []json.RawMessage) (result any, after func(), fail *link.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[method]++
	texts := make([]string, len(params))
	for i, p := range params {
		texts[i] = string(p)
	}
	function := ""
	if method == "state_call" {
		_ = json.Unmarshal(params[0], &function)
		texts = texts[:2] // recorded without a block
	}
	if e := s.failures[method+function]; e != nil {
		return nil, nil, e
	}
	if r, ok := s.replies[method+" ["+strings.Join(texts, ",")+"]"]; ok {
		return r, nil, nil
	}
	if strings.Contains(method, "_subscribe") {
		return s.subscribed(c, method)
	}
	switch method {
	case "author_submitAndWatchExtrinsic":
		return s.submitted(c, params[0])
	case "state_call":
		return s.runtimeCall(function)
	case "state_getMetadata":
		return hexBytes(s.encodedMeta(14)), nil, nil
	case "state_getRuntimeVersion":
		return versionJSON{Spec: s.spec, Tx: 1}, nil, nil
	case "state_getStorage":
		return s.stored(params), nil, nil
	case "state_queryStorageAt":
		return s.storedMany(params), nil, nil
	case "system_accountNextIndex":
		var address string
		_ = json.Unmarshal(params[0], &address)
		account, _ := strata.DecodeSS58(address)
		return s.nonces[account], nil, nil
	case "system_health":
		return map[string]any{"isSyncing": s.syncing, "peers": 1}, nil, nil
	case "author_unwatchExtrinsic", "author_submitExtrinsic", "chain_unsubscribeNewHeads":
		return true, nil, nil
	}
	return s.chainCall(method, params)
}

func (s *stub) chainCall(method string, params []json.RawMessage) (any, func(), *link.Error) {
	best := s.blocks[len(s.blocks)-1]
	var at *stubBlock
	if len(params) > 0 {
		var h hexBytes
		var n int
		for i, b := range s.blocks {
			if json.Unmarshal(params[0], &h) == nil && bytes.Equal(h, b.hash[:]) || json.Unmarshal(params[0], &n) == nil && n == i {
				at = b
			}
		}
	}
	switch method {
	case "chain_getFinalizedHead":
		return hexBytes(best.hash[:]), nil, nil
	case "chain_getHeader":
		if len(params) == 0 {
			at = best
		}
		if at != nil {
			return at.header, nil, nil
		}
		return nil, nil, nil
	case "chain_getBlockHash":
		if at != nil {
			return hexBytes(at.hash[:]), nil, nil
		}
		return nil, nil, nil
	case "chain_getBlock":
		if at == nil {
			return nil, nil, nil
		}
		return map[string]any{"block": map[string]any{"header": at.header, "extrinsics": at.extrinsics}}, nil, nil
	}
	return nil, nil, &link.Error{Code: -32601, Message: "Method not found"}
}

func (s *stub) subscribed(c *stubConn, method string) (any, func(), *link.Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next++
	id := fmt.Sprintf("sub%d", c.next)
	c.subs[id] = method
	version := versionJSON{Spec: s.spec, Tx: 1}
	best := s.blocks[len(s.blocks)-1].header
	return id, func() {
		switch method {
		case "state_subscribeRuntimeVersion":
			c.notify(id, version)
		case "chain_subscribeNewHeads":
			c.notify(id, best)
		}
	}, nil
}

func (s *stub) runtimeCall(function string) (any, func(), *link.Error) {
	if function == "Metadata_metadata_at_version" {
		var e scale.Encoder
		e.Option(!s.v14)
		if !s.v14 {
			e.Blob(s.encodedMeta(15))
		}
		return hexBytes(e.Bytes()), nil, nil
	}
	return nil, nil, &link.Error{Code: -32603, Message: "Execution failed: Exported method is not found"}
}

func (s *stub) encodedMeta(version uint8) []byte {
	m := *s.meta
	m.Version = version
	raw, err := m.Encode()
	if err != nil {
		s.t.Error(err)
	}
	return raw
}

// read returns the value of a key at a block.
func (s *stub) read(key, block []byte) []byte {
	events, err := s.meta.StorageKey("System", "Events")
	if err != nil {
		s.t.Error(err)
	}
	if bytes.Equal(key, events) {
		for _, b := range s.blocks {
			if bytes.Equal(b.hash[:], block) {
				return b.events
			}
		}
	}
	return s.state[string(key)]
}

func (s *stub) stored(params []json.RawMessage) any {
	var key, block hexBytes
	_ = json.Unmarshal(params[0], &key)
	if len(params) > 1 {
		_ = json.Unmarshal(params[1], &block)
	}
	if v := s.read(key, block); v != nil {
		return hexBytes(v)
	}
	return nil
}

func (s *stub) storedMany(params []json.RawMessage) any {
	var keys []json.RawMessage
	_ = json.Unmarshal(params[0], &keys)
	changes := [][2]any{}
	for _, k := range keys {
		changes = append(changes, [2]any{k, s.stored(append([]json.RawMessage{k}, params[1:]...))})
	}
	return []any{map[string]any{"block": nil, "changes": changes}}
}

// submitted checks an extrinsic as a node does, puts it into a block, and
// sends the statuses.
func (s *stub) submitted(c *stubConn, param json.RawMessage) (any, func(), *link.Error) {
	var raw hexBytes
	_ = json.Unmarshal(param, &raw)
	x, err := s.meta.DecodeExtrinsic(raw)
	if err != nil {
		s.t.Errorf("the client sent an extrinsic that does not decode: %v", err)
		return nil, nil, &link.Error{Code: 1002, Message: err.Error()}
	}
	if x.Nonce != s.nonces[x.Signer] || !s.signed(x) {
		return nil, nil, &link.Error{Code: 1010, Message: "Invalid Transaction", Data: json.RawMessage(`"Transaction has a bad signature"`)}
	}
	s.nonces[x.Signer]++
	statuses, failed := s.onSubmit(x)
	sent := make([]json.RawMessage, len(statuses))
	for i, st := range statuses {
		switch st {
		case "BLOCK":
			b := s.addBlock([]hexBytes{{4, 0}, raw}, s.events(failed))
			st = fmt.Sprintf(`{"inBlock":"0x%s"}`, b.hash)
		case "FINAL":
			st = fmt.Sprintf(`{"finalized":"0x%s"}`, s.blocks[len(s.blocks)-1].hash)
		case `"invalid"`:
			s.nonces[x.Signer]--
		}
		sent[i] = json.RawMessage(st)
	}
	cut := s.cutAfterSubmit
	return "watch", func() {
		if cut {
			_ = c.ws.CloseNow()
		}
		for _, st := range sent {
			c.notify("watch", st)
		}
	}, nil
}

// signed verifies an extrinsic's signature against the era that it names.
func (s *stub) signed(x *scale.Extrinsic) bool {
	birth := x.Era.Birth(uint64(len(s.blocks) - 1))
	payload, err := s.meta.SigningPayload(x.Call, scale.TxParams{
		Era: x.Era, Nonce: x.Nonce, Tip: x.Tip, SpecVersion: s.spec, TxVersion: 1, Genesis: s.genesis, EraBlock: s.blocks[birth].hash,
	})
	if err != nil {
		s.t.Error(err)
		return false
	}
	var sig [64]byte
	raw, _ := x.Signature.Value.([]byte)
	copy(sig[:], raw)
	key, err1 := schnorrkel.NewPublicKey(x.Signer)
	signature := &schnorrkel.Signature{}
	if err2 := signature.Decode(sig); err1 != nil || err2 != nil {
		return false
	}
	ok, err := key.Verify(signature, schnorrkel.NewSigningContext([]byte("substrate"), payload))
	return ok && err == nil
}

// events encodes System.Events of a block with two extrinsics, of which the
// second failed or not.
func (s *stub) events(failed scale.Value) []byte {
	info := scale.Struct{
		"weight":   scale.Struct{"ref_time": 1, "proof_size": 1},
		"class":    scale.Variant{Name: "Normal"},
		"pays_fee": scale.Variant{Name: "Yes"},
	}
	record := func(index int, event scale.Variant) scale.Value {
		return scale.Struct{
			"phase": scale.Variant{Name: "ApplyExtrinsic", Value: index},
			"event": scale.Variant{Name: "System", Value: event}, "topics": []scale.Value{},
		}
	}
	success := scale.Variant{Name: "ExtrinsicSuccess", Value: scale.Struct{"dispatch_info": info}}
	second := success
	if failed != nil {
		second = scale.Variant{Name: "ExtrinsicFailed", Value: scale.Struct{"dispatch_error": failed, "dispatch_info": info}}
	}
	raw, err := s.meta.EncodeStorage("System", "Events", []scale.Value{record(0, success), record(1, second)})
	if err != nil {
		s.t.Error(err)
	}
	return raw
}

// count returns how often a method was called.
func (s *stub) count(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[method]
}

// with changes the stub under its lock.
func (s *stub) with(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// dialStub connects with short pauses.
func dialStub(t testing.TB, stubs ...*stub) *Client {
	t.Helper()
	var urls []string
	for _, s := range stubs {
		urls = append(urls, s.url())
	}
	c, err := Dial(t.Context(), urls, Options{Timeout: patience, MinBackoff: time.Millisecond, MaxBackoff: 5 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}
