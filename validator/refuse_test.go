package validator

import (
	"context"
	"testing"
	"time"

	"strata"
	"strata/object"
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
		full    bool // no sector of filler alone is left
		gone    bool // the caller has given up
		after   time.Duration
		failed  uint64
	}{
		"taken":              {answers: []error{nil}},
		"no space":           {answers: []error{code(strata.NoSpace)}, failed: 16},
		"three times":        {answers: []error{code(strata.NoSpace), code(strata.Unavailable), code(strata.Forbidden)}, failed: 48},
		"full":               {answers: []error{code(strata.NoSpace)}, full: true},
		"caller gave up":     {answers: []error{code(strata.Unavailable)}, gone: true},
		"too fast":           {answers: []error{nil, code(strata.Throttled)}, after: throttledFor},
		"too fast, too long": {answers: []error{nil, code(strata.Throttled)}, after: throttledFor + 1, failed: 16},
		"always too fast":    {answers: []error{code(strata.Throttled)}, failed: 16},
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
			ctx, cancel := context.WithCancel(t.Context())
			if c.gone {
				cancel()
			}
			defer cancel()
			for _, err := range c.answers {
				_, got := w.v.Judge(answering{err: err}).PutShard(ctx, wire.Endpoint{Hotkey: m.key.Hotkey()}, strata.Root{}, body)
				if got != err {
					t.Errorf("the answer %v became %v", err, got)
				}
				w.now = w.now.Add(c.after)
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
	w.v.sent(m.key.Hotkey(), strata.E(strata.NoSpace, "no room"))
	if err := w.look(m); err == nil {
		t.Fatal("the forged manifest was believed")
	}
	if err := w.v.visit(t.Context(), w.book(m), &visits{}); err != nil {
		t.Fatal(err)
	}
	w.wantLeaves(m, 0, 16)
}
