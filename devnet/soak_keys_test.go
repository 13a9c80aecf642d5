//go:build unix

package devnet

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"strata"
	"strata/gateway"
)

// soakKeys is how many keys a user overwrites again and again.
const soakKeys = 3

// key draws one of the user's keys.
func (u *user) key() string { return fmt.Sprintf("user-%d-key-%d", u.number, u.rng.IntN(soakKeys)) }

// having returns the files that have or had a key and are in one of the states.
func (u *user) having(key string, states ...certainty) (list []*tracked) {
	for _, f := range u.files {
		if f.keyed && f.name == key && slices.Contains(states, f.known) {
			list = append(list, f)
		}
	}
	return list
}

// certain says whether it is known what a key names.
func (u *user) certain(key string) bool { return len(u.having(key, maybe, perhaps, either)) == 0 }

// current returns what a key names, nil if nothing, when that is certain.
func (u *user) current(key string) *tracked {
	if list := u.having(key, stored); len(list) > 0 {
		return list[0]
	}
	return nil
}

// oneEach holds the model to what a key is: after a listing, one file has it or none.
func (u *user) oneEach() error {
	for i := range soakKeys {
		key := fmt.Sprintf("user-%d-key-%d", u.number, i)
		if list := u.having(key, stored); len(list) > 1 {
			return brokenf("%d files have the key %s, %s and %s", len(list), key, list[0].id, list[1].id)
		}
	}
	return nil
}

// overwrite stores a file under a key, in place of what it names, half of the
// time on a condition. What it replaces is gone in the moment of the
// acknowledgement, and there whole if that does not come or says no.
func (u *user) overwrite(ctx context.Context) error {
	key := u.key()
	if !u.certain(key) {
		if err := u.list(ctx); err != nil {
			return err
		}
	}
	old := u.current(key)
	cond, holds := u.condition(key, old)
	f := u.track(key)
	f.keyed = true
	began := time.Now()
	err := u.send(ctx, f, cond)
	switch {
	case err == nil && !holds:
		return brokenf("%s was stored under %s although %+v does not hold: it names %+v", f.id, key, cond, old)
	case err != nil && !holds:
		f.known = refused
		if strata.CodeOf(err) == strata.Conflict {
			return nil
		}
	case strata.CodeOf(err) == strata.Conflict && cond != (gateway.Condition{}):
		return brokenf("%s was refused although %+v holds: %v", key, cond, err)
	case old != nil && f.known == stored:
		old.known, old.gone = deleted, began
	case old != nil && f.known == maybe:
		old.known, old.gone = either, began
	}
	return err
}

// condition draws what is asked of a key, and says whether it holds.
func (u *user) condition(key string, old *tracked) (c gateway.Condition, holds bool) {
	switch u.rng.IntN(6) {
	case 0:
		return gateway.Condition{Absent: true}, old == nil
	case 1:
		if old != nil {
			return gateway.Condition{Match: old.id}, true
		}
	case 2:
		if gone := u.having(key, deleted); len(gone) > 0 {
			return gateway.Condition{Match: gone[u.rng.IntN(len(gone))].id}, false
		}
	}
	return gateway.Condition{}, true
}

// getKey reads what a key names: the file acknowledged last or, where no answer
// came, that or the one before, and never a mix.
func (u *user) getKey(ctx context.Context) error {
	key := u.key()
	may := u.having(key, stored, maybe, perhaps, either)
	resp, err := u.fetch(ctx, "/api/files/"+key, "")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotFound && len(u.having(key, stored, either)) > 0:
		return brokenf("%s names nothing: %s was acknowledged", key, u.having(key, stored, either)[0].id)
	case resp.StatusCode == http.StatusNotFound:
		return nil
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("%s: status %s", key, resp.Status)
	}
	got, err := io.ReadAll(resp.Body)
	if !slices.ContainsFunc(may, func(f *tracked) bool {
		want := f.bytes()
		return bytes.Equal(want, got) || err != nil && bytes.HasPrefix(want, got)
	}) {
		return brokenf("%s comes back as %d bytes (%s), none of the %d files that it may name", key, len(got), resp.Header.Get("Etag"), len(may))
	}
	return err
}
