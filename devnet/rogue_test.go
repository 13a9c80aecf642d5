package devnet

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"

	"strata"
	"strata/chain/subtensor"
	"strata/miner"
	"strata/peer"
	"strata/volume"
	"strata/volume/layout"
	"strata/wallet"
	"strata/wire"
)

// rogue is a miner within the test, which may cheat.
type rogue struct {
	uid    strata.UID
	hotkey strata.Hotkey
	space  *volume.Store
	dir    string // of its data and hashes files
}

// joinAs registers a wallet of that name and runs a real miner with it until the
// test ends: real disk, real server, real chain. wrap may make its space lie.
func joinAs(ctx context.Context, t *testing.T, n *Network, c *subtensor.Client, name string, wrap func(*volume.Store) miner.Space) rogue {
	t.Helper()
	key := registerAs(ctx, t, n, c, name)
	genesis, err := c.Genesis(ctx)
	if err != nil {
		t.Fatal(err)
	}
	db := filepath.Join(n.Dir(), name)
	store, err := volume.Open(ctx, volume.Config{
		Paths: []string{db}, Wallet: name, Hotkey: "default", Miner: key.Hotkey(),
		Genesis: genesis, Netuid: n.netuid(), Profile: strata.LocalProfile,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	serve(ctx, t, miner.Config{
		Chain: c, Key: key, Space: wrap(store), Domain: wire.Domain{Genesis: genesis, Netuid: n.netuid()},
		Profile: strata.LocalProfile, Amount: miner.Amount{Space: 64 * strata.MiB},
		Workers: 1, LookEach: 20, Version: "rogue", Log: slog.New(slog.DiscardHandler),
	})
	g, err := c.Metagraph(ctx, n.netuid(), strata.BlockHash{})
	if err != nil {
		t.Fatal(err)
	}
	row, ok := g.Neuron(key.Hotkey())
	if !ok {
		t.Fatalf("%s is not registered", name)
	}
	return rogue{uid: row.UID, hotkey: key.Hotkey(), space: store, dir: layout.Dir(db, name, "default")}
}

func registerAs(ctx context.Context, t *testing.T, n *Network, c *subtensor.Client, name string) *wallet.Key {
	t.Helper()
	w := wallet.Open(n.walletPath(), name, "default")
	if _, err := w.New(wallet.Options{}); err != nil {
		t.Fatal(err)
	}
	m := member{name: name, funds: dust}
	var err error
	if m.cold, err = w.LoadColdkey(); err != nil {
		t.Fatal(err)
	}
	if m.hot, err = w.LoadHotkey(); err != nil {
		t.Fatal(err)
	}
	alice, err := wallet.FromURI("//Alice")
	if err != nil {
		t.Fatal(err)
	}
	if err := fund(ctx, c, alice, m); err != nil {
		t.Fatal(err)
	}
	if _, err := c.BurnedRegister(ctx, m.cold, n.netuid(), m.hot.Hotkey()); err != nil {
		t.Fatal(err)
	}
	return m.hot
}

// serve runs the miner and its server until the test ends.
func serve(ctx context.Context, t *testing.T, cfg miner.Config) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg.External = netip.MustParseAddrPort(ln.Addr().String())
	m := miner.New(cfg)
	server, err := peer.NewServer(peer.ServerConfig{Hotkey: strata.Hotkey(cfg.Key.PublicKey()), Signer: cfg.Key, Domain: cfg.Domain, Miner: m})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		wg.Wait()
	})
	wg.Go(func() {
		if err := server.Serve(ln); err != nil {
			t.Error(err)
		}
	})
	if err := m.Start(ctx); err != nil {
		t.Fatal(err)
	}
	wg.Go(func() {
		if err := m.Run(ctx); err != nil && ctx.Err() == nil {
			t.Error(err)
		}
	})
}

// hotkeyOf returns the hotkey of one of the network's wallets.
func hotkeyOf(t *testing.T, n *Network, name string) strata.Hotkey {
	t.Helper()
	h, err := wallet.Open(n.walletPath(), name, "default").LoadHotkeyPub()
	if err != nil {
		t.Fatal(err)
	}
	return h
}
