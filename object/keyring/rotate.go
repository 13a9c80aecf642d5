package keyring

import (
	"context"
	"time"

	"strata/catalog"
)

// rotateBatch is how many keys are wrapped anew in one transaction.
const rotateBatch = 500

// Rotate draws a new gateway key and wraps every object's key under it, in
// batches; progress is told how many so far. Bytes on miners stay as they are.
// Readers work meanwhile: old gateway keys stay in the catalog. Where an earlier
// call was interrupted, or objects were stored under an older key since, it only
// finishes that. A running gateway wraps under the new key within ten seconds, a
// file that it has begun to store stays under the older one. Code Conflict if the
// secret is not the catalog's.
func Rotate(ctx context.Context, cat catalog.Keys, secret Secret, now func() time.Time, progress func(done int)) error {
	ring, err := Load(ctx, cat, secret, now)
	if err != nil {
		return err
	}
	left, err := cat.WrappedKeys(ctx, ring.current, 1)
	if err != nil {
		return err
	}
	if len(left) == 0 {
		// A crash after this leaves a key that nothing uses yet: the next call
		// finds that everything is under another one.
		if err := ring.draw(ctx); err != nil {
			return err
		}
	}
	for done := 0; ; {
		n, err := ring.rewrapSome(ctx)
		if err != nil || n == 0 {
			return err
		}
		done += n
		progress(done)
	}
}

// rewrapSome wraps one batch and says how many there were.
func (r *Keyring) rewrapSome(ctx context.Context) (int, error) {
	old, err := r.cat.WrappedKeys(ctx, r.current, rotateBatch)
	if err != nil {
		return 0, err
	}
	fresh := make([]catalog.Rewrapped, 0, len(old))
	for _, k := range old {
		key, err := r.Open(k.KeyID, k.Wrapped, k.Object)
		if err != nil {
			return 0, err
		}
		n := catalog.Rewrapped{WrappedKey: k, From: k.KeyID}
		if n.Wrapped, n.KeyID, err = r.rewrap(key, k.Object); err != nil {
			return 0, err
		}
		fresh = append(fresh, n)
	}
	return len(fresh), r.cat.Rewrap(ctx, fresh)
}
