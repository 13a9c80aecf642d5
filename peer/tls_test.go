package peer

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"strata"
	"strata/wire"
)

func TestWrongHotkey(t *testing.T) {
	n := newNetwork(t, nil)
	ep := n.ep
	ep.Hotkey = newKey(t, 3).hotkey
	_, err := n.client.Status(context.Background(), ep)
	wantCode(t, "another hotkey at the address", err, strata.Unauthenticated)
	// The right one still works, by a connection of its own.
	if _, err := n.client.Status(context.Background(), n.ep); err != nil {
		t.Error(err)
	}
	_, err = n.client.Status(context.Background(), ep)
	wantCode(t, "with a connection of the right one pooled", err, strata.Unauthenticated)
}

func TestOtherNetworksCertificate(t *testing.T) {
	n := newNetwork(t, nil)
	c := n.newClient(n.validator, func(c *ClientConfig) { c.Domain.Netuid++ })
	_, err := c.Status(context.Background(), n.ep)
	wantCode(t, "certificate of another network", err, strata.Unauthenticated)
}

func TestPlainCertificate(t *testing.T) {
	n := newNetwork(t, nil)
	cert, err := n.server.identity.certificate()
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	if err := verifyPeer(testDomain, n.ep.Hotkey, now, []*x509.Certificate{leaf}); err != nil {
		t.Fatal(err)
	}
	stolen := *leaf // the binding of one key, on another's certificate
	stolen.RawSubjectPublicKeyInfo = []byte("another key")
	broken := *leaf
	broken.Extensions = append(broken.Extensions[:0:0], leaf.Extensions...)
	for i, e := range broken.Extensions {
		if e.Id.Equal(bindingOID) {
			broken.Extensions[i].Value = e.Value[:50]
		}
	}
	tests := []struct {
		name  string
		now   time.Time
		certs []*x509.Certificate
	}{
		{"none", now, nil},
		{"two", now, []*x509.Certificate{leaf, leaf}},
		{"no binding", now, []*x509.Certificate{{}}},
		{"another key's binding", now, []*x509.Certificate{&stolen}},
		{"half a binding", now, []*x509.Certificate{&broken}},
		{"expired", now.Add(certificateLife + time.Minute), []*x509.Certificate{leaf}},
	}
	for _, tt := range tests {
		wantCode(t, tt.name, verifyPeer(testDomain, n.ep.Hotkey, tt.now, tt.certs), strata.Unauthenticated)
	}
}

func TestCertificateIsRenewed(t *testing.T) {
	now := time.Unix(1752076800, 0)
	key := newKey(t, 2)
	id := &identity{domain: testDomain, hotkey: key.hotkey, signer: key, now: func() time.Time { return now }}
	get := func() *tls.Certificate {
		t.Helper()
		c, err := id.certificate()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	first := get()
	now = now.Add(certificateLife - certificateRenew - time.Second)
	if get() != first {
		t.Error("renewed too early")
	}
	now = now.Add(2 * time.Second)
	if get() == first {
		t.Error("not renewed in time")
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	n := newNetwork(t, nil)
	cfg := clientTLS(testDomain, n.ep.Hotkey, time.Now)
	cfg.MinVersion, cfg.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	if conn, err := tls.Dial("tcp", n.ep.Addr.String(), cfg); err == nil {
		_ = conn.Close()
		t.Error("TLS 1.2 is accepted")
	}
}

func TestUnreachable(t *testing.T) {
	n := newNetwork(t, nil)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ep := wire.Endpoint{Hotkey: n.ep.Hotkey, Addr: ln.Addr().(*net.TCPAddr).AddrPort()}
	_ = ln.Close()
	_, err = n.client.Status(context.Background(), ep)
	wantCode(t, "status", err, strata.Unavailable)
	_, err = n.client.RoundTrip(context.Background(), ep)
	wantCode(t, "round trip", err, strata.Unavailable)
	_, _, err = n.client.Audit(context.Background(), ep, wire.AuditRequest{Leaves: make([]wire.LeafRef, 1)})
	wantCode(t, "audit", err, strata.Unavailable)
}

// TestSilentMiner: a miner that takes a request and says nothing costs the
// timeout, and no more.
func TestSilentMiner(t *testing.T) {
	n := newNetwork(t, nil)
	n.miner.audit = func(ctx context.Context, _ wire.AuditRequest) (wire.AuditResponse, error) {
		<-ctx.Done()
		return wire.AuditResponse{}, ctx.Err()
	}
	c := n.newClient(n.validator, nil)
	if _, err := c.Status(context.Background(), n.ep); err != nil { // the connection is warm
		t.Fatal(err)
	}
	c.cfg.Timeout = 100 * time.Millisecond
	start := time.Now()
	_, took, err := c.Audit(context.Background(), n.ep, wire.AuditRequest{Leaves: make([]wire.LeafRef, 1)})
	all := time.Since(start)
	wantCode(t, "audit", err, strata.Unavailable)
	if took > all || all < c.cfg.Timeout {
		t.Errorf("took %s of %s", took, all)
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// parting is a transport on which the miner answers when its caller hangs up.
type parting struct{}

func (parting) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return &http.Response{StatusCode: http.StatusInternalServerError, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
}

// TestPartingAnswer: what a miner answers because its caller's time is over is no
// answer of its own, for which it would have to answer.
func TestPartingAnswer(t *testing.T) {
	n := newNetwork(t, nil)
	c := n.newClient(n.validator, func(c *ClientConfig) { c.Timeout = time.Millisecond })
	c.transport.RegisterProtocol("https", parting{})
	_, err := c.Status(context.Background(), n.ep)
	wantCode(t, "an answer after the end", err, strata.Unavailable)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestCallEndsWithContext(t *testing.T) {
	n := newNetwork(t, nil)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := n.client.Status(ctx, n.ep)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestHostRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.SampledFrom([]int{4, 16}).Draw(t, "family")
		ip, _ := netip.AddrFromSlice(rapid.SliceOfN(rapid.Byte(), size, size).Draw(t, "ip"))
		ep := wire.Endpoint{Addr: netip.AddrPortFrom(ip.Unmap(), rapid.Uint16().Draw(t, "port"))}
		copy(ep.Hotkey[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "hotkey"))
		if got, err := endpointOf(hostOf(ep)); err != nil || got != ep {
			t.Fatalf("%v becomes %v, %v", ep, got, err)
		}
	})
	for _, bad := range []string{"", "x:1", "00-00:1", "00" + hostOf(wire.Endpoint{})} {
		if _, err := endpointOf(bad); err == nil {
			t.Errorf("%q is an endpoint", bad)
		}
	}
}

func TestNoncesGrow(t *testing.T) {
	now := time.Unix(100, 0)
	c := NewClient(ClientConfig{Now: func() time.Time { return now }})
	last := c.nextNonce()
	for range 100 {
		if next := c.nextNonce(); next <= last {
			t.Fatalf("nonce %d after %d", next, last)
		} else {
			last = next
		}
		now = now.Add(-time.Millisecond) // a clock that is set back
	}
}

// What goes on chain is the key that the server's certificate shows.
func TestChainCertificate(t *testing.T) {
	key := newKey(t, 2)
	s := &Server{identity: &identity{domain: testDomain, hotkey: key.hotkey, signer: key, now: time.Now}}
	got, err := s.ChainCertificate()
	if err != nil || len(got) != 34 || got[0] != chainCertificateP256 {
		t.Fatalf("%x, %v", got, err)
	}
	cert, err := s.identity.certificate()
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	x, y := elliptic.UnmarshalCompressed(elliptic.P256(), got[1:])
	if x == nil {
		t.Fatalf("%x is no point of the curve", got[1:])
	}
	point := append(append([]byte{4}, x.FillBytes(make([]byte, 32))...), y.FillBytes(make([]byte, 32))...)
	if want, err := leaf.PublicKey.(*ecdsa.PublicKey).Bytes(); err != nil || !bytes.Equal(point, want) {
		t.Errorf("%x is not the certificate's key, %v", got, err)
	}
	if again, err := s.ChainCertificate(); err != nil || !bytes.Equal(again, got) {
		t.Errorf("asked again: %x, %v", again, err)
	}
}
