package validatortest

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"strata"
	"strata/auditlog"
	"strata/catalog"
	"strata/catalog/sqlite"
	"strata/chain"
	"strata/seal"
	"strata/validator/account"
	"strata/validator/audit"
	"strata/validator/book"
	"strata/validator/chance"
	"strata/validator/check"
	"strata/validator/fraud"
	"strata/validator/manifest"
	"strata/validator/refusal"
	"strata/validator/shards"
	"strata/validator/subnet"
	"strata/validator/weigh"
	"strata/wallet"
	"strata/wire"
)

// Pace is how often things are done.
type Pace struct {
	Pull, Recheck time.Duration
	Fresh         time.Duration
	Cohort, First uint64
}

// Commitment is what was committed on chain of the audit log.
type Commitment struct {
	Number uint64
	Hash   strata.Root
}

// Rooms are a validator's.
type Rooms struct {
	Subnet    *subnet.Subnet
	Books     *book.Books
	Account   *account.Keeper
	Frauds    *fraud.Desk
	Manifests *manifest.Puller
	Checks    *check.Checker
	Refused   *refusal.Tally
	Shards    *shards.Keeper
	Audits    *audit.Auditor
	Weigher   *weigh.Weigher
}

// World is one validator with its real ledger, a fake chain and fake miners. A
// test moves it by explicit steps: blocks, pulls, checks, audits.
type World struct {
	Rooms
	// Compose makes the rooms anew from what the ledger has; a test of the whole
	// role gives its own.
	Compose func(context.Context) (Rooms, error)

	Path   string // of the ledger
	Key    *wallet.Key
	Chain  *Chain
	Net    *Network
	Now    time.Time
	Pace   Pace
	Chance chance.Source
	Fill   check.Fill // remembers every root
	DB     *sqlite.DB
	Ledger *Ledger
	Log    *auditlog.Log
	Record *Record

	Committed []Commitment
	Retain    uint64 // blocks
	Broken    bool   // the test has broken the log on purpose

	t testing.TB
}

// New returns a world with a validator that has not started.
func New(t testing.TB) *World {
	t.Helper()
	w := &World{
		t: t, Path: filepath.Join(t.TempDir(), "strata.db"), Key: NewKey(t, "//Validator"), Chain: newChain(),
		Net: &Network{Miners: map[strata.Hotkey]*Miner{}}, Now: time.Unix(1_800_000_000, 0),
		Pace:   Pace{Pull: time.Second, Recheck: time.Nanosecond, Fresh: 2 * time.Minute, Cohort: 5, First: 1},
		Chance: chance.Secret, Fill: remember(check.Refill), Record: &Record{},
	}
	w.Compose = w.compose
	w.Chain.Neuron(w.Key.Hotkey(), true, false)
	t.Cleanup(func() {
		w.Kill()
		w.Replay()
	})
	return w
}

// Context is the one of steps that a test does not give up.
func (w *World) Context() context.Context { return context.Background() }

// Miner registers a miner that serves.
func (w *World) Miner(uri string) *Miner {
	m := NewMiner(w.t, uri)
	w.Net.Miners[m.Key.Hotkey()] = m
	w.Chain.Neuron(m.Key.Hotkey(), false, true)
	return m
}

// Neighbour is another validator that knows the same miners, with a ledger of its
// own.
func (w *World) Neighbour(uri string) *World {
	o := New(w.t)
	o.Key, o.Chain, o.Net = NewKey(w.t, uri), w.Chain, w.Net
	w.Chain.Neuron(o.Key.Hotkey(), true, false)
	return o
}

// Open opens the ledger and the audit log.
func (w *World) Open() {
	w.t.Helper()
	var err error
	if w.DB, err = sqlite.Open(w.Context(), w.Path, sqlite.Validator); err != nil {
		w.t.Fatal(err)
	}
	w.Ledger = &Ledger{Ledger: w.DB}
	w.Log = w.openLog()
}

// Start opens the ledger and makes the rooms from it.
func (w *World) Start() {
	w.t.Helper()
	w.Open()
	var err error
	if w.Rooms, err = w.Compose(w.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.Attend()
}

// Commit notes what is committed of the audit log.
func (w *World) Commit(_ context.Context, number uint64, hash strata.Root) error {
	w.Committed = append(w.Committed, Commitment{number, hash})
	return nil
}

// compose makes the rooms as the role does.
func (w *World) compose(ctx context.Context) (r Rooms, err error) {
	self, log, now := w.Key.Hotkey(), slog.New(slog.DiscardHandler), func() time.Time { return w.Now }
	patience := 10 * w.Pace.Pull
	r.Subnet = subnet.New(w.Chain, Domain.Netuid, Profile)
	r.Books, err = book.Restore(ctx, book.Config{
		Self: self, Profile: Profile, Subnet: r.Subnet, Ledger: w.Ledger, Journal: w.DB, Chance: w.Chance, Now: now, Log: log,
		Cohort: w.Pace.Cohort, First: w.Pace.First, Patience: patience, Fresh: w.Pace.Fresh,
	})
	if err != nil {
		return r, err
	}
	r.Account = account.New(account.Config{
		Audit: w.Log, Journal: w.DB, Books: r.Books, Subnet: r.Subnet, Profile: Profile, Version: "test",
		Retain: w.Retain, Commit: w.Commit, Log: log,
	})
	r.Frauds = fraud.New(fraud.Config{Books: r.Books, Subnet: r.Subnet, Ledger: w.Ledger, Domain: Domain, Record: w.DB, Public: w.Log, Log: log})
	r.Manifests = manifest.New(manifest.Config{Self: self, Domain: Domain, Profile: Profile, Miners: w.Net, Subnet: r.Subnet, Ledger: w.Ledger, Frauds: r.Frauds, Log: log})
	r.Checks = check.New(check.Config{Domain: Domain, Profile: Profile, Books: r.Books, Ledger: w.Ledger, Frauds: r.Frauds, Chance: w.Chance, Fill: w.Fill, Share: 50, Now: now, Log: log})
	r.Refused = refusal.NewTally(now)
	r.Shards = shards.New(shards.Config{
		Self: self, Profile: Profile, Miners: w.Net, Manifests: r.Manifests, Ledger: w.Ledger, Record: w.Record,
		Refused: r.Refused, Patience: patience, Now: now, Log: log,
	})
	r.Audits = audit.New(audit.Config{
		Self: self, Profile: Profile, Miners: w.Net, Subnet: r.Subnet, Ledger: w.Ledger, Manifests: r.Manifests, Shards: r.Shards,
		Busy: r.Refused.Busy, Chance: w.Chance, Recheck: w.Pace.Recheck, Digests: true, Log: log,
	})
	r.Weigher, err = weigh.Restore(ctx, weigh.Config{
		Self: self, Key: w.Key, Netuid: Domain.Netuid, Chain: w.Chain, Ledger: w.Ledger, Subnet: r.Subnet, Books: r.Books,
		Refresh: func(ctx context.Context, at strata.BlockHash) (*chain.Metagraph, error) {
			g, changed, err := r.Subnet.Refresh(ctx, at)
			if err == nil {
				r.Books.Meet(g.Neurons)
			}
			if changed {
				err = r.Account.Restate(ctx)
			}
			return g, err
		}, Account: r.Account, Log: log,
	})
	if err == nil {
		_, err = r.Weigher.Refresh(ctx, strata.BlockHash{})
	}
	if err == nil {
		err = r.Account.Open(ctx)
	}
	return r, err
}

// Attend notes which miners serve.
func (w *World) Attend() { w.Books.Attend(w.Subnet.Serving(w.Key.Hotkey())) }

// roots are those that were computed once, by identity.
var roots sync.Map

// remember makes a Fill that computes every root once in all tests.
func remember(fill check.Fill) check.Fill {
	return func(ctx context.Context, s seal.Sector, buf []byte) (strata.Root, error) {
		if r, ok := roots.Load(s); ok {
			return r.(strata.Root), nil
		}
		r, err := fill(ctx, s, buf)
		if err == nil {
			roots.Store(s, r)
		}
		return r, err
	}
}

// LogDir is where the audit log is.
func (w *World) LogDir() string { return filepath.Join(filepath.Dir(w.Path), "auditlog") }

// Proofs returns the proofs of fraud that the validator has published.
func (w *World) Proofs() (out [][]byte) {
	w.t.Helper()
	files, err := filepath.Glob(filepath.Join(w.LogDir(), auditlog.Frauds, "*"+auditlog.FraudSuffix))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, b)
	}
	return out
}

func (w *World) openLog() *auditlog.Log {
	w.t.Helper()
	l, err := auditlog.Open(w.LogDir(), Domain, w.Key.Hotkey(), slog.New(slog.DiscardHandler))
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

// Replay checks that what the validator has written of itself leads to the
// credits, weights and states that it says, whatever the test did to it.
func (w *World) Replay() auditlog.Report {
	w.t.Helper()
	if w.Log == nil || w.t.Failed() || w.Broken {
		return auditlog.Report{}
	}
	keeper := w.Account
	if w.DB == nil {
		db, err := sqlite.Open(w.Context(), w.Path, sqlite.Validator)
		if err != nil {
			w.t.Fatal(err)
		}
		defer db.Close()
		keeper = account.New(account.Config{Audit: w.openLog(), Journal: db})
	}
	if err := keeper.HandOver(w.Context()); err != nil {
		w.t.Fatal(err)
	}
	seen := map[uint64]strata.Root{}
	r, err := auditlog.Replay(auditlog.Read(w.LogDir()), func(l auditlog.Line) { seen[l.Number] = l.Hash })
	if err != nil || r.Total > 0 {
		w.t.Errorf("the audit log does not lead to what it says: %v, %d differences: %+v", err, r.Total, r.Differences)
	}
	for _, c := range w.Committed {
		if c.Number >= r.Header.First && seen[c.Number] != c.Hash {
			w.t.Errorf("entry %d was committed as %s, it is %s", c.Number, c.Hash, seen[c.Number])
		}
	}
	return r
}

// Kill closes the ledger as a killed process does: nothing more is written.
func (w *World) Kill() {
	if w.DB != nil {
		if err := w.DB.Close(); err != nil {
			w.t.Error(err)
		}
		w.DB = nil
	}
}

// Restart kills the validator and starts it again.
func (w *World) Restart() {
	w.t.Helper()
	w.Kill()
	w.Start()
}

// Book returns what is known of a miner.
func (w *World) Book(m *Miner) *book.Book { return w.Books.Of(m.Key.Hotkey()) }

// Blocks moves the chain and does what the role does at each head.
func (w *World) Blocks(n uint64) {
	for range n {
		w.Block(w.Chain.Advance())
	}
}

// Block does what the role does at a head.
func (w *World) Block(h chain.Head) {
	w.Head(h)
	w.Books.FormCohorts(w.Context())
	w.Weigher.Turn(w.Context(), h)
	w.Account.Publish(h.Number)
}

// Head takes over a head and, in its time, the metagraph.
func (w *World) Head(h chain.Head) {
	if !w.Subnet.Advance(h) {
		return
	}
	if _, err := w.Weigher.Refresh(w.Context(), h.Hash); err == nil {
		w.Attend()
	}
}

// Look reads a miner's manifests.
func (w *World) Look(m *Miner) error { return w.Manifests.Look(w.Context(), w.Book(m)) }

// Seen looks at a miner, which must be all right.
func (w *World) Seen(m *Miner) {
	w.t.Helper()
	if err := w.Look(m); err != nil {
		w.t.Fatal(err)
	}
}

// Admit looks at a miner and makes a cohort of what is new.
func (w *World) Admit(m *Miner) {
	w.t.Helper()
	w.Seen(m)
	w.Blocks(w.Pace.Cohort + 1)
}

// Save writes what has changed.
func (w *World) Save() {
	w.t.Helper()
	if err := w.Books.Save(w.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// Check makes the checks that are due, at most most of them, and says how many.
func (w *World) Check(most int) (made int) {
	w.t.Helper()
	buf := make([]byte, SectorSize)
	for made < most {
		one, err := w.Checks.Make(w.Context(), buf)
		if err != nil {
			w.t.Fatal(err)
		}
		if !one {
			break
		}
		made++
	}
	return made
}

// Audit sends a miner audits.
func (w *World) Audit(m *Miner, times int) {
	w.t.Helper()
	for range times {
		if err := w.Audits.Audit(w.Context(), w.Book(m)); err != nil {
			w.t.Fatal(err)
		}
	}
}

// Proven adds a miner with so many sectors.
func (w *World) Proven(uri string, sectors uint64) *Miner {
	m := w.Miner(uri)
	m.Seal(w.Key.Hotkey(), 0, sectors)
	return m
}

// Earn makes the miners' credit, before the first block in which weights are set.
func (w *World) Earn(miners ...*Miner) {
	w.t.Helper()
	for _, m := range miners {
		w.Seen(m)
	}
	w.Blocks(2)
	w.Check(200)
	for _, m := range miners {
		w.Audit(m, 20)
	}
}

// Show returns a sector's entry under the last head, as proofs of fraud have it.
func (w *World) Show(m *Miner, number uint64) wire.SignedEntry {
	w.t.Helper()
	var hashes [][32]byte
	var entry wire.Entry
	index := -1
	for _, s := range w.Sectors(m, w.Key.Hotkey()) {
		if !s.Entry.Listed() {
			continue
		}
		if s.Entry.Number == number {
			index, entry = len(hashes), s.Entry
		}
		hashes = append(hashes, s.Entry.Hash())
	}
	out, err := wire.ShowEntry(w.Book(m).Head(w.Key.Hotkey()), entry, hashes, index)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// FirstWindow: in subnet 7 with tempo 19 an epoch ends where block + 8 divides by
// 20; the last quarter begins six blocks before: at blocks 6, 26, 46…
const FirstWindow = 6

// RefreshEach is how many blocks a metagraph may be old.
const RefreshEach = 5

var _ catalog.Ledger = (*Ledger)(nil)
