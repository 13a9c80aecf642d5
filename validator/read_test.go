package validator

import (
	"math/rand/v2"
	"testing"
	"time"

	"strata"
	"strata/envelope"
	"strata/score"
	"strata/wire"
)

// reader is a world with a miner that has one shard of ours.
func reader(t *testing.T, size int) (*world, *fakeMiner, strata.Root) {
	w := newWorld(t)
	m := w.miner("//Miner")
	self := w.key.Hotkey()
	m.seal(self, 0, 3)
	body := junk(size, 1, 1)
	root := m.put(self, 0, body, order(t, w.key, m.key.Hotkey(), body))
	w.start()
	w.admit(m)
	return w, m, root
}

// read lets chance come round to a read.
func (w *world) read(m *fakeMiner) {
	w.t.Helper()
	w.v.Chance = func() uint64 { w.v.Chance = secret; return 0 }
	if err := w.v.maybeRead(w.t.Context(), w.book(m)); err != nil {
		w.t.Fatal(err)
	}
}

func TestReadsCountAsAudits(t *testing.T) {
	for name, c := range map[string]struct {
		miner          func(w *world, m *fakeMiner, root strata.Root)
		passed, failed uint64
	}{
		"given":          {func(*world, *fakeMiner, strata.Root) {}, 16, 0},
		"given in time":  {func(_ *world, m *fakeMiner, _ strata.Root) { m.slow = readSlow }, 16, 0},
		"given too late": {func(_ *world, m *fakeMiner, _ strata.Root) { m.slow = readSlow + time.Second }, 0, 16},
		"dead":           {func(_ *world, m *fakeMiner, _ strata.Root) { m.dead = true }, 0, 16},
		"refused":        {func(_ *world, m *fakeMiner, _ strata.Root) { m.reading = refuse(strata.Unavailable) }, 0, 16},
		"gone": {func(w *world, m *fakeMiner, r strata.Root) {
			m.alter(w.key.Hotkey(), 0, func(s *sector) { delete(s.body, r) })
		}, 0, 16},
		"changed": {func(w *world, m *fakeMiner, r strata.Root) {
			m.alter(w.key.Hotkey(), 0, func(s *sector) { s.body[r][7]++ })
		}, 0, 16},
		"always too fast": {func(_ *world, m *fakeMiner, _ strata.Root) { m.reading = refuse(strata.Throttled) }, 0, 16},
		"too fast once": {func(_ *world, m *fakeMiner, _ strata.Root) {
			m.reading = func() error { m.reading = nil; return strata.E(strata.Throttled, "slow down") }
		}, 0, 0},
		"deleted meanwhile": {func(w *world, m *fakeMiner, r strata.Root) {
			m.alter(w.key.Hotkey(), 0, func(s *sector) { s.entry.Shards[0].Deleted = true })
			m.reading = refuse(strata.NotFound)
		}, 0, 0},
		"moved meanwhile": {func(w *world, m *fakeMiner, r strata.Root) {
			self, body := w.key.Hotkey(), junk(3000, 1, 1)
			m.take(self, 0, r)
			m.put(self, 1, body, order(t, w.key, m.key.Hotkey(), body))
		}, 16, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w, m, root := reader(t, 3000)
			c.miner(w, m, root)
			w.read(m)
			w.wantLeaves(m, c.passed, c.failed)
		})
	}
}

func refuse(code strata.Code) func() error {
	return func() error { return strata.E(code, "not now") }
}

// TestWhatIsRead: the pieces are those that gateways read, none without a shard of
// ours, one of four times.
func TestWhatIsRead(t *testing.T) {
	w, m, root := reader(t, 3000)
	p, ok, err := w.v.drawPiece(t.Context(), w.book(m))
	if err != nil || !ok || p != (piece{root: root, size: 3000, n: 3000}) {
		t.Fatalf("read is %+v, %v, %v", p, ok, err)
	}
	m.reads = 0
	w.v.Chance = rand.NewChaCha8([32]byte{7}).Uint64
	for range 400 {
		if err := w.v.maybeRead(t.Context(), w.book(m)); err != nil {
			t.Fatal(err)
		}
	}
	if m.reads < 60 || m.reads > 140 { // five deviations, of one draw for ever
		t.Errorf("%d of 400 audits brought a read, a quarter should", m.reads)
	}
	w.wantLeaves(m, uint64(m.reads)*score.LeavesPerAudit, 0)

	m.alter(w.key.Hotkey(), 0, func(s *sector) { s.entry.Shards[0].Deleted = true })
	w.seen(m)
	if _, ok, err := w.v.drawPiece(t.Context(), w.book(m)); ok || err != nil {
		t.Errorf("a deleted shard is read: %v, %v", ok, err)
	}
	other := newKey(t, "//Other")
	w.chain.neuron(other.Hotkey(), true, false)
	w.blocks(refreshEach)
	body := junk(3000, 2, 2)
	m.seal(other.Hotkey(), 3, 4)
	m.put(other.Hotkey(), 3, body, order(t, other, m.key.Hotkey(), body))
	m.state(w.key.Hotkey(), 0, wire.Withdrawn)
	w.seen(m)
	before := m.reads
	for range 50 {
		w.read(m)
	}
	if m.reads != before {
		t.Error("another validator's shard is read")
	}
}

func TestPieces(t *testing.T) {
	const row = envelope.ChunkSealed
	for _, c := range []struct {
		size, leaf uint64
		which      int
		off, n     uint64
	}{
		{500, 0, 0, 0, 500},
		{500, 0, 2, 0, 500},
		{10 * row, 63, 0, 0, row},
		{10 * row, 64, 0, row, row},
		{10 * row, 64, 1, row, 4 * row},
		{10 * row, 64 * 8, 1, 8 * row, 2 * row},
		{10 * row, 64, 2, row, 9 * row},
		{10*row + 1, 640, 0, 10 * row, 1},
		{wire.MaxShard, 0, 2, 0, wire.MaxShard},
	} {
		if off, n := pieceAt(c.size, c.leaf, c.which); off != c.off || n != c.n {
			t.Errorf("%+v: %d bytes from %d", c, n, off)
		}
	}
}

// TestUnreadIsUnpaid: a miner that answers all audits and no reads.
func TestUnreadIsUnpaid(t *testing.T) {
	w, m, _ := reader(t, 3000)
	m.reading = refuse(strata.Unavailable)
	w.check(100)
	for range 40 {
		w.audit(m, readEach)
		w.read(m)
	}
	whole, _ := w.v.clock()
	leaves := w.leaves(m)
	if leaves.Failed*5 != leaves.Passed+leaves.Failed {
		t.Errorf("leaves = %+v", leaves)
	}
	m.reading = nil
	proven := w.score(m)
	proven.Audits = nil
	honest, err := proven.Apply(whole, score.Event{Kind: score.Audited, Block: proven.Block, Leaves: score.Leaves{Passed: 16}})
	if err != nil {
		t.Fatal(err)
	}
	for range 199 {
		if honest, err = honest.Apply(whole, score.Event{Kind: score.Audited, Block: proven.Block, Leaves: score.Leaves{Passed: 16}}); err != nil {
			t.Fatal(err)
		}
	}
	if got, full := w.book(m).credit(), honest.Credit(whole, proven.Block); 4*got > full {
		t.Errorf("credit is %d, of one that gives its shards %d", got, full)
	}
}
