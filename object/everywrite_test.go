package object_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"strata"
	"strata/catalog"
	"strata/object"
	"strata/object/keyring"
)

// account is what a user knows of a gateway's files: of each name what must be
// read. Where an answer was lost it may also be what that would have made it.
type account struct {
	w     *world
	files map[string][]byte // nil: there is none
	maybe map[string][]byte // set while no answer has come
	ids   map[string]strata.ObjectID
}

// do notes what a call makes of a name, if it succeeds.
func (a *account) do(name string, becomes []byte, call func() (object.Info, error)) error {
	a.maybe[name] = becomes
	info, err := call()
	if err == nil {
		a.files[name], a.ids[name] = becomes, info.ID
		delete(a.maybe, name)
	}
	return err
}

func (a *account) put(ctx context.Context, name string, data []byte) error {
	return a.do(name, data, func() (object.Info, error) {
		return a.w.store.Put(ctx, object.PutRequest{Bucket: "b", Name: name, Size: int64(len(data)), Body: bytes.NewReader(data)})
	})
}

func (a *account) remove(ctx context.Context, name string) error {
	return a.do(name, nil, func() (object.Info, error) { return object.Info{ID: a.ids[name]}, a.w.store.Delete(ctx, a.ids[name]) })
}

func (a *account) undelete(ctx context.Context, name string, data []byte) error {
	return a.do(name, data, func() (object.Info, error) {
		h, err := a.w.store.Undelete(ctx, a.ids[name])
		return h.Info, err
	})
}

// upload stores a file in parts, one of them twice and one that is left out.
func (a *account) upload(ctx context.Context, name string, parts ...[]byte) error {
	up, err := a.w.store.CreateUpload(ctx, object.UploadRequest{Bucket: "b", Name: name})
	if err != nil {
		return err
	}
	part := func(n int, data []byte) error {
		_, err := a.w.store.PutPart(ctx, object.PartRequest{Upload: up.ID, Number: n, Size: int64(len(data)), Body: bytes.NewReader(data)})
		return err
	}
	if err := part(1, noise(50, 70_000)); err != nil {
		return err
	}
	var numbers []int
	for i, data := range parts {
		if err := part(i+1, data); err != nil {
			return err
		}
		numbers = append(numbers, i+1)
	}
	if err := part(len(parts)+1, noise(51, 70_000)); err != nil {
		return err
	}
	return a.do(name, slices.Concat(parts...), func() (object.Info, error) { return a.w.store.Complete(ctx, up.ID, numbers, nil, catalog.Condition{}) })
}

// abandon begins an upload and gives it up.
func (a *account) abandon(ctx context.Context) error {
	up, err := a.w.store.CreateUpload(ctx, object.UploadRequest{Bucket: "b", Name: "abandoned"})
	if err != nil {
		return err
	}
	if _, err := a.w.store.PutPart(ctx, object.PartRequest{Upload: up.ID, Number: 1, Size: 3, Body: bytes.NewReader([]byte("abc"))}); err != nil {
		return err
	}
	return a.w.store.Abort(ctx, up.ID)
}

// repair renews a file's shards at two miners and moves that of a third.
func (a *account) repair(ctx context.Context, name string) error {
	a.w.fleet.Grow(3)
	a.w.fleet.Set(refuses, 0, 1)
	defer a.w.fleet.Set(honest, 0, 1)
	segs, err := a.w.db.Segments(ctx, a.ids[name])
	if err != nil {
		return err
	}
	for _, seg := range segs {
		if _, err := a.w.store.Rebuild(ctx, a.w.renewal(seg, 0, 1)); err != nil {
			return err
		}
	}
	if segs, err = a.w.db.Segments(ctx, a.ids[name]); err != nil {
		return err
	}
	_, err = a.w.store.Copy(ctx, a.w.renewal(segs[0], 2))
	return err
}

// life is what happens to a gateway, of every kind of write. It ends with the
// first error.
func (a *account) life(ctx context.Context, keys object.Catalog) error {
	if a.w.store == nil {
		return errKilled // at the start
	}
	large, small := noise(1, 200_000), []byte("small")
	// Deletions are tried in vain at one miner, and again.
	tidy := func() error {
		a.w.fleet.Set(refuses, 3)
		err := a.w.tidy(ctx, 8*time.Second)
		a.w.fleet.Set(honest, 3)
		return errors.Join(err, a.w.tidy(ctx, 16*time.Second))
	}
	for _, step := range []func() error{
		func() error { return a.put(ctx, "large", large) },
		func() error { return a.put(ctx, "small", small) },
		func() error { return a.put(ctx, "large", noise(2, 150_000)) },
		func() error { return a.put(ctx, "small", []byte("smaller")) },
		func() error { return a.remove(ctx, "small") },
		tidy,
		func() error { return a.undelete(ctx, "small", []byte("smaller")) },
		func() error { return a.remove(ctx, "large") },
		func() error { return a.undelete(ctx, "large", noise(2, 150_000)) },
		func() error { return a.upload(ctx, "parts", noise(3, 80_000), noise(4, 90_000)) },
		func() error { return a.abandon(ctx) },
		func() error { return a.repair(ctx, "large") },
		func() error { return keyring.Rotate(ctx, keys, secret("alice"), time.Now, func(int) {}) },
		func() error { return a.put(ctx, "last", large) },
		func() error { return a.remove(ctx, "parts") },
		func() error { time.Sleep(2 * strata.LocalProfile.Undelete); return tidy() },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// tidy runs the background loop for a while.
func (w *world) tidy(ctx context.Context, while time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, while)
	defer cancel()
	return w.store.Run(ctx)
}

// settled compares everything with the account, once the process is back and has
// worked off what it found.
func (a *account) settled(what string) {
	w := a.w
	w.t.Helper()
	if err := w.tidy(w.t.Context(), 2*time.Minute); err != nil {
		w.t.Errorf("%s: %v", what, err)
		return
	}
	ctx := w.t.Context()
	named := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(a.maybe)) {
		if _, known := a.files[name]; !known {
			a.files[name] = nil
		}
	}
	for name, want := range a.files {
		or, uncertain := a.maybe[name]
		var got []byte
		info, err := w.store.Lookup(ctx, "b", name)
		if err == nil {
			got, err = w.read(info.ID)
		}
		switch {
		case strata.CodeOf(err) == strata.NotFound && (want == nil || uncertain && or == nil):
			continue
		case err != nil:
			w.t.Errorf("%s: %s: %v", what, name, err)
			continue
		case !(want != nil && bytes.Equal(got, want)) && !(uncertain && or != nil && bytes.Equal(got, or)):
			w.t.Errorf("%s: %s has %d bytes, neither what was acknowledged nor what was asked for last", what, name, len(got))
		}
		slice, err := w.db.Slice(ctx, info.ID)
		at := info.ID
		if slice.Pack != (strata.ObjectID{}) {
			at = slice.Pack
		}
		segs, serr := w.db.Segments(ctx, at)
		err = errors.Join(err, serr)
		if err != nil {
			w.t.Errorf("%s: %s: %v", what, name, err)
		}
		for _, seg := range segs {
			for _, h := range seg.Shards {
				named[string(h.Miner[:])+string(h.Root[:])] = true
			}
		}
	}
	list, err := w.store.List(ctx, object.ListRequest{Bucket: "b"})
	if err != nil || len(list.Objects) > len(a.files) {
		w.t.Errorf("%s: %d files of %d, %v", what, len(list.Objects), len(a.files), err)
	}
	a.leaks(what, named)
}

// leaks finds shards that no file names, nor an upload that its client may go on with.
func (a *account) leaks(what string, named map[string]bool) {
	w := a.w
	uploads, err := w.store.Uploads(w.t.Context(), "b")
	if err != nil {
		w.t.Errorf("%s: %v", what, err)
	}
	for _, up := range uploads {
		if err := w.store.Abort(w.t.Context(), up.ID); err != nil {
			w.t.Errorf("%s: %v", what, err)
		}
	}
	if err := w.tidy(w.t.Context(), 2*time.Minute); err != nil {
		w.t.Errorf("%s: %v", what, err)
	}
	w.fleet.Mu.Lock()
	defer w.fleet.Mu.Unlock()
	for _, m := range w.fleet.Miners {
		for root := range m.Shards {
			if !named[string(m.Hotkey[:])+string(root[:])] {
				w.t.Errorf("%s: miner %d keeps shard %s, which no file names", what, m.Hotkey[0], root)
			}
		}
	}
}

// everyWrite makes TestKilledAtEveryWrite what its name says; unless it is given,
// the first write of each kind and the last are crossed.
var everyWrite = flag.Bool("everywrite", false, "kill the gateway at each write, not at some of each kind")

// TestKilledAtEveryWrite crosses each durable write of a gateway with "not
// persisted" and "persisted, and nobody was told": afterwards every file is as it
// was acknowledged, or as the lost answer would have said, none is there that
// nobody stored, and no miner keeps what no record names.
func TestKilledAtEveryWrite(t *testing.T) {
	never := &mortal{at: -1}
	liveAndDie(t, never)
	places := map[string][]int{}
	for i, kind := range never.writes {
		places[kind] = append(places[kind], i)
	}
	for _, kind := range []string{"Begin", "AddSegment", "UpdateShards", "Commit", "Delete", "AbortPending", "BeginPack", "CommitPack", "CreateUpload", "CommitPart",
		"CompleteUpload", "AbortUpload", "Deleted", "Retry", "AddGatewayKey", "Rewrap", "Reserve", "PlaceShard", "Undelete", "ForgetDeleted"} {
		at := places[kind]
		if len(at) == 0 {
			t.Errorf("a life has no %s: the test has lost a part of its subject", kind)
		}
		if len(at) > 2 && !*everyWrite {
			at = []int{at[0], at[len(at)-1]}
		}
		for _, i := range at {
			for _, after := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%d/persisted=%v", kind, i, after), func(t *testing.T) {
					t.Parallel()
					liveAndDie(t, &mortal{at: i, after: after})
				})
			}
		}
	}
}

// liveAndDie lives a life up to its end or the process's, starts the process
// again, and looks at what is there.
func liveAndDie(t *testing.T, m *mortal) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorldWith(t, 6, func(w *world) {
			w.timing = object.Timing{Reserve: 10 * time.Second}
			w.mortal = m
		})
		a := &account{w: w, files: map[string][]byte{}, maybe: map[string][]byte{}, ids: map[string]strata.ObjectID{}}
		err := a.life(t.Context(), m)
		what := "no crash"
		if m.dead {
			what = fmt.Sprintf("write %d, %s, persisted %v", m.at, m.writes[m.at], m.after)
		} else if err != nil {
			t.Errorf("a life without a crash: %v", err)
		}
		w.mortal = nil
		time.Sleep(time.Millisecond) // a new process has a later clock
		w.restart()
		a.settled(what)
	})
}
