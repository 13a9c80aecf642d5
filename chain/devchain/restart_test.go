package devchain

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"strata"
	"strata/chain/devchain/devchaintest"
	"strata/chain/devchain/state"
	"strata/chain/devchain/storage"
	"strata/chain/scale"
)

func onDisk(dir string) func(*Config) { return func(c *Config) { c.Dir = dir } }

// TestRestartContinues stops a node after a submitted extrinsic was in a block
// and finds everything again.
func TestRestartContinues(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "chain")
	first := start(t, onDisk(dir))
	first.subnet(devchaintest.NewKey(t, 1))
	first.step(5)
	first.must(devchaintest.Alice(t), "System.remark", scale.Struct{"remark": []byte("here")})
	genesis, head := first.Genesis(), first.ledger.Head()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := first.Step(); strata.CodeOf(err) != strata.Unavailable {
		t.Errorf("a closed node makes a block: %v", err)
	}

	again := start(t, onDisk(dir))
	if again.Genesis() != genesis || again.ledger.Head().Hash != head.Hash {
		t.Error("it is another chain")
	}
	if !storage.SubnetExists(again.ledger.State(), 1) {
		t.Error("the state is not what it was")
	}
	if len(again.ledger.Head().Body) != 2 {
		t.Error("the extrinsic is gone")
	}
	past, err := again.ledger.StateAt(again.ledger.Genesis())
	if err != nil || storage.SubnetExists(past, 1) {
		t.Errorf("the state of genesis: %v", err)
	}
	again.must(devchaintest.Alice(t), "System.remark", scale.Struct{"remark": []byte("there")})
	if again.ledger.Head().Header.Parent != head.Hash {
		t.Error("the next block does not follow the last")
	}
}

// TestKilledAtAnyBlock copies the directory of a running node, as a kill at
// that moment leaves it, and starts on the copy.
func TestKilledAtAnyBlock(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "chain")
	n := start(t, onDisk(dir))
	for i := range 4 {
		n.must(devchaintest.Alice(t), "System.remark", scale.Struct{"remark": []byte{byte(i)}})
		left := filepath.Join(t.TempDir(), "left")
		if err := os.CopyFS(left, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		again := start(t, onDisk(left))
		if again.ledger.Head().Hash != n.ledger.Head().Hash || storage.AccountInfoAt(again.ledger.State(), devchaintest.Alice(t).Public).Nonce != uint32(i+1) {
			t.Fatalf("after block %d: the copy stands at block %d", i+1, again.ledger.Head().Header.Number)
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFailedWriteKeepsThePool: a block that cannot be written takes nothing from
// the pool.
func TestFailedWriteKeepsThePool(t *testing.T) {
	n := start(t, onDisk(filepath.Join(t.TempDir(), "chain")))
	n.step(2)
	if _, err := n.submit(n.signed(devchaintest.Alice(t), remark(n), nil)); err != nil {
		t.Fatal(err)
	}
	head := n.ledger.Head()
	if err := n.ledger.Close(); err != nil { // as if the disk were gone
		t.Fatal(err)
	}
	if err := n.Step(); err == nil {
		t.Fatal("a block was made without a place to write it")
	}
	if n.ledger.Head() != head || len(n.pool.Waiting()) != 1 || n.nonces(devchaintest.Alice(t).Public) != 0 {
		t.Error("the failed block left something behind")
	}
}

func TestDirectoryIsLocked(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "chain")
	start(t, onDisk(dir))
	if _, err := Start(t.Context(), Config{Dir: dir}); strata.CodeOf(err) != strata.Locked {
		t.Errorf("a second node on the directory: %v", err)
	}
}

func TestPortInUse(t *testing.T) {
	n := start(t, nil)
	_, err := Start(t.Context(), Config{Listen: strings.TrimPrefix(n.URL(), "ws://")})
	if strata.CodeOf(err) != strata.Unavailable {
		t.Errorf("a second node on the port: %v", err)
	}
}

func TestGenesisDiffers(t *testing.T) {
	one, other := start(t, nil), start(t, nil)
	if one.Genesis() == other.Genesis() {
		t.Error("two chains have one genesis hash")
	}
}

func TestGenesisAccounts(t *testing.T) {
	who := strata.Coldkey{1, 2}
	n := start(t, func(c *Config) { c.Accounts = map[strata.Coldkey]strata.Rao{who: 77 * strata.RaoPerTao} })
	if got := storage.AccountInfoAt(n.ledger.State(), state.Account(who)).Free; got != devchaintest.Tao(77) {
		t.Errorf("the extra account has %d", got)
	}
	if storage.AccountInfoAt(n.ledger.State(), devchaintest.Alice(t).Public).Free != devchaintest.Tao(1e9) {
		t.Errorf("//Alice has %d", storage.AccountInfoAt(n.ledger.State(), devchaintest.Alice(t).Public).Free)
	}
	_, err := Start(t.Context(), Config{Accounts: map[strata.Coldkey]strata.Rao{who: ^strata.Rao(0)}})
	if strata.CodeOf(err) != strata.Invalid {
		t.Errorf("more than 64 bits of rao: %v", err)
	}
}

// TestBeaconKeyStays: the beacon's key is one file that outlives the node.
func TestBeaconKeyStays(t *testing.T) {
	dir := t.TempDir()
	n := start(t, onDisk(dir))
	n.step(1)
	key, _ := storage.BeaconConfigAt(n.ledger.State())
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	again := start(t, onDisk(dir))
	again.step(1)
	if got, _ := storage.BeaconConfigAt(again.ledger.State()); !bytes.Equal(got, key) {
		t.Error("the restarted node has another beacon")
	}
}
