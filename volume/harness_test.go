package volume

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"strata"
	"strata/allocation"
	"strata/internal/durable"
	"strata/merkle"
	"strata/volume/vfs"
	"strata/volume/vfs/faultfs"
	"strata/wire"
)

// A profile small enough to fill in a millisecond, with sixteen groups.
var tiny = strata.Profile{Name: "tiny", Blocks: 1024, Passes: 4, Undelete: time.Minute}

const tinySector = 1024 * strata.BlockSize

var (
	miner = strata.Hotkey{1}
	alice = strata.Hotkey{2}
	bob   = strata.Hotkey{3}
	start = time.Unix(1_800_000_000, 0)
)

// clock is a clock that tests turn.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func testConfig(paths ...string) Config {
	return Config{Paths: paths, Wallet: "w", Hotkey: "h", Miner: miner, Genesis: strata.GenesisHash{9}, Netuid: 7, Profile: tiny,
		Clock: (&clock{now: start}).Now, fs: quick{}, piece: tinySector / 4, probe: time.Millisecond}
}

func mustOpen(t testing.TB, cfg Config) *Store {
	t.Helper()
	s, err := Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// quick spares tests the index's fsyncs: they lose power only by faultfs, which
// does the same. internal/durable tests that they are on.
type quick struct{ vfs.OS }

func (q quick) OpenIndex(ctx context.Context, path string) (*durable.DB, error) {
	db, err := q.OS.OpenIndex(ctx, path)
	if err == nil {
		_, err = db.Write.ExecContext(ctx, "PRAGMA synchronous = OFF")
	}
	return db, err
}

// reopen closes and opens.
func reopen(t testing.TB, s *Store) *Store {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return mustOpen(t, s.cfg)
}

// target makes a plan for one validator: sectors on each of the store's paths.
func target(s *Store, v strata.Hotkey, sectors ...uint64) []allocation.Target {
	t := allocation.Target{Validator: v}
	for i, n := range sectors {
		t.Sectors += n
		t.Holdings = append(t.Holdings, allocation.Holding{Volume: s.cfg.Paths[i], Sectors: n})
	}
	return []allocation.Target{t}
}

func plan(t testing.TB, s *Store, v strata.Hotkey, sectors ...uint64) {
	t.Helper()
	if err := s.SetTargets(context.Background(), target(s, v, sectors...)); err != nil {
		t.Fatal(err)
	}
}

func fill(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Seal(context.Background(), 2, nil); err != nil {
		t.Fatal(err)
	}
}

// sealed opens a store with n sealed sectors for alice on one disk.
func sealed(t testing.TB, n uint64) *Store {
	t.Helper()
	s := mustOpen(t, testConfig(t.TempDir()))
	plan(t, s, alice, n)
	fill(t, s)
	return s
}

// blob returns size bytes that depend on seed only, and their root.
func blob(seed uint64, size int) ([]byte, strata.Root) {
	b := make([]byte, size)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), 1})
	_, _ = r.Read(b)
	return b, merkle.Build(b).Root()
}

func put(t testing.TB, s *Store, v strata.Hotkey, data []byte) wire.Receipt {
	t.Helper()
	r, err := s.PutShard(context.Background(), v, merkle.Build(data).Root(), int64(len(data)), bytes.NewReader(data), nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func sign(h *wire.Head) error { h.Signature[0] = 1; return nil }

// readShard reads a whole shard and checks it against its root.
func readShard(s *Store, v strata.Hotkey, root strata.Root) ([]byte, error) {
	src, err := s.OpenShard(context.Background(), v, root)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	b, err := io.ReadAll(io.NewSectionReader(src.Data, 0, int64(src.Size)))
	if err == nil && (merkle.Build(b).Root() != root || src.Tree.Root() != root) {
		err = errors.New("a shard has other bytes than its root says")
	}
	return b, err
}

// manifest pulls all pages.
func manifest(t testing.TB, s *Store, v strata.Hotkey, since uint64) (wire.Head, []wire.Entry) {
	t.Helper()
	var all []wire.Entry
	for after := uint64(0); ; {
		page, err := s.Manifest(context.Background(), wire.ManifestQuery{Validator: v, Since: since, After: after}, 3, sign)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := wire.DecodeManifestPage(page.Encode()); err != nil {
			t.Fatalf("a page that no peer accepts: %v", err)
		}
		all = append(all, page.Entries...)
		if !page.More {
			return page.Head, all
		}
		after = page.Next()
	}
}

func rootOf(entries []wire.Entry) [32]byte {
	return wire.EntriesRoot(func(yield func([32]byte) bool) {
		for _, e := range entries {
			if e.Listed() && !yield(e.Hash()) {
				return
			}
		}
	})
}

var (
	rootsMu sync.Mutex
	roots   = map[string]strata.Root{}
)

// sealRoot is the root that a sector must have.
func sealRoot(t testing.TB, s *Store, v strata.Hotkey, number uint64) strata.Root {
	t.Helper()
	id := s.identity(v, number)
	rootsMu.Lock()
	defer rootsMu.Unlock()
	key := id.ID().String()
	if _, ok := roots[key]; !ok {
		buf := make([]byte, id.Size())
		if err := id.Fill(context.Background(), buf); err != nil {
			t.Fatal(err)
		}
		roots[key] = merkle.Build(buf).Root()
	}
	return roots[key]
}

// check is the checker of the whole state, for all tests: everything that a
// manifest claims must open, and wanted shards must be there.
func check(t testing.TB, s *Store, v strata.Hotkey, wanted ...strata.Root) []wire.Entry {
	t.Helper()
	h, entries := manifest(t, s, v, 0)
	if rootOf(entries) != h.EntriesRoot {
		t.Fatal("the head does not describe the entries")
	}
	has, data := map[strata.Root]bool{}, uint64(0)
	for _, e := range entries {
		if e.State == wire.Data {
			data++
		}
		if e.State == wire.Gone {
			continue
		}
		if e.Root != sealRoot(t, s, v, e.Number) {
			t.Fatalf("sector %d has a wrong root", e.Number)
		}
		if e.State != wire.Withdrawn {
			checkFiller(t, s, v, e)
		}
		for _, sh := range e.Shards {
			has[sh.Root] = true
			if _, err := readShard(s, v, sh.Root); err != nil {
				t.Fatalf("listed shard: %v", err)
			}
			last := uint32((sh.Length - 1) / strata.BlockSize)
			for _, leaf := range []uint32{0, last / 2, last} {
				o := audit(t, s, v, wire.LeafRef{Sector: e.Number, Shard: sh.Root, Leaf: leaf})
				if err := o.Verify(sh.Root, uint64(sh.Length), uint64(leaf)); err != nil {
					t.Fatalf("shard leaf: %v", err)
				}
			}
		}
	}
	if p := s.ensurePartition(v); p.data != data {
		t.Fatalf("%d data sectors counted, the manifest has %d", p.data, data)
	}
	for _, root := range wanted {
		if !has[root] {
			t.Fatalf("shard %s is lost", root)
		}
	}
	return entries
}

// checkFiller opens a leaf of every group that the entry claims as filler.
func checkFiller(t testing.TB, s *Store, v strata.Hotkey, e wire.Entry) {
	t.Helper()
	for leaf := e.Tail; leaf < s.cfg.Profile.Blocks; leaf += 64 {
		at := leaf + (leaf/64*7+uint32(e.Number))%64
		o := audit(t, s, v, wire.LeafRef{Sector: e.Number, Leaf: at})
		if err := o.Verify(e.Root, uint64(s.size()), uint64(at)); err != nil {
			t.Fatalf("sector %d (state %d, tail %d): %v", e.Number, e.State, e.Tail, err)
		}
	}
}

func audit(t testing.TB, s *Store, v strata.Hotkey, ref wire.LeafRef) wire.Opening {
	t.Helper()
	res, err := s.OpenLeaves(context.Background(), wire.AuditRequest{Partition: v, Leaves: []wire.LeafRef{ref}})
	if err != nil {
		t.Fatal(err)
	}
	return res.Openings[0]
}

// stats returns alice's or another's statistics.
func stats(s *Store, v strata.Hotkey) Stats {
	for _, st := range s.Stats() {
		if st.Validator == v {
			return st
		}
	}
	return Stats{}
}

// quickDir is a directory in memory where the system has such, for tests that
// write much and lose power only by faultfs.
func quickDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "strata-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// crashTable runs act on copies of the state that prepare makes, with the
// power cut at each write, sync and commit of it, done or not, and each kind of
// loss; then verify gets the store opened again.
func crashTable(t *testing.T, prepare func(s *Store), act func(s *Store) error, verify func(t *testing.T, s *Store, finished bool)) {
	t.Helper()
	base := quickDir(t)
	s := mustOpen(t, testConfig(base))
	if prepare(s); t.Failed() {
		return
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	total, _ := runCut(t, base, &faultfs.FS{}, act, verify)
	if total == 0 {
		t.Fatal("nothing was written: the table is empty")
	}
	for at := 1; at <= total; at++ {
		for keep := range faultfs.Losses {
			if _, lost := runCut(t, base, &faultfs.FS{At: at, Keep: keep}, act, verify); !lost {
				break // nothing was unsynced: the other kinds are the same
			}
		}
		runCut(t, base, &faultfs.FS{At: at, Keep: faultfs.KeepAll, Done: true}, act, verify)
	}
}

func runCut(t *testing.T, base string, fs *faultfs.FS, act func(*Store) error, verify func(*testing.T, *Store, bool)) (count int, lost bool) {
	t.Helper()
	dir := filepath.Join(quickDir(t), "copy")
	defer os.RemoveAll(dir)
	if err := os.CopyFS(dir, os.DirFS(base)); err != nil {
		t.Fatal(err)
	}
	cfg := testConfig(dir)
	cfg.fs = fs
	s := mustOpen(t, cfg)
	err := act(s)
	if (err == nil) != (fs.At == 0) {
		t.Fatalf("cut at %d (done %v): %v", fs.At, fs.Done, err)
	}
	_ = s.Close()
	if lost, err = fs.Crash(); err != nil {
		t.Fatal(err)
	}
	cfg.fs = quick{}
	again := mustOpen(t, cfg)
	verify(t, again, fs.At == 0)
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	if t.Failed() {
		t.Fatalf("after a cut at operation %d, done %v, loss %d", fs.At, fs.Done, fs.Keep)
	}
	return fs.Count(), lost
}
