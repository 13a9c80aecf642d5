package validator

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"strata/score"
	"strata/validator/validatortest"
)

// driven plays a while with two miners, one of which has a false root and drops
// a sector, and returns what is known of them.
func driven(t *testing.T, seed byte) []score.Miner {
	w := newWorld(t)
	good, bad := w.Miner("//Miner"), w.Miner("//Liar")
	self := w.Key.Hotkey()
	good.Seal(self, 0, 12)
	bad.Seal(self, 0, 11)
	bad.Fake(self, 11, 1)
	bad.Drop(self, 3)
	w.Chance = rand.NewChaCha8([32]byte{seed}).Uint64
	w.Start()
	d := w.v.Drive()
	for range 40 {
		h := w.Chain.Advance()
		d.Block(t.Context(), h)
		for _, m := range []*validatortest.Miner{good, bad} {
			hot := m.Key.Hotkey()
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
	if credit, standing := d.Credit(good.Key.Hotkey()); credit == 0 || standing != score.Good {
		t.Errorf("the honest miner has %d bytes and is %s", credit, standing)
	}
	if n := len(w.Chain.Vectors()); n == 0 {
		t.Error("no weights were set")
	}
	return []score.Miner{w.Score(good), w.Score(bad)}
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
