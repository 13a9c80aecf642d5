package keyring_test

import (
	"bytes"
	"path/filepath"
	"testing"
	"time"

	"strata"
	"strata/catalog/sqlite"
	"strata/envelope"
	"strata/object/keyring"
	"strata/object/objecttest"
)

const alice = objecttest.Secret("alice")

func open(t *testing.T) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "strata.db"), sqlite.Gateway)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func load(t *testing.T, db *sqlite.DB, now func() time.Time) *keyring.Keyring {
	t.Helper()
	r, err := keyring.Load(t.Context(), db, alice, now)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestOpensWhatItWrapped, and nothing else: not for another object, not changed,
// not under a gateway key that the catalog does not know.
func TestOpensWhatItWrapped(t *testing.T) {
	db, id := open(t), strata.ObjectID{1}
	r := load(t, db, time.Now)
	key, wrapped, keyID, err := r.Wrap(id)
	if err != nil {
		t.Fatal(err)
	}
	for name, from := range map[string]interface {
		Open(string, []byte, strata.ObjectID) (envelope.Key, error)
	}{
		"itself": r, "loaded again": load(t, db, time.Now), "with the secret alone": keyring.Derived{Secret: alice},
	} {
		if got, err := from.Open(keyID, wrapped, id); err != nil || got != key {
			t.Errorf("%s: another key, or none: %v", name, err)
		}
		bent := bytes.Clone(wrapped)
		bent[len(bent)-1] ^= 1
		for what, try := range map[string]struct {
			keyID   string
			wrapped []byte
			id      strata.ObjectID
		}{
			"for another object":        {keyID, wrapped, strata.ObjectID{2}},
			"changed":                   {keyID, bent, id},
			"under another gateway key": {"0011223344556677", wrapped, id},
		} {
			if _, err := from.Open(try.keyID, try.wrapped, try.id); strata.CodeOf(err) != strata.Corrupt {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
	}
	if _, err := (keyring.Derived{Secret: objecttest.Secret("mallory")}).Open(keyID, wrapped, id); strata.CodeOf(err) != strata.Corrupt {
		t.Errorf("with another secret: %v", err)
	}
}

// TestLoadKnowsItsSecret: another hotkey's catalog is refused.
func TestLoadKnowsItsSecret(t *testing.T) {
	db := open(t)
	load(t, db, time.Now)
	if _, err := keyring.Load(t.Context(), db, objecttest.Secret("mallory"), time.Now); strata.CodeOf(err) != strata.Conflict {
		t.Errorf("another hotkey's catalog: %v", err)
	}
}

// TestFollowsARotation: a keyring wraps under a key that another process has drawn
// within ten seconds, and opens what was wrapped under it at once.
func TestFollowsARotation(t *testing.T) {
	db, id := open(t), strata.ObjectID{1}
	now := time.Unix(1000, 0)
	old := load(t, db, func() time.Time { return now })
	_, _, first, err := old.Wrap(id)
	if err != nil {
		t.Fatal(err)
	}
	if err := keyring.Rotate(t.Context(), db, alice, time.Now, func(int) {}); err != nil {
		t.Fatal(err)
	}
	key, wrapped, second, err := load(t, db, time.Now).Wrap(id)
	if err != nil || second == first {
		t.Fatalf("key %s after a rotation, %s before: %v", second, first, err)
	}
	if got, err := old.Open(second, wrapped, id); err != nil || got != key {
		t.Errorf("what the new key wraps: %v", err)
	}
	fresh := load(t, db, func() time.Time { return now }) // knows both
	if _, _, keyID, err := fresh.Wrap(id); err != nil || keyID != second {
		t.Errorf("wrapped under %s: %v", keyID, err)
	}
	if err := keyring.Rotate(t.Context(), db, alice, time.Now, func(int) {}); err != nil {
		t.Fatal(err)
	}
	now = now.Add(10*time.Second - 1)
	if _, _, keyID, err := fresh.Wrap(id); err != nil || keyID != second {
		t.Errorf("before ten seconds have passed, wrapped under %s: %v", keyID, err)
	}
	now = now.Add(1)
	if _, _, keyID, err := fresh.Wrap(id); err != nil || keyID == second || keyID == first {
		t.Errorf("after ten seconds still wrapped under %s: %v", keyID, err)
	}
}

func TestBareKeys(t *testing.T) {
	want := envelope.Key{1, 2, 3}
	if got, err := (keyring.Bare{}).Open("", want[:], strata.ObjectID{}); err != nil || got != want {
		t.Errorf("another key, or none: %v", err)
	}
	if _, err := (keyring.Bare{}).Open("", want[1:], strata.ObjectID{}); strata.CodeOf(err) != strata.Corrupt {
		t.Errorf("a short key: %v", err)
	}
}
