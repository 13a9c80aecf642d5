package devnet

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"strata/gateway"
)

// TestOwnerWithoutGateway: the owner's own commands. verify says how an object is
// by its exit status; with what export wrote, fetch reads it from the miners when
// the gateway and its metadata are gone.
func TestOwnerWithoutGateway(t *testing.T) {
	t.Parallel()
	ctx := within(t)
	n := start(t, 6)
	stored := n.fill(ctx, t, 5<<20+3, 700)
	dir := t.TempDir()
	strata := func(args ...string) (status int, out string) {
		t.Helper()
		cmd := exec.CommandContext(ctx, n.cfg.Binary, args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "STRATA_GATEWAY="+n.GatewayURL(), "STRATA_TOKEN="+tokenOf(t, n))
		b, err := cmd.CombinedOutput()
		if err != nil && cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return cmd.ProcessState.ExitCode(), string(b)
	}
	until(ctx, t, "every segment is whole", func() bool { return whole(n.places(ctx, t, stored), nil) })
	manifests := map[string][]byte{}
	for id, content := range stored {
		if status, out := strata("verify", id.String(), "--deep"); status != 0 {
			t.Errorf("verify of a whole object: status %d: %s", status, out)
		}
		name := id.String() + ".manifest"
		if status, out := strata("export", id.String(), "-o", name); status != 0 || !bytes.Contains([]byte(out), []byte("discloses")) {
			t.Fatalf("export: status %d: %s", status, out)
		}
		manifests[name] = content
	}
	miners := n.names("miner")
	for _, m := range miners[:3] {
		n.killed(ctx, t, m)
	}
	for id := range stored {
		status, out := strata("verify", id.String(), "--json")
		var v gateway.Verification
		if err := json.Unmarshal([]byte(out[:bytes.IndexByte([]byte(out), '\n')+1]), &v); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if status != 0 || len(v.Segments) == 0 || v.Segments[0].Good != 3 || v.State != gateway.AtRisk {
			t.Errorf("verify with half of the miners: status %d, %s", status, out)
		}
	}
	n.killed(ctx, t, miners[3])
	for id := range stored {
		if status, out := strata("verify", id.String()); status != 8 {
			t.Errorf("verify below the repair threshold: status %d: %s", status, out)
		}
	}
	n.killed(ctx, t, name("validator", 0))
	if err := os.RemoveAll(filepath.Join(n.cfg.Dir, name("validator", 0))); err != nil {
		t.Fatal(err)
	}
	fetch := func(manifest string, more ...string) ([]byte, error) {
		cmd := exec.CommandContext(ctx, n.cfg.Binary, append([]string{"fetch", "--manifest", manifest, "-o", "-"}, more...)...)
		cmd.Dir = dir
		return cmd.Output()
	}
	for manifest, content := range manifests {
		if got, err := fetch(manifest); err != nil || !bytes.Equal(got, content) {
			t.Errorf("fetch: %d bytes of %d, %v", len(got), len(content), err)
		}
	}
	// None is where it was at the export: two are gone, two serve on other ports.
	for i, m := range miners[:2] {
		n.killed(ctx, t, miners[4+i])
		if err := n.Restart(ctx, m); err != nil {
			t.Fatal(err)
		}
	}
	for manifest, content := range manifests {
		var exit *exec.ExitError
		if _, err := fetch(manifest); !errors.As(err, &exit) || exit.ExitCode() != 8 || !strings.Contains(string(exit.Stderr), "--subtensor.chain_endpoint") {
			t.Errorf("fetch from where the miners were: %v", err)
		}
		var got []byte
		until(ctx, t, "the miners are found where they serve now", func() (ok bool) {
			var err error
			got, err = fetch(manifest, "--subtensor.chain_endpoint", n.ChainURL())
			return err == nil
		})
		if !bytes.Equal(got, content) {
			t.Errorf("fetch from miners that moved: %d bytes of %d", len(got), len(content))
		}
	}
}

// names returns the processes of a role, in order.
func (n *Network) names(role string) (out []string) {
	for _, p := range n.Processes() {
		if p.Role == role {
			out = append(out, p.Name)
		}
	}
	slices.Sort(out)
	return out
}
