package validator

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"strata"
	"strata/object"
	"strata/validator/validatortest"
	"strata/wire"
)

// TestFirstLooksAreSpread: after a start miners that are known are not all
// looked at at once; a new one is, without delay.
func TestFirstLooksAreSpread(t *testing.T) {
	w := newWorld(t)
	w.Pace.Pull = time.Minute
	known, fresh := w.Proven("//Known", 2), w.Miner("//Fresh")
	w.Start()
	w.Seen(known)
	if got := w.v.spread(w.Book(fresh)); got != 0 {
		t.Errorf("a new miner waits %s", got)
	}
	early, late := false, false
	for range 200 {
		d := w.v.spread(w.Book(known))
		if d < 0 || d >= time.Minute {
			t.Fatalf("a known miner waits %s", d)
		}
		early, late = early || d < 20*time.Second, late || d > 40*time.Second
	}
	if !early || !late {
		t.Error("first looks are not spread over the minute")
	}
}

// full is the way to a miner that takes nothing.
type full struct{ object.Transport }

func (full) PutShard(context.Context, wire.Endpoint, strata.Root, []byte) (wire.Receipt, error) {
	return wire.Receipt{}, strata.E(strata.NoSpace, "no room")
}

// TestRefusalsAreJudgedDespiteAnotherPartition: what a miner shows wrongly for
// another validator spares it nothing.
func TestRefusalsAreJudgedDespiteAnotherPartition(t *testing.T) {
	w := newWorld(t)
	m := w.Miner("//Miner")
	other := validatortest.NewKey(t, "//Other").Hotkey()
	w.Chain.Neuron(other, true, false)
	m.Seal(w.Key.Hotkey(), 0, 1)
	m.Seal(other, 0, 1)
	m.Forge = func(p *wire.ManifestPage) {
		if p.Head.Validator == other {
			p.Head.Sectors++
			m.Sign(&p.Head)
		}
	}
	w.Start()
	to := wire.Endpoint{Hotkey: m.Key.Hotkey()}
	if _, err := w.v.Judge(full{}).PutShard(t.Context(), to, strata.Root{}, []byte{1}); err == nil {
		t.Fatal("it was taken")
	}
	if err := w.Look(m); err == nil {
		t.Fatal("the forged manifest was believed")
	}
	if err := w.v.visit(t.Context(), w.Book(m), &visits{}); err != nil {
		t.Fatal(err)
	}
	w.WantLeaves(m, 0, 16)
}

// TestSparedIsUnpaid: whenever a miner that answers audits gets no shards because
// of what looks have shown, its audits fail, and the other way round.
func TestSparedIsUnpaid(t *testing.T) {
	w := newWorld(t)
	w.Pace.Pull = time.Minute
	m, other := w.Miner("//Miner"), validatortest.NewKey(t, "//Other").Hotkey()
	w.Chain.Neuron(other, true, false)
	self := w.Key.Hotkey()
	m.Seal(self, 0, 3)
	m.Seal(other, 3, 4)
	w.Start()
	w.Admit(m)
	b := w.Book(m)
	rng := rand.New(rand.NewPCG(1, 2))
	spared := 0
	for range 300 {
		m.Forge = nil
		switch rng.IntN(4) {
		case 0:
			m.Dead = true // for this look
		case 1:
			m.Forge = func(p *wire.ManifestPage) { // of one partition
				if p.Head.Validator == self {
					p.Head.Sequence--
					m.Sign(&p.Head)
				}
			}
		case 2:
			m.Forge = func(p *wire.ManifestPage) {
				if p.Head.Validator == other {
					p.Head.Sequence--
					m.Sign(&p.Head)
				}
			}
		}
		_ = w.Look(m)
		m.Dead = false
		for range 3 {
			w.Now = w.Now.Add(20 * time.Second)
			list, err := w.v.Candidates(t.Context())
			if err != nil || len(list) != 1 {
				t.Fatal(list, err)
			}
			if list[0].Free == 0 {
				spared++
			}
			if hidden := b.Hidden(self); hidden != (list[0].Free == 0) {
				t.Fatalf("%s free, and its audits fail: %v", list[0].Free, hidden)
			}
			w.Audit(m, 1)
		}
	}
	if spared == 0 || spared == 900 {
		t.Errorf("spared %d of 900 times: nothing is shown", spared)
	}
}

// TestDrawnOutLook: a miner that draws a look out is not spared by it.
func TestDrawnOutLook(t *testing.T) {
	w := newWorld(t)
	w.Pace.Pull = time.Minute
	m := w.Miner("//Miner")
	m.Seal(w.Key.Hotkey(), 0, 3)
	w.Start()
	w.Admit(m)
	m.Seal(w.Key.Hotkey(), 3, 4)
	m.Shown = func() {
		for range looksInVain {
			list, err := w.v.Candidates(t.Context())
			if err != nil || len(list) != 1 || list[0].Free == 0 {
				t.Fatalf("candidates = %+v, %v", list, err)
			}
			w.Now = w.Now.Add(time.Minute)
		}
		if !w.Book(m).Hidden(w.Key.Hotkey()) {
			t.Error("a look of ten minutes costs nothing")
		}
	}
	w.Seen(m)
	if w.Book(m).Hidden(w.Key.Hotkey()) {
		t.Error("hidden after a good look")
	}
}
