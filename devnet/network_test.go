package devnet

import "testing"

// TestFirstGateway: validators start together, so the first one's process may
// be listed second.
func TestFirstGateway(t *testing.T) {
	n := &Network{processes: []*Process{
		{Role: "chain", Name: "chain", Addresses: map[string]string{"rpc": "ws://127.0.0.1:1"}},
		{Role: "validator", Name: "validator-2", Addresses: map[string]string{"gateway": "http://127.0.0.1:2"}},
		{Role: "validator", Name: "validator-1", Addresses: map[string]string{"gateway": "http://127.0.0.1:3000"}},
	}}
	if got := n.GatewayURL(); got != "http://127.0.0.1:3000" {
		t.Errorf("the gateway is %s, want validator-1's", got)
	}
	if got := n.ChainURL(); got != "ws://127.0.0.1:1" {
		t.Errorf("the chain is %s", got)
	}
}
