package miner

import (
	"context"
	"net/netip"

	"strata"
	"strata/chain"
)

// axonVersion is what serve_axon carries in its version field: Strata's wire
// protocol 1.
const axonVersion = 1

// axonProtocol is the chain's number for "other than TCP or UDP of the old
// SDK"; clients of Strata do not read it.
const axonProtocol = 4

// publish puts the address on chain unless it is there already. The chain
// refuses it more often than the subnet's serving rate limit allows.
func publish(ctx context.Context, c Chain, s Signer, row chain.Neuron, n strata.Netuid, addr netip.AddrPort) error {
	if row.Axon.Addr == addr {
		return nil
	}
	_, err := c.ServeAxon(ctx, s, n, chain.Axon{Version: axonVersion, Addr: addr, Protocol: axonProtocol})
	return err
}

// Reachable says in one line why other machines cannot connect to addr, or ""
// if nothing speaks against it.
func Reachable(addr netip.AddrPort) string {
	a := addr.Addr()
	switch {
	case a.IsUnspecified():
		return "the external address is not set: give --axon.external_ip"
	case a.IsLoopback():
		return "the external address is a loopback address: only this machine can connect"
	case a.IsPrivate() || a.IsLinkLocalUnicast():
		return "the external address is private: open the port on your router and give --axon.external_ip"
	}
	return ""
}
