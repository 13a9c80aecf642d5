// Package keyring holds the gateway's keys, which wrap the objects' keys, and opens
// what it wrapped. A gateway key is derived from the hotkey's secret (HKDF, "strata
// gateway v1" and the key's id): the catalog has its id and 16 bytes that recognise
// it, no key.
package keyring

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"sync"
	"time"

	"strata"
	"strata/catalog"
	"strata/envelope"
)

// checkSize is how many derived bytes recognise a gateway key. They are
// independent of the key's own.
const checkSize = 16

// keysAge is how long a key that another process has drawn may stay unknown to a
// running gateway, which wraps new objects under the one before until then.
const keysAge = 10 * time.Second

// loadLimit is how long the catalog may take to say which keys there are.
const loadLimit = 30 * time.Second

// Secret derives keys from the gateway's hotkey.
type Secret interface {
	// Derive returns n bytes that depend on the secret and on info alone.
	Derive(info string, n int) ([]byte, error)
}

// Keyring holds the gateway keys of a catalog, and looks there again now and
// then: Rotate, in another process, adds to them. It is safe for concurrent use.
type Keyring struct {
	cat    catalog.Keys
	secret Secret
	now    func() time.Time

	mu      sync.Mutex // guards what follows
	current string     // id of the key that wraps new objects
	byID    map[string]envelope.Key
	loaded  time.Time
}

// Load derives the catalog's keys and checks that the secret is theirs: else code
// Conflict. On a new catalog it records one; a crash after that leaves a key that
// nothing uses yet.
func Load(ctx context.Context, cat catalog.Keys, secret Secret, now func() time.Time) (*Keyring, error) {
	r := &Keyring{cat: cat, secret: secret, now: now}
	if err := r.load(ctx); err != nil {
		return nil, err
	}
	if r.current != "" {
		return r, nil
	}
	if err := r.draw(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// draw records a new key, which wraps from now on.
func (r *Keyring) draw(ctx context.Context) error {
	var id [8]byte
	rand.Read(id[:])
	fresh := catalog.GatewayKey{ID: hex.EncodeToString(id[:]), Created: r.now()}
	var err error
	if _, fresh.Check, err = deriveKey(r.secret, fresh.ID); err != nil {
		return err
	}
	if err := r.cat.AddGatewayKey(ctx, fresh); err != nil {
		return err
	}
	return r.load(ctx)
}

// load reads the catalog's keys; the last one drawn is the current one.
func (r *Keyring) load(ctx context.Context) error {
	known, err := r.cat.GatewayKeys(ctx)
	if err != nil {
		return err
	}
	byID, current := map[string]envelope.Key{}, ""
	for _, k := range known {
		key, check, err := deriveKey(r.secret, k.ID)
		if err != nil {
			return err
		}
		if subtle.ConstantTimeCompare(check, k.Check) != 1 {
			return strata.E(strata.Conflict, "this metadata was written with another hotkey: use that hotkey, or another --db_path")
		}
		byID[k.ID], current = key, k.ID
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.byID, r.current, r.loaded = byID, current, r.now()
	return nil
}

// newest returns the key that wraps, as of keysAge ago at most. A catalog that
// cannot be read leaves what is known, which is as good.
func (r *Keyring) newest() (id string, key envelope.Key) {
	r.mu.Lock()
	stale := r.now().Sub(r.loaded) >= keysAge
	r.mu.Unlock()
	if stale {
		ctx, cancel := context.WithTimeout(context.Background(), loadLimit)
		defer cancel()
		_ = r.load(ctx)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.current, r.byID[r.current]
}

// find returns a key by its id, looking in the catalog where it is not known.
func (r *Keyring) find(id string) (envelope.Key, error) {
	for again := false; ; again = true {
		r.mu.Lock()
		key, ok := r.byID[id]
		r.mu.Unlock()
		if ok {
			return key, nil
		}
		if again {
			return key, strata.E(strata.Corrupt, "gateway key %q is not in the catalog: the metadata is incomplete", id)
		}
		ctx, cancel := context.WithTimeout(context.Background(), loadLimit)
		err := r.load(ctx)
		cancel()
		if err != nil {
			return key, err
		}
	}
}

// deriveKey returns the key of an id and the bytes that recognise it.
func deriveKey(secret Secret, id string) (key envelope.Key, check []byte, err error) {
	b, err := secret.Derive("strata gateway v1 "+id, envelope.KeySize+checkSize)
	if err != nil {
		return key, nil, err
	}
	if len(b) != envelope.KeySize+checkSize {
		return key, nil, strata.E(strata.Internal, "the hotkey's secret derived %d bytes, not %d", len(b), envelope.KeySize+checkSize)
	}
	copy(key[:], b)
	return key, b[envelope.KeySize:], nil
}

// Wrap draws a key for an object and returns it with its wrapped form, which is
// bound to the object's id, and the id of the gateway key that wraps it.
func (r *Keyring) Wrap(id strata.ObjectID) (object envelope.Key, wrapped []byte, keyID string, err error) {
	rand.Read(object[:])
	wrapped, keyID, err = r.rewrap(object, id)
	return object, wrapped, keyID, err
}

// rewrap wraps an object's key under the current gateway key.
func (r *Keyring) rewrap(object envelope.Key, id strata.ObjectID) (wrapped []byte, keyID string, err error) {
	var nonce [envelope.NonceSize]byte
	rand.Read(nonce[:])
	keyID, key := r.newest()
	wrapped, err = envelope.WrapKey(key, object, nonce, id[:])
	return wrapped, keyID, err
}

// Open returns an object's key. Code Corrupt if the gateway key is not in the
// catalog, or did not wrap this one for that object.
func (r *Keyring) Open(keyID string, wrapped []byte, id strata.ObjectID) (envelope.Key, error) {
	key, err := r.find(keyID)
	if err != nil {
		return key, err
	}
	return envelope.UnwrapKey(key, wrapped, id[:])
}
