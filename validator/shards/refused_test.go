package shards_test

import (
	"context"
	"testing"
	"time"

	"strata"
	"strata/catalog"
	"strata/catalog/sqlite"
	"strata/object"
	"strata/object/send"
	"strata/validator/refusal"
	"strata/validator/validatortest"
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

// answered lets a miner answer a put of one byte.
func answered(t *testing.T, w *validatortest.World, m *validatortest.Miner, err error) {
	t.Helper()
	if _, got := w.Refused.Watch(answering{err: err}).PutShard(t.Context(), wire.Endpoint{Hotkey: m.Key.Hotkey()}, strata.Root{}, []byte{1}); got != err {
		t.Errorf("the answer %v became %v", err, got)
	}
}

// visit looks at a miner as the role does.
func visit(t *testing.T, w *validatortest.World, m *validatortest.Miner) {
	t.Helper()
	w.Shards.Hear(t.Context(), w.Book(m))
	w.Seen(m)
	w.Shards.Judge(w.Book(m))
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
			w := validatortest.New(t)
			m := w.Miner("//Miner")
			self := w.Key.Hotkey()
			m.Seal(self, 0, uint64(max(1, c.sectors)))
			body := validatortest.Junk(3000, 1, 1)
			for n := range uint64(max(1, c.sectors)) {
				if c.full {
					laid := validatortest.Junk(3000, n, 1)
					m.Put(self, n, laid, validatortest.Order(t, w.Key, m.Key.Hotkey(), laid))
				}
			}
			w.Start()
			ctx, cancel := context.WithCancelCause(t.Context())
			if c.gone != nil {
				cancel(c.gone)
			}
			defer cancel(nil)
			for _, err := range c.answers {
				_, got := w.Refused.Watch(answering{err: err}).PutShard(ctx, wire.Endpoint{Hotkey: m.Key.Hotkey()}, strata.Root{}, body)
				if got != err {
					t.Errorf("the answer %v became %v", err, got)
				}
			}
			w.WantLeaves(m, 0, 0) // no manifest has shown room yet
			for range 2 {         // each refusal counts once
				visit(t, w, m)
			}
			w.WantLeaves(m, 0, c.failed)
		})
	}
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
			w := validatortest.New(t)
			m := w.Miner("//Miner")
			self := w.Key.Hotkey()
			m.Seal(self, 0, 1)
			body := validatortest.Junk(3000, 1, 1)
			if c.full {
				m.Put(self, 0, body, validatortest.Order(t, w.Key, m.Key.Hotkey(), body))
			}
			w.Start()
			w.Shards.Others = w.DB
			beside, err := sqlite.Open(t.Context(), w.Path, sqlite.Gateway)
			if err != nil {
				t.Fatal(err)
			}
			defer beside.Close()
			witness := refusal.NewWitness(beside, func() time.Time { return w.Now })
			for _, err := range c.answers {
				if _, got := witness.Watch(answering{err: err}).PutShard(t.Context(), wire.Endpoint{Hotkey: m.Key.Hotkey()}, strata.Root{}, body); got != err {
					t.Errorf("the answer %v became %v", err, got)
				}
			}
			visit(t, w, m)
			w.WantLeaves(m, 0, 0) // nothing was handed over yet
			if err := witness.Save(t.Context()); err != nil {
				t.Fatal(err)
			}
			w.Now = w.Now.Add(c.waits)
			visit(t, w, m)
			visit(t, w, m)
			w.WantLeaves(m, 0, c.failed)
		})
	}
}

// TestUnreachedMiners: a put that did not reach a miner counts where others took
// shards at about that time, so that a validator whose own line fails blames
// nobody.
func TestUnreachedMiners(t *testing.T) {
	w := validatortest.New(t)
	m, other := w.Miner("//Miner"), w.Miner("//Other")
	m.Seal(w.Key.Hotkey(), 0, 1)
	w.Start()
	gone := strata.E(strata.Unavailable, "no route")
	look := func(refused uint64, why string) {
		t.Helper()
		visit(t, w, m)
		if got := w.Leaves(m).Failed; got != 16*refused {
			t.Errorf("%s: %d leaves failed, want %d", why, got, 16*refused)
		}
	}
	answered(t, w, m, gone)
	answered(t, w, other, gone)
	look(0, "just now")
	w.Now = w.Now.Add(time.Minute)
	answered(t, w, other, nil)
	look(0, "nobody was reached")
	answered(t, w, m, gone)
	look(0, "it is not over yet")
	w.Now = w.Now.Add(20 * time.Second)
	look(1, "another took one")
	look(1, "it counts once")
	w.Now = w.Now.Add(time.Minute)
	answered(t, w, m, gone)
	w.Now = w.Now.Add(10 * time.Second)
	answered(t, w, other, nil)
	w.Now = w.Now.Add(10 * time.Second)
	look(2, "another took one just after")
}

// unreadable are refusals whose table is damaged.
type unreadable struct{ catalog.Refusals }

func (unreadable) TakeRefusals(context.Context, strata.Hotkey) (int, time.Time, error) {
	return 0, time.Time{}, strata.E(strata.Corrupt, "damaged")
}

// TestUnreadableRefusals: a validator that cannot read what was noted goes on.
func TestUnreadableRefusals(t *testing.T) {
	w := validatortest.New(t)
	m := w.Miner("//Miner")
	m.Seal(w.Key.Hotkey(), 0, 1)
	w.Start()
	w.Shards.Others = unreadable{}
	visit(t, w, m)
	w.WantLeaves(m, 0, 0)
}
