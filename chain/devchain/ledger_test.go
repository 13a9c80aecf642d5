package devchain

import (
	"bytes"
	"database/sql"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"strata"
	"strata/chain/scale"
)

func onDisk(dir string) func(*Config) { return func(c *Config) { c.Dir = dir } }

// TestRestartContinues stops a node after a submitted extrinsic was in a block
// and finds everything again.
func TestRestartContinues(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "chain")
	first := start(t, onDisk(dir))
	first.subnet()
	first.step(5)
	first.must(alice(t), "System.remark", scale.Struct{"remark": []byte("here")})
	genesis, head := first.Genesis(), first.ledger.head()
	state := encodeTable(first.ledger.state)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := first.Step(); strata.CodeOf(err) != strata.Unavailable {
		t.Errorf("a closed node makes a block: %v", err)
	}

	again := start(t, onDisk(dir))
	if again.Genesis() != genesis || again.ledger.head().hash != head.hash {
		t.Error("it is another chain")
	}
	if !bytes.Equal(encodeTable(again.ledger.state), state) {
		t.Error("the state is not what it was")
	}
	if len(again.ledger.head().body) != 2 {
		t.Error("the extrinsic is gone")
	}
	past, err := again.ledger.stateAt(again.ledger.genesis)
	if err != nil || subnetExists(past, 1) {
		t.Errorf("the state of genesis: %v", err)
	}
	again.must(alice(t), "System.remark", scale.Struct{"remark": []byte("there")})
	if again.ledger.head().header.parent != head.hash {
		t.Error("the next block does not follow the last")
	}
}

func encodeTable(t *table) []byte {
	var out []byte
	for _, k := range t.sorted {
		out = append(append(out, k...), t.values[k]...)
	}
	return out
}

// TestKilledAtAnyBlock copies the directory of a running node, as a kill at
// that moment leaves it, and starts on the copy.
func TestKilledAtAnyBlock(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "chain")
	n := start(t, onDisk(dir))
	for i := range 4 {
		n.must(alice(t), "System.remark", scale.Struct{"remark": []byte{byte(i)}})
		left := filepath.Join(t.TempDir(), "left")
		if err := os.CopyFS(left, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		again := start(t, onDisk(left))
		if again.ledger.head().hash != n.ledger.head().hash || infoAt(again.ledger.state, alice(t).public).nonce != uint32(i+1) {
			t.Fatalf("after block %d: the copy stands at block %d", i+1, again.ledger.head().header.number)
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFailedWriteChangesNothing(t *testing.T) {
	n := start(t, onDisk(filepath.Join(t.TempDir(), "chain")))
	n.step(2)
	if _, err := n.submit(n.signed(alice(t), remark(n), nil)); err != nil {
		t.Fatal(err)
	}
	before, head := encodeTable(n.ledger.state), n.ledger.head()
	good := n.ledger.disk.db.Write
	broken, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "empty.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer broken.Close()
	n.ledger.disk.db.Write = broken
	if err := n.Step(); err == nil {
		t.Fatal("a block was made without a place to write it")
	}
	if !bytes.Equal(encodeTable(n.ledger.state), before) || n.ledger.head() != head || len(n.pool.queue) != 1 {
		t.Error("the failed block left something behind")
	}
	n.ledger.disk.db.Write = good
	n.step(1)
	if len(n.ledger.head().body) != 2 {
		t.Error("the extrinsic was lost")
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

func TestDamagedChainIsRefused(t *testing.T) {
	for name, damage := range map[string]string{
		"state": "UPDATE state SET value = x'00' WHERE length(key) > 40",
		"block": "DELETE FROM blocks WHERE number = 2",
		"head":  "UPDATE blocks SET header = x'0102' WHERE number = 1",
		"body":  "UPDATE blocks SET body = x'ff' WHERE number = 1",
		"undo":  "UPDATE blocks SET undo = x'ff' WHERE number = 1",
	} {
		dir := filepath.Join(t.TempDir(), "chain")
		n := start(t, onDisk(dir))
		n.step(3)
		if _, err := n.ledger.disk.db.Write.Exec(damage); err != nil {
			t.Fatal(err)
		}
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := Start(t.Context(), Config{Dir: dir}); strata.CodeOf(err) != strata.Corrupt {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOldBlocksAreForgotten(t *testing.T) {
	n := start(t, nil)
	n.step(stateHistory + 10)
	l := n.ledger
	if _, err := l.stateAt(l.block(9)); strata.CodeOf(err) != strata.NotFound {
		t.Errorf("the state of block 9: %v", err)
	}
	s, err := l.stateAt(l.block(10))
	if err != nil || u32at(s, sysNumber.key()) != 10 {
		t.Errorf("the state of block 10 is of block %d, %v", u32at(s, sysNumber.key()), err)
	}
	n.step(headerHistory - stateHistory)
	if l.block(5) != nil || l.block(0) == nil || l.byHash[l.genesis.hash] == nil || len(l.recent) != headerHistory {
		t.Errorf("%d blocks are kept", len(l.recent))
	}
}

func TestPrunedChainRestarts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "chain")
	n := start(t, onDisk(dir))
	n.step(6)
	if _, err := n.ledger.disk.db.Write.Exec("DELETE FROM blocks WHERE number IN (1, 2)"); err != nil { // as pruning does
		t.Fatal(err)
	}
	head := n.ledger.head().hash
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	again := start(t, onDisk(dir))
	l := again.ledger
	if l.head().hash != head || l.block(2) != nil || l.block(3) == nil || l.block(0) == nil || len(l.recent) != 4 {
		t.Errorf("after pruning %d blocks are kept", len(l.recent))
	}
	again.step(1)
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
	if got := infoAt(n.ledger.state, account(who)).free; got != tao(77) {
		t.Errorf("the extra account has %d", got)
	}
	if n.free(alice(t)) != tao(endowment) {
		t.Errorf("//Alice has %d", n.free(alice(t)))
	}
	_, err := Start(t.Context(), Config{Accounts: map[strata.Coldkey]strata.Rao{who: ^strata.Rao(0)}})
	if strata.CodeOf(err) != strata.Invalid {
		t.Errorf("more than 64 bits of rao: %v", err)
	}
}

// TestLayersAgreeWithMap drives layers over a table with random writes and
// compares them with a plain map; undoing returns to the start.
func TestLayersAgreeWithMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.StringMatching("[ab]{0,3}")
		base, model := newTable(), map[string][]byte{}
		write := func(put func(string, []byte)) {
			for range rapid.IntRange(0, 8).Draw(t, "writes") {
				k := key.Draw(t, "key")
				if rapid.Bool().Draw(t, "delete") {
					put(k, nil)
					delete(model, k)
					continue
				}
				v := []byte{rapid.Byte().Draw(t, "value")}
				put(k, v)
				model[k] = v
			}
		}
		compare := func(r reader) {
			prefix := key.Draw(t, "prefix")
			var want []string
			for k := range model {
				if strings.HasPrefix(k, prefix) {
					want = append(want, k)
				}
			}
			slices.Sort(want)
			got := r.keys(prefix)
			if !slices.Equal(got, want) {
				t.Fatalf("keys %q under %q, want %q", got, prefix, want)
			}
			for _, k := range got {
				if !bytes.Equal(r.get(k), model[k]) {
					t.Fatalf("%q = %x, want %x", k, r.get(k), model[k])
				}
			}
		}
		write(base.put)
		compare(base)
		before, root := encodeTable(base), base.root()
		lower := newLayer(base)
		write(lower.put)
		upper := newLayer(lower)
		write(upper.put)
		compare(upper)
		upper.commit(lower)
		compare(lower)
		c := lower.effective()
		undo, err := decodeChanges(encodeChanges(base.apply(c)))
		if err != nil {
			t.Fatal(err)
		}
		compare(base)
		base.apply(undo)
		if !bytes.Equal(encodeTable(base), before) || base.root() != root {
			t.Fatal("undoing does not return to the start")
		}
	})
}
