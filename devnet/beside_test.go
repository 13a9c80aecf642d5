package devnet

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"strata"
	"strata/auditlog"
	"strata/gateway"
	"strata/gateway/client"
	"strata/miner"
	"strata/volume"
	"strata/wire"
)

// refuser takes no shard and keeps its filler.
type refuser struct{ *volume.Store }

// PutShard says that there is no room.
func (refuser) PutShard(context.Context, strata.Hotkey, strata.Root, int64, io.Reader, *wire.Order) (wire.Receipt, error) {
	return wire.Receipt{}, strata.E(strata.NoSpace, "no room")
}

// TestGatewayBesideItsValidator runs a gateway in a process of its own: files come
// back through it, and the validator in the other process learns what a miner
// refused it.
func TestGatewayBesideItsValidator(t *testing.T) {
	t.Parallel()
	n := open(t, small(t.TempDir(), 2))
	ctx := within(t)
	if err := n.startChain(ctx); err != nil {
		t.Fatal(err)
	}
	if err := n.register(ctx); err != nil {
		t.Fatal(err)
	}
	alone := func(i int) []string { return append(n.validatorArgs(i), "--no_bridge") }
	if err := n.startAll(ctx, "validator", 1, alone); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"gateway"}, n.roleArgs(name("validator", 0))...)
	if _, err := n.start(ctx, "gateway", "gateway-1", append(args, "--gateway.listen", "127.0.0.1:0")...); err != nil {
		t.Fatal(err)
	}
	n.startMiners(ctx, t, 0, 2)
	refuses := joinAs(ctx, t, n, dial(ctx, t, n.ChainURL()), "refuser", func(s *volume.Store) miner.Space { return refuser{s} })
	api := n.beside(t, "gateway-1")
	until(ctx, t, "the gateway sees three miners with credit", func() bool {
		st, err := api.Network(ctx)
		return err == nil && len(proven(st)) == 3
	})
	for i := range 3 {
		content := make([]byte, 100_000)
		_, _ = rand.Read(content) // never fails
		id, err := api.Put(ctx, fmt.Sprintf("file-%d", i), int64(len(content)), bytes.NewReader(content), nil)
		if err != nil {
			t.Fatal(err)
		}
		var back bytes.Buffer
		if _, err := api.Get(ctx, id, &back, 0, nil); err != nil || !bytes.Equal(back.Bytes(), content) {
			t.Errorf("%d bytes came back as %d: %v", len(content), back.Len(), err)
		}
	}
	log := filepath.Join(n.Dir(), name("validator", 0), name("validator", 0), "default", "auditlog")
	until(ctx, t, "the validator lets the miner pay for what it refused", func() bool {
		for item, err := range auditlog.Read(log) {
			if err != nil {
				break // it is being written
			}
			e, err := auditlog.Decode(item.Entry)
			if err == nil && e.Kind == auditlog.Refused && *e.Miner == refuses.hotkey {
				return true
			}
		}
		return false
	})
}

// beside is the client of a gateway that is no validator.
func (n *Network) beside(t *testing.T, process string) *client.Client {
	t.Helper()
	b, err := os.ReadFile(n.address(process, "token_file"))
	if err != nil {
		t.Fatal(err)
	}
	token, err := gateway.ParseToken(string(b))
	if err != nil {
		t.Fatal(err)
	}
	api, err := client.New(n.address(process, "gateway"), token)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(api.Close)
	return api
}

// proven are the miners that have something to be paid for.
func proven(st gateway.NetworkStatus) (out []gateway.Miner) {
	for _, m := range st.Miners {
		if m.ProvenBytes > 0 {
			out = append(out, m)
		}
	}
	return out
}
