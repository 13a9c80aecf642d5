package main

import (
	"bytes"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"

	"strata"
)

// listener is one that only has an address.
type listener struct {
	net.Listener
	addr string
}

func (l listener) Addr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(l.addr))
}

func TestExternalAddress(t *testing.T) {
	ip := func(s string) *netip.Addr { a := netip.MustParseAddr(s); return &a }
	for _, c := range []struct {
		name    string
		flags   axonFlags
		bound   string
		profile strata.Profile
		want    string
		said    string // in the log or the error
	}{
		{"given", axonFlags{ExternalIP: ip("8.8.8.8")}, "0.0.0.0:8091", strata.MainProfile, "8.8.8.8:8091", "TCP must be open"},
		{"another port", axonFlags{ExternalIP: ip("8.8.8.8"), ExternalPort: 443}, "0.0.0.0:8091", strata.MainProfile, "8.8.8.8:443", ""},
		{"given and private", axonFlags{ExternalIP: ip("192.168.1.2")}, "0.0.0.0:8091", strata.MainProfile, "192.168.1.2:8091", "forward TCP port 8091 of your router"},
		{"listened on", axonFlags{}, "9.9.9.9:8091", strata.MainProfile, "9.9.9.9:8091", ""},
	} {
		var log bytes.Buffer
		got, err := c.flags.external(listener{addr: c.bound}, "ws://127.0.0.1:9944", c.profile, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil || got.String() != c.want || !strings.Contains(log.String(), c.said) {
			t.Errorf("%s: %s, %v: %s", c.name, got, err, log.String())
		}
	}
	// A chain on this machine is reached by its loopback address: that does for
	// a local chain, unless the machine has a public one.
	got, err := axonFlags{}.external(listener{addr: "0.0.0.0:8091"}, "ws://127.0.0.1:9944", strata.LocalProfile, slog.New(slog.DiscardHandler))
	if err != nil || got.Port() != 8091 || !got.Addr().IsValid() || got.Addr().IsUnspecified() {
		t.Errorf("found for a local chain: %s, %v", got, err)
	}
	// Found on a machine without a public address: on a public network that is
	// an error before anything is served.
	for _, a := range localAddresses() {
		if a.IsGlobalUnicast() && !a.IsPrivate() {
			t.Skip("this machine has a public address")
		}
	}
	_, err = axonFlags{}.external(listener{addr: "0.0.0.0:8091"}, "ws://127.0.0.1:9944", strata.MainProfile, slog.New(slog.DiscardHandler))
	if strata.CodeOf(err) != strata.Invalid || !strings.Contains(err.Error(), "no public address was found") {
		t.Errorf("found on a public network: %v", err)
	}
}
