//go:build unix

package devnet

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"strata"
	"strata/volume/vfs"
	"strata/volume/vfs/faultfs"
	"strata/wire"
)

// The soak: users store, read, overwrite, delete and list files at random while
// miners lose power, hang, crawl, fill up, rot and come back, and the gateway
// and its validator are killed. A model knows what was acknowledged. `make soak`
// runs many seeds; a seed that fails is printed and replays the same choices
// with -soak.seed.
var (
	soakSeeds = flag.Int("soak.seeds", 1, "seeds of the soak to run")
	soakSeed  = flag.Uint64("soak.seed", 1, "first seed of the soak")
	soakOps   = flag.Int("soak.ops", 150, "operations of a soak, all users together")
)

const (
	soakNodes = 8 // miners: 2/4/6/8 by placement.Scale, so four may vanish at an acknowledgement
	soakUsers = 3
)

func TestSoak(t *testing.T) {
	for i := range *soakSeeds {
		seed := *soakSeed + uint64(i)
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { newSoak(t, seed, nil).run(*soakOps) })
	}
}

// TestSoakFindsEarlyAcknowledgement plants the bug that the soak is there to
// find: miners that sign before anything is permanent. After a power cut
// everywhere the model must find files missing, or it would find nothing ever.
func TestSoakFindsEarlyAcknowledgement(t *testing.T) {
	s := newSoak(t, 1, func(fs *faultfs.FS) vfs.FS { return unsynced{fs} })
	u := s.users[0]
	for range 10 {
		if err := errors.Join(u.connect(s.ctx), u.put(s.ctx)); err != nil {
			t.Fatal(err)
		}
	}
	s.must(s.powerCut(faultfs.LoseAll))
	s.must(s.heal())
	if err := u.read(s.ctx, u.files[0]); err == nil {
		t.Error("a file that no miner had synced came back after a power cut everywhere")
	}
}

// soak is a network under test and what is wrong with it at the moment.
type soak struct {
	t     *testing.T
	ctx   context.Context
	n     *Network
	seed  uint64
	nodes []*node
	users []*user

	mu      sync.Mutex // guards what follows
	ops     int        // done by all users
	moved   chan struct{}
	trouble []trouble
	wiped   time.Time // when a disk was last taken; harm's alone
	failed  error
}

// newSoak brings up a chain, a validator with its gateway, each a process, and
// nodes within the test. layer is what lies between their stores and disks.
func newSoak(t *testing.T, seed uint64, layer func(*faultfs.FS) vfs.FS) *soak {
	t.Helper()
	cfg := small(t.TempDir(), 0)
	n := open(t, cfg)
	s := &soak{t: t, ctx: t.Context(), n: n, seed: seed, moved: make(chan struct{}, 1)}
	s.must(n.Up(s.ctx))
	c := dial(s.ctx, t, n.ChainURL())
	genesis, err := c.Genesis(s.ctx)
	s.must(err)
	for i := range soakNodes {
		name := fmt.Sprint("node-", i+1)
		d := &node{
			name: name, db: filepath.Join(n.Dir(), name), key: registerAs(s.ctx, t, n, c, name), chain: c,
			domain: wire.Domain{Genesis: genesis, Netuid: n.netuid()}, line: newLine(), space: 64 * strata.MiB,
			log: slog.New(slog.DiscardHandler), layer: layer,
		}
		s.nodes = append(s.nodes, d)
		s.must(d.on(s.ctx))
		t.Cleanup(func() {
			if err := d.off(faultfs.KeepAll); err != nil {
				t.Error(err)
			}
		})
	}
	for i := range soakUsers {
		s.users = append(s.users, &user{s: s, number: i, rng: rand.New(rand.NewPCG(seed, uint64(i)+1))})
	}
	s.await("every miner can take shards", func() bool {
		st, err := n.Status(s.ctx)
		sealed := 0
		for _, m := range st.Miners {
			if m.Target > 0 && m.Sealed == m.Target && m.AuditsPassed > 0 {
				sealed++
			}
		}
		return err == nil && sealed >= soakNodes
	})
	return s
}

func (s *soak) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("seed %d: %v", s.seed, err)
	}
}

func (s *soak) note(format string, args ...any) {
	if testing.Verbose() {
		s.t.Logf(format, args...)
	}
}

func (s *soak) await(what string, ok func() bool) {
	s.t.Helper()
	until(within(s.t), s.t, what, ok)
}

// eventually does something until it succeeds; a broken promise ends the test.
func (s *soak) eventually(what string, do func() error) {
	s.t.Helper()
	var err error
	s.await(what, func() bool {
		if err = do(); err != nil && !excused(err) {
			s.must(err)
		}
		return err == nil
	})
}

// gateway returns the address of a gateway that answers, and waits for one. One
// that is known to is not asked: after a kill the address on record is still that of
// the dead one for a moment.
func (s *soak) gateway(ctx context.Context, known string) (string, error) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if p, err := s.n.process("validator-1"); err == nil && p.Alive() {
			if url := s.n.GatewayURL(); url != "" && (url == known || healthy(ctx, url)) {
				return url, nil
			}
		}
		select {
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-tick.C:
		}
	}
}

func healthy(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/api/health", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	return resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
}

// run lets the users and the faults loose, then heals everything and holds the
// whole state against the model.
func (s *soak) run(ops int) {
	s.t.Helper()
	ctx, stop := context.WithCancel(s.ctx)
	defer stop()
	var users, faults sync.WaitGroup
	for _, u := range s.users {
		users.Go(func() { s.use(ctx, u, ops/soakUsers) })
	}
	faults.Go(func() { s.harm(ctx) })
	users.Wait()
	stop()
	faults.Wait()
	s.must(s.failed)
	s.must(s.powerCut(faultfs.LoseAll)) // whatever was acknowledged is on disks
	s.must(s.heal())
	s.settle()
}

func (s *soak) use(ctx context.Context, u *user, ops int) {
	for range ops {
		if err := u.step(ctx); err != nil {
			s.fail(err)
			return
		}
		s.mu.Lock()
		s.ops++
		s.mu.Unlock()
		select {
		case s.moved <- struct{}{}:
		default:
		}
	}
}

func (s *soak) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = errors.Join(s.failed, err)
}

// settle compares everything once nothing is wrong any more.
func (s *soak) settle() {
	s.t.Helper()
	done, failed := 0, 0
	for _, u := range s.users {
		done, failed = done+u.tally.done, failed+u.tally.failed
		s.must(u.connect(s.ctx))
		s.eventually("list", func() error { return u.list(s.ctx) })
		for _, f := range u.files {
			if f.known == stored {
				s.eventually("read "+f.name, func() error { return u.read(s.ctx, f) })
			}
		}
	}
	s.await("every segment is whole again", s.repaired)
	s.await("the miners hold what the catalog names, and no more", func() bool {
		extra, err := s.extra()
		s.must(err)
		return extra == 0
	})
	if failed > done/2 {
		s.t.Errorf("seed %d: %d of %d operations failed: the faults leave nothing to test", s.seed, failed, done)
	}
	s.t.Logf("seed %d: %d operations, %d of them hit by faults", s.seed, done, failed)
}

// extra counts the live shards on miners that no row of the catalog names:
// space that nobody will ever give back.
func (s *soak) extra() (count int, err error) {
	named, err := s.named()
	if err != nil {
		return 0, err
	}
	v := hotkeyOf(s.t, s.n, "validator-1")
	for _, d := range s.nodes {
		page, err := d.store.Manifest(s.ctx, wire.ManifestQuery{Validator: v}, 0, func(h *wire.Head) error { return h.Sign(d.domain, d.key) })
		if err != nil {
			return 0, err
		}
		for _, e := range page.Entries {
			for _, h := range e.Shards {
				if !h.Deleted && !named[h.Root] {
					count++
				}
			}
		}
	}
	return count, nil
}

// named reads the roots of all shards of what the catalog lists.
func (s *soak) named() (map[strata.Root]bool, error) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(s.n.Dir(), "validator-1", "validator-1", "default", "strata.db")+"?mode=ro")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	rows, err := db.QueryContext(s.ctx, `SELECT s.root FROM shards s
		JOIN segments g ON g.origin = s.origin AND g.number = s.number
		JOIN objects o ON o.id = g.object_id WHERE o.state <> 'deleted'`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[strata.Root]bool{}
	for rows.Next() {
		var b []byte
		if err := rows.Scan(&b); err != nil {
			return nil, err
		}
		out[strata.Root(b)] = true
	}
	return out, rows.Err()
}
