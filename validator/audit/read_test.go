package audit_test

import (
	"context"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"strata"
	"strata/object"
	"strata/score"
	"strata/validator/audit"
	"strata/validator/chance"
	"strata/validator/validatortest"
	"strata/wire"
)

// reader is a world with a miner that has one shard of ours.
func reader(t *testing.T, size int) (*validatortest.World, *validatortest.Miner, strata.Root) {
	w := validatortest.New(t)
	m := w.Miner("//Miner")
	self := w.Key.Hotkey()
	m.Seal(self, 0, 3)
	body := validatortest.Junk(size, 1, 1)
	root := m.Put(self, 0, body, validatortest.Order(t, w.Key, m.Key.Hotkey(), body))
	w.Start()
	w.Admit(m)
	return w, m, root
}

// read lets chance come round to a read.
func read(t *testing.T, w *validatortest.World, m *validatortest.Miner) {
	t.Helper()
	w.Audits.Chance = func() uint64 { w.Audits.Chance = chance.Secret; return 0 }
	if err := w.Audits.MaybeRead(t.Context(), w.Book(m)); err != nil {
		t.Fatal(err)
	}
}

func TestReadsCountAsAudits(t *testing.T) {
	for name, c := range map[string]struct {
		miner          func(w *validatortest.World, m *validatortest.Miner, root strata.Root)
		passed, failed uint64
	}{
		"given":         {func(*validatortest.World, *validatortest.Miner, strata.Root) {}, 16, 0},
		"given in time": {func(_ *validatortest.World, m *validatortest.Miner, _ strata.Root) { m.Slow = 5 * time.Second }, 16, 0},
		"given too late": {func(_ *validatortest.World, m *validatortest.Miner, _ strata.Root) {
			m.Slow = 5*time.Second + time.Second
		}, 0, 16},
		"dead": {func(_ *validatortest.World, m *validatortest.Miner, _ strata.Root) { m.Dead = true }, 0, 16},
		"refused": {func(_ *validatortest.World, m *validatortest.Miner, _ strata.Root) {
			m.Reading = refuse(strata.Unavailable)
		}, 0, 16},
		"gone": {func(w *validatortest.World, m *validatortest.Miner, r strata.Root) {
			m.Alter(w.Key.Hotkey(), 0, func(s *validatortest.Sector) { delete(s.Body, r) })
		}, 0, 16},
		"changed": {func(w *validatortest.World, m *validatortest.Miner, r strata.Root) {
			m.Alter(w.Key.Hotkey(), 0, func(s *validatortest.Sector) { s.Body[r][7]++ })
		}, 0, 16},
		"always too fast": {func(_ *validatortest.World, m *validatortest.Miner, _ strata.Root) {
			m.Reading = refuse(strata.Throttled)
		}, 0, 16},
		"too fast once": {func(_ *validatortest.World, m *validatortest.Miner, _ strata.Root) {
			m.Reading = func() error { m.Reading = nil; return strata.E(strata.Throttled, "slow down") }
		}, 0, 0},
		"deleted meanwhile": {func(w *validatortest.World, m *validatortest.Miner, r strata.Root) {
			m.Alter(w.Key.Hotkey(), 0, func(s *validatortest.Sector) { s.Entry.Shards[0].Deleted = true })
			m.Reading = refuse(strata.NotFound)
		}, 0, 0},
		"moved meanwhile": {func(w *validatortest.World, m *validatortest.Miner, r strata.Root) {
			self, body := w.Key.Hotkey(), validatortest.Junk(3000, 1, 1)
			m.Take(self, 0, r)
			m.Put(self, 1, body, validatortest.Order(t, w.Key, m.Key.Hotkey(), body))
		}, 16, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w, m, root := reader(t, 3000)
			c.miner(w, m, root)
			read(t, w, m)
			w.WantLeaves(m, c.passed, c.failed)
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
	p, ok, err := audit.Piece(t.Context(), w.Audits, w.Book(m))
	if err != nil || !ok || p != (audit.Asked{Root: root, Size: 3000, N: 3000}) {
		t.Fatalf("read is %+v, %v, %v", p, ok, err)
	}
	m.Reads = 0
	w.Audits.Chance = rand.NewChaCha8([32]byte{7}).Uint64
	for range 400 {
		if err := w.Audits.MaybeRead(t.Context(), w.Book(m)); err != nil {
			t.Fatal(err)
		}
	}
	if m.Reads < 60 || m.Reads > 140 { // five deviations, of one draw for ever
		t.Errorf("%d of 400 audits brought a read, a quarter should", m.Reads)
	}
	w.WantLeaves(m, uint64(m.Reads)*score.LeavesPerAudit, 0)

	m.Alter(w.Key.Hotkey(), 0, func(s *validatortest.Sector) { s.Entry.Shards[0].Deleted = true })
	w.Seen(m)
	if _, ok, err := audit.Piece(t.Context(), w.Audits, w.Book(m)); ok || err != nil {
		t.Errorf("a deleted shard is read: %v, %v", ok, err)
	}
	other := validatortest.NewKey(t, "//Other")
	w.Chain.Neuron(other.Hotkey(), true, false)
	w.Blocks(validatortest.RefreshEach)
	body := validatortest.Junk(3000, 2, 2)
	m.Seal(other.Hotkey(), 3, 4)
	m.Put(other.Hotkey(), 3, body, validatortest.Order(t, other, m.Key.Hotkey(), body))
	m.State(w.Key.Hotkey(), 0, wire.Withdrawn)
	w.Seen(m)
	before := m.Reads
	for range 50 {
		read(t, w, m)
	}
	if m.Reads != before {
		t.Error("another validator's shard is read")
	}
}

// TestUnreadIsUnpaid: a miner that answers all audits and no reads.
func TestUnreadIsUnpaid(t *testing.T) {
	w, m, _ := reader(t, 3000)
	m.Reading = refuse(strata.Unavailable)
	w.Check(100)
	for range 40 {
		w.Audit(m, 4)
		read(t, w, m)
	}
	whole, _ := w.Subnet.Clock()
	leaves := w.Leaves(m)
	if leaves.Failed*5 != leaves.Passed+leaves.Failed {
		t.Errorf("leaves = %+v", leaves)
	}
	m.Reading = nil
	proven := w.Score(m)
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
	if got, full := w.Credit(m), honest.Credit(whole, proven.Block); 4*got > full {
		t.Errorf("credit is %d, of one that gives its shards %d", got, full)
	}
}

// lending gives readers that stay open.
type lending struct{ object.Transport }

func (lending) GetShard(context.Context, wire.Endpoint, strata.Root, uint64, uint64, uint64) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader("")), nil
}

// TestBusyGatewayExcuses: where users read so much of a miner that it may say that
// it is too much, it does not pay for saying so.
func TestBusyGatewayExcuses(t *testing.T) {
	w, m, root := reader(t, 3000)
	m.Reading = refuse(strata.Throttled)
	gateway := w.Refused.Watch(lending{})
	var open []io.Closer
	for range 64 {
		r, err := gateway.GetShard(t.Context(), wire.Endpoint{Hotkey: m.Key.Hotkey()}, root, 3000, 0, 1)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, r)
	}
	read(t, w, m)
	w.WantLeaves(m, 0, 0)
	for range 2 { // closing twice gives one place back
		if err := open[0].Close(); err != nil {
			t.Fatal(err)
		}
	}
	read(t, w, m)
	w.WantLeaves(m, 0, 16)
}
