package volume

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"strata"
	"strata/internal/durable"
	"strata/merkle"
	"strata/volume/layout"
	"strata/wire"
)

func TestOpenRefusals(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"chain", func(c *Config) { c.Genesis[3] = 1 }, "chain"},
		{"netuid", func(c *Config) { c.Netuid = 8 }, "netuid 7, not 8"},
		{"blocks", func(c *Config) { c.Profile.Blocks = 2048 }, "1024 blocks"},
		{"passes", func(c *Config) { c.Profile.Passes = 5 }, "4 passes"},
		{"hotkey", func(c *Config) { c.Miner[1] = 1 }, "hotkey"},
	} {
		for _, empty := range []bool{false, true} { // by partition.json, and by the index alone
			t.Run(fmt.Sprint(c.name, " empty ", empty), func(t *testing.T) {
				s := mustOpen(t, testConfig(t.TempDir()))
				if !empty {
					plan(t, s, alice, 1)
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				before := snapshot(t, s.disks[0].Dir())
				cfg := s.cfg
				c.change(&cfg)
				_, err := Open(context.Background(), cfg)
				if strata.CodeOf(err) != strata.Conflict || !strings.Contains(err.Error(), c.want) {
					t.Fatalf("%v, want Conflict naming %q", err, c.want)
				}
				if err := Reset(cfg); !empty && strata.CodeOf(err) != strata.Conflict {
					t.Fatalf("reset: %v", err)
				}
				if !empty && snapshot(t, s.disks[0].Dir()) != before {
					t.Fatal("the refused directory was changed")
				}
			})
		}
	}
}

// snapshot is the names and contents of a directory, but for SQLite's
// temporary files and the lock.
func snapshot(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), layout.LockFile) || strings.HasPrefix(e.Name(), layout.IndexFile+"-") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %x\n", e.Name(), merkle.Build(data).Root())
	}
	return b.String()
}

func TestOpenLocked(t *testing.T) {
	s := mustOpen(t, testConfig(t.TempDir()))
	for name, err := range map[string]error{
		"open":  func() error { _, err := Open(context.Background(), s.cfg); return err }(),
		"reset": Reset(s.cfg),
	} {
		if strata.CodeOf(err) != strata.Locked || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) || !strings.Contains(err.Error(), s.disks[0].Dir()) {
			t.Errorf("%s: %v; want Locked with pid and path", name, err)
		}
	}
}

func TestOpenDamaged(t *testing.T) {
	for _, c := range []struct {
		name   string
		damage func(t *testing.T, dir string)
	}{
		{"list is garbage", func(t *testing.T, dir string) { overwrite(t, filepath.Join(dir, layout.ListFile), "{") }},
		{"list contradicts itself", func(t *testing.T, dir string) {
			path := filepath.Join(dir, layout.ListFile)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			overwrite(t, path, strings.Replace(string(b), `"n_chunks": 1`, `"n_chunks": 2`, 1))
		}},
		{"index is garbage", func(t *testing.T, dir string) {
			overwrite(t, filepath.Join(dir, layout.IndexFile), strings.Repeat("garbage ", 1024))
		}},
		{"index is empty", func(t *testing.T, dir string) { overwrite(t, filepath.Join(dir, layout.IndexFile), "") }},
		{"index is missing", func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, layout.IndexFile)); err != nil {
				t.Fatal(err)
			}
		}},
		{"impossible sector", func(t *testing.T, dir string) { alterIndex(t, dir, "UPDATE sectors SET state = 9") }},
		{"short root", func(t *testing.T, dir string) { alterIndex(t, dir, "UPDATE sectors SET root = x'00'") }},
		{"short validator", func(t *testing.T, dir string) { alterIndex(t, dir, "UPDATE partitions SET validator = x'00'") }},
		{"broken head", func(t *testing.T, dir string) { alterIndex(t, dir, "UPDATE partitions SET head = x'00'") }},
		{"short genesis", func(t *testing.T, dir string) { alterIndex(t, dir, "UPDATE meta SET genesis = x'00'") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := sealed(t, 1)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			dir := s.disks[0].Dir()
			c.damage(t, dir)
			before, err := os.ReadFile(filepath.Join(dir, layout.DataName(alice)))
			if err != nil {
				t.Fatal(err)
			}
			_, err = Open(context.Background(), s.cfg)
			if strata.CodeOf(err) != strata.Corrupt || !strings.Contains(err.Error(), "restore it") {
				t.Fatalf("%v; want Corrupt with a way out", err)
			}
			if after, err := os.ReadFile(filepath.Join(dir, layout.DataName(alice))); err != nil || !bytes.Equal(before, after) {
				t.Fatal("data was touched")
			}
		})
	}
}

func overwrite(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func alterIndex(t *testing.T, dir, statement string) {
	t.Helper()
	db, err := durable.OpenDB(context.Background(), filepath.Join(dir, layout.IndexFile), 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Write.Exec(statement); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// A validator's metadata lies in a file of the same name: neither opened nor
// deleted as if it were an index.
func TestForeignDatabase(t *testing.T) {
	cfg := testConfig(t.TempDir())
	dir := layout.Dir(cfg.Paths[0], cfg.Wallet, cfg.Hotkey)
	if err := durable.MkdirAll(dir); err != nil {
		t.Fatal(err)
	}
	alterIndex(t, dir, "CREATE TABLE objects (x)")
	if _, err := Open(context.Background(), cfg); strata.CodeOf(err) != strata.Conflict {
		t.Fatalf("open: %v", err)
	}
	if err := Reset(cfg); strata.CodeOf(err) != strata.Conflict {
		t.Fatalf("reset: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, layout.IndexFile)); err != nil {
		t.Fatal(err)
	}
}

func TestReset(t *testing.T) {
	s := sealed(t, 2)
	dir := s.disks[0].Dir()
	overwrite(t, filepath.Join(dir, "notes.txt"), "mine")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	overwrite(t, filepath.Join(dir, layout.ListFile), "damaged")
	if err := Reset(s.cfg); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if n := e.Name(); n != "notes.txt" && !strings.HasPrefix(n, layout.LockFile) {
			t.Errorf("%s is left", n)
		}
	}
	s = mustOpen(t, s.cfg)
	plan(t, s, alice, 1)
	fill(t, s)
	check(t, s, alice)
	other := testConfig(t.TempDir())
	if err := Reset(other); err != nil {
		t.Fatalf("nothing to reset: %v", err)
	}
}

func TestPartitionFile(t *testing.T) {
	s := mustOpen(t, testConfig(t.TempDir()))
	plan(t, s, alice, 2)
	plan(t, s, bob, 1)
	b, err := os.ReadFile(filepath.Join(s.disks[0].Dir(), layout.ListFile))
	if err != nil {
		t.Fatal(err)
	}
	var list []map[string]any
	if err := json.Unmarshal(b, &list); err != nil || len(list) != 2 {
		t.Fatalf("%v in %s", err, b)
	}
	for key, want := range map[string]any{
		"path": "data-" + alice.String(), "owner": miner.String(), "validator": alice.String(), "size": 2.0 * tinySector,
		"n_chunks": 2.0, "seed": miner.String() + alice.String(), "genesis": s.cfg.Genesis.String(), "netuid": 7.0, "blocks": 1024.0, "passes": 4.0,
	} {
		if list[0][key] != want {
			t.Errorf("%s is %v, want %v", key, list[0][key], want)
		}
	}
}

func TestSeveralDisks(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	s := mustOpen(t, testConfig(one, two))
	plan(t, s, alice, 2, 2)
	plan(t, s, bob, 1, 0)
	fill(t, s)
	data, root := blob(1, 1000)
	put(t, s, alice, data)
	h, _ := manifest(t, s, alice, 0)
	sb := wire.Superblock{Version: 3, Payload: []byte("x")}
	if err := s.StoreSuperblock(context.Background(), alice, sb); err != nil {
		t.Fatal(err)
	}
	sp, err := s.Disks()
	if err != nil || sp[0].Used != 3*tinySector || sp[1].Used != 2*tinySector || sp[0].Free == 0 {
		t.Fatalf("%+v, %v", sp, err)
	}
	for _, p := range s.Partitions() {
		if p.Validator == alice && (p.Holdings[0].Sectors != 2 || p.Holdings[0].Live != 1 || p.Holdings[1].Sectors != 2 || p.Holdings[1].Live != 0) {
			t.Fatalf("%+v", p)
		}
	}
	s = reopen(t, s)
	check(t, s, alice, root)
	check(t, s, bob)

	// The first disk is lost: the second still has its own, the head goes on,
	// and the superblock is there.
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, testConfig(two))
	if n := len(check(t, s, alice)); n != 2 {
		t.Fatalf("%d entries on the disk left", n)
	}
	h2, _ := manifest(t, s, alice, 0)
	if h2.Sequence <= h.Sequence || h2.Sectors != 2 || h2.Previous != h.Hash(s.domain) {
		t.Fatalf("head after the loss: %+v", h2)
	}
	if got, err := s.LoadSuperblock(context.Background(), alice); err != nil || got.Version != 3 {
		t.Fatalf("%+v, %v", got, err)
	}
	plan(t, s, alice, 4)
	fill(t, s)
	check(t, s, alice)
}

func TestHeadMovesOnlyWithChanges(t *testing.T) {
	s := sealed(t, 2)
	ctx := context.Background()
	h, err := s.Head(ctx, alice, sign)
	if err != nil || h.Sequence != uint64(start.Unix())+1 || h.Sectors != 2 || h.Previous != [32]byte{} {
		t.Fatalf("%+v, %v", h, err)
	}
	never := func(*wire.Head) error { return errors.New("signed again") }
	for range 2 {
		if again, err := s.Head(ctx, alice, never); err != nil || again != h {
			t.Fatalf("%+v, %v", again, err)
		}
		s = reopen(t, s)
	}
	data, _ := blob(1, 10)
	put(t, s, alice, data)
	if _, err := s.Head(ctx, alice, never); err == nil {
		t.Fatal("a head without a signature")
	}
	h2, err := s.Head(ctx, alice, sign)
	if err != nil || h2.Sequence != h.Sequence+1 || h2.Previous != h.Hash(s.domain) || h2.Shards != 1 {
		t.Fatalf("%+v, %v", h2, err)
	}
	if _, err := s.Head(ctx, bob, sign); strata.CodeOf(err) != strata.NotFound {
		t.Fatal(err)
	}
}

// TestHeadOfALeavingMiner: the head says that it leaves as long as it is told to,
// over a restart only if it is told again.
func TestHeadOfALeavingMiner(t *testing.T) {
	s := sealed(t, 2)
	ctx := context.Background()
	never := func(*wire.Head) error { return errors.New("signed again") }
	stays, err := s.Head(ctx, alice, sign)
	if err != nil || stays.Leaving {
		t.Fatalf("%+v, %v", stays, err)
	}
	follows := func(before wire.Head, leaving bool) wire.Head {
		t.Helper()
		h, err := s.Head(ctx, alice, sign)
		if err != nil || h.Leaving != leaving || h.Sequence != before.Sequence+1 || h.Previous != before.Hash(s.domain) || h.EntriesRoot != before.EntriesRoot {
			t.Fatalf("%+v after %+v, %v", h, before, err)
		}
		if again, err := s.Head(ctx, alice, never); err != nil || again != h {
			t.Fatalf("%+v, %v", again, err)
		}
		return h
	}
	s.Leave(true)
	s.Leave(false)
	if h, err := s.Head(ctx, alice, never); err != nil || h != stays {
		t.Fatalf("nothing has changed: %+v, %v", h, err)
	}
	s.Leave(true)
	leaves := follows(stays, true)
	s = reopen(t, s)
	s.Leave(true)
	if h, err := s.Head(ctx, alice, never); err != nil || h != leaves {
		t.Fatalf("it leaves as before: %+v, %v", h, err)
	}
	s = reopen(t, s)
	follows(leaves, false)
}

func TestHeadCrashTable(t *testing.T) {
	data, root := blob(1, 10)
	crashTable(t, func(s *Store) {
		plan(t, s, alice, 1)
		fill(t, s)
		manifest(t, s, alice, 0)
		put(t, s, alice, data)
	}, func(s *Store) error {
		_, err := s.Head(context.Background(), alice, sign)
		return err
	}, func(t *testing.T, s *Store, _ bool) {
		check(t, s, alice, root)
		if h, _ := manifest(t, s, alice, 0); h.Sequence != uint64(start.Unix())+2 {
			t.Errorf("sequence %d", h.Sequence)
		}
	})
}

func TestSuperblock(t *testing.T) {
	s := sealed(t, 1)
	ctx := context.Background()
	if _, err := s.LoadSuperblock(ctx, alice); strata.CodeOf(err) != strata.NotFound {
		t.Fatal(err)
	}
	two := wire.Superblock{Version: 2, Payload: []byte("two")}
	for _, c := range []struct {
		b    wire.Superblock
		want strata.Code
	}{
		{two, ""}, {two, ""},
		{wire.Superblock{Version: 2, Payload: []byte("another")}, strata.Conflict},
		{wire.Superblock{Version: 1, Payload: []byte("old")}, strata.Conflict},
		{wire.Superblock{Version: 3, Payload: []byte("three")}, ""},
	} {
		if err := s.StoreSuperblock(ctx, alice, c.b); strata.CodeOf(err) != c.want {
			t.Errorf("version %d: %v, want %q", c.b.Version, err, c.want)
		}
	}
	if got, err := reopen(t, s).LoadSuperblock(ctx, alice); err != nil || string(got.Payload) != "three" {
		t.Fatalf("%+v, %v", got, err)
	}
}

func TestReserve(t *testing.T) {
	for total, want := range map[uint64]uint64{0: 0, 100 << 30: 1 << 30, 1 << 40: 2 << 30} {
		if got := reserve(total); got != want {
			t.Errorf("reserve of %d bytes: %d, want %d", total, got, want)
		}
	}
}

func TestConfigRefusals(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"no path":      func(c *Config) { c.Paths = nil },
		"no wallet":    func(c *Config) { c.Wallet = "" },
		"no hotkey":    func(c *Config) { c.Hotkey = "" },
		"odd blocks":   func(c *Config) { c.Profile.Blocks = 1000 },
		"below groups": func(c *Config) { c.Profile.Blocks = 32 },
	} {
		cfg := testConfig(t.TempDir())
		change(&cfg)
		if _, err := Open(context.Background(), cfg); strata.CodeOf(err) != strata.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestStartingOverIsAbove: what a miner signs after --restart follows what it
// signed before.
func TestStartingOverIsAbove(t *testing.T) {
	s := sealed(t, 2)
	before, err := s.Head(context.Background(), alice, sign)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	cfg := s.cfg
	if err := Reset(cfg); err != nil {
		t.Fatal(err)
	}
	cfg.Clock = func() time.Time { return start.Add(time.Hour) }
	again, err := Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	plan(t, again, alice, 1)
	fill(t, again)
	after, err := again.Head(context.Background(), alice, sign)
	if err != nil || after.Sequence <= before.Sequence {
		t.Errorf("sequence %d after %d, %v", after.Sequence, before.Sequence, err)
	}
}

// TestClockJumps: sequences, sealing and what is stored go on whatever the clock
// says, before and after a restart.
func TestClockJumps(t *testing.T) {
	ck := &clock{now: start}
	cfg := testConfig(t.TempDir())
	cfg.Clock = ck.Now
	s := mustOpen(t, cfg)
	plan(t, s, alice, 3)
	fill(t, s)
	last, _ := manifest(t, s, alice, 0)
	var roots []strata.Root
	for i, jump := range []time.Duration{-20 * 365 * 24 * time.Hour, 30 * 365 * 24 * time.Hour, -time.Hour, -100 * 365 * 24 * time.Hour} {
		ck.Add(jump)
		data, root := blob(uint64(i), 30_000)
		r := put(t, s, alice, data)
		roots = append(roots, root)
		h, _ := manifest(t, s, alice, 0)
		if h.Sequence != last.Sequence+1 || r.Sequence > h.Sequence || h.Previous != last.Hash(s.domain) {
			t.Errorf("after a jump of %s: head %d follows %d, receipt %d", jump, h.Sequence, last.Sequence, r.Sequence)
		}
		last = h
		s = reopen(t, s)
		plan(t, s, alice, uint64(4+i))
		fill(t, s)
		if err := s.Compact(context.Background()); err != nil {
			t.Fatal(err)
		}
		check(t, s, alice, roots...)
		last, _ = manifest(t, s, alice, 0)
	}
}
