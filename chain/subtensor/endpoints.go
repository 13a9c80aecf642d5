package subtensor

import (
	"net/url"
	"strings"

	"strata"
)

// networks are Bittensor's public networks and the local node.
var networks = map[string][]string{
	"finney":  {"wss://entrypoint-finney.opentensor.ai:443"},
	"test":    {"wss://test.finney.opentensor.ai:443"},
	"archive": {"wss://archive.chain.opentensor.ai:443"},
	"local":   {"ws://127.0.0.1:9944"},
}

// Endpoints returns the websocket addresses to try, in order. endpoint, one or
// several separated by commas, wins over network: finney, test, archive, local
// or an address itself. Both empty is finney. The error has code Invalid.
func Endpoints(network, endpoint string) ([]string, error) {
	if endpoint == "" {
		if network == "" {
			network = "finney"
		}
		if known, ok := networks[network]; ok {
			return append([]string(nil), known...), nil
		}
		if !strings.Contains(network, "://") {
			return nil, strata.E(strata.Invalid, "network %q is not known: use finney, test, archive or local, or give a ws:// address", network)
		}
		endpoint = network
	}
	var out []string
	for _, e := range strings.Split(endpoint, ",") {
		e = strings.TrimSpace(e)
		u, err := url.Parse(e)
		if err != nil || u.Scheme != "ws" && u.Scheme != "wss" || u.Host == "" {
			return nil, strata.E(strata.Invalid, "chain endpoint %q is not a websocket address: write it like ws://127.0.0.1:9944", e)
		}
		out = append(out, e)
	}
	return out, nil
}
