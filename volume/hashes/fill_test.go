package hashes

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"strata"
	"strata/merkle"
	"strata/seal"
	"strata/volume/layout"
)

var (
	miner = strata.Hotkey{1}
	alice = strata.Hotkey{2}
)

// sectors are the first n of a miner for one validator.
func sectors(n uint64) []seal.Sector {
	var list []seal.Sector
	for i := range n {
		list = append(list, seal.Sector{Genesis: strata.GenesisHash{9}, Netuid: 7, Miner: miner, Validator: alice, Number: i, Blocks: size / strata.BlockSize, Passes: 4})
	}
	return list
}

func TestFill(t *testing.T) {
	var want []byte
	var roots []strata.Root
	buf := make([]byte, size)
	for _, s := range sectors(3) {
		if err := s.Fill(t.Context(), buf); err != nil {
			t.Fatal(err)
		}
		tree := merkle.Build(buf)
		want, roots = append(want, encode(s.Number, tree)...), append(roots, tree.Root())
	}
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	if _, err := Fill(ctx, dir, sectors(3), 1, func(_, _ strata.ByteSize) { cancel() }); err == nil {
		t.Fatal("cancelled, but no error")
	}
	path := filepath.Join(dir, layout.HashesName(miner))
	// A torn record is filled again.
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(want[1024:1500], 1024); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	var last [2]strata.ByteSize // done, total
	got, err := Fill(context.Background(), dir, sectors(3), 2, func(done, total strata.ByteSize) { last = [2]strata.ByteSize{done, total} })
	if err != nil || last[0] != 3*size || last[1] != 3*size {
		t.Fatalf("%+v, %v", last, err)
	}
	file, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(file, want) {
		t.Fatalf("the verifier's file is not what was filled: %v", err)
	}
	if !slices.Equal(got, roots) {
		t.Errorf("roots %s, want %s", got, roots)
	}
	// More sectors are welcome later, another chain is not.
	if _, err := Fill(context.Background(), dir, sectors(4), 1, nil); err != nil {
		t.Fatal(err)
	}
	other := sectors(1)
	other[0].Genesis[0]++
	if _, err := Fill(context.Background(), dir, other, 1, nil); strata.CodeOf(err) != strata.Conflict {
		t.Fatalf("another chain: %v", err)
	}
}

func TestFillRefusals(t *testing.T) {
	mixed := sectors(2)
	mixed[1].Validator = strata.Hotkey{3}
	small := sectors(1)
	small[0].Blocks = 16
	odd := sectors(1)
	odd[0].Blocks = 1000
	for name, sectors := range map[string][]seal.Sector{"mixed": mixed, "small": small, "odd": odd} {
		if _, err := Fill(context.Background(), t.TempDir(), sectors, 1, nil); strata.CodeOf(err) != strata.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Fill(context.Background(), t.TempDir(), sectors(1), 0, nil); strata.CodeOf(err) != strata.Invalid {
		t.Error("no worker, but no error")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, layout.HashesName(miner)), []byte("of unknown origin"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Fill(context.Background(), dir, sectors(1), 1, nil); strata.CodeOf(err) != strata.Conflict {
		t.Errorf("a file that no list names: %v", err)
	}
	if got, err := Fill(context.Background(), t.TempDir(), nil, 1, nil); len(got) > 0 || err != nil {
		t.Error("nothing to fill is no error")
	}
}
