package volume

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"

	"strata"
	"strata/merkle"
	"strata/volume/vfs/faultfs"
	"strata/wire"
)

func TestPutKeepsTail(t *testing.T) {
	s := sealed(t, 2)
	data, root := blob(1, 100_001)
	r := put(t, s, alice, data)
	if r.Root != root || r.Length != 100_001 || r.Sector != 0 || r.Offset != 0 || r.UnixNano != uint64(start.UnixNano()) || r.Sequence != uint64(start.Unix())+1 {
		t.Fatalf("receipt %+v", r)
	}
	entries := check(t, s, alice, root)
	if e := entries[0]; e.State != wire.Data || e.Tail != 256 {
		t.Fatalf("state %d, tail %d; want the first group after room for one more like it", e.State, e.Tail)
	}
	// The next one goes behind it, at a block, and the tail stays intact.
	more, root2 := blob(2, 5)
	if r := put(t, s, alice, more); r.Sector != 0 || r.Offset != 98 {
		t.Fatalf("second receipt %+v", r)
	}
	s = reopen(t, s)
	check(t, s, alice, root, root2)
	got, err := readShard(s, alice, root)
	if err != nil || !bytes.Equal(got, data) {
		t.Fatalf("read after opening again: %v", err)
	}
	if st := stats(s, alice); st.Shards != 2 || st.LiveBytes != 100_006 || st.Filler != 1 || st.Sealed != 2 {
		t.Fatalf("%+v", st)
	}
}

func TestPutAgainGivesSameReceipt(t *testing.T) {
	s := sealed(t, 1)
	data, root := blob(1, 4000)
	first := put(t, s, alice, data)
	manifest(t, s, alice, 0)
	s = reopen(t, s)
	again, err := s.PutShard(context.Background(), alice, root, 4000, iotest.ErrReader(errors.New("must not be read")), nil)
	if err != nil || again != first {
		t.Fatalf("%+v, %v; want %+v", again, err, first)
	}
	if _, err := s.PutShard(context.Background(), alice, root, 4001, nil, nil); strata.CodeOf(err) != strata.Invalid {
		t.Fatalf("another length for a known root: %v", err)
	}
}

func TestPutRefusals(t *testing.T) {
	s := sealed(t, 1)
	data, root := blob(1, 70_000)
	other, _ := blob(2, 70_000)
	bad := slices.Clone(data)
	bad[69_999] ^= 1
	for _, c := range []struct {
		name string
		v    strata.Hotkey
		size int64
		body io.Reader
		want strata.Code
	}{
		{"no partition", bob, 70_000, bytes.NewReader(data), strata.NotFound},
		{"empty", alice, 0, bytes.NewReader(nil), strata.Invalid},
		{"negative", alice, -1, bytes.NewReader(nil), strata.Invalid},
		{"too large", alice, tinySector/4 + 1, bytes.NewReader(data), strata.TooLarge},
		{"other bytes", alice, 70_000, bytes.NewReader(other), strata.Invalid},
		{"one bit", alice, 70_000, bytes.NewReader(bad), strata.Invalid},
		{"short", alice, 70_000, bytes.NewReader(data[:69_999]), strata.Invalid},
		{"long", alice, 70_000, bytes.NewReader(append(slices.Clone(data), 0)), strata.Invalid},
		{"broken", alice, 70_000, io.MultiReader(bytes.NewReader(data[:10]), iotest.ErrReader(errors.New("reset"))), strata.Unavailable},
	} {
		_, err := s.PutShard(context.Background(), c.v, root, c.size, c.body, nil)
		if strata.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
	check(t, s, alice)
	if r := put(t, s, alice, data); r.Offset != 0 {
		t.Fatalf("refused bodies used space up: offset %d", r.Offset)
	}
}

func TestPutUntilFull(t *testing.T) {
	s := sealed(t, 2)
	var want []strata.Root
	for i := uint64(0); ; i++ {
		data, root := blob(i, tinySector/4)
		_, err := s.PutShard(context.Background(), alice, root, int64(len(data)), bytes.NewReader(data), nil)
		if strata.CodeOf(err) == strata.NoSpace {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, root)
	}
	if len(want) != 8 {
		t.Fatalf("%d quarter sectors fit into 2 sectors", len(want))
	}
	check(t, s, alice, want...)
	// A shrinking allocation drops no live data and takes no more.
	plan(t, s, alice, 0)
	check(t, s, alice, want...)
}

func TestShrunkPartitionRefusesShards(t *testing.T) {
	s := sealed(t, 2)
	data, root := blob(1, 1000)
	put(t, s, alice, data)
	plan(t, s, alice, 0)
	more, moreRoot := blob(2, 1000)
	if _, err := s.PutShard(context.Background(), alice, moreRoot, 1000, bytes.NewReader(more), nil); strata.CodeOf(err) != strata.NoSpace {
		t.Fatalf("%v, want NoSpace", err)
	}
	check(t, s, alice, root)
}

func TestOrderIsShown(t *testing.T) {
	s := sealed(t, 1)
	data, root := blob(1, 3000)
	o := &wire.Order{Root: root, Length: 3000, Nonce: 6, Signature: wire.Signature{7}}
	if _, err := s.PutShard(context.Background(), alice, root, 3000, bytes.NewReader(data), o); err != nil {
		t.Fatal(err)
	}
	entries := check(t, s, alice, root)
	if got := entries[0].Shards[0].Order; got == nil || *got != *o {
		t.Fatalf("order %+v", got)
	}
}

func TestPutCrashTable(t *testing.T) {
	old, oldRoot := blob(1, 66_000)
	data, root := blob(2, 130_000)
	small, smallRoot := blob(3, 10)
	crashTable(t, func(s *Store) {
		plan(t, s, alice, 2)
		fill(t, s)
		put(t, s, alice, old)
		manifest(t, s, alice, 0)
	}, func(s *Store) error {
		for _, b := range [][]byte{data, small} {
			if _, err := s.PutShard(context.Background(), alice, merkle.Build(b).Root(), int64(len(b)), bytes.NewReader(b), nil); err != nil {
				return err
			}
		}
		_, err := s.Head(context.Background(), alice, sign)
		return err
	}, func(t *testing.T, s *Store, finished bool) {
		if finished {
			check(t, s, alice, oldRoot, root, smallRoot)
			return
		}
		check(t, s, alice, oldRoot)
		put(t, s, alice, data)
		put(t, s, alice, small)
		check(t, s, alice, oldRoot, root, smallRoot)
	})
}

func TestDeleteAndUndelete(t *testing.T) {
	ck := &clock{now: start}
	cfg := testConfig(t.TempDir())
	cfg.Clock = ck.Now
	s := mustOpen(t, cfg)
	plan(t, s, alice, 1)
	fill(t, s)
	ctx := context.Background()
	data, root := blob(1, 3000)
	first := put(t, s, alice, data)
	h, _ := manifest(t, s, alice, 0)
	for range 2 { // again changes nothing
		if err := s.DeleteShard(ctx, alice, root); err != nil {
			t.Fatal(err)
		}
	}
	h2, delta := manifest(t, s, alice, h.Sequence)
	if len(delta) != 1 || !delta[0].Shards[0].Deleted || h2.Sequence != h.Sequence+1 {
		t.Fatalf("after DELETE: %+v", delta)
	}
	check(t, s, alice, root) // still kept
	back := put(t, s, alice, data)
	if back.Sequence != h2.Sequence+1 || back.Offset != first.Offset {
		t.Fatalf("undeleted: %+v", back)
	}
	if e := check(t, s, alice, root); e[0].Shards[0].Deleted {
		t.Fatal("put again, but still deleted")
	}
	if err := s.DeleteShard(ctx, alice, root); err != nil {
		t.Fatal(err)
	}
	for range 2 { // again changes nothing
		if err := s.RestoreShard(ctx, alice, root); err != nil {
			t.Fatal(err)
		}
		if e := check(t, s, alice, root); e[0].Shards[0].Deleted {
			t.Fatal("restored, but still deleted")
		}
	}
	if err := s.DeleteShard(ctx, alice, root); err != nil {
		t.Fatal(err)
	}
	ck.Add(tiny.Undelete - 1)
	if err := s.Compact(ctx); err != nil {
		t.Fatal(err)
	}
	check(t, s, alice, root)
	ck.Add(1)
	if err := s.Compact(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := readShard(s, alice, root); strata.CodeOf(err) != strata.NotFound {
		t.Fatalf("after the window: %v", err)
	}
	if err := s.DeleteShard(ctx, alice, root); strata.CodeOf(err) != strata.NotFound {
		t.Fatalf("deleting what is not here: %v", err)
	}
	if err := s.RestoreShard(ctx, alice, root); strata.CodeOf(err) != strata.NotFound {
		t.Fatalf("restoring what is not here: %v", err)
	}
	if e := check(t, s, alice); e[0].State != wire.Filler {
		t.Fatalf("state %d, want filler again", e[0].State)
	}
}

func TestRetain(t *testing.T) {
	s := sealed(t, 2)
	ctx := context.Background()
	var rs []strata.Root
	for i := range uint64(4) {
		data, root := blob(i, 2000)
		put(t, s, alice, data)
		rs = append(rs, root)
	}
	h, _ := manifest(t, s, alice, 0)
	if err := s.DeleteShard(ctx, alice, rs[1]); err != nil {
		t.Fatal(err)
	}
	late, lateRoot := blob(9, 2000)
	put(t, s, alice, late)
	_, absent := blob(10, 1)
	list := wire.Retain{Sequence: h.Sequence, Roots: []strata.Root{rs[0], rs[1], absent}}
	slices.SortFunc(list.Roots, func(a, b strata.Root) int { return bytes.Compare(a[:], b[:]) })
	res, err := s.Retain(ctx, alice, list)
	if err != nil {
		t.Fatal(err)
	}
	if res.Removed != 2 || res.Kept != 3 || len(res.Missing) != 1 || res.Missing[0] != absent {
		t.Fatalf("%+v", res)
	}
	deleted := map[strata.Root]bool{}
	for _, e := range check(t, s, alice, append(rs, lateRoot)...) {
		for _, sh := range e.Shards {
			deleted[sh.Root] = sh.Deleted
		}
	}
	for root, want := range map[strata.Root]bool{rs[0]: false, rs[1]: false, rs[2]: true, rs[3]: true, lateRoot: false} {
		if deleted[root] != want {
			t.Errorf("shard %s deleted: %v", root, !want)
		}
	}
	list.Roots[0], list.Roots[1] = list.Roots[1], list.Roots[0]
	if _, err := s.Retain(ctx, alice, list); strata.CodeOf(err) != strata.Invalid {
		t.Fatalf("unsorted list: %v", err)
	}
}

// Puts, audits, deletes, heads and compaction at once, over every sector.
func TestConcurrentPutsAndAudits(t *testing.T) {
	s := mustOpen(t, testConfig(t.TempDir(), t.TempDir()))
	plan(t, s, alice, 3, 3)
	fill(t, s)
	plan(t, s, alice, 5, 5) // the rest is sealed meanwhile
	ctx, stop := context.WithCancel(context.Background())
	var audits, work sync.WaitGroup
	audits.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			h, entries := manifest(t, s, alice, 0)
			for _, e := range entries {
				ref := wire.LeafRef{Sector: e.Number, Leaf: 1023 - uint32(i%64)}
				// A put may take the leaf after the manifest was made, never
				// leave it open to a wrong answer.
				if o := audit(t, s, alice, ref); !o.Missing {
					if err := o.Verify(e.Root, tinySector, uint64(ref.Leaf)); err != nil {
						t.Errorf("head %d: %v", h.Sequence, err)
					}
				}
			}
		}
	})
	audits.Go(func() {
		for ctx.Err() == nil {
			if err := s.Compact(context.Background()); err != nil {
				t.Error(err)
			}
		}
	})
	audits.Go(func() { // a puller that falls behind by a change never agrees again
		have, since := map[uint64]wire.Entry{}, uint64(0)
		for ctx.Err() == nil {
			page, err := s.Manifest(context.Background(), wire.ManifestQuery{Validator: alice, Since: since}, 0, sign)
			if err != nil {
				t.Error(err)
				return
			}
			since = page.Head.Sequence
			if merge(have, page.Entries) != page.Head.EntriesRoot {
				t.Errorf("a puller of changes does not agree with head %d", since)
				return
			}
		}
	})
	work.Go(func() {
		if err := s.Seal(context.Background(), 2, nil); err != nil {
			t.Error(err)
		}
	})
	var want []strata.Root
	for i := range uint64(24) {
		data, root := blob(i, 30_000+int(i)*5000)
		want = append(want, root)
		for range 2 { // twice the same at once
			work.Go(func() {
				if _, err := s.PutShard(context.Background(), alice, root, int64(len(data)), bytes.NewReader(data), nil); err != nil {
					t.Error(err)
				}
			})
		}
	}
	work.Wait()
	stop()
	audits.Wait()
	check(t, s, alice, want...)
	st := stats(s, alice)
	if st.Withdrawn != 0 || st.Sealed != 10 || st.Shards != uint64(len(want)) {
		t.Fatalf("%+v", st)
	}
	check(t, reopen(t, s), alice, want...)
}

func TestPutWaitsForSameRootOnlyAsLongAsAsked(t *testing.T) {
	s := sealed(t, 1)
	data, root := blob(1, 1000)
	r, w := io.Pipe()
	first := make(chan error)
	go func() {
		_, err := s.PutShard(context.Background(), alice, root, 1000, r, nil)
		first <- err
	}()
	if _, err := w.Write(data[:1]); err != nil { // the first put is reading now
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.PutShard(ctx, alice, root, 1000, bytes.NewReader(data), nil); !errors.Is(err, context.Canceled) {
		t.Fatalf("second put: %v", err)
	}
	if _, err := w.Write(data[1:]); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	if err := <-first; err != nil {
		t.Fatal(err)
	}
}

// A model of puts, deletes, undeletes, time, compaction and restarts: whatever
// comes, the manifest's deltas build the same manifest, and every shard that
// must be here is.
func TestShardsAgainstModel(t *testing.T) {
	ready := sealed(t, 3)
	if err := ready.Close(); err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		ck := &clock{now: start}
		cfg := testConfig(filepath.Join(t.TempDir(), "copy"))
		cfg.Clock, cfg.fs = ck.Now, &faultfs.FS{}
		if err := os.CopyFS(cfg.Paths[0], os.DirFS(ready.cfg.Paths[0])); err != nil {
			rt.Fatal(err)
		}
		s := mustOpen(t, cfg)
		defer func() { _ = s.Close() }()
		deleted := map[uint64]time.Time{} // when; zero: live
		puller := map[uint64]wire.Entry{}
		var since uint64
		step := func() {
			i := rapid.Uint64Range(0, 9).Draw(rt, "shard")
			data, root := blob(i, 1+int(i)*26_000)
			at, known := deleted[i]
			switch act := rapid.SampledFrom(strings.Fields("put put put delete delete compact time reopen pull")).Draw(rt, "act"); act {
			case "put":
				_, err := s.PutShard(context.Background(), alice, root, int64(len(data)), bytes.NewReader(data), nil)
				if err == nil {
					deleted[i] = time.Time{}
				} else if strata.CodeOf(err) != strata.NoSpace {
					rt.Fatal(err)
				}
			case "delete":
				err := s.DeleteShard(context.Background(), alice, root)
				if !known && strata.CodeOf(err) != strata.NotFound || known && err != nil {
					rt.Fatalf("delete of %d (known %v): %v", i, known, err)
				}
				if known && at.IsZero() {
					deleted[i] = ck.Now()
				}
			case "compact":
				if err := s.Compact(context.Background()); err != nil {
					rt.Fatal(err)
				}
				for j, at := range deleted {
					if !at.IsZero() && ck.Now().Sub(at) >= tiny.Undelete {
						delete(deleted, j)
					}
				}
			case "time":
				ck.Add(tiny.Undelete / 2)
			case "reopen":
				if err := s.Close(); err != nil {
					rt.Fatal(err)
				}
				var err error
				if s, err = Open(context.Background(), cfg); err != nil {
					rt.Fatal(err)
				}
			case "pull":
				since = pull(rt, t, s, puller, since)
			}
		}
		for range rapid.IntRange(5, 12).Draw(rt, "steps") {
			step()
		}
		var want []strata.Root
		for i := range deleted {
			_, root := blob(i, 1+int(i)*26_000)
			want = append(want, root)
		}
		check(t, s, alice, want...)
		if n := stats(s, alice).Shards; n != uint64(len(want)) {
			rt.Fatalf("%d shards, want %d", n, len(want))
		}
		pull(rt, t, s, puller, since)
	})
}

// pull brings a puller's copy up to date and compares it with the head.
func pull(rt *rapid.T, t *testing.T, s *Store, have map[uint64]wire.Entry, since uint64) uint64 {
	h, delta := manifest(t, s, alice, since)
	if merge(have, delta) != h.EntriesRoot {
		rt.Fatalf("what a puller has after head %d is not what the head says", h.Sequence)
	}
	return h.Sequence
}

// merge takes changed entries over and returns the root of all.
func merge(have map[uint64]wire.Entry, delta []wire.Entry) [32]byte {
	for _, e := range delta {
		have[e.Number] = e
	}
	var all []wire.Entry
	for _, n := range slices.Sorted(maps.Keys(have)) {
		all = append(all, have[n])
	}
	return rootOf(all)
}

func TestDataSectorFull(t *testing.T) {
	c := &sector{shards: wire.MaxShards - 1}
	if !c.room(1024, tinySector) {
		t.Error("no room for the last shard that may be listed")
	}
	c.puts = 1
	if c.room(1024, tinySector) {
		t.Error("more shards than a manifest entry may list")
	}
}

// Regions given out and back never overlap.
func TestRegions(t *testing.T) {
	disks := bareDisks(t, 1)
	rapid.Check(t, func(rt *rapid.T) {
		p := &partition{spare: make([]spare, 1)}
		c := &sector{disk: disks[0]}
		var taken []span
		for i := range rapid.IntRange(1, 60).Draw(rt, "steps") {
			if len(taken) > 0 && rapid.Bool().Draw(rt, "back") {
				k := rapid.IntRange(0, len(taken)-1).Draw(rt, "which")
				c.puts++
				p.giveBack(region{c, taken[k]}, tinySector)
				taken = slices.Delete(taken, k, k+1)
				continue
			}
			length := 1024 * rapid.Int64Range(1, 256).Draw(rt, "blocks")
			if !c.room(length, tinySector) {
				continue
			}
			n := c.takeSpan(length)
			if n.start+n.length > tinySector || n.length != length {
				rt.Fatalf("step %d: region %+v", i, n)
			}
			for _, o := range taken {
				if n.start < o.start+o.length && o.start < n.start+n.length {
					rt.Fatalf("step %d: %+v overlaps %+v", i, n, o)
				}
			}
			taken = append(taken, n)
		}
	})
}

func TestShardSourceRange(t *testing.T) {
	s := sealed(t, 1)
	pad, _ := blob(7, 5000)
	put(t, s, alice, pad)
	data, root := blob(1, 200_000)
	put(t, s, alice, data)
	src, err := s.OpenShard(context.Background(), alice, root)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var enc bytes.Buffer
	if err := merkle.WriteRange(&enc, src.Data, src.Tree, 70_000, 3000); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(merkle.NewRangeReader(&enc, root, src.Size, 70_000, 3000))
	if err != nil || !bytes.Equal(got, data[70_000:73_000]) {
		t.Fatal(fmt.Errorf("range: %w", err))
	}
}
