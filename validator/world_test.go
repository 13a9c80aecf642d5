package validator

import (
	"context"
	"log/slog"
	"math"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"strata"
	"strata/auditlog"
	"strata/catalog"
	"strata/catalog/sqlite"
	"strata/chain"
	"strata/score"
	"strata/seal"
	"strata/wallet"
	"strata/wire"
)

// world is one validator with its real ledger, a fake chain and fake miners. A
// test moves it by explicit steps: blocks, pulls, checks, audits.
type world struct {
	t      testing.TB
	path   string
	key    *wallet.Key
	chain  *fakeChain
	net    *network
	now    time.Time
	pace   Pace
	db     *sqlite.DB
	ledger *faultyLedger
	log    *auditlog.Log

	committed []commitment
	retain    uint64 // blocks
	broken    bool   // the test has broken the log on purpose
	shards    *shardRecord
	v         *Validator
}

// commitment is what was committed on chain of the audit log.
type commitment struct {
	number uint64
	hash   strata.Root
}

// shardRecord is what a validator says of lost shards.
type shardRecord struct {
	updates []catalog.ShardUpdate
	gone    bool // the shards are no longer on record
	err     error
}

func (s *shardRecord) SettleShard(_ context.Context, _ strata.Hotkey, p catalog.Placed, to catalog.ShardState) (bool, error) {
	if s.err == nil && !s.gone {
		s.updates = append(s.updates, catalog.ShardUpdate{Index: p.Index, State: to})
	}
	return !s.gone, s.err
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{
		t: t, path: filepath.Join(t.TempDir(), "strata.db"), key: newKey(t, "//Validator"), chain: newChain(),
		net: &network{miners: map[strata.Hotkey]*fakeMiner{}}, now: time.Unix(1_800_000_000, 0),
		pace:   Pace{Recheck: time.Nanosecond, Cohort: 5, First: 1},
		shards: &shardRecord{},
	}
	w.chain.neuron(w.key.Hotkey(), true, false)
	t.Cleanup(func() {
		w.kill()
		w.replay()
	})
	return w
}

// miner registers a miner that serves.
func (w *world) miner(uri string) *fakeMiner {
	m := newMiner(w.t, uri)
	w.net.miners[m.key.Hotkey()] = m
	w.chain.neuron(m.key.Hotkey(), false, true)
	return m
}

// start opens the ledger and restores the validator from it.
func (w *world) start() {
	w.t.Helper()
	ctx := context.Background()
	var err error
	if w.db, err = sqlite.Open(ctx, w.path, sqlite.Validator); err != nil {
		w.t.Fatal(err)
	}
	w.ledger = &faultyLedger{Ledger: w.db}
	w.log = w.openLog()
	w.v, err = New(ctx, Config{
		Chain: w.chain, Key: w.key, Miners: w.net, Ledger: w.ledger, Shards: w.shards, Domain: domain,
		Profile: prof, Pace: w.pace, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return w.now },
		Account: &Account{Log: w.log, Journal: w.db, Frauds: w.db, Version: "test", Retain: w.retain, Commit: func(_ context.Context, number uint64, hash strata.Root) error {
			w.committed = append(w.committed, commitment{number, hash})
			return nil
		}},
	})
	if err == nil {
		w.v.Fill = remember(w.v.Fill)
		err = w.v.Start(ctx)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.v.serving()
}

// roots are those that were computed once, by identity.
var roots sync.Map

// remember makes a Fill that computes every root once in all tests.
func remember(fill func(context.Context, seal.Sector, []byte) (strata.Root, error)) func(context.Context, seal.Sector, []byte) (strata.Root, error) {
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

func (w *world) logDir() string { return filepath.Join(filepath.Dir(w.path), "auditlog") }

func (w *world) openLog() *auditlog.Log {
	w.t.Helper()
	l, err := auditlog.Open(w.logDir(), domain, w.key.Hotkey(), slog.New(slog.DiscardHandler))
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

// replay checks that what the validator has written of itself leads to the
// credits, weights and states that it says, whatever the test did to it.
func (w *world) replay() auditlog.Report {
	w.t.Helper()
	if w.log == nil || w.t.Failed() || w.broken {
		return auditlog.Report{}
	}
	ctx := context.Background()
	if w.db == nil {
		db, err := sqlite.Open(ctx, w.path, sqlite.Validator)
		if err != nil {
			w.t.Fatal(err)
		}
		defer db.Close()
		v := &Validator{Config: Config{Account: &Account{Log: w.openLog(), Journal: db}}}
		if err := v.handOver(ctx); err != nil {
			w.t.Fatal(err)
		}
	} else if err := w.v.handOver(ctx); err != nil {
		w.t.Fatal(err)
	}
	seen := map[uint64]strata.Root{}
	r, err := auditlog.Replay(auditlog.Read(w.logDir()), func(l auditlog.Line) { seen[l.Number] = l.Hash })
	if err != nil || r.Total > 0 {
		w.t.Errorf("the audit log does not lead to what it says: %v, %d differences: %+v", err, r.Total, r.Differences)
	}
	for _, c := range w.committed {
		if c.number >= r.Header.First && seen[c.number] != c.hash {
			w.t.Errorf("entry %d was committed as %s, it is %s", c.number, c.hash, seen[c.number])
		}
	}
	return r
}

// kill closes the ledger as a killed process does: nothing more is written.
func (w *world) kill() {
	if w.db != nil {
		if err := w.db.Close(); err != nil {
			w.t.Error(err)
		}
		w.db = nil
	}
}

func (w *world) restart() {
	w.t.Helper()
	w.kill()
	w.start()
}

func (w *world) book(m *fakeMiner) *book { return w.v.books[m.key.Hotkey()] }

// blocks moves the chain and does what follow does at each head.
func (w *world) blocks(n uint64) {
	for range n {
		w.chain.mu.Lock()
		w.chain.graph.Head.Number++
		h := w.chain.graph.Head
		w.chain.mu.Unlock()
		if w.v.advance(context.Background(), h) {
			w.v.serving()
		}
		w.v.formCohorts(context.Background())
		w.v.maybeWeigh(context.Background(), h)
		w.v.publish(h.Number)
	}
}

func (w *world) look(m *fakeMiner) error { return w.v.look(context.Background(), w.book(m)) }

// seen looks at a miner, which must be all right.
func (w *world) seen(m *fakeMiner) {
	w.t.Helper()
	if err := w.look(m); err != nil {
		w.t.Fatal(err)
	}
}

// admit looks at a miner and makes a cohort of what is new.
func (w *world) admit(m *fakeMiner) {
	w.t.Helper()
	w.seen(m)
	w.blocks(w.pace.Cohort + 1)
}

// check makes the checks that are due, at most most of them, and says how many.
func (w *world) check(most int) (made int) {
	buf := make([]byte, sectorSize)
	for made < most {
		b, at, ok := w.v.nextCheck()
		if !ok {
			break
		}
		if err := w.v.checkSector(context.Background(), b, at, buf); err != nil {
			w.t.Fatal(err)
		}
		made++
	}
	return made
}

func (w *world) audit(m *fakeMiner, times int) {
	w.t.Helper()
	for range times {
		if err := w.v.audit(context.Background(), w.book(m)); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) score(m *fakeMiner) score.Miner { return w.book(m).rec.Score }

func (w *world) leaves(m *fakeMiner) score.Leaves {
	rules, block := w.v.clock()
	return w.score(m).Leaves(rules, block)
}

func (w *world) wantLeaves(m *fakeMiner, passed, failed uint64) {
	w.t.Helper()
	if got, want := w.leaves(m), (score.Leaves{Passed: passed, Failed: failed}); got != want {
		w.t.Errorf("leaves = %+v, want %+v", got, want)
	}
}

func (w *world) wantStanding(m *fakeMiner, want score.Standing) {
	w.t.Helper()
	if got := w.score(m).Standing; got != want {
		w.t.Errorf("standing = %v, want %v", got, want)
	}
	if credit := w.book(m).credit(); want != score.Good && credit != 0 {
		w.t.Errorf("credit = %d while %v", credit, want)
	}
}

// wilson is the rule's LCB as the textbook writes it.
func wilson(s, n float64) float64 {
	const z2 = 1.6448536269514722 * 1.6448536269514722
	if n == 0 {
		return 0
	}
	p := s / n
	return (p + z2/(2*n) - math.Sqrt(z2*(p*(1-p)/n+z2/(4*n*n)))) / (1 + z2/n)
}

// wantCredit compares the credit with bytes × LCB(checks) × factor(leaves), all
// checks passed, as computed here from counts.
func (w *world) wantCredit(m *fakeMiner, bytes, checks, passed, failed float64) {
	w.t.Helper()
	want := bytes * wilson(checks, checks) * max(0, 1-4*(1-wilson(passed, passed+failed)))
	got := float64(w.book(m).credit())
	if math.Abs(got-want) > 1+bytes*6e-6 { // parts per million in each of two factors, one of them times four
		w.t.Errorf("credit = %.0f, want %.0f", got, want)
	}
}

// sectors returns the ledger's view of a partition.
func (w *world) sectors(m *fakeMiner, validator strata.Hotkey) (out []catalog.Sector) {
	w.t.Helper()
	err := w.ledger.Sectors(context.Background(), catalog.Partition{Miner: m.key.Hotkey(), Validator: validator}, func(s catalog.Sector) error {
		out = append(out, s)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// consistent checks what must hold whenever nothing is under way, on disk and
// in memory: every cohort has the bytes of its sectors, no sector is in two
// places, none of what is void or not claimed counts, and memory is the ledger.
func (w *world) consistent(m *fakeMiner) {
	w.t.Helper()
	members := map[uint64]uint64{}
	b := w.book(m)
	for validator, h := range b.holdings {
		var numbers, pending []uint64
		covered, free, again := uint64(0), uint64(0), holding{}
		for _, s := range w.sectors(m, validator) {
			if !s.Listed() {
				if s.Cohort != 0 {
					w.t.Errorf("sector %d is in cohort %d and does not count", s.Entry.Number, s.Cohort)
				}
				continue
			}
			numbers = append(numbers, s.Entry.Number)
			if s.Cohort == 0 {
				pending = append(pending, s.Entry.Number)
			} else {
				c, ok := b.rec.Score.Cohort(s.Cohort)
				if !ok {
					w.t.Errorf("sector %d is in cohort %d, which the score does not have", s.Entry.Number, s.Cohort)
				}
				members[c.ID] += sectorSize
			}
			c, f := w.v.cover(s.Entry)
			covered, free = covered+c, free+f
			again.tally(w.v, s.Entry, f, 1)
		}
		known, waiting := slices.Collect(h.numbers.all()), slices.Collect(h.pending.all())
		if !slices.Equal(known, numbers) || !slices.Equal(waiting, pending) || h.numbers.count != len(numbers) || h.pending.count != len(pending) || h.covered != covered || h.free != free || h.filler != again.filler || h.roomy != again.roomy {
			w.t.Errorf("memory has sectors %v, waiting %v, covered %d, free %d; the ledger %v, %v, %d, %d",
				known, waiting, h.covered, h.free, numbers, pending, covered, free)
		}
	}
	for validator, h := range b.holdings {
		var batches []score.Batch
		for _, s := range w.sectors(m, validator) {
			if c, free := w.v.cover(s.Entry); s.Listed() {
				batches = append(batches, score.Batch{Cohort: s.Cohort, Listed: sectorSize, Covered: c, Data: c - min(c, free)})
			}
		}
		if got, want := b.rec.Score.Fold(h.batches), b.rec.Score.Fold(batches); !slices.Equal(got, want) {
			w.t.Errorf("memory has batches %+v, the ledger %+v", got, want)
		}
	}
	for _, c := range b.rec.Score.Cohorts {
		if members[c.ID] != c.Bytes {
			w.t.Errorf("cohort %d has %d bytes, its sectors %d", c.ID, c.Bytes, members[c.ID])
		}
		delete(members, c.ID)
	}
	for id := range members {
		w.t.Errorf("sectors are in cohort %d, which the score does not have", id)
	}
}

// faultyLedger fails the write after a number of good ones, and all after it,
// as if the process had died there.
type faultyLedger struct {
	catalog.Ledger
	left  int  // writes that still succeed
	dying bool // left counts
}

var errKilled = strata.E(strata.Unavailable, "killed")

func (l *faultyLedger) write() error {
	if !l.dying {
		return nil
	}
	if l.left--; l.left < 0 {
		return errKilled
	}
	return nil
}

func (l *faultyLedger) SaveMiners(ctx context.Context, m []catalog.MinerRecord) error {
	if err := l.write(); err != nil {
		return err
	}
	return l.Ledger.SaveMiners(ctx, m)
}

func (l *faultyLedger) SavePull(ctx context.Context, m catalog.MinerRecord, p catalog.Partition, h wire.Head, changed []catalog.Sector) error {
	if err := l.write(); err != nil {
		return err
	}
	return l.Ledger.SavePull(ctx, m, p, h, changed)
}

func (l *faultyLedger) SaveMarks(ctx context.Context, m catalog.MinerRecord, marks []catalog.Mark) error {
	if err := l.write(); err != nil {
		return err
	}
	return l.Ledger.SaveMarks(ctx, m, marks)
}

func (l *faultyLedger) SaveWeights(ctx context.Context, block uint64, ws []catalog.WeightRecord) error {
	if err := l.write(); err != nil {
		return err
	}
	return l.Ledger.SaveWeights(ctx, block, ws)
}

// weightOf returns the weight of a miner in a vector, 0 if it has none.
func weightOf(ws []chain.Weight, uid strata.UID) uint16 {
	for _, w := range ws {
		if w.UID == uid {
			return w.Value
		}
	}
	return 0
}
