package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"strata"
	"strata/allocation"
	"strata/merkle"
	"strata/volume"
	"strata/volume/layout"
)

// TestScrubNamesLostShards: a damaged shard is printed, and the exit status
// says that something is damaged, until it is deleted.
func TestScrubNamesLostShards(t *testing.T) {
	dir := t.TempDir()
	v := strata.Hotkey{7}
	cfg := volume.Config{Paths: []string{dir}, Wallet: "w", Hotkey: "h", Miner: strata.Hotkey{8}, Genesis: strata.GenesisHash{9}, Netuid: 3, Profile: strata.LocalProfile}
	store, err := volume.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	target := allocation.Target{Validator: v, Sectors: 2, Holdings: []allocation.Holding{{Volume: dir, Sectors: 2}}}
	if err := store.SetTargets(t.Context(), []allocation.Target{target}); err != nil {
		t.Fatal(err)
	}
	if err := store.Seal(t.Context(), 2, nil); err != nil {
		t.Fatal(err)
	}
	data := bytes.Repeat([]byte("shard"), 20_000)
	root := merkle.Build(data).Root()
	r, err := store.PutShard(t.Context(), v, root, int64(len(data)), bytes.NewReader(data), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	scrub := func(want int) string {
		t.Helper()
		var out, errs bytes.Buffer
		args := []string{"scrub", "--db_path", dir, "--wallet.name", "w", "--wallet.hotkey", "h"}
		if got := run(args, streams{strings.NewReader(""), &out, &errs}); got != want {
			t.Errorf("exit status %d, want %d: %s", got, want, errs.String())
		}
		return out.String()
	}
	if out := scrub(0); out != "2 sectors read: 0 mended, 0 still damaged; 0 shards damaged\n" {
		t.Errorf("%q", out)
	}
	f, err := os.OpenFile(filepath.Join(layout.Dir(dir, "w", "h"), "data-"+v.String()), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	at := int64(r.Sector)*int64(strata.LocalProfile.SectorSize()) + int64(r.Offset)*strata.BlockSize + 77_777
	if _, err := f.WriteAt([]byte{data[77_777] ^ 8}, at); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		out := scrub(9)
		if !strings.Contains(out, "damaged  shard "+root.String()+" of validator "+v.String()) || !strings.Contains(out, "0 mended, 1 still damaged; 1 shards damaged") {
			t.Errorf("%q", out)
		}
	}
}
