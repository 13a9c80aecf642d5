package peer

import (
	"crypto/tls"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// bulkPiece is how much of a large body goes to the kernel at a time: sixteen
// TLS records, in one call and with one wake-up of whoever receives them.
const bulkPiece = 256 << 10

var bulkBuffers = sync.Pool{New: func() any {
	b := make([]byte, 0, bulkPiece+bulkPiece/16)
	return &b
}}

// bulkConn is a TLS connection whose large writes leave whole. crypto/tls hands
// every record of 16 KiB to the kernel by itself, which costs a call and, where
// the other side keeps up, a switch to it for each.
//
// Nothing is held back between two writes: a Write returns when all its bytes
// are with the kernel.
type bulkConn struct {
	*tls.Conn
	out *gather
}

func newBulkConn(raw net.Conn, config *tls.Config) *bulkConn {
	out := &gather{Conn: raw}
	return &bulkConn{Conn: tls.Client(out, config), out: out}
}

// Write implements net.Conn.
func (c *bulkConn) Write(p []byte) (total int, err error) {
	for len(p) > 0 && err == nil {
		var n int
		n, err = c.piece(p[:min(len(p), bulkPiece)])
		total += n
		p = p[n:]
	}
	return total, err
}

func (c *bulkConn) piece(p []byte) (int, error) {
	c.out.hold()
	n, err := c.Conn.Write(p)
	if sent := c.out.let(); err == nil && sent != nil {
		return 0, sent
	}
	return n, err
}

// ReadFrom implements io.ReaderFrom: otherwise io.Copy would write in pieces of
// 32 KiB.
func (c *bulkConn) ReadFrom(r io.Reader) (total int64, err error) {
	buf := bulkBuffers.Get().(*[]byte)
	defer bulkBuffers.Put(buf)
	for {
		n, err := r.Read((*buf)[:bulkPiece])
		if n > 0 {
			w, werr := c.Write((*buf)[:n])
			total += int64(w)
			if werr != nil {
				return total, werr
			}
		}
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}

// Close implements net.Conn. Where bytes are stuck on their way it does not wait
// for them, as closing a TLS connection in mid-write does not.
func (c *bulkConn) Close() error {
	if c.out.sending.Load() {
		return c.out.Conn.Close()
	}
	return c.Conn.Close()
}

// gather is the connection under TLS. Between hold and let it keeps what is
// written; the bytes stay in order whoever writes them.
type gather struct {
	net.Conn
	sending atomic.Bool // let is writing

	mu   sync.Mutex // guards held, and is kept while bytes leave
	held *[]byte    // nil: not held
}

// hold begins to keep what is written.
func (g *gather) hold() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held = bulkBuffers.Get().(*[]byte)
}

// let sends what was kept.
func (g *gather) let() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	buf := g.held
	g.held = nil
	defer func() { *buf = (*buf)[:0]; bulkBuffers.Put(buf) }()
	g.sending.Store(true)
	defer g.sending.Store(false)
	_, err := g.Conn.Write(*buf)
	return err
}

// Write implements net.Conn.
func (g *gather) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held == nil {
		return g.Conn.Write(p)
	}
	*g.held = append(*g.held, p...)
	return len(p), nil
}
