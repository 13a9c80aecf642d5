package peer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"strata"
	"strata/wire"
)

// ClientConfig configures a Client. Hotkey, Signer and Domain are needed.
type ClientConfig struct {
	Hotkey strata.Hotkey // who signs the requests
	Signer wire.Signer   // of Hotkey
	Domain wire.Domain

	// Delegations let Hotkey read shards of others' partitions, by root.
	Delegations map[strata.Root]wire.Delegation

	Now         func() time.Time // default time.Now; for nonces and expiry
	DialTimeout time.Duration    // for TCP and for TLS, each; default 5 s
	// Timeout bounds a call on top of what its bytes may take at the lowest
	// rate allowed (64 KiB/s); default 30 s. The context may end it sooner.
	Timeout time.Duration
}

// Client calls miners. Connections are kept and reused, for each hotkey and
// address apart. It is safe for concurrent use.
//
// Errors: Unavailable when the miner is not reached, breaks off or is slow;
// Unauthenticated when what answers is not the expected hotkey; Corrupt when
// the answer is malformed; otherwise the code with which the miner answered,
// taken from its document after its signature was verified.
type Client struct {
	cfg       ClientConfig
	transport *http.Transport
	nonce     atomic.Uint64 // the last one used

	mu   sync.Mutex           // guards used
	used map[string]time.Time // by host: when a connection last went idle
}

const (
	minRate     = 64 << 10 // bytes a second that a transfer must reach
	idleTimeout = time.Minute
	ioBuffer    = 64 << 10
)

// NewClient returns a Client. Close it when done.
func NewClient(cfg ClientConfig) *Client {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.DialTimeout == 0 {
		cfg.DialTimeout = 5 * time.Second
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 30 * time.Second
	}
	c := &Client{cfg: cfg, used: map[string]time.Time{}}
	c.transport = &http.Transport{
		DialTLSContext:         c.dial,
		DisableCompression:     true,
		MaxIdleConns:           1024,
		MaxIdleConnsPerHost:    32,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: wire.MaxHeaders,
		ReadBufferSize:         ioBuffer,
		WriteBufferSize:        ioBuffer,
	}
	return c
}

// Close closes idle connections. Calls in flight go on.
func (c *Client) Close() error {
	c.transport.CloseIdleConnections()
	return nil
}

// hostOf encodes an endpoint as the host of a URL, as the transport pools
// connections by host: hex hotkey, hex address, port. It is never resolved.
func hostOf(ep wire.Endpoint) string {
	ip := ep.Addr.Addr().As16()
	return hex.EncodeToString(ep.Hotkey[:]) + "-" + hex.EncodeToString(ip[:]) + ":" + strconv.Itoa(int(ep.Addr.Port()))
}

// endpointOf decodes what hostOf made.
func endpointOf(host string) (wire.Endpoint, error) {
	name, portText, err := net.SplitHostPort(host)
	raw, hexErr := hex.DecodeString(string(bytes.Replace([]byte(name), []byte("-"), nil, 1)))
	port, portErr := strconv.ParseUint(portText, 10, 16)
	if err := errors.Join(err, hexErr, portErr); err != nil || len(raw) != 32+16 {
		return wire.Endpoint{}, strata.E(strata.Internal, "host %q is not an endpoint", host)
	}
	ip := netip.AddrFrom16([16]byte(raw[32:])).Unmap()
	return wire.Endpoint{Hotkey: strata.Hotkey(raw[:32]), Addr: netip.AddrPortFrom(ip, uint16(port))}, nil
}

// dial connects to the endpoint that the host encodes and proves its hotkey.
func (c *Client) dial(ctx context.Context, network, host string) (net.Conn, error) {
	ep, err := endpointOf(host)
	if err != nil {
		return nil, err
	}
	raw, err := c.connect(ctx, network, ep)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.DialTimeout)
	defer cancel()
	conn := newBulkConn(raw, clientTLS(c.cfg.Domain, ep.Hotkey, c.cfg.Now))
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, err
	}
	return conn, nil
}

func (c *Client) connect(ctx context.Context, network string, ep wire.Endpoint) (net.Conn, error) {
	d := net.Dialer{Timeout: c.cfg.DialTimeout}
	return d.DialContext(ctx, network, ep.Addr.String())
}

// nextNonce is the time in nanoseconds, made unique and growing.
func (c *Client) nextNonce() uint64 {
	for {
		last, now := c.nonce.Load(), uint64(c.cfg.Now().UnixNano())
		if c.nonce.CompareAndSwap(last, max(now, last+1)) {
			return max(now, last+1)
		}
	}
}

// request is one call before it is signed.
type request struct {
	ep     wire.Endpoint
	method string
	uri    string // path and query as sent
	body   []byte
	span   string           // value of Range, "" for none
	limit  int              // most bytes of a good answer in a buffer
	moves  uint64           // bytes that the call moves, for its time limit
	grant  *wire.Delegation // to read another's shard
	lent   *lent            // what body is sent through, if the caller wants it back
	root   strata.Root      // names the body of a shard that is put; zero: its SHA-256 does
}

// send signs and sends a request. With a nil error the caller closes the body.
func (c *Client) send(ctx context.Context, q request) (*http.Response, wire.Auth, error) {
	hash := [32]byte(q.root)
	if q.root == (strata.Root{}) {
		hash = sha256.Sum256(q.body)
	}
	u, err := url.Parse("https://" + hostOf(q.ep) + q.uri)
	if err != nil || u.RequestURI() != q.uri {
		return nil, wire.Auth{}, strata.E(strata.Internal, "request URI %q is not in its sent form", q.uri)
	}
	r := (&http.Request{
		Method: q.method, URL: u, Host: q.ep.Addr.String(), Header: http.Header{},
		ContentLength: int64(len(q.body)),
	}).WithContext(ctx)
	switch {
	case q.lent != nil:
		r.Body = q.lent.reader()
	case len(q.body) > 0:
		r.Body = io.NopCloser(bytes.NewReader(q.body))
	}
	if q.root == (strata.Root{}) {
		r.Header.Set(wire.HeaderContent, hex.EncodeToString(hash[:]))
	}
	if q.grant != nil {
		r.Header.Set(wire.HeaderDelegation, wire.FormatDelegation(*q.grant))
	}
	if q.span != "" {
		r.Header.Set("Range", q.span)
	}
	auth, err := wire.SignRequest(r.Header, c.cfg.Signer, q.method, q.uri, hash, c.nextNonce(), c.cfg.Hotkey, q.ep.Hotkey)
	if err != nil {
		return nil, wire.Auth{}, err
	}
	resp, err := c.transport.RoundTrip(r)
	if err == nil && ctx.Err() != nil {
		// The miner's answer to this side's hanging up, which came before the
		// connection was closed, says nothing about the request.
		_ = resp.Body.Close()
		err = ctx.Err()
	}
	if err != nil {
		return nil, wire.Auth{}, c.failed(q.ep, err)
	}
	return resp, auth, nil
}

// failed gives a transport error its code: a peer that could not prove its
// hotkey keeps Unauthenticated, all else is Unavailable.
func (c *Client) failed(ep wire.Endpoint, err error) error {
	code := strata.Unavailable
	if strata.CodeOf(err) == strata.Unauthenticated {
		code = strata.Unauthenticated
	}
	return strata.E(code, "miner %s at %s: %w", ep.Hotkey.Short(), ep.Addr, err)
}

// call sends a request and returns the body of a good answer, verified.
func (c *Client) call(ctx context.Context, q request) ([]byte, error) {
	ctx, cancel := c.within(ctx, q)
	defer cancel()
	resp, auth, err := c.sendTwice(ctx, q)
	if err != nil {
		return nil, err
	}
	return c.buffered(q, resp, auth)
}

// sendTwice sends once more, signed anew, when a connection kept from an earlier
// call breaks before the answer: the miner had closed it by then, as it does
// when it is idle or after refusing a body. Every call may safely come twice;
// audits alone are not repeated, since that would give the miner more time.
func (c *Client) sendTwice(ctx context.Context, q request) (*http.Response, wire.Auth, error) {
	var kept bool
	trace := &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { kept = i.Reused }}
	resp, auth, err := c.send(httptrace.WithClientTrace(ctx, trace), q)
	if err != nil && kept && ctx.Err() == nil {
		return c.send(ctx, q)
	}
	return resp, auth, err
}

func (c *Client) within(ctx context.Context, q request) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, allowance(c.cfg.Timeout, q.moves))
}

// allowance is the time that a transfer may take.
func allowance(base time.Duration, bytes uint64) time.Duration {
	return base + time.Duration(bytes/minRate)*time.Second
}

// buffered reads, verifies and closes an answer; a receipt is verified by who
// asked for it. An error answer, which is
// signed like any other, becomes an error.
func (c *Client) buffered(q request, resp *http.Response, auth wire.Auth) ([]byte, error) {
	good := resp.StatusCode == http.StatusOK
	limit := q.limit
	if !good {
		limit = wire.MaxError
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, int64(limit)+1))
	_ = resp.Body.Close()
	if err != nil {
		return nil, c.failed(q.ep, err)
	}
	c.touch(q.ep)
	if len(body) > limit {
		return nil, strata.E(strata.Corrupt, "miner %s answers with more than %d bytes", q.ep.Hotkey.Short(), limit)
	}
	if good && q.root != (strata.Root{}) {
		return body, nil // a receipt is signed itself
	}
	if err := c.signed(q.ep, resp, auth, wire.BodyContent(sha256.Sum256(body))); err != nil {
		return nil, err
	}
	if !good {
		return nil, wire.DecodeError(resp.StatusCode, body)
	}
	return body, nil
}

// signed verifies the signature of an answer.
func (c *Client) signed(ep wire.Endpoint, resp *http.Response, auth wire.Auth, content []byte) error {
	sig, err := wire.ParseSignature(resp.Header.Get(wire.HeaderResponse))
	if err != nil {
		return strata.E(strata.Unauthenticated, "miner %s answers HTTP status %d without a signature", ep.Hotkey.Short(), resp.StatusCode)
	}
	return wire.Answer{Request: auth.Signature, Status: resp.StatusCode, Content: content}.Verify(c.cfg.Domain, ep.Hotkey, sig)
}

// touch notes that a connection to the endpoint has just gone idle.
func (c *Client) touch(ep wire.Endpoint) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.cfg.Now()
	if len(c.used) > 1024 {
		for h, t := range c.used {
			if now.Sub(t) > idleTimeout {
				delete(c.used, h)
			}
		}
	}
	c.used[hostOf(ep)] = now
}

// warm says whether an idle connection to the endpoint is to be expected.
func (c *Client) warm(ep wire.Endpoint) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, ok := c.used[hostOf(ep)]
	return ok && c.cfg.Now().Sub(t) < idleTimeout/2
}

// RoundTrip measures the time of a TCP connect. It sends nothing.
func (c *Client) RoundTrip(ctx context.Context, ep wire.Endpoint) (time.Duration, error) {
	start := time.Now()
	conn, err := c.connect(ctx, "tcp", ep)
	took := time.Since(start)
	if err != nil {
		return 0, c.failed(ep, err)
	}
	_ = conn.Close()
	return took, nil
}

// stopwatch notes when the last byte of a request was handed to the kernel.
type stopwatch struct{ wrote atomic.Pointer[time.Time] }

func (s *stopwatch) trace(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest: func(httptrace.WroteRequestInfo) { now := time.Now(); s.wrote.Store(&now) },
	})
}

// elapsed is the time from the request's last byte to end. A miner can be
// faster than this side's writer goroutine: that counts as nothing.
func (s *stopwatch) elapsed(end time.Time) time.Duration {
	wrote := s.wrote.Load()
	if wrote == nil {
		return 0
	}
	return max(0, end.Sub(*wrote))
}
