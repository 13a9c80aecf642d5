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
func (m *Miner) publish(ctx context.Context, row chain.Neuron) error {
	want := chain.Axon{Version: axonVersion, Addr: m.External, Protocol: axonProtocol}
	there := row.Axon
	there.Block = 0 // when it was set does not matter
	if there == want {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, chainPatience)
	defer cancel()
	if _, err := m.Chain.ServeAxon(ctx, m.Key, m.Domain.Netuid, want); err != nil {
		return err
	}
	m.Log.Info("axon published", "axon", m.External)
	return nil
}

// passing says whether an extrinsic that failed may succeed later as it is.
func passing(err error) bool {
	switch strata.CodeOf(err) {
	case strata.Throttled, strata.Unavailable, strata.Conflict:
		return true
	}
	return false
}

// Reachable says in one line why other machines cannot connect to addr, or ""
// if nothing speaks against it.
func Reachable(addr netip.AddrPort) string {
	a := addr.Addr().Unmap()
	switch {
	case !a.IsValid() || a.IsUnspecified():
		return "the external address is not set: give --axon.external_ip"
	case a.IsLoopback():
		return "the external address is a loopback address: only this machine can connect"
	case a.IsPrivate() || a.IsLinkLocalUnicast():
		return "the external address is private: open the port on your router and give --axon.external_ip"
	}
	return ""
}
