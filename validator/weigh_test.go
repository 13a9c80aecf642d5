package validator

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"strata"
	"strata/chain"
	"strata/score"
)

// proven adds a miner with credit for so many sectors.
func (w *world) proven(uri string, sectors uint64) *fakeMiner {
	m := w.miner(uri)
	m.seal(w.key.Hotkey(), 0, sectors)
	return m
}

// earn makes the miners' credit, before the first block in which weights are set.
func (w *world) earn(miners ...*fakeMiner) {
	w.t.Helper()
	for _, m := range miners {
		w.seen(m)
	}
	w.blocks(2)
	w.check(200)
	for _, m := range miners {
		w.audit(m, 20)
	}
}

// In subnet 7 with tempo 19 an epoch ends where block + 8 divides by 20; the
// last quarter begins six blocks before: at blocks 6, 26, 46…
const firstWindow = 6

func TestWeightsFollowCredit(t *testing.T) {
	w := newWorld(t)
	large, small, none, unserved := w.proven("//Large", 40), w.proven("//Small", 20), w.miner("//None"), w.proven("//Unserved", 40)
	w.start()
	w.earn(large, small, unserved)
	w.chain.change(unserved.key.Hotkey(), func(n *chain.Neuron) { n.Axon = chain.Axon{} })
	w.blocks(firstWindow - 3)
	if got := w.chain.set(); len(got) != 0 {
		t.Fatalf("weights before the last quarter: %+v", got)
	}
	w.blocks(1)
	sets := w.chain.set()
	if len(sets) != 1 || len(sets[0].weights) != 2 {
		t.Fatalf("weights = %+v", sets)
	}
	credits := []uint64{w.book(large).credit(), w.book(small).credit()}
	if want := score.Weights(credits); weightOf(sets[0].weights, 1) != want[0] || weightOf(sets[0].weights, 2) != want[1] || want[0] != 65535 || want[1] < 30000 {
		t.Errorf("weights %+v for credits %v, want %v", sets[0].weights, credits, want)
	}
	block, records, err := w.db.LastWeights(t.Context())
	if err != nil || block != firstWindow || len(records) != 4 || records[2].Hotkey != none.key.Hotkey() || records[0].Credit != credits[0] || records[3].Credit != 0 {
		t.Errorf("recorded at block %d: %+v, %v", block, records, err)
	}
	// Once in an epoch, over a restart too.
	w.restart()
	w.blocks(8)
	if got := w.chain.set(); len(got) != 1 {
		t.Errorf("%d vectors in one epoch", len(got))
	}
	st, err := w.v.Status(t.Context())
	if err != nil || len(st.Miners) != 3 || st.Miners[0].Weight != 65535 {
		t.Errorf("status after a restart = %+v, %v", st, err)
	}
	w.blocks(20)
	if got := w.chain.set(); len(got) != 2 || got[1].block != firstWindow+20 {
		t.Errorf("in the next epoch: %+v", got)
	}
}

func TestNoWeights(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*world)
		want   []uint64 // blocks in which weights are set within two epochs
	}{
		"all is well":        {func(*world) {}, []uint64{6, 26}},
		"no permit":          {func(w *world) { w.chain.change(w.key.Hotkey(), func(n *chain.Neuron) { n.Permit = false }) }, nil},
		"too few miners":     {func(w *world) { w.chain.params.MinAllowedWeights = 2 }, nil},
		"not registered now": {func(w *world) { w.chain.change(w.key.Hotkey(), func(n *chain.Neuron) { n.Hotkey = strata.Hotkey{9} }) }, nil},
		"rate limit ends within the quarter": {func(w *world) {
			w.chain.params.WeightsRateLimit = 8
			w.chain.change(w.key.Hotkey(), func(n *chain.Neuron) { n.LastUpdate = 1 })
		}, []uint64{8, 26}},
		"rate limit ends after it": {func(w *world) {
			w.chain.params.WeightsRateLimit = 25
			w.chain.change(w.key.Hotkey(), func(n *chain.Neuron) { n.LastUpdate = 3 })
		}, []uint64{27}},
		"no credit": {func(w *world) { w.net.miners[newKey(w.t, "//Miner").Hotkey()].fake(w.key.Hotkey(), 39, 1) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			m := w.proven("//Miner", 40)
			w.start()
			w.earn(m)
			c.change(w)
			if _, err := w.v.refresh(t.Context(), strata.BlockHash{}); err != nil {
				t.Fatal(err)
			}
			w.seen(m)
			w.blocks(firstWindow + 30)
			var got []uint64
			for _, s := range w.chain.set() {
				got = append(got, s.block)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("weights were set in blocks %v, want %v", got, c.want)
			}
		})
	}
}

// TestReasonIsToldOnce: why no weights are set is logged when it is new, not in
// every epoch, and again after weights were set.
func TestReasonIsToldOnce(t *testing.T) {
	w := newWorld(t)
	m := w.proven("//Miner", 40)
	w.start()
	w.earn(m)
	var log bytes.Buffer
	w.v.Log = slog.New(slog.NewTextHandler(&log, nil))
	permit := func(has bool) {
		t.Helper()
		w.chain.change(w.key.Hotkey(), func(n *chain.Neuron) { n.Permit = has })
		if _, err := w.v.refresh(t.Context(), strata.BlockHash{}); err != nil {
			t.Fatal(err)
		}
	}
	told := func() int { return strings.Count(log.String(), "no weights are set") }
	permit(false)
	w.blocks(firstWindow + 20)
	if got := told(); got != 1 || !strings.Contains(log.String(), "no validator permit") {
		t.Errorf("told %d times:\n%s", got, log.String())
	}
	permit(true)
	w.blocks(20)
	permit(false)
	w.blocks(20)
	if got := told(); got != 2 || len(w.chain.set()) == 0 {
		t.Errorf("told %d times:\n%s", got, log.String())
	}
}

func TestRefusedWeightsAreSetAgain(t *testing.T) {
	w := newWorld(t)
	m := w.proven("//Miner", 10)
	w.start()
	w.earn(m)
	w.chain.refuse = strata.E(strata.Unavailable, "the node is down")
	w.blocks(firstWindow)
	w.chain.refuse = nil
	w.blocks(1)
	if got := w.chain.set(); len(got) != 1 {
		t.Errorf("weights = %+v", got)
	}
}

func TestStatusAndCandidates(t *testing.T) {
	w := newWorld(t)
	m, bad, away := w.proven("//Miner", 10), w.miner("//Liar"), w.miner("//Away")
	bad.fake(w.key.Hotkey(), 0, 1)
	body := junk(3000, 1, 1)
	m.put(w.key.Hotkey(), 0, body, order(t, w.key, m.key.Hotkey(), body))
	m.plan = nil
	w.start()
	w.now = w.now.Add(time.Hour)
	w.earn(m, bad)
	if err := w.v.timeConnect(t.Context(), w.book(away)); err != nil {
		t.Fatal(err)
	}
	for _, x := range []*fakeMiner{m, bad} {
		w.book(x).seen(nil)
	}
	st, err := w.v.Status(t.Context())
	if err != nil || len(st.Miners) != 3 || st.Block != 2 || st.SectorSize != sectorSize || st.Netuid != 7 {
		t.Fatalf("status = %+v, %v", st, err)
	}
	row := st.Miners[0]
	if row.Hotkey != m.key.Hotkey() || row.ProvenBytes != w.book(m).credit() || row.ProvenBytes == 0 || row.AuditsPassed != 320 || row.AuditsFailed != 0 || !row.LastSeen.Equal(w.now) {
		t.Errorf("row = %+v", row)
	}
	free := func() map[strata.Hotkey]strata.ByteSize {
		t.Helper()
		list, err := w.v.Candidates(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		out := map[strata.Hotkey]strata.ByteSize{}
		for _, c := range list {
			if c.Endpoint.Addr.Addr() != c.Addr || c.Endpoint.Hotkey != c.Hotkey {
				t.Errorf("candidate = %+v", c)
			}
			out[c.Hotkey] = c.Free
		}
		return out
	}
	if got := free(); len(got) != 3 || got[m.key.Hotkey()] != 10*sectorSize-64<<10 || got[bad.key.Hotkey()] != 0 || got[away.key.Hotkey()] != 0 {
		t.Errorf("free = %v", got)
	}
	w.now = w.now.Add(w.v.Pace.Fresh)
	if got := free()[m.key.Hotkey()]; got != 0 {
		t.Errorf("a miner that has not answered for %s has %s free", w.v.Pace.Fresh, got)
	}
	w.chain.change(m.key.Hotkey(), func(n *chain.Neuron) { n.Axon = chain.Axon{} })
	w.blocks(refreshEach)
	if got := free(); len(got) != 2 {
		t.Errorf("candidates = %v, want those that serve", got)
	}
}

// TestObserve: a validator that only looks on shows what the ledger knows.
func TestObserve(t *testing.T) {
	w := newWorld(t)
	m := w.proven("//Miner", 10)
	w.start()
	w.earn(m)
	w.seen(m)
	if err := w.v.save(t.Context()); err != nil {
		t.Fatal(err)
	}
	credit := w.book(m).credit()
	w.restart()
	looker, err := New(t.Context(), w.v.Config)
	if err != nil {
		t.Fatal(err)
	}
	if st, err := looker.Status(t.Context()); err != nil || len(st.Miners) != 0 {
		t.Errorf("before the metagraph was read: %+v, %v", st.Miners, err)
	}
	if err := looker.Observe(t.Context()); err != nil {
		t.Fatal(err)
	}
	if st, err := looker.Status(t.Context()); err != nil || len(st.Miners) != 1 || st.Miners[0].ProvenBytes != credit || credit == 0 ||
		st.Miners[0].Sealed != 10 || st.Miners[0].Target != 10 {
		t.Errorf("miners = %+v, %v, want one with 10 sectors and %d bytes", st.Miners, err, credit)
	}
}
