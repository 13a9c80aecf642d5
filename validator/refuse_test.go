package validator

import (
	"context"
	"testing"
	"time"

	"strata"
	"strata/catalog/sqlite"
	"strata/object"
	"strata/object/send"
	"strata/wire"
)

// answering is a transport whose puts are answered as a test wants.
type answering struct {
	object.Transport
	err error
}

func (a answering) PutShard(context.Context, wire.Endpoint, strata.Root, []byte) (wire.Receipt, error) {
	return wire.Receipt{}, a.err
}

// TestRefusedPuts: a refusal counts 16 failed leaves if the next manifest shows
// room, and only those that are the miner's own.
func TestRefusedPuts(t *testing.T) {
	code := func(c strata.Code) error { return strata.E(c, "an answer") }
	for name, c := range map[string]struct {
		answers []error
		full    bool  // no sector of filler alone is left
		sectors int   // 0: one
		gone    error // why the caller has given up
		failed  uint64
	}{
		"taken":             {answers: []error{nil}},
		"no space":          {answers: []error{code(strata.NoSpace)}, failed: 16},
		"three times":       {answers: []error{code(strata.NoSpace), code(strata.Internal), code(strata.Forbidden)}, failed: 48},
		"full":              {answers: []error{code(strata.NoSpace)}, full: true},
		"a shard in each":   {answers: []error{code(strata.NoSpace)}, full: true, sectors: 20, failed: 16},
		"few begun":         {answers: []error{code(strata.NoSpace)}, full: true, sectors: 2},
		"caller gave up":    {answers: []error{code(strata.Unavailable)}, gone: context.Canceled},
		"too slow":          {answers: []error{code(strata.Unavailable)}, gone: strata.E(strata.Unavailable, "waited: %w", send.ErrSlow), failed: 16},
		"slow, but it took": {answers: []error{nil}, gone: send.ErrSlow},
		"too fast":          {answers: []error{nil, code(strata.Throttled)}, failed: 16},
		"always too fast":   {answers: []error{code(strata.Throttled)}, failed: 16},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			m := w.miner("//Miner")
			self := w.key.Hotkey()
			m.seal(self, 0, uint64(max(1, c.sectors)))
			body := junk(3000, 1, 1)
			for n := range uint64(max(1, c.sectors)) {
				if c.full {
					laid := junk(3000, n, 1)
					m.put(self, n, laid, order(t, w.key, m.key.Hotkey(), laid))
				}
			}
			w.start()
			ctx, cancel := context.WithCancelCause(t.Context())
			if c.gone != nil {
				cancel(c.gone)
			}
			defer cancel(nil)
			for _, err := range c.answers {
				_, got := w.v.Judge(answering{err: err}).PutShard(ctx, wire.Endpoint{Hotkey: m.key.Hotkey()}, strata.Root{}, body)
				if got != err {
					t.Errorf("the answer %v became %v", err, got)
				}
			}
			w.wantLeaves(m, 0, 0) // no manifest has shown room yet
			for range 2 {         // each refusal counts once
				if err := w.v.visit(t.Context(), w.book(m), &visits{}); err != nil {
					t.Fatal(err)
				}
			}
			w.wantLeaves(m, 0, c.failed)
		})
	}
}

// TestRefusalsAreJudgedDespiteAnotherPartition: what a miner shows wrongly for
// another validator spares it nothing.
func TestRefusalsAreJudgedDespiteAnotherPartition(t *testing.T) {
	w := newWorld(t)
	m := w.miner("//Miner")
	other := newKey(t, "//Other").Hotkey()
	w.chain.neuron(other, true, false)
	m.seal(w.key.Hotkey(), 0, 1)
	m.seal(other, 0, 1)
	m.forge = func(p *wire.ManifestPage) {
		if p.Head.Validator == other {
			p.Head.Sectors++
			m.sign(&p.Head)
		}
	}
	w.start()
	w.v.sent(m.key.Hotkey(), 1, strata.E(strata.NoSpace, "no room"))
	if err := w.look(m); err == nil {
		t.Fatal("the forged manifest was believed")
	}
	if err := w.v.visit(t.Context(), w.book(m), &visits{}); err != nil {
		t.Fatal(err)
	}
	w.wantLeaves(m, 0, 16)
}

// TestRefusalsSeenByAnotherProcess: a gateway beside the validator notes what is
// refused, and the validator lets the miner pay for it as for its own.
func TestRefusalsSeenByAnotherProcess(t *testing.T) {
	for name, c := range map[string]struct {
		answers []error
		full    bool
		waits   time.Duration // before the validator looks
		failed  uint64
	}{
		"two refused": {answers: []error{strata.E(strata.NoSpace, "no"), nil, strata.E(strata.Locked, "no")}, failed: 32},
		"too fast":    {answers: []error{nil, strata.E(strata.Throttled, "no")}, failed: 16},
		"full":        {answers: []error{strata.E(strata.NoSpace, "no")}, full: true},
		"long ago":    {answers: []error{strata.E(strata.NoSpace, "no")}, waits: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			m := w.miner("//Miner")
			self := w.key.Hotkey()
			m.seal(self, 0, 1)
			body := junk(3000, 1, 1)
			if c.full {
				m.put(self, 0, body, order(t, w.key, m.key.Hotkey(), body))
			}
			w.start()
			w.v.Refusals = w.db
			beside, err := sqlite.Open(t.Context(), w.path, sqlite.Gateway)
			if err != nil {
				t.Fatal(err)
			}
			defer beside.Close()
			witness := NewWitness(beside, func() time.Time { return w.now })
			for _, err := range c.answers {
				if _, got := witness.Watch(answering{err: err}).PutShard(t.Context(), wire.Endpoint{Hotkey: m.key.Hotkey()}, strata.Root{}, body); got != err {
					t.Errorf("the answer %v became %v", err, got)
				}
			}
			visit := func() {
				t.Helper()
				if err := w.v.visit(t.Context(), w.book(m), &visits{}); err != nil {
					t.Fatal(err)
				}
			}
			visit()
			w.wantLeaves(m, 0, 0) // nothing was handed over yet
			if err := witness.Save(t.Context()); err != nil {
				t.Fatal(err)
			}
			w.now = w.now.Add(c.waits)
			visit()
			visit()
			w.wantLeaves(m, 0, c.failed)
		})
	}
}

// brokenRefusals cannot be written until it is mended.
type brokenRefusals struct {
	broken bool
	got    map[strata.Hotkey]int
}

func (b *brokenRefusals) AddRefusals(_ context.Context, _ time.Time, shards map[strata.Hotkey]int) error {
	if b.broken {
		return strata.E(strata.NoSpace, "no space left")
	}
	b.got = shards
	return nil
}

func (b *brokenRefusals) TakeRefusals(context.Context, strata.Hotkey) (int, time.Time, error) {
	return 0, time.Time{}, strata.E(strata.Corrupt, "damaged")
}

// TestWitnessKeepsWhatIsNotWritten, forgets what is, and remembers no miner for
// ever; a validator that cannot read what was noted goes on.
func TestWitnessKeepsWhatIsNotWritten(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	to := &brokenRefusals{broken: true}
	w := NewWitness(to, func() time.Time { return now })
	a, b := strata.Hotkey{1}, strata.Hotkey{2}
	refused := strata.E(strata.NoSpace, "no")
	w.sent(a, 1, refused)
	if w.Save(t.Context()) == nil {
		t.Error("a write that failed was forgotten")
	}
	w.sent(a, 1, refused)
	w.sent(b, 1, nil)
	to.broken = false
	if err := w.Save(t.Context()); err != nil || len(to.got) != 1 || to.got[a] != 2 {
		t.Errorf("handed over %v, %v", to.got, err)
	}
	if err := w.Save(t.Context()); err != nil || len(to.got) != 0 {
		t.Errorf("handed over again: %v, %v", to.got, err)
	}
	now = now.Add(2 * time.Minute)
	if err := w.Save(t.Context()); err != nil || len(w.miners) != 0 {
		t.Errorf("%d miners are remembered, %v", len(w.miners), err)
	}

	world := newWorld(t)
	m := world.miner("//Miner")
	m.seal(world.key.Hotkey(), 0, 1)
	world.start()
	world.v.Refusals = to
	if err := world.v.visit(t.Context(), world.book(m), &visits{}); err != nil {
		t.Error(err)
	}
	world.wantLeaves(m, 0, 0)
}

// TestRoom: which begun sectors have room for any shard.
func TestRoom(t *testing.T) {
	w := newWorld(t)
	w.start()
	shards := func(n int) []wire.ShardEntry { return make([]wire.ShardEntry, n) }
	for _, c := range []struct {
		e             wire.Entry
		filler, roomy int
	}{
		{wire.Entry{State: wire.Filler}, 1, 0},
		{wire.Entry{State: wire.Data, Tail: 64, Shards: shards(1)}, 0, 1},
		{wire.Entry{State: wire.Data, Tail: 128, Shards: shards(2)}, 0, 1},
		{wire.Entry{State: wire.Data, Tail: 192, Shards: shards(2)}, 0, 0}, // the largest fits only if it begins there
		{wire.Entry{State: wire.Data, Tail: 256, Shards: shards(2)}, 0, 0},
		{wire.Entry{State: wire.Data, Tail: 64, Shards: shards(wire.MaxShards - underWay)}, 0, 0}, // it lists as many as it may
	} {
		var h holding
		_, free := w.v.cover(c.e)
		if h.tally(w.v, c.e, free, 1); h.filler != c.filler || h.roomy != c.roomy {
			t.Errorf("tail %d, %d shards: %d filler, %d roomy; want %d, %d", c.e.Tail, len(c.e.Shards), h.filler, h.roomy, c.filler, c.roomy)
		}
		if h.tally(w.v, c.e, free, -1); h.filler != 0 || h.roomy != 0 {
			t.Errorf("tail %d: taken out, it counts still", c.e.Tail)
		}
	}
}

// TestTooFast: who has taken a fair amount within this minute or the last may say
// that more comes too fast; a shard now and then excuses nothing.
func TestTooFast(t *testing.T) {
	busy := strata.E(strata.Throttled, "slow down")
	for name, c := range map[string]struct {
		shards, size int
		waits        time.Duration // between two
		later        time.Duration
		refused      int
	}{
		"nothing taken":         {0, 0, 0, 0, 1},
		"one a minute":          {5, 1 << 20, time.Minute, 0, 1},
		"many small ones":       {fairShards, 1, 0, 0, 0},
		"one less":              {fairShards - 1, 1, 0, 0, 1},
		"few large ones":        {2, fairBytes / 2, 0, 0, 0},
		"within the minute":     {60, 1 << 20, 900 * time.Millisecond, 0, 0},
		"in the last minute":    {fairShards, 1, 0, time.Minute, 0},
		"in the one before":     {fairShards, 1, 0, 2 * time.Minute, 1},
		"over more than minute": {60, 1 << 20, 3 * time.Second, 0, 1},
	} {
		now := time.Unix(1_800_000_000, 0)
		var p puts
		for range c.shards {
			now = now.Add(c.waits)
			p.sent(now, c.size, nil)
		}
		if p.sent(now.Add(c.later), 1, busy); p.refused != c.refused {
			t.Errorf("%s: %d refusals, want %d", name, p.refused, c.refused)
		}
	}
}

// TestUnreachedMiners: a put that did not reach a miner counts where others took
// shards at about that time, so that a validator whose own line fails blames
// nobody.
func TestUnreachedMiners(t *testing.T) {
	w := newWorld(t)
	m, other := w.miner("//Miner"), w.miner("//Other")
	m.seal(w.key.Hotkey(), 0, 1)
	w.start()
	gone := strata.E(strata.Unavailable, "no route")
	visit := func(refused uint64, why string) {
		t.Helper()
		if err := w.v.visit(t.Context(), w.book(m), &visits{}); err != nil {
			t.Fatal(err)
		}
		if got := w.leaves(m).Failed; got != 16*refused {
			t.Errorf("%s: %d leaves failed, want %d", why, got, 16*refused)
		}
	}
	w.v.sent(m.key.Hotkey(), 1, gone)
	w.v.sent(other.key.Hotkey(), 1, gone)
	visit(0, "just now")
	w.now = w.now.Add(time.Minute)
	w.v.sent(other.key.Hotkey(), 1, nil)
	visit(0, "nobody was reached")
	w.v.sent(m.key.Hotkey(), 1, gone)
	visit(0, "it is not over yet")
	w.now = w.now.Add(2 * step)
	visit(1, "another took one")
	visit(1, "it counts once")
	w.now = w.now.Add(time.Minute)
	w.v.sent(m.key.Hotkey(), 1, gone)
	w.now = w.now.Add(step)
	w.v.sent(other.key.Hotkey(), 1, nil)
	w.now = w.now.Add(step)
	visit(2, "another took one just after")
}
