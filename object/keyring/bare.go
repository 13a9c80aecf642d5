package keyring

import (
	"strata"
	"strata/envelope"
)

// Bare opens the keys of records in which they are not wrapped: a manifest's.
type Bare struct{}

// Open returns the key that stands in the place of a wrapped one.
func (Bare) Open(_ string, key []byte, _ strata.ObjectID) (k envelope.Key, err error) {
	if len(key) != len(k) {
		return k, strata.E(strata.Corrupt, "a key of %d bytes, not %d: the manifest is damaged", len(key), len(k))
	}
	copy(k[:], key)
	return k, nil
}

// Derived opens keys with the secret alone, without the catalog that says which
// gateway keys there are.
type Derived struct{ Secret Secret }

// Open returns an object's key. Code Corrupt if the secret's gateway key of that id
// did not wrap this one for that object.
func (d Derived) Open(keyID string, wrapped []byte, id strata.ObjectID) (envelope.Key, error) {
	key, _, err := deriveKey(d.Secret, keyID)
	if err != nil {
		return key, err
	}
	return envelope.UnwrapKey(key, wrapped, id[:])
}
