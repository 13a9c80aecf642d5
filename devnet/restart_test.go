package devnet

import (
	"bytes"
	"context"
	"maps"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"testing"

	"strata"
	"strata/gateway"
	"strata/gateway/client"
	"strata/peer"
	"strata/wallet"
	"strata/wire"
)

// TestRestartKeepsEverything stops a whole network and starts it again in its
// directory: the same files come back, the miners show the same roots, and the
// chain has the same weights, read before anybody could set others.
func TestRestartKeepsEverything(t *testing.T) {
	t.Parallel()
	n := start(t, 3)
	ctx := within(t)
	stored := storeFiles(ctx, t, n)
	first := dial(ctx, t, n.ChainURL())
	eachVote(ctx, t, first, n, func(v vote) bool { return len(v.weights) == 3 })
	token, roots, list := tokenOf(t, n), rootsOf(ctx, t, n), listOf(ctx, t, n)
	endValidator(ctx, t, n) // nobody sets weights from here on
	votes := lastVote(ctx, t, first, n, strata.BlockHash{})
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	wantEnded(t, n)

	// The second start is told nothing but the directory.
	n = open(t, Config{Dir: n.Dir(), Binary: n.cfg.Binary, Log: n.cfg.Log})
	if err := n.startChain(ctx); err != nil {
		t.Fatal(err)
	}
	again := dial(ctx, t, n.ChainURL())
	if got := lastVote(ctx, t, again, n, strata.BlockHash{}); !reflect.DeepEqual(got, votes) {
		t.Errorf("after the restart the chain has the weights %v, before it had %v", got, votes)
	}
	if err := n.register(ctx); err != nil {
		t.Fatal(err)
	}
	if err := n.startRoles(ctx); err != nil {
		t.Fatal(err)
	}
	if got := tokenOf(t, n); got != token {
		t.Error("the gateway has another token than before")
	}
	wantRoots(t, rootsOf(ctx, t, n), roots)
	if got := listOf(ctx, t, n); !reflect.DeepEqual(got, list) {
		t.Errorf("after the restart the gateway lists %+v, before it listed %+v", got, list)
	}
	ready(ctx, t, n)
	wantFiles(ctx, t, n, stored)
	if g, err := again.Metagraph(ctx, n.netuid(), strata.BlockHash{}); err != nil || len(g.Neurons) != 5 {
		t.Errorf("the restart changed who is registered: %v", err)
	}
}

// storeFiles stores a file of a byte, a small one and one of several segments.
func storeFiles(ctx context.Context, t *testing.T, n *Network) map[strata.ObjectID][]byte {
	t.Helper()
	api := apiOf(t, n)
	chance := rand.NewChaCha8([32]byte{1})
	out := map[strata.ObjectID][]byte{}
	for name, size := range map[string]int{"byte": 1, "note": 700, "film": 5<<20 + 3} {
		content := make([]byte, size)
		_, _ = chance.Read(content) // never fails
		id, err := api.Put(ctx, name, int64(size), bytes.NewReader(content), nil)
		if err != nil {
			t.Fatalf("store %s: %v", name, err)
		}
		out[id] = content
	}
	return out
}

func wantFiles(ctx context.Context, t *testing.T, n *Network, stored map[strata.ObjectID][]byte) {
	t.Helper()
	api := apiOf(t, n)
	for id, content := range stored {
		var got bytes.Buffer
		if _, err := api.Get(ctx, id, &got, 0, nil); err != nil {
			t.Errorf("read %d bytes back: %v", len(content), err)
		} else if !bytes.Equal(got.Bytes(), content) {
			t.Errorf("a file of %d bytes came back as %d others", len(content), got.Len())
		}
	}
}

func apiOf(t *testing.T, n *Network) *client.Client {
	t.Helper()
	api, err := n.client()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(api.Close)
	return api
}

func tokenOf(t *testing.T, n *Network) string {
	t.Helper()
	token, err := n.Token()
	if err != nil {
		t.Fatal(err)
	}
	return token.Reveal()
}

func listOf(ctx context.Context, t *testing.T, n *Network) []gateway.Object {
	t.Helper()
	list, err := apiOf(t, n).List(ctx, gateway.ListRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Objects) != 3 {
		t.Errorf("the gateway lists %d files of 3", len(list.Objects))
	}
	return list.Objects
}

// endValidator stops the validator alone, as Close does.
func endValidator(ctx context.Context, t *testing.T, n *Network) {
	t.Helper()
	for _, p := range n.Processes() {
		if p.Role == "validator" {
			p.stdin.Close()
			until(ctx, t, "the validator has ended", func() bool { return !p.Alive() })
		}
	}
}

// wantEnded checks that every process has ended, and did so by itself.
func wantEnded(t *testing.T, n *Network) {
	t.Helper()
	for _, p := range n.Processes() {
		if p.Alive() {
			t.Errorf("%s still runs", p.Name)
		} else if p.err != nil {
			t.Errorf("%s ended with %v when it was asked to stop", p.Name, p.err)
		}
	}
}

// rootsOf asks every miner, as the validator, for the roots it shows.
func rootsOf(ctx context.Context, t *testing.T, n *Network) map[string]map[uint64]strata.Root {
	t.Helper()
	key, err := wallet.Open(n.walletPath(), "validator-1", "default").LoadHotkey()
	if err != nil {
		t.Fatal(err)
	}
	genesis, err := dial(ctx, t, n.ChainURL()).Genesis(ctx)
	if err != nil {
		t.Fatal(err)
	}
	c := peer.NewClient(peer.ClientConfig{Hotkey: key.Hotkey(), Signer: key, Domain: wire.Domain{Genesis: genesis, Netuid: n.netuid()}})
	defer c.Close()
	out := map[string]map[uint64]strata.Root{}
	for _, p := range n.Processes() {
		if p.Role != "miner" {
			continue
		}
		ep := wire.Endpoint{Hotkey: hotkeyOf(t, n, p.Name), Addr: netip.MustParseAddrPort(p.Addresses["axon"])}
		page, err := c.Manifest(ctx, ep, wire.ManifestQuery{Validator: key.Hotkey()})
		if err != nil {
			t.Fatalf("manifest of %s: %v", p.Name, err)
		}
		out[p.Name] = map[uint64]strata.Root{}
		for _, e := range page.Entries {
			out[p.Name][e.Number] = e.Root
		}
	}
	return out
}

func wantRoots(t *testing.T, got, want map[string]map[uint64]strata.Root) {
	t.Helper()
	for name, roots := range want {
		if len(roots) != 16 {
			t.Errorf("%s showed %d sectors, 64 MiB have 16", name, len(roots))
		}
		if !maps.Equal(got[name], roots) {
			t.Errorf("%s shows other roots than before the restart: %d of %d sectors", name, len(got[name]), len(roots))
		}
	}
}
