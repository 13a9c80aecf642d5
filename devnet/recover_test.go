package devnet

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestRecoverFromTheMiners takes away everything that a validator has on its
// disk but the hotkey, while one miner is away, and reads all files back.
func TestRecoverFromTheMiners(t *testing.T) {
	t.Parallel()
	ctx := within(t)
	n := start(t, 5)
	stored := n.fill(ctx, t, 5<<20+3, 700, 1)
	api := apiOf(t, n)
	for id := range stored {
		until(ctx, t, "the file's record is on the miners", func() bool {
			o, err := api.Stat(ctx, id)
			return err == nil && o.BackedUp != nil && *o.BackedUp
		})
	}
	n.killed(ctx, t, name("validator", 0), minerName(2))
	dir := filepath.Join(n.Dir(), name("validator", 0))
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"gateway", "recover"}, n.roleArgs(name("validator", 0))...)
	out, err := exec.CommandContext(ctx, n.cfg.Binary, args...).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "recovered version") {
		t.Fatalf("recover: %v\n%s", err, out)
	}
	if again, err := exec.CommandContext(ctx, n.cfg.Binary, args...).CombinedOutput(); err == nil || !strings.Contains(string(again), "exists") {
		t.Errorf("a recovery over what is there: %v\n%s", err, again)
	}
	n.forget(name("validator", 0))
	if err := n.startAll(ctx, "validator", 1, n.validatorArgs); err != nil {
		t.Fatal(err)
	}
	wantFiles(ctx, t, n, stored)
	n.forget(minerName(2))
	n.startMiners(ctx, t, 2, 3)
	more := n.fill(ctx, t, 3000)
	for id := range more {
		stored[id] = more[id]
		until(ctx, t, "a new file's record is on the miners", func() bool {
			o, err := apiOf(t, n).Stat(ctx, id)
			return err == nil && o.BackedUp != nil && *o.BackedUp
		})
	}
	wantFiles(ctx, t, n, stored)
	if g, err := dial(ctx, t, n.ChainURL()).Commitment(ctx, n.netuid(), hotkeyOf(t, n, name("validator", 0))); err != nil || len(g) == 0 {
		t.Errorf("nothing is committed on chain: %x, %v", g, err)
	}
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
