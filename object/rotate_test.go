package object_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"strata"
	"strata/catalog"
	"strata/object/keyring"
)

// interrupted ends a rotation after some batches.
type interrupted struct {
	catalog.Keys
	batches int
}

func (i *interrupted) Rewrap(ctx context.Context, keys []catalog.Rewrapped) error {
	if i.batches--; i.batches < 0 {
		return errors.New("power lost")
	}
	return i.Keys.Rewrap(ctx, keys)
}

// TestRotateKeys: a rotation that is cut short is finished by the next one; what
// was stored reads before, meanwhile and after, also by a gateway that runs all
// the time, which wraps under the new key soon.
func TestRotateKeys(t *testing.T) {
	w := newWorld(t, 6)
	stored := map[strata.ObjectID][]byte{}
	for i := range 12 {
		data := noise(uint64(i), 1+i*20_000)
		stored[w.put(fmt.Sprint(i), data).ID] = data
	}
	gone := w.put("deleted", noise(99, row))
	if err := w.store.Delete(t.Context(), gone.ID); err != nil {
		t.Fatal(err)
	}
	readable := func() {
		t.Helper()
		for id, data := range stored {
			w.mustRead(id, data)
		}
	}
	keys := func() []catalog.GatewayKey {
		t.Helper()
		k, err := w.db.GatewayKeys(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	if err := keyring.Rotate(t.Context(), w.db, secret("mallory"), time.Now, func(int) {}); strata.CodeOf(err) != strata.Conflict {
		t.Fatalf("with another secret: %v", err)
	}
	if err := keyring.Rotate(t.Context(), &interrupted{w.db, 0}, secret("alice"), time.Now, func(int) {}); err == nil {
		t.Fatal("it was not cut short")
	}
	readable()
	told := 0
	if err := keyring.Rotate(t.Context(), w.db, secret("alice"), time.Now, func(n int) { told = n }); err != nil {
		t.Fatal(err)
	}
	if k := keys(); len(k) != 2 || told == 0 {
		t.Fatalf("%d gateway keys after a rotation in two parts, %d keys told; want 2", len(k), told)
	}
	left, err := w.db.WrappedKeys(t.Context(), keys()[1].ID, 100)
	if err != nil || len(left) != 0 {
		t.Fatalf("%d keys are under the old one (%v)", len(left), err)
	}
	readable()
	if _, err := w.store.Undelete(t.Context(), gone.ID); err != nil {
		t.Fatal(err)
	}
	w.mustRead(gone.ID, noise(99, row))
	w.restart()
	readable()
	id := w.put("new", noise(7, row)).ID
	if segs := mustSegments(w, id); segs[0].KeyID != keys()[1].ID {
		t.Errorf("a new object is under key %s", segs[0].KeyID)
	}
	if err := keyring.Rotate(t.Context(), w.db, secret("alice"), time.Now, func(int) {}); err != nil || len(keys()) != 3 {
		t.Errorf("a second rotation: %v, %d keys", err, len(keys()))
	}
	w.mustRead(id, noise(7, row))
}
