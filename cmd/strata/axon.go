package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"

	"strata"
	"strata/miner"
	"strata/peer"
)

type axonFlags struct {
	IP           netip.Addr  `name:"axon.ip" env:"BT_AXON_IP" default:"0.0.0.0" help:"Address to listen on."`
	Port         uint16      `name:"axon.port" env:"BT_AXON_PORT" default:"8091" help:"Port to listen on; 0 takes a free one."`
	ExternalIP   *netip.Addr `name:"axon.external_ip" env:"BT_AXON_EXTERNAL_IP" help:"Address to publish; unless given the one listened on, or this machine's public one."`
	ExternalPort uint16      `name:"axon.external_port" env:"BT_AXON_EXTERNAL_PORT" help:"Port to publish; the one listened on unless given."`
	TLSKey       bool        `name:"axon.publish_tls_key" help:"Publish the TLS key beside the address (serve_axon_tls), for other programs than Strata's."`
}

func (f axonFlags) listen() (net.Listener, error) {
	addr := netip.AddrPortFrom(f.IP, f.Port)
	ln, err := net.Listen("tcp", addr.String())
	if err != nil {
		return nil, strata.E(strata.Conflict, "the miner cannot listen on %s (%w): stop the program that does, or choose another --axon.port", addr, err)
	}
	return ln, nil
}

// external is the address to publish for a listener. One that is found and that
// others cannot reach is good for a local chain only; one that is given is
// taken, and the log says what speaks against it.
func (f axonFlags) external(ln net.Listener, endpoint string, p strata.Profile, log *slog.Logger) (netip.AddrPort, error) {
	bound, err := netip.ParseAddrPort(ln.Addr().String())
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("read the address listened on: %w", err)
	}
	ip, port, found := bound.Addr(), bound.Port(), false
	if f.ExternalPort != 0 {
		port = f.ExternalPort
	}
	switch {
	case f.ExternalIP != nil:
		ip = *f.ExternalIP
	case ip.IsUnspecified():
		ip, found = miner.PickAddress(routeTo(endpoint), localAddresses()), true
	}
	addr := netip.AddrPortFrom(ip.Unmap(), port)
	why := miner.Reachable(addr)
	switch {
	case why == "":
		log.Info("validators connect to this address: TCP must be open there", "axon", addr, "found", found)
	case !ip.IsValid() || found && p != strata.LocalProfile:
		return netip.AddrPort{}, strata.E(strata.Invalid, "validators must know where to connect, and no public address was found on this machine: %s", why)
	default:
		log.Warn(why, "external", addr)
	}
	return addr, nil
}

// routeTo returns this machine's address on the route to a node, the zero Addr
// if there is none. Nothing is sent.
func routeTo(endpoint string) netip.Addr {
	u, err := url.Parse(endpoint)
	if err != nil {
		return netip.Addr{}
	}
	port := u.Port()
	if port == "" {
		port = "443"
	}
	conn, err := net.Dial("udp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return netip.Addr{}
	}
	defer conn.Close() // a socket without traffic
	addr, err := netip.ParseAddrPort(conn.LocalAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return addr.Addr()
}

// localAddresses returns the addresses of this machine's interfaces.
func localAddresses() []netip.Addr {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var out []netip.Addr
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			out = append(out, p.Addr())
		}
	}
	return out
}

// certificates publish the server's TLS key.
type certificates struct {
	server *peer.Server
	sess   session
}

func (c certificates) Shown() (string, error) {
	key, err := c.server.ChainCertificate()
	return string(key), err
}

func (c certificates) Published(ctx context.Context) (string, error) {
	key, err := c.sess.chain.Certificate(ctx, c.sess.netuid, c.sess.hotkey)
	return string(key), err
}
