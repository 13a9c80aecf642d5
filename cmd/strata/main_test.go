package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"strata"
	"strata/chain/devchain"
	"strata/chain/subtensor"
	"strata/internal/durable"
	"strata/wallet"
)

// patience is how long a test waits for what comes, on a machine that is busy.
const patience = 3 * time.Minute

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"strata": main})
}

// TestScripts runs the command as users do, against a local chain of the test's
// own. Scripts see:
//
//	CHAIN    a chain with subnet 1 and a registered, staked validator
//	VALIDATOR the hotkey of CHAIN's validator
//	OTHER    another chain with subnet 1: another genesis
//	SKEWED   a chain whose clock is an hour ahead
//	TAKEN    a port of 127.0.0.1 that somebody listens on
//	WALLETS  a copy of wallets: validator and miner (both registered on CHAIN
//	         and OTHER), stranger (funded, not registered)
func TestScripts(t *testing.T) {
	wallets := t.TempDir()
	keys := makeWallets(t, wallets)
	main := startChain(t, time.Now)
	other := startChain(t, time.Now)
	skewed := startChain(t, func() time.Time { return time.Now().Add(time.Hour) })
	for _, url := range []string{main, other} {
		populate(t, url, keys)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() }) // scripts run after this function has returned
	_, port, err := net.SplitHostPort(taken.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("CHAIN", main)
			e.Setenv("OTHER", other)
			e.Setenv("VALIDATOR", strata.Hotkey(keys["validator"].hot.PublicKey()).String())
			e.Setenv("SKEWED", skewed)
			e.Setenv("TAKEN", port)
			e.Setenv("WALLETS", filepath.Join(e.WorkDir, "wallets"))
			e.Setenv("HOME", e.WorkDir)
			return os.CopyFS(filepath.Join(e.WorkDir, "wallets"), os.DirFS(wallets))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"corrupt":   corrupt,
			"oneline":   oneline,
			"hold":      hold,
			"verifies":  verifies,
			"encrypted": encrypted,
		},
	})
}

// corrupt overwrites the head of a file.
func corrupt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: corrupt FILE")
	}
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_WRONLY, 0)
	ts.Check(err)
	_, err = f.WriteString(strings.Repeat("no such format ", 300))
	ts.Check(err)
	ts.Check(f.Close())
}

// oneline checks that the last command said one line on its error stream that
// begins with the program's name.
func oneline(ts *testscript.TestScript, neg bool, _ []string) {
	text := ts.ReadFile("stderr")
	if neg || strings.Count(text, "\n") != 1 || !strings.HasPrefix(text, "strata: ") {
		ts.Fatalf("not one line for a person: %q", text)
	}
}

// verifies checks with the verify verb that a file holds //Alice's signature of
// "hello", and that it is of nothing else.
func verifies(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: verifies FILE")
	}
	const alice = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
	signature := strings.TrimSpace(ts.ReadFile(args[0]))
	ts.Check(ts.Exec("strata", "wallet", "verify", alice, "0x"+signature, "hello"))
	if ts.Exec("strata", "wallet", "verify", alice, signature, "hello ") == nil {
		ts.Fatalf("the signature verifies for another message")
	}
}

// encrypted writes a wallet file that looks encrypted and is under no password.
func encrypted(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: encrypted FILE")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte("$NACL"+strings.Repeat("x", 100)), 0o600))
}

// hold takes the lock of a directory for the rest of the script.
func hold(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: hold LOCKFILE")
	}
	lock, err := durable.AcquireLock(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Defer(func() { ts.Check(lock.Release()) })
}

func startChain(t *testing.T, now func() time.Time) string {
	t.Helper()
	node, err := devchain.Start(context.Background(), devchain.Config{BlockTime: 50 * time.Millisecond, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := node.Close(); err != nil {
			t.Error(err)
		}
	})
	return node.URL()
}

type keypair struct{ cold, hot *wallet.Key }

func makeWallets(t *testing.T, dir string) map[string]keypair {
	t.Helper()
	out := map[string]keypair{}
	for _, name := range []string{"validator", "miner", "stranger"} {
		w := wallet.Open(dir, name, "default")
		if _, err := w.New(wallet.Options{}); err != nil {
			t.Fatal(err)
		}
		cold, err := w.LoadColdkey()
		if err != nil {
			t.Fatal(err)
		}
		hot, err := w.LoadHotkey()
		if err != nil {
			t.Fatal(err)
		}
		out[name] = keypair{cold, hot}
	}
	return out
}

// populate makes subnet 1 with a staked validator and a miner, and waits until
// a block of the stake grid has seen them.
func populate(t *testing.T, url string, keys map[string]keypair) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := subtensor.Dial(ctx, []string{url}, subtensor.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	alice, err := wallet.FromURI("//Alice")
	if err != nil {
		t.Fatal(err)
	}
	v, m := keys["validator"], keys["miner"]
	step := func(what string, _ strata.BlockHash, err error) {
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	for name, k := range keys {
		h, err := c.Transfer(ctx, alice, k.cold.PublicKey(), 1000*strata.RaoPerTao)
		step("fund "+name, h, err)
	}
	h, err := c.RegisterNetwork(ctx, alice, alice.Hotkey())
	step("register network", h, err)
	h, err = c.BurnedRegister(ctx, v.cold, 1, v.hot.Hotkey())
	step("register validator", h, err)
	h, err = c.BurnedRegister(ctx, m.cold, 1, m.hot.Hotkey())
	step("register miner", h, err)
	h, err = c.AddStake(ctx, v.cold, v.hot.Hotkey(), 1, 100*strata.RaoPerTao)
	step("stake", h, err)
	if err := awaitGrid(ctx, c); err != nil {
		t.Fatal(err)
	}
}

// awaitGrid waits for the next block at which stake is read.
func awaitGrid(ctx context.Context, c *subtensor.Client) error {
	head, err := c.Head(ctx)
	if err != nil {
		return err
	}
	grid := strata.LocalProfile.StakeGrid
	want := (head.Number/grid + 1) * grid
	heads, err := c.Heads(ctx)
	if err != nil {
		return err
	}
	for h := range heads {
		if h.Number >= want {
			return nil
		}
	}
	return fmt.Errorf("no block %d: %w", want, ctx.Err())
}
