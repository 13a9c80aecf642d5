package devnet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"strata"
	"strata/catalog"
	"strata/catalog/sqlite"
)

// growing starts a network whose last miners are registered but not running.
func growing(ctx context.Context, t *testing.T, miners, first int) *Network {
	t.Helper()
	n := open(t, small(t.TempDir(), miners))
	if err := n.startChain(ctx); err != nil {
		t.Fatal(err)
	}
	if err := n.register(ctx); err != nil {
		t.Fatal(err)
	}
	if err := n.startAll(ctx, "validator", 1, n.validatorArgs); err != nil {
		t.Fatal(err)
	}
	n.startMiners(ctx, t, 0, first)
	n.awaitMiners(ctx, t, first)
	return n
}

// startMiners starts miners from to to, counted from 0.
func (n *Network) startMiners(ctx context.Context, t *testing.T, from, to int) {
	t.Helper()
	var g errgroup.Group
	for i := from; i < to; i++ {
		g.Go(func() error {
			_, err := n.start(ctx, "miner", minerName(i), append([]string{"miner"}, n.minerArgs(i)...)...)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

// awaitMiners waits until so many miners are sealed and audited.
func (n *Network) awaitMiners(ctx context.Context, t *testing.T, want int) {
	t.Helper()
	until(ctx, t, fmt.Sprintf("%d miners are sealed and audited", want), func() bool {
		st, err := n.Status(ctx)
		if err != nil {
			return false
		}
		ready := 0
		for _, m := range st.Miners {
			if m.Target > 0 && m.Sealed == m.Target && m.AuditsPassed > 0 && m.ProvenBytes > 0 {
				ready++
			}
		}
		return ready >= want
	})
}

// killed ends processes at once, as a power cut does.
func (n *Network) killed(ctx context.Context, t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		for _, p := range n.Processes() {
			if p.Name != name || !p.Alive() {
				continue
			}
			if err := p.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			until(ctx, t, name+" has ended", func() bool { return !p.Alive() })
		}
	}
}

// fill stores files of random bytes.
func (n *Network) fill(ctx context.Context, t *testing.T, sizes ...int) map[strata.ObjectID][]byte {
	t.Helper()
	api := apiOf(t, n)
	chance := rand.NewChaCha8([32]byte{7})
	out := map[strata.ObjectID][]byte{}
	for i, size := range sizes {
		content := make([]byte, size)
		_, _ = chance.Read(content) // never fails
		id, err := api.Put(ctx, fmt.Sprintf("file-%d", i), int64(size), bytes.NewReader(content), nil)
		if err != nil {
			t.Fatalf("store %d bytes: %v", size, err)
		}
		out[id] = content
	}
	return out
}

// catalog opens the gateway's catalog beside the gateway.
func (n *Network) catalog(ctx context.Context, t *testing.T, use func(*sqlite.DB) error) {
	t.Helper()
	db, err := sqlite.Open(ctx, n.metadata(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(use(db), db.Close()); err != nil {
		t.Fatal(err)
	}
}

// places reads the shards of each segment, as they are on record now.
func (n *Network) places(ctx context.Context, t *testing.T, ids map[strata.ObjectID][]byte) (out []catalog.Segment) {
	t.Helper()
	n.catalog(ctx, t, func(db *sqlite.DB) (err error) {
		for id := range ids {
			segs, serr := db.Segments(ctx, id)
			out, err = append(out, segs...), errors.Join(err, serr)
		}
		return err
	})
	return out
}

// deletions counts what miners still have to be told to delete.
func (n *Network) deletions(ctx context.Context, t *testing.T) (count int) {
	t.Helper()
	n.catalog(ctx, t, func(db *sqlite.DB) error {
		d, err := db.DueDeletions(ctx, time.Now().Add(24*time.Hour), 1000)
		count = len(d)
		return err
	})
	return count
}

// whole says whether every segment has all its shards, each at a miner of its
// own that is alive.
func whole(segs []catalog.Segment, dead map[strata.Hotkey]bool) bool {
	for _, s := range segs {
		at := map[strata.Hotkey]bool{}
		for _, h := range s.Shards {
			if h.State == catalog.Stored && !dead[h.Miner] {
				at[h.Miner] = true
			}
		}
		if len(at) < s.Total {
			return false
		}
	}
	return len(segs) > 0
}

func minerName(i int) string { return name("miner", i) }

// leaves starts a miner again with --exit and waits until it has ended by itself.
func (n *Network) leaves(ctx context.Context, t *testing.T, i int) {
	t.Helper()
	for _, p := range n.Processes() {
		if p.Name == minerName(i) {
			p.stdin.Close()
			until(ctx, t, p.Name+" has ended", func() bool { return !p.Alive() })
		}
	}
	p, err := n.start(ctx, "miner", minerName(i), append([]string{"miner", "--exit"}, n.minerArgs(i)...)...)
	if err != nil {
		t.Fatal(err)
	}
	until(ctx, t, "the leaving miner's shards are elsewhere and it has ended", func() bool { return !p.Alive() })
	if p.err != nil {
		t.Errorf("the leaving miner ended with %v: %s", p.err, lastLine(p.Log))
	}
}

// TestRepairAndExit stores in a network of six, which then grows to twelve. One
// of the six leaves and takes nothing with it. Then a third of the twelve is
// killed at once, all of them with shards: each segment comes back to all its
// shards on the living; and when the last of the six is killed as well,
// everything reads back from those that came later.
func TestRepairAndExit(t *testing.T) {
	t.Parallel()
	ctx := within(t)
	n := growing(ctx, t, 12, 6)
	stored := n.fill(ctx, t, 1, 700, 5<<20+3, 3<<20)
	n.startMiners(ctx, t, 6, 12)
	n.awaitMiners(ctx, t, 12)

	n.leaves(ctx, t, 0)
	gone := map[strata.Hotkey]bool{hotkeyOf(t, n, minerName(0)): true}
	if segs := n.places(ctx, t, stored); !whole(segs, gone) {
		t.Errorf("a miner left before all its shards were elsewhere: %+v", segs)
	}

	for i := 1; i < 5; i++ {
		n.killed(ctx, t, minerName(i))
		gone[hotkeyOf(t, n, minerName(i))] = true
	}
	wantFiles(ctx, t, n, stored) // two of six are left, which is k
	until(ctx, t, "every segment is whole on the living", func() bool { return whole(n.places(ctx, t, stored), gone) })
	until(ctx, t, "the gateway says that nothing is endangered", func() bool {
		st, err := n.Status(ctx)
		return err == nil && st.Repair != nil && st.Repair.Endangered == 0 && st.Repair.Repaired > 0
	})
	n.killed(ctx, t, minerName(5))
	wantFiles(ctx, t, n, stored)
}
