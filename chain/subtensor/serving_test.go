package subtensor_test

import (
	"net/netip"
	"strings"
	"testing"

	"strata"
	"strata/chain"
	"strata/chain/devchain"
	"strata/chain/devchain/devchaintest"
	"strata/chain/subtensor"
)

// An axon comes with its certificate, and is not sent again before the subnet
// allows it.
func TestServingWithCertificateAndRateLimit(t *testing.T) {
	l := startLocal(t, func(c *devchain.Config) { c.Params.ServingRateLimit = 1000 })
	ctx := t.Context()
	_, miner, other := l.subnet()
	client, ok := l.client.(*subtensor.Client)
	if !ok {
		t.Fatalf("the client is a %T", l.client)
	}
	axon := chain.Axon{Version: 1, Protocol: 4, Addr: netip.MustParseAddrPort("127.0.0.1:8091"), Certificate: "\x01" + strings.Repeat("k", 33)}
	l.ok(l.client.ServeAxon(ctx, miner, netuid, axon))
	if got, err := client.Certificate(ctx, netuid, miner.Hotkey()); err != nil || string(got) != axon.Certificate {
		t.Errorf("certificate %q, %v", got, err)
	}
	if got, err := client.Certificate(ctx, netuid, other.Hotkey()); err != nil || got != nil {
		t.Errorf("of one that serves nowhere: %q, %v", got, err)
	}
	_, err := l.client.ServeAxon(ctx, miner, netuid, axon)
	if strata.CodeOf(err) != strata.Throttled || !strings.Contains(err.Error(), "every 1000 blocks") {
		t.Errorf("at once again: %v", err)
	}
	axon.Certificate = ""
	l.ok(l.client.ServeAxon(ctx, other, netuid, axon))
	m, err := l.client.Metagraph(ctx, netuid, strata.BlockHash{})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []devchaintest.Key{miner, other} {
		if n, _ := m.Neuron(k.Hotkey()); n.Axon.Addr != axon.Addr {
			t.Errorf("axon %+v", n.Axon)
		}
	}
}
