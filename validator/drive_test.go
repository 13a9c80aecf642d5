package validator

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"strata/score"
)

// driven plays a while with two miners, one of which has a false root and drops
// a sector, and returns what is known of them.
func driven(t *testing.T, seed byte) []score.Miner {
	w := newWorld(t)
	good, bad := w.miner("//Miner"), w.miner("//Liar")
	self := w.key.Hotkey()
	good.seal(self, 0, 12)
	bad.seal(self, 0, 11)
	bad.fake(self, 11, 1)
	bad.drop(self, 3)
	w.start()
	w.v.Chance = rand.NewChaCha8([32]byte{seed}).Uint64
	d := w.v.Drive()
	for range 40 {
		w.chain.mu.Lock()
		w.chain.graph.Head.Number++
		h := w.chain.graph.Head
		w.chain.mu.Unlock()
		d.Block(t.Context(), h)
		for _, m := range []*fakeMiner{good, bad} {
			hot := m.key.Hotkey()
			if err := d.Look(t.Context(), hot); err != nil {
				t.Fatal(err)
			}
			if wait, ok := d.NextAudit(hot); !ok || wait < 0 {
				t.Fatalf("the next audit comes in %s, %v", wait, ok)
			}
			if err := d.Audit(t.Context(), hot); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := d.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if credit, standing := d.Credit(good.key.Hotkey()); credit == 0 || standing != score.Good {
		t.Errorf("the honest miner has %d bytes and is %s", credit, standing)
	}
	if n := len(w.chain.set()); n == 0 {
		t.Error("no weights were set")
	}
	return []score.Miner{w.score(good), w.score(bad)}
}

// TestDriver: the same chance gives the same scores, another one others.
func TestDriver(t *testing.T) {
	first, second, other := driven(t, 1), driven(t, 1), driven(t, 2)
	if !reflect.DeepEqual(first, second) {
		t.Errorf("the same chance gave\n%+v\n%+v", first, second)
	}
	if reflect.DeepEqual(first, other) {
		t.Error("another chance gave the same")
	}
}
