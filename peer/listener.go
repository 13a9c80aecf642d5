package peer

import (
	"net"
	"net/netip"
	"sync"
)

// boundedListener closes connections over a limit as soon as they are
// accepted, so that one address cannot take them all.
type boundedListener struct {
	net.Listener
	total, each int

	mu     sync.Mutex // guards what follows
	open   int
	byAddr map[netip.Prefix]int
}

func newBoundedListener(ln net.Listener, total, each int) *boundedListener {
	return &boundedListener{Listener: ln, total: total, each: each, byAddr: map[netip.Prefix]int{}}
}

// Accept returns the next connection that is within the limits.
func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := origin(c.RemoteAddr())
		if l.enter(from) {
			return &countedConn{Conn: c, leave: sync.OnceFunc(func() { l.leave(from) })}, nil
		}
		_ = c.Close()
	}
}

func (l *boundedListener) enter(from netip.Prefix) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open >= l.total || l.byAddr[from] >= l.each {
		return false
	}
	l.open++
	l.byAddr[from]++
	return true
}

func (l *boundedListener) leave(from netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	if l.byAddr[from]--; l.byAddr[from] == 0 {
		delete(l.byAddr, from)
	}
}

// origin is what counts as one address: an IPv4 address, or the IPv6 /64 that
// one customer has.
func origin(a net.Addr) netip.Prefix {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Prefix{}
	}
	ip, bits := ap.Addr().Unmap().WithZone(""), 64
	if ip.Is4() {
		bits = 32
	}
	p, err := ip.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

type countedConn struct {
	net.Conn
	leave func()
}

// Close gives the place back, once.
func (c *countedConn) Close() error {
	c.leave()
	return c.Conn.Close()
}
