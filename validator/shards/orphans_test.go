package shards_test

import (
	"bytes"
	"context"
	"slices"
	"testing"
	"time"

	"strata"
	"strata/catalog"
	"strata/validator/validatortest"
)

// keeper is what a catalog says of the shards that a miner is to keep.
type keeper struct {
	sound    bool
	wanted   []strata.Root
	fresh    bool // recovered
	imported []strata.Root
	until    time.Time
}

func (k *keeper) Sound() bool { return k.sound }

func (k *keeper) Wanted(context.Context, strata.Hotkey, time.Time) ([]strata.Root, error) {
	out := append(slices.Clone(k.wanted), k.imported...)
	slices.SortFunc(out, byBytes)
	return out, nil
}

func (k *keeper) NeedsImport(context.Context, strata.Hotkey) (bool, error) { return k.fresh, nil }

func (k *keeper) ImportOrphans(_ context.Context, _ strata.Hotkey, roots []strata.Root, until time.Time) error {
	k.imported, k.fresh, k.until = append(k.imported, roots...), false, until
	return nil
}

func byBytes(a, b strata.Root) int { return bytes.Compare(a[:], b[:]) }

// orphanage is a miner with three shards, of which the last is nobody's.
func orphanage(t *testing.T, k *keeper) (w *validatortest.World, m *validatortest.Miner, roots []strata.Root, reconcile func()) {
	w = validatortest.New(t)
	m = w.Miner("//Miner")
	self := w.Key.Hotkey()
	m.Seal(self, 0, 3)
	for i := range 3 {
		body := validatortest.Junk(3000, uint64(i+1), byte(i+1))
		roots = append(roots, m.Put(self, uint64(i), body, validatortest.Order(t, w.Key, m.Key.Hotkey(), body)))
	}
	k.wanted = slices.Clone(roots[:2])
	slices.SortFunc(k.wanted, byBytes)
	w.Start()
	w.Shards.Keep = k
	w.Shards.Ledger = &validatortest.PlacedLedger{Ledger: w.Ledger, Calls: make([][]catalog.Placed, 100)}
	w.Admit(m)
	return w, m, roots, func() {
		t.Helper()
		if err := w.Shards.Reconcile(t.Context(), w.Book(m)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOrphansAreDeletedWithTheSecondLook(t *testing.T) {
	k := &keeper{sound: true}
	w, m, roots, reconcile := orphanage(t, k)
	first := w.Book(m).Head(w.Key.Hotkey()).Sequence
	reconcile()
	if len(m.Retained) > 0 {
		t.Fatal("an orphan was deleted at first sight")
	}
	// What is stored between the looks is later than the list.
	body := validatortest.Junk(3000, 9, 9)
	m.Put(w.Key.Hotkey(), 1, body, validatortest.Order(t, w.Key, m.Key.Hotkey(), body))
	reconcile()
	if len(m.Retained) != 1 || m.Retained[0].Sequence != first {
		t.Fatalf("retained %+v, want one list of sequence %d", m.Retained, first)
	}
	list := m.Retained[0]
	if err := list.Validate(); err != nil || len(list.Roots) != 2 || slices.Contains(list.Roots, roots[2]) {
		t.Errorf("list %+v, %v: want the two that are wanted", list, err)
	}
}

func TestNoOrphanIsDeletedWhileTheCatalogMayBeOld(t *testing.T) {
	k := &keeper{}
	_, m, _, reconcile := orphanage(t, k)
	for range 4 {
		reconcile()
	}
	if len(m.Retained) > 0 {
		t.Fatal("shards were deleted by a catalog that may be an old copy")
	}
	k.sound = true
	reconcile()
	k.sound = false // a miner has shown a later backup
	reconcile()
	k.sound = true
	reconcile()
	if len(m.Retained) > 0 {
		t.Error("a look before the doubt counted")
	}
	reconcile()
	if len(m.Retained) != 1 {
		t.Error("the orphan stays for ever")
	}
}

func TestWantedShardsAreNeverOrphans(t *testing.T) {
	k := &keeper{sound: true}
	_, m, roots, reconcile := orphanage(t, k)
	k.wanted = slices.Clone(roots)
	slices.SortFunc(k.wanted, byBytes)
	for range 4 {
		reconcile()
	}
	if len(m.Retained) > 0 {
		t.Errorf("%+v", m.Retained)
	}
}

// TestRecoveredCatalogImportsOrphans: what a recovered catalog does not name is
// noted first, and deleted only after its time.
func TestRecoveredCatalogImportsOrphans(t *testing.T) {
	k := &keeper{sound: true, fresh: true}
	w, m, roots, reconcile := orphanage(t, k)
	for range 4 {
		reconcile()
	}
	if len(m.Retained) > 0 || !slices.Equal(k.imported, roots[2:]) || !k.until.Equal(w.Now.Add(5*time.Minute)) {
		t.Fatalf("retained %+v, imported %v until %s", m.Retained, k.imported, k.until)
	}
	k.imported = nil // their time is over
	reconcile()
	reconcile()
	if len(m.Retained) != 1 {
		t.Error("orphans stay for ever")
	}
}
