package peer

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"
)

// slowConn counts the writes that reach the kernel. Once it is stuck, they do
// not: each lasts until the connection is closed.
type slowConn struct {
	net.Conn
	writes  atomic.Int64
	stuck   atomic.Bool
	waiting chan struct{} // one for each write that lasts
	closed  chan struct{}
}

func (c *slowConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	if c.stuck.Load() {
		c.waiting <- struct{}{}
		<-c.closed
		return 0, net.ErrClosed
	}
	return c.Conn.Write(p)
}

func (c *slowConn) Close() error {
	close(c.closed)
	return c.Conn.Close()
}

// bulkPair returns a connection as the client makes it, what lies under it, and
// the other end. The handshake is done.
func bulkPair(t *testing.T) (*bulkConn, *slowConn, *tls.Conn) {
	t.Helper()
	key := newKey(t, 1)
	id := &identity{domain: testDomain, hotkey: key.hotkey, signer: key, now: time.Now}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	raw, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	under, server := &slowConn{Conn: raw, waiting: make(chan struct{}, 1), closed: make(chan struct{})}, tls.Server(accepted, id.serverTLS())
	conn := newBulkConn(under, clientTLS(id.domain, key.hotkey, time.Now))
	shaken := make(chan error, 1)
	go func() { shaken <- server.HandshakeContext(t.Context()) }()
	if err := errors.Join(conn.HandshakeContext(t.Context()), <-shaken); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = raw.Close(), accepted.Close() })
	return conn, under, server
}

// What is written arrives, whatever the sizes, and a piece of sixteen records
// costs one call.
func TestBulkArrivesWhole(t *testing.T) {
	conn, under, server := bulkPair(t)
	data := make([]byte, 3*bulkPiece+1000)
	for i := range data {
		data[i] = byte(i >> 8)
	}
	got := make(chan []byte, 1)
	go func() {
		b, _ := io.ReadAll(server) // what is missing shows in the comparison
		got <- b
	}()
	before := under.writes.Load()
	if n, err := conn.Write(data); n != len(data) || err != nil {
		t.Fatalf("%d bytes written, %v", n, err)
	}
	if calls := under.writes.Load() - before; calls != 4 {
		t.Errorf("%d calls for %d bytes, want 4", calls, len(data))
	}
	if n, err := conn.Write(nil); n != 0 || err != nil {
		t.Errorf("nothing written: %d, %v", n, err)
	}
	if n, err := io.Copy(conn, iotest.HalfReader(bytes.NewReader(data))); n != int64(len(data)) || err != nil {
		t.Fatalf("%d bytes copied, %v", n, err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if want := append(bytes.Clone(data), data...); !bytes.Equal(<-got, want) {
		t.Error("other bytes arrived")
	}
}

// A copy says what its source said.
func TestBulkCopyFails(t *testing.T) {
	conn, _, server := bulkPair(t)
	go func() { _, _ = io.Copy(io.Discard, server) }()
	boom := errors.New("boom")
	n, err := io.Copy(conn, io.MultiReader(bytes.NewReader(make([]byte, 100)), iotest.ErrReader(boom)))
	if n != 100 || !errors.Is(err, boom) {
		t.Errorf("%d bytes, %v; want 100 and the source's error", n, err)
	}
}

// Closing does not wait for bytes that the other side does not take.
func TestBulkCloseWhileStuck(t *testing.T) {
	conn, under, _ := bulkPair(t)
	under.stuck.Store(true)
	failed := make(chan error, 1)
	go func() {
		_, err := conn.Write(make([]byte, bulkPiece))
		failed <- err
	}()
	<-under.waiting
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; !errors.Is(err, net.ErrClosed) {
		t.Errorf("the stuck write ended with %v", err)
	}
}
