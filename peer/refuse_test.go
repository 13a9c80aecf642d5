package peer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"strata"
	"strata/wire"
)

func (n *network) put(data []byte) *raw {
	_, root := shard(len(data))
	return n.sign("PUT", wire.ShardURI(testDomain, root, uint64(len(data))), data)
}

// TestRequestsRefused sends requests that are wrong in one way. Every answer is
// signed (send checks that).
func TestRequestsRefused(t *testing.T) {
	n := newNetwork(t, nil)
	data, root := shard(1000)
	audit := wire.AuditRequest{Leaves: make([]wire.LeafRef, 1)}.Encode()
	stale := func(by time.Duration) *raw {
		r := n.sign("GET", pathSuperblock, nil)
		v := n.validator
		_, err := wire.SignRequest(r.header, v, r.method, r.uri, r.bodySum, uint64(time.Now().Add(by).UnixNano()), v.hotkey, n.ep.Hotkey)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	tests := []struct {
		name string
		make func() *raw
		code strata.Code
	}{
		{"good", func() *raw { return n.put(data) }, ""},
		{"unsigned", func() *raw { r := n.put(data); r.header = http.Header{}; return r }, strata.Unauthenticated},
		{"old", func() *raw { return stale(-11 * time.Second) }, strata.Unauthenticated},
		{"future", func() *raw { return stale(time.Minute) }, strata.Unauthenticated},
		{"other receiver", func() *raw {
			r := n.put(data)
			r.header.Set(wire.HeaderReceiver, n.validator.hotkey.String())
			return r
		}, strata.Unauthenticated},
		{"other path than signed", func() *raw { r := n.sign("GET", pathManifest, nil); r.uri = pathSuperblock; return r }, strata.Unauthenticated},
		{"other method than signed", func() *raw { r := n.sign("PUT", pathSuperblock, nil); r.method = "GET"; return r }, strata.Unauthenticated},
		{"other body, with its hash", func() *raw {
			r := n.sign("POST", pathAudit, audit)
			r.body = bytes.Repeat([]byte{1}, len(audit))
			sum := sha256.Sum256(r.body)
			r.header.Set(wire.HeaderContent, hex.EncodeToString(sum[:]))
			return r
		}, strata.Unauthenticated},
		{"other body than hashed", func() *raw {
			r := n.sign("POST", pathAudit, audit)
			r.body = bytes.Repeat([]byte{1}, len(audit))
			return r
		}, strata.Invalid},
		{"other shard than its root", func() *raw { r := n.put(data); r.body = bytes.Repeat([]byte{1}, 1000); return r }, strata.Invalid},
		{"shard under another's signature", func() *raw {
			r := n.put(data)
			r.uri = wire.ShardURI(testDomain, strata.Root{1}, 1000)
			return r
		}, strata.Unauthenticated},
		{"shard with a hash in its header", func() *raw {
			r := n.put(data)
			sum := sha256.Sum256(data)
			r.header.Set(wire.HeaderContent, hex.EncodeToString(sum[:]))
			return r
		}, strata.Invalid},
		{"small body without hash", func() *raw { r := n.sign("POST", pathAudit, audit); r.header.Del(wire.HeaderContent); return r }, ""},
		{"other body without hash", func() *raw {
			r := n.sign("POST", pathAudit, audit)
			r.header.Del(wire.HeaderContent)
			r.body = append(r.body[:len(r.body)-1:len(r.body)-1], 1)
			return r
		}, strata.Unauthenticated},
		{"large body without hash", func() *raw {
			r := n.sign("POST", pathRetain, make([]byte, wire.MaxUnhashed+1))
			r.header.Del(wire.HeaderContent)
			return r
		}, strata.TooLarge},
		{"hash twice", func() *raw {
			r := n.sign("POST", pathAudit, audit)
			r.header.Add(wire.HeaderContent, r.header.Get(wire.HeaderContent))
			return r
		}, strata.Invalid},
		{"hash in capitals", func() *raw {
			r := n.sign("POST", pathAudit, audit)
			r.header.Set(wire.HeaderContent, strings.ToUpper(r.header.Get(wire.HeaderContent)))
			return r
		}, strata.Invalid},
		{"a stranger", func() *raw { r := n.put(data); n.resign(r, newKey(t, 3)); return r }, strata.Forbidden},
		{"a stranger's audit", func() *raw { r := n.sign("POST", pathAudit, audit); n.resign(r, newKey(t, 3)); return r }, strata.Forbidden},
		{"unknown path", func() *raw { return n.sign("GET", "/v1/nothing", nil) }, strata.NotFound},
		{"unknown method", func() *raw { return n.sign("PATCH", pathShards+root.String(), nil) }, strata.NotFound},
		{"retain by another method", func() *raw { return n.sign("DELETE", pathRetain, nil) }, strata.NotFound},
		{"root in capitals", func() *raw { return n.sign("GET", pathShards+strings.ToUpper(root.String()), nil) }, strata.Invalid},
		{"half a root", func() *raw { return n.sign("GET", pathShards+root.String()[:62], nil) }, strata.Invalid},
		{"put without size", func() *raw { return n.sign("PUT", pathShards+root.String(), data) }, strata.Invalid},
		{"put with another size", func() *raw { return n.sign("PUT", wire.ShardURI(testDomain, root, 999), data) }, strata.Invalid},
		{"put of another network", func() *raw { return n.sign("PUT", wire.ShardURI(wire.Domain{}, root, 1000), data) }, strata.Invalid},
		{"put of nothing", func() *raw { return n.sign("PUT", wire.ShardURI(testDomain, root, 0), nil) }, strata.Invalid},
		{"audit too large", func() *raw { return n.sign("POST", pathAudit, make([]byte, wire.MaxAuditRequest+1)) }, strata.TooLarge},
		{"audit malformed", func() *raw { return n.sign("POST", pathAudit, audit[:40]) }, strata.Invalid},
		{"retain malformed", func() *raw { return n.sign("POST", pathRetain, audit) }, strata.Invalid},
		{"superblock malformed", func() *raw { return n.sign("PUT", pathSuperblock, []byte{1}) }, strata.Invalid},
		{"manifest of nobody", func() *raw { return n.sign("GET", pathManifest, nil) }, strata.Invalid},
		{"manifest since a word", func() *raw {
			return n.sign("GET", fmt.Sprintf("%s?validator=%s&since=never", pathManifest, n.validator.hotkey), nil)
		}, strata.Invalid},
		{"body where none belongs", func() *raw { return n.sign("DELETE", pathShards+root.String(), data) }, strata.TooLarge},
	}
	for _, tt := range tests {
		if got := n.send(tt.make()); got != tt.code {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.code)
		}
	}
}

func TestReplayIsRefused(t *testing.T) {
	n := newNetwork(t, nil)
	data, _ := shard(1000)
	r := n.put(data)
	if code := n.send(r); code != "" {
		t.Fatal(code)
	}
	if code := n.send(r); code != strata.Unauthenticated {
		t.Errorf("the same request again: %q", code)
	}
}

// TestBodyMismatchStoresNothing: a body that is not the signed one never makes
// a shard, even if the miner would be content with it.
func TestBodyMismatchStoresNothing(t *testing.T) {
	n := newNetwork(t, nil)
	data, root := shard(300_000)
	r := n.put(data)
	r.body = bytes.Clone(data)
	r.body[299_999]++
	if code := n.send(r); code != strata.Invalid {
		t.Errorf("got %q", code)
	}
	// The right bytes with another digest signed: the order would not hold.
	r = n.put(data)
	r.bodySum[0]++
	n.resign(r, n.validator)
	if code := n.send(r); code != strata.Unauthenticated {
		t.Errorf("wrong root signed: %q", code)
	}
	if n.miner.has(root) {
		t.Error("the shard is stored")
	}
}

// TestLazyMiner reads nothing of the body: its receipt must not leave, since
// the body was never checked.
func TestLazyMiner(t *testing.T) {
	n := newNetwork(t, nil)
	data, _ := shard(100_000)
	n.server.cfg.Miner = lazyMiner{n.miner}
	r := n.put(data)
	r.body = make([]byte, len(data))
	if code := n.send(r); code != strata.Invalid {
		t.Errorf("a receipt for an unchecked body: %q", code)
	}
}

type lazyMiner struct{ *memMiner }

func (m lazyMiner) PutShard(_ context.Context, v strata.Hotkey, root strata.Root, size int64, _ io.Reader, _ wire.Order) (wire.Receipt, error) {
	return wire.Receipt{Validator: v, Root: root, Length: uint64(size)}, nil
}

// TestStrangersBodyIsNotRead sends headers only and waits for the answer.
func TestStrangersBodyIsNotRead(t *testing.T) {
	for _, size := range []int{1000, 1 << 20} {
		strangersBody(t, size)
	}
}

func strangersBody(t *testing.T, size int) {
	t.Helper()
	n := newNetwork(t, nil)
	data, _ := shard(size)
	for name, tt := range map[string]struct {
		key  testKey
		spam func(http.Header)
		want int
	}{
		"stranger":  {newKey(t, 3), func(http.Header) {}, 403},
		"tampered":  {n.validator, func(h http.Header) { h.Set(wire.HeaderSignature, "0x"+strings.Repeat("0", 128)) }, 401},
		"throttled": {n.validator, func(http.Header) { n.exhaustBytes() }, 429},
	} {
		r := n.put(data)
		n.resign(r, tt.key)
		tt.spam(r.header)
		resp := n.headersOnly(r)
		if resp.StatusCode != tt.want {
			t.Errorf("%s with %d bytes: status %d, want %d", name, size, resp.StatusCode, tt.want)
		}
	}
}

// exhaustBytes leaves the validator no byte to move.
func (n *network) exhaustBytes() {
	if err := n.server.rates.takeBytes(n.validator.hotkey, 1<<40); err != nil {
		n.t.Error(err)
	}
}

// dial makes a TLS connection as the client does.
func (n *network) dial() *tls.Conn {
	n.t.Helper()
	conn, err := tls.Dial("tcp", n.ep.Addr.String(), clientTLS(testDomain, n.ep.Hotkey, time.Now))
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		n.t.Fatal(err)
	}
	return conn
}

// headersOnly announces a body and does not send it.
func (n *network) headersOnly(r *raw) *http.Response {
	n.t.Helper()
	conn := n.dial()
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n", r.method, r.uri, len(r.body))
	_ = r.header.Write(&b)
	b.WriteString("\r\n")
	if _, err := conn.Write(b.Bytes()); err != nil {
		n.t.Fatal(err)
	}
	resp, err := http.ReadResponse(newReader(conn), nil)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

func TestSlowHeaders(t *testing.T) {
	for limit := 50 * time.Millisecond; ; limit *= 2 {
		if done := slowHeaders(t, limit); done || limit > patience {
			return
		}
	}
}

// slowHeaders says false where the machine was too slow for a handshake within
// the limit, which is that of the headers, too.
func slowHeaders(t *testing.T, limit time.Duration) (done bool) {
	n := newNetwork(t, func(c *ServerConfig) { c.HeaderTimeout = limit })
	conn, err := tls.Dial("tcp", n.ep.Addr.String(), clientTLS(testDomain, n.ep.Hotkey, time.Now))
	if err != nil {
		t.Logf("no handshake within %s: %v", limit, err)
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Write([]byte("GET /v1/status HTTP/1.1\r\nHost: x\r\nX-Slow: ")); err != nil {
		t.Logf("no request within %s: %v", limit, err)
		return false
	}
	if _, err := io.ReadAll(conn); isTimeout(err) {
		t.Error("the server waits for headers")
	}
	return true
}

func TestSlowHandshake(t *testing.T) {
	n := newNetwork(t, func(c *ServerConfig) { c.HeaderTimeout = 50 * time.Millisecond })
	conn, err := net.Dial("tcp", n.ep.Addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.ReadAll(conn); isTimeout(err) {
		t.Error("the server waits for the handshake")
	}
}

// TestSlowBody: a body that stops coming ends in an error, for a caller who
// may and for one who may not.
func TestSlowBody(t *testing.T) {
	n := newNetwork(t, func(c *ServerConfig) { c.BodyTimeout = 50 * time.Millisecond })
	r := n.put(make([]byte, 1000))
	if resp := n.headersOnly(r); resp.StatusCode != 400 {
		t.Errorf("status %d", resp.StatusCode)
	}
	r.header.Del(wire.HeaderSignature)
	resp := n.headersOnly(r)
	if resp.StatusCode != 401 {
		t.Errorf("unsigned: status %d", resp.StatusCode)
	}
}

func isTimeout(err error) bool {
	ne, ok := err.(net.Error)
	return ok && ne.Timeout()
}

func TestLargeHeaders(t *testing.T) {
	n := newNetwork(t, nil)
	r := n.sign("GET", pathStatus, nil)
	r.header.Set("X-Large", strings.Repeat("x", 1<<17))
	if resp := n.headersOnly(r); resp.StatusCode != 431 {
		t.Errorf("status %d", resp.StatusCode)
	}
}

// proxy serves with the miner's own key, so that TLS is content, and changes
// answers on the way.
func (n *network) proxy(change func(*httptest.ResponseRecorder)) wire.Endpoint {
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		n.server.serve(rec, r)
		change(rec)
		for k, v := range rec.Header() {
			w.Header()[k] = v
		}
		w.Header().Set("Content-Length", strconv.Itoa(rec.Body.Len()))
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	})}
	run := func(ln net.Listener) error {
		if err := s.Serve(tls.NewListener(ln, n.server.identity.serverTLS())); err != http.ErrServerClosed {
			return err
		}
		return nil
	}
	return wire.Endpoint{Hotkey: n.ep.Hotkey, Addr: serve(n.t, run, s.Close)}
}

// TestAnswersTampered: what the miner did not sign is not believed.
func TestAnswersTampered(t *testing.T) {
	ctx := context.Background()
	superblock := func(c *Client, ep wire.Endpoint) error { _, err := c.GetSuperblock(ctx, ep); return err }
	status := func(c *Client, ep wire.Endpoint) error { _, err := c.Status(ctx, ep); return err }
	get := func(c *Client, ep wire.Endpoint) error {
		_, root := shard(1000)
		body, err := c.GetShard(ctx, ep, root, 1000, 10, 20)
		if err == nil {
			_ = body.Close()
		}
		return err
	}
	saved := ""
	tests := []struct {
		name   string
		call   func(*Client, wire.Endpoint) error
		change func(*httptest.ResponseRecorder)
		code   strata.Code
	}{
		{"untouched", status, func(*httptest.ResponseRecorder) {}, ""},
		{"no signature", status, func(r *httptest.ResponseRecorder) { r.Header().Del(wire.HeaderResponse) }, strata.Unauthenticated},
		{"body", status, func(r *httptest.ResponseRecorder) { r.Body.Bytes()[20]++ }, strata.Unauthenticated},
		{"longer body", status, func(r *httptest.ResponseRecorder) { r.Body.WriteByte(' ') }, strata.Unauthenticated},
		{"error made good", superblock, func(r *httptest.ResponseRecorder) { r.Code = 200; r.Body.Reset() }, strata.Unauthenticated},
		{"good made error", status, func(r *httptest.ResponseRecorder) { r.Code = 429 }, strata.Unauthenticated},
		{"error's text", superblock, func(r *httptest.ResponseRecorder) { r.Body.Bytes()[15]++ }, strata.Unauthenticated},
		{"error as it is", superblock, func(*httptest.ResponseRecorder) {}, strata.NotFound},
		{"body over the limit", superblock, func(r *httptest.ResponseRecorder) { r.Body.Write(make([]byte, 10000)) }, strata.Corrupt},
		{"remember", status, func(r *httptest.ResponseRecorder) { saved = r.Header().Get(wire.HeaderResponse) }, ""},
		{"answer to another request", status, func(r *httptest.ResponseRecorder) { r.Header().Set(wire.HeaderResponse, saved) }, strata.Unauthenticated},
		{"redirect", status, func(r *httptest.ResponseRecorder) {
			r.Code = 307
			r.Header().Set("Location", "https://127.0.0.1:1/")
		}, strata.Unauthenticated},
		{"range untouched", get, func(*httptest.ResponseRecorder) {}, ""},
		{"range status", get, func(r *httptest.ResponseRecorder) { r.Code = 200 }, strata.Unauthenticated},
		{"range size", get, func(r *httptest.ResponseRecorder) { r.Header().Set(wire.HeaderSize, "1001") }, strata.Corrupt},
		{"range without size", get, func(r *httptest.ResponseRecorder) { r.Header().Del(wire.HeaderSize) }, strata.Corrupt},
	}
	for _, tt := range tests {
		n := newNetwork(t, nil)
		n.store(1000)
		ep := n.proxy(tt.change)
		err := tt.call(n.client, ep)
		wantCode(t, tt.name, err, tt.code)
	}
}

// TestRangeSwapped: the answer's signature covers the range, so a request whose
// Range header was changed on the way is noticed before its bytes are.
func TestRangeSwapped(t *testing.T) {
	n := newNetwork(t, nil)
	_, root := n.store(1000)
	s := n.server
	inner := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("Range", "bytes=30-49")
		s.serve(w, r)
	})}
	run := func(ln net.Listener) error {
		if err := inner.Serve(tls.NewListener(ln, s.identity.serverTLS())); err != http.ErrServerClosed {
			return err
		}
		return nil
	}
	ep := wire.Endpoint{Hotkey: n.ep.Hotkey, Addr: serve(t, run, inner.Close)}
	_, err := n.client.GetShard(context.Background(), ep, root, 1000, 10, 20)
	wantCode(t, "other range", err, strata.Unauthenticated)
}

func TestSpan(t *testing.T) {
	tests := []struct {
		header []string
		off, n uint64
		ok     bool
	}{
		{nil, 0, 100, true}, {[]string{"bytes=0-0"}, 0, 1, true}, {[]string{"bytes=10-19"}, 10, 10, true},
		{[]string{"bytes=90-"}, 90, 10, true}, {[]string{"bytes=90-500"}, 90, 10, true},
		{[]string{"bytes=100-100"}, 0, 0, false}, {[]string{"bytes=20-10"}, 0, 0, false}, {[]string{"bytes=-5"}, 0, 0, false},
		{[]string{"bytes=0-1,3-4"}, 0, 0, false}, {[]string{"bytes=0-1", "bytes=3-4"}, 0, 0, false}, {[]string{"items=0-1"}, 0, 0, false},
		{[]string{"bytes=0-99999999999999999999"}, 0, 0, false}, {[]string{"bytes"}, 0, 0, false}, {[]string{""}, 0, 0, false},
	}
	for _, tt := range tests {
		off, n, err := span(tt.header, 100)
		if (err == nil) != tt.ok || tt.ok && (off != tt.off || n != tt.n) {
			t.Errorf("%q: %d+%d, %v", tt.header, off, n, err)
		}
	}
	_, _, err := span(nil, 0)
	wantCode(t, "empty shard", err, strata.Internal)
}
