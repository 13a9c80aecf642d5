package devnet

import (
	"strings"
	"testing"

	"strata"
)

// TestUndelete deletes files, waits until every miner has been told, and brings
// them back while one miner is away: nothing is lost, and the one that was away
// has its shards restored when it is back.
func TestUndelete(t *testing.T) {
	t.Parallel()
	ctx := within(t)
	n := start(t, 4)
	stored := n.fill(ctx, t, 5<<20+3, 700)
	api := apiOf(t, n)
	for id := range stored {
		if err := api.Delete(ctx, id); err != nil {
			t.Fatal(err)
		}
		if _, err := api.Stat(ctx, id); strata.CodeOf(err) != strata.NotFound {
			t.Errorf("a deleted file is still there: %v", err)
		}
	}
	until(ctx, t, "every miner has deleted its shards", func() bool { return n.deletions(ctx, t) == 0 })
	n.killed(ctx, t, minerName(0))
	for id := range stored {
		if _, err := api.Undelete(ctx, id); err != nil {
			t.Errorf("undelete: %v", err)
		}
	}
	wantFiles(ctx, t, n, stored)
	n.startMiners(ctx, t, 0, 1)
	until(ctx, t, "every segment is whole", func() bool { return whole(n.places(ctx, t, stored), nil) })
	wantFiles(ctx, t, n, stored)
	for _, p := range n.Processes() {
		if p.Role == "validator" && strings.Contains(lastLine(p.Log), "missing from a miner's manifest") {
			t.Error("a miner was blamed for what the gateway deleted")
		}
	}
}
