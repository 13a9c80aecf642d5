package devnet

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"strata"
)

// TestRecovery puts an old copy of the metadata back under a gateway, which is
// noticed: nothing that the old copy does not know is deleted from miners. Then
// everything that the validator has on its disk is taken away, while one miner is
// away too, and all files come back with the hotkey alone.
func TestRecovery(t *testing.T) {
	t.Parallel()
	ctx := within(t)
	n := start(t, 5)
	stored := n.fill(ctx, t, 3<<20, 700)
	n.awaitBackup(ctx, t, stored)
	n.stopValidator(ctx, t)
	old, err := os.ReadFile(n.metadata(t))
	if err != nil {
		t.Fatal(err)
	}
	n.startValidator(ctx, t)
	later := n.fill(ctx, t, 5<<20+3, 900, 1)
	n.awaitBackup(ctx, t, later)
	n.replaceMetadata(ctx, t, old)

	block := n.awaitBehind(ctx, t)
	until(ctx, t, "manifests were compared twice", func() bool {
		st, err := n.Status(ctx)
		return err == nil && st.Block >= block+60 // of 200 ms, and they are every 5 s
	})
	wantFiles(ctx, t, n, stored)
	n.killed(ctx, t, name("validator", 0), minerName(2))
	if err := os.RemoveAll(filepath.Join(n.Dir(), name("validator", 0))); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"gateway", "recover"}, n.roleArgs(name("validator", 0))...)
	if out, err := exec.CommandContext(ctx, n.cfg.Binary, args...).CombinedOutput(); err != nil || !strings.Contains(string(out), "recovered version") || !strings.Contains(string(out), "knew of miners as of") {
		t.Fatalf("recover: %v\n%s", err, out)
	}
	if again, err := exec.CommandContext(ctx, n.cfg.Binary, args...).CombinedOutput(); err == nil || !strings.Contains(string(again), "exists") {
		t.Errorf("a recovery over what is there: %v\n%s", err, again)
	}
	n.forget(name("validator", 0))
	n.startValidator(ctx, t)
	wantFiles(ctx, t, n, stored)
	wantFiles(ctx, t, n, later)

	n.forget(minerName(2))
	n.startMiners(ctx, t, 2, 3)
	more := n.fill(ctx, t, 3000)
	n.awaitBackup(ctx, t, more)
	wantFiles(ctx, t, n, more)
	if c, err := dial(ctx, t, n.ChainURL()).Commitment(ctx, n.netuid(), hotkeyOf(t, n, name("validator", 0))); err != nil || len(c) == 0 {
		t.Errorf("nothing is committed on chain: %x, %v", c, err)
	}
}

// replaceMetadata puts an old copy in the place of the first validator's
// strata.db, between two runs.
func (n *Network) replaceMetadata(ctx context.Context, t *testing.T, old []byte) {
	t.Helper()
	n.stopValidator(ctx, t)
	file := n.metadata(t)
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(file + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(file, old, 0o600); err != nil {
		t.Fatal(err)
	}
	n.startValidator(ctx, t)
}

// awaitBehind waits until the gateway says that its metadata is an old copy, and
// returns the block.
func (n *Network) awaitBehind(ctx context.Context, t *testing.T) (block uint64) {
	t.Helper()
	until(ctx, t, "the old copy is noticed", func() bool {
		st, err := n.Status(ctx)
		block = st.Block
		return err == nil && st.Backup != nil && st.Backup.Behind != ""
	})
	return block
}

// forget takes ended processes of a name from the list, so that what is started
// under it again is found.
func (n *Network) forget(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	kept := n.processes[:0:0]
	for _, p := range n.processes {
		if p.Name != name {
			kept = append(kept, p)
		}
	}
	n.processes = kept
}

// metadata is the path of the first validator's strata.db.
func (n *Network) metadata(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(n.Dir(), name("validator", 0), "*", "*", "strata.db"))
	if err != nil || len(files) != 1 {
		t.Fatalf("the catalog is not where it should be: %v, %v", files, err)
	}
	return files[0]
}

// awaitBackup waits until the records of files are on the miners.
func (n *Network) awaitBackup(ctx context.Context, t *testing.T, files map[strata.ObjectID][]byte) {
	t.Helper()
	api := apiOf(t, n)
	for id := range files {
		until(ctx, t, "the file's record is on the miners", func() bool {
			o, err := api.Stat(ctx, id)
			return err == nil && o.BackedUp != nil && *o.BackedUp
		})
	}
}

func (n *Network) stopValidator(ctx context.Context, t *testing.T) {
	t.Helper()
	endValidator(ctx, t, n)
	n.forget(name("validator", 0))
}

func (n *Network) startValidator(ctx context.Context, t *testing.T) {
	t.Helper()
	if err := n.startAll(ctx, "validator", 1, n.validatorArgs); err != nil {
		t.Fatal(err)
	}
}
