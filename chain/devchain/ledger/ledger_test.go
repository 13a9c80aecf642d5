package ledger

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"path/filepath"
	"slices"
	"testing"

	"strata"
	"strata/chain/devchain/state"
)

// counting opens a ledger whose state is one key that every block counts up,
// and many that stay.
func counting(t *testing.T, dir string) *Ledger {
	t.Helper()
	l, err := Open(t.Context(), dir, func() (state.Changes, error) {
		c := state.Changes{"count": binary.LittleEndian.AppendUint64(nil, 0)}
		for i := range byte(9) {
			c["other "+string('a'+rune(i))] = bytes.Repeat([]byte{i}, 40)
		}
		return c, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func count(s state.Reader) uint64 { return state.U64(s, "count") }

func extend(t *testing.T, l *Ledger, blocks int) {
	t.Helper()
	for range blocks {
		n := count(l.table) + 1
		b, err := l.Append(context.Background(), [][]byte{{byte(n)}}, state.Changes{"count": binary.LittleEndian.AppendUint64(nil, n)})
		if err != nil || b != l.Head() || b.Header.Number != n {
			t.Fatalf("block %d: %+v, %v", n, b, err)
		}
	}
}

func TestLedgerContinues(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "chain")
	l := counting(t, dir)
	extend(t, l, 5)
	head, root := l.Head(), l.table.Root()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	again := counting(t, dir)
	if again.Head().Hash != head.Hash || again.table.Root() != root || !slices.EqualFunc(again.Head().Body, head.Body, bytes.Equal) {
		t.Error("the chain is not what it was")
	}
	for number := range uint64(6) {
		s, err := again.StateAt(again.Block(number))
		if err != nil || count(s) != number {
			t.Errorf("the state of block %d counts %d, %v", number, count(s), err)
		}
	}
	extend(t, again, 1)
	if again.Head().Header.Parent != head.Hash || again.Next() != 7 {
		t.Error("the next block does not follow the last")
	}
}

func TestDirectoryHasOneOwner(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "chain")
	counting(t, dir)
	if _, err := Open(t.Context(), dir, nil); strata.CodeOf(err) != strata.Locked {
		t.Errorf("a second owner of the directory: %v", err)
	}
}

func TestFailedWriteChangesNothing(t *testing.T) {
	l := counting(t, filepath.Join(t.TempDir(), "chain"))
	extend(t, l, 2)
	root, head := l.table.Root(), l.Head()
	good := l.disk.db.Write
	broken, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "empty.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer broken.Close()
	l.disk.db.Write = broken
	if _, err := l.Append(t.Context(), nil, state.Changes{"count": nil, "new": {1}}); err == nil {
		t.Fatal("a block was written nowhere")
	}
	if l.table.Root() != root || l.Head() != head {
		t.Error("the failed block left something behind")
	}
	l.disk.db.Write = good
	extend(t, l, 1)
}

func TestDamagedChainIsRefused(t *testing.T) {
	for name, damage := range map[string]string{
		"state": "UPDATE state SET value = x'00' WHERE length(value) > 30",
		"block": "DELETE FROM blocks WHERE number = 2",
		"head":  "UPDATE blocks SET header = x'0102' WHERE number = 1",
		"body":  "UPDATE blocks SET body = x'ff' WHERE number = 1",
		"undo":  "UPDATE blocks SET undo = x'ff' WHERE number = 1",
	} {
		dir := filepath.Join(t.TempDir(), "chain")
		l := counting(t, dir)
		extend(t, l, 3)
		if _, err := l.disk.db.Write.Exec(damage); err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), dir, nil); strata.CodeOf(err) != strata.Corrupt {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOldBlocksAreForgotten(t *testing.T) {
	l := counting(t, "")
	extend(t, l, stateHistory+10)
	if _, err := l.StateAt(l.Block(9)); strata.CodeOf(err) != strata.NotFound {
		t.Errorf("the state of block 9: %v", err)
	}
	s, err := l.StateAt(l.Block(10))
	if err != nil || count(s) != 10 {
		t.Errorf("the state of block 10 counts %d, %v", count(s), err)
	}
	extend(t, l, headerHistory-stateHistory)
	if _, known := l.HashAt(5); known || l.Block(5) != nil || l.Block(0) == nil || l.byHash[l.genesis.Hash] == nil || len(l.recent) != headerHistory {
		t.Errorf("%d blocks are kept", len(l.recent))
	}
}

func TestPrunedChainRestarts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "chain")
	l := counting(t, dir)
	extend(t, l, 6)
	if _, err := l.disk.db.Write.Exec("DELETE FROM blocks WHERE number IN (1, 2)"); err != nil { // as pruning does
		t.Fatal(err)
	}
	head := l.Head().Hash
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	again := counting(t, dir)
	if again.Head().Hash != head || again.Block(2) != nil || again.Block(3) == nil || again.Block(0) == nil || len(again.recent) != 4 {
		t.Errorf("after pruning %d blocks are kept", len(again.recent))
	}
	extend(t, again, 1)
}
