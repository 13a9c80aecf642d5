package object

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"time"

	"strata"
	"strata/catalog"
	"strata/envelope"
)

// checkSize is how many derived bytes recognise a gateway key. They are
// independent of the key's own.
const checkSize = 16

// keyring holds the gateway keys of a catalog. It never changes.
type keyring struct {
	current string // id of the key that wraps new objects
	byID    map[string]envelope.Key
}

// loadKeys derives the catalog's keys and checks that the secret is theirs. On a
// new catalog it records one; a crash after that leaves a key that nothing uses yet.
func loadKeys(ctx context.Context, cat catalog.Keys, secret Secret, now time.Time) (keyring, error) {
	ring := keyring{byID: map[string]envelope.Key{}}
	known, err := cat.GatewayKeys(ctx)
	if err != nil {
		return ring, err
	}
	if len(known) == 0 {
		var id [8]byte
		rand.Read(id[:])
		fresh := catalog.GatewayKey{ID: hex.EncodeToString(id[:]), Created: now}
		if _, fresh.Check, err = deriveKey(secret, fresh.ID); err != nil {
			return ring, err
		}
		if err := cat.AddGatewayKey(ctx, fresh); err != nil {
			return ring, err
		}
		known = append(known, fresh)
	}
	for _, k := range known {
		key, check, err := deriveKey(secret, k.ID)
		if err != nil {
			return ring, err
		}
		if subtle.ConstantTimeCompare(check, k.Check) != 1 {
			return ring, strata.E(strata.Conflict, "this metadata was written with another hotkey: use that hotkey, or another --db_path")
		}
		ring.byID[k.ID], ring.current = key, k.ID
	}
	return ring, nil
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

// wrap draws a key for an object and returns it with its wrapped form and the id
// of the gateway key that wraps it.
func (r keyring) wrap(id strata.ObjectID) (object envelope.Key, wrapped []byte, keyID string, err error) {
	rand.Read(object[:])
	wrapped, keyID, err = r.rewrap(object, id)
	return object, wrapped, keyID, err
}

// rewrap wraps an object's key under the current gateway key.
func (r keyring) rewrap(object envelope.Key, id strata.ObjectID) (wrapped []byte, keyID string, err error) {
	var nonce [envelope.NonceSize]byte
	rand.Read(nonce[:])
	wrapped, err = envelope.WrapKey(r.byID[r.current], object, nonce, id[:])
	return wrapped, r.current, err
}

// unwrap returns the object key of a segment.
func (r keyring) unwrap(s catalog.Segment) (envelope.Key, error) {
	return r.open(s.KeyID, s.Wrapped, s.Origin)
}

// open returns an object's key.
func (r keyring) open(keyID string, wrapped []byte, id strata.ObjectID) (envelope.Key, error) {
	key, ok := r.byID[keyID]
	if !ok {
		return key, strata.E(strata.Corrupt, "gateway key %q is not in the catalog: the metadata is incomplete, or was written by another gateway since this one started", keyID)
	}
	return envelope.UnwrapKey(key, wrapped, id[:])
}
