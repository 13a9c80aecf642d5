package miner

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"strata"
	"strata/chain"
)

// axonVersion is what serve_axon carries in its version field: Strata's wire
// protocol 1.
const axonVersion = 1

// axonProtocol is the chain's number for "other than TCP or UDP of the old
// SDK"; clients of Strata do not read it.
const axonProtocol = 4

// Certificates say which TLS key stands beside the address on chain. Strata's
// validators do not look there: the certificate itself says whose it is.
type Certificates interface {
	// Shown is the one that the server shows now, as chain.Axon has it.
	Shown() (string, error)
	// Published is the one on chain, "" if none. The code is NotFound where the
	// chain keeps none.
	Published(ctx context.Context) (string, error)
}

// publish puts the address on chain unless it is there already. The chain
// refuses it more often than the subnet's serving rate limit allows.
func (m *Miner) publish(ctx context.Context, row chain.Neuron) error {
	ctx, cancel := context.WithTimeout(ctx, chainPatience)
	defer cancel()
	want := chain.Axon{Version: axonVersion, Addr: m.External, Protocol: axonProtocol}
	there := row.Axon
	there.Block = 0 // when it was set does not matter
	if err := m.certify(ctx, &want, &there); err != nil {
		return err
	}
	if there == want {
		return nil
	}
	if _, err := m.Chain.ServeAxon(ctx, m.Key, m.Domain.Netuid, want); err != nil {
		return err
	}
	m.Log.Info("axon published", "axon", m.External, "certificate", want.Certificate != "")
	return nil
}

// certify adds the certificates, if they are to be published and the chain
// keeps any.
func (m *Miner) certify(ctx context.Context, want, there *chain.Axon) (err error) {
	if m.Certificates == nil {
		return nil
	}
	if there.Certificate, err = m.Certificates.Published(ctx); strata.CodeOf(err) == strata.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	want.Certificate, err = m.Certificates.Shown()
	return err
}

// passing says whether an extrinsic that failed may succeed later as it is.
func passing(err error) bool {
	switch strata.CodeOf(err) {
	case strata.Throttled, strata.Unavailable, strata.Conflict:
		return true
	}
	return false
}

// unroutable are the networks that the Internet does not carry, besides private
// and link-local ones, which netip knows (IANA special-purpose registries).
var unroutable = []struct {
	net  netip.Prefix
	what string
}{
	{netip.MustParsePrefix("100.64.0.0/10"), "an address that the provider shares among customers (carrier-grade NAT)"},
	{netip.MustParsePrefix("192.0.2.0/24"), "an address for documentation"},
	{netip.MustParsePrefix("198.51.100.0/24"), "an address for documentation"},
	{netip.MustParsePrefix("203.0.113.0/24"), "an address for documentation"},
	{netip.MustParsePrefix("198.18.0.0/15"), "an address for measurements"},
	{netip.MustParsePrefix("0.0.0.0/8"), "no address of a machine"},
	{netip.MustParsePrefix("240.0.0.0/4"), "no address of a machine"},
	{netip.MustParsePrefix("2001:db8::/32"), "an address for documentation"},
	{netip.MustParsePrefix("100::/64"), "an address that discards"},
}

// Reachable says in one line why other machines cannot connect to addr and what
// to do, or "" if nothing speaks against it.
func Reachable(addr netip.AddrPort) string {
	a, port := addr.Addr().Unmap(), addr.Port()
	switch {
	case !a.IsValid() || a.IsUnspecified():
		return "the external address is not set: give --axon.external_ip"
	case port == 0:
		return "the external port is not set: give --axon.external_port"
	case a.IsLoopback():
		return "the external address is a loopback address: only this machine can connect"
	case a.IsPrivate() || a.IsLinkLocalUnicast():
		return fmt.Sprintf("the external address %s is private: forward TCP port %d of your router to this machine and give the router's address with --axon.external_ip", a, port)
	case a.IsMulticast() || a.IsLinkLocalMulticast():
		return fmt.Sprintf("the external address %s is a multicast address: give --axon.external_ip", a)
	}
	for _, u := range unroutable {
		if u.net.Contains(a) {
			return fmt.Sprintf("the external address %s is %s: give an address that the Internet routes, with --axon.external_ip, and open TCP port %d there", a, u.what, port)
		}
	}
	return ""
}

// PickAddress chooses the address to publish where none is given: that of the
// route to the chain if others can reach it, else a public one of the machine's,
// IPv4 first, else the route's. It is the zero Addr if there is none.
func PickAddress(route netip.Addr, local []netip.Addr) netip.Addr {
	public := func(a netip.Addr) bool { return Reachable(netip.AddrPortFrom(a, 1)) == "" }
	route = route.Unmap()
	if public(route) {
		return route
	}
	sorted := slices.Clone(local)
	for i := range sorted {
		sorted[i] = sorted[i].Unmap()
	}
	slices.SortStableFunc(sorted, func(a, b netip.Addr) int { return a.BitLen() - b.BitLen() })
	for _, a := range sorted {
		if public(a) {
			return a
		}
	}
	return route
}
