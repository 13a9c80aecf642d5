package volume

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"strata"
	"strata/seal"
)

func verifierSectors(n uint64) []seal.Sector {
	var list []seal.Sector
	for i := range n {
		list = append(list, seal.Sector{Genesis: strata.GenesisHash{9}, Netuid: 7, Miner: miner, Validator: alice, Number: i, Blocks: tiny.Blocks, Passes: tiny.Passes})
	}
	return list
}

func TestFillHashes(t *testing.T) {
	s := sealed(t, 3)
	_, want := partitionBytes(t, s)
	dir := t.TempDir()
	sectors := verifierSectors(3)
	ctx, cancel := context.WithCancel(context.Background())
	if _, err := FillHashes(ctx, dir, sectors, 1, func(_, _ strata.ByteSize) { cancel() }); err == nil {
		t.Fatal("cancelled, but no error")
	}
	path := filepath.Join(dir, hashesName(miner))
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
	roots, err := FillHashes(context.Background(), dir, sectors, 2, func(done, total strata.ByteSize) { last = [2]strata.ByteSize{done, total} })
	if err != nil || last[0] != 3*tinySector || last[1] != 3*tinySector {
		t.Fatalf("%+v, %v", last, err)
	}
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("the verifier's file differs from the miner's: %v", err)
	}
	for i, root := range roots {
		if root != sealRoot(t, s, alice, uint64(i)) {
			t.Errorf("root %d", i)
		}
	}
	// More sectors are welcome later, another chain is not.
	if _, err := FillHashes(context.Background(), dir, verifierSectors(4), 1, nil); err != nil {
		t.Fatal(err)
	}
	other := verifierSectors(1)
	other[0].Genesis[0]++
	if _, err := FillHashes(context.Background(), dir, other, 1, nil); strata.CodeOf(err) != strata.Conflict {
		t.Fatalf("another chain: %v", err)
	}
}

func TestFillHashesRefusals(t *testing.T) {
	mixed := verifierSectors(2)
	mixed[1].Validator = bob
	small := verifierSectors(1)
	small[0].Blocks = 16
	odd := verifierSectors(1)
	odd[0].Blocks = 1000
	for name, sectors := range map[string][]seal.Sector{"mixed": mixed, "small": small, "odd": odd} {
		if _, err := FillHashes(context.Background(), t.TempDir(), sectors, 1, nil); strata.CodeOf(err) != strata.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := FillHashes(context.Background(), t.TempDir(), verifierSectors(1), 0, nil); strata.CodeOf(err) != strata.Invalid {
		t.Error("no worker, but no error")
	}
	dir := t.TempDir()
	overwrite(t, filepath.Join(dir, hashesName(miner)), "of unknown origin")
	if _, err := FillHashes(context.Background(), dir, verifierSectors(1), 1, nil); strata.CodeOf(err) != strata.Conflict {
		t.Errorf("a file that no list names: %v", err)
	}
	if roots, err := FillHashes(context.Background(), t.TempDir(), nil, 1, nil); len(roots) > 0 || err != nil {
		t.Error("nothing to fill is no error")
	}
}
