package object_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"strata"
	"strata/catalog"
	"strata/object"
)

// TestSmallObjectsShare: many small objects at once take few shards, each reads
// back, in ranges too, and each can be deleted without the others.
func TestSmallObjectsShare(t *testing.T) { synctest.Test(t, testSmallObjectsShare) }

func testSmallObjectsShare(t *testing.T) {
	w := newWorldWith(t, 6, production)
	w.fleet.Gate = make(chan struct{})
	const n = 60
	infos := make([]object.Info, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { infos[i] = w.put(fmt.Sprint("f", i), noise(uint64(i), 1+1000*i)) })
	}
	synctest.Wait() // the first are under way, and all others wait for them
	close(w.fleet.Gate)
	wg.Wait()
	if got := w.fleet.Stored(); got >= n*6/4 {
		t.Errorf("%d shards for %d small objects: they do not share", got, n)
	}
	w.restart()
	for i, info := range infos {
		w.mustRead(info.ID, noise(uint64(i), 1+1000*i))
	}
	r, err := w.store.Open(t.Context(), infos[40].ID)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	part, err := r.Range(t.Context(), 39_000, 1001)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(part); err != nil || !bytes.Equal(got, noise(40, 40_001)[39_000:40_001]) {
		t.Errorf("a range: %d bytes, %v", len(got), err)
	}
	if _, err := r.Range(t.Context(), 40_000, 2); strata.CodeOf(err) != strata.Invalid {
		t.Errorf("a range beyond the end: %v", err)
	}
	h, err := w.store.Stat(t.Context(), infos[1].ID)
	if err != nil || len(h.Segments) != 1 || !h.Segments[0].Readable() {
		t.Errorf("health %+v, %v", h, err)
	}

	for i, info := range infos[1:] {
		if err := w.store.Delete(t.Context(), info.ID); err != nil {
			t.Fatal(i, err)
		}
	}
	if _, err := w.store.Undelete(t.Context(), infos[7].ID); err != nil {
		t.Fatal(err)
	}
	w.past()
	defer w.run()()
	w.mustRead(infos[0].ID, noise(0, 1))
	w.mustRead(infos[7].ID, noise(7, 7001))
	for _, i := range []int{0, 7} {
		if err := w.store.Delete(t.Context(), infos[i].ID); err != nil {
			t.Fatal(err)
		}
	}
	w.past()
	w.eventually("the shards of all packs are deleted", func() bool { return w.fleet.Stored() == 0 })
}

// past forgets what was deleted so far, as when the undelete window has ended.
func (w *world) past() {
	w.t.Helper()
	if _, err := w.db.ForgetDeleted(w.t.Context(), time.Now().Add(time.Hour), 1000); err != nil {
		w.t.Fatal(err)
	}
}

// TestSmallObjectMisuse: what is wrong with one object of a pack is its own
// affair.
func TestSmallObjectMisuse(t *testing.T) {
	w := newWorld(t, 6)
	first := w.put("f", []byte("one"))
	put := func(r object.PutRequest) error {
		_, err := w.store.Put(t.Context(), r)
		return err
	}
	broken := errors.New("broken")
	body := func() io.Reader { return bytes.NewReader([]byte("two")) }
	for name, c := range map[string]struct {
		r    object.PutRequest
		code strata.Code
	}{
		"announced shorter":   {object.PutRequest{Bucket: "b", Name: "g", Size: 2, Body: body()}, strata.Invalid},
		"announced longer":    {object.PutRequest{Bucket: "b", Name: "g", Size: 4, Body: body()}, strata.Invalid},
		"empty after all":     {object.PutRequest{Bucket: "b", Name: "g", Size: -1, Body: bytes.NewReader(nil)}, strata.Invalid},
		"no such bucket":      {object.PutRequest{Bucket: "none", Name: "g", Size: 3, Body: body()}, strata.NotFound},
		"no name":             {object.PutRequest{Bucket: "b", Size: 3, Body: body()}, strata.Invalid},
		"broken body":         {object.PutRequest{Bucket: "b", Name: "g", Size: -1, Body: io.MultiReader(body(), failing{broken})}, strata.Internal},
		"condition: absent":   {object.PutRequest{Bucket: "b", Name: "f", Size: 3, Body: body(), Condition: catalog.Condition{Absent: true}}, strata.Conflict},
		"condition: another":  {object.PutRequest{Bucket: "b", Name: "f", Size: 3, Body: body(), Condition: catalog.Condition{Match: strata.ObjectID{9}}}, strata.Conflict},
		"large, absent":       {object.PutRequest{Bucket: "b", Name: "f", Size: row, Body: bytes.NewReader(noise(1, row)), Condition: catalog.Condition{Absent: true}}, strata.Conflict},
		"condition: this one": {object.PutRequest{Bucket: "b", Name: "f", Size: 3, Body: body(), Condition: catalog.Condition{Match: first.ID}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "condition: this one" {
				return // below: it changes the name
			}
			if err := put(c.r); strata.CodeOf(err) != c.code {
				t.Errorf("%v, want code %q", err, c.code)
			}
		})
	}
	w.mustRead(first.ID, []byte("one"))
	if err := put(object.PutRequest{Bucket: "b", Name: "f", Size: 3, Body: body(), Condition: catalog.Condition{Match: first.ID}}); err != nil {
		t.Error(err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestSmallObjectsOneGone: a client that goes away while it waits for a pack
// takes nothing with it.
func TestSmallObjectsOneGone(t *testing.T) {
	w := newWorld(t, 6)
	w.fleet.Gate = make(chan struct{}, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error, 8)
	for i := range 8 {
		go func() {
			c := t.Context()
			if i%2 == 0 {
				c = ctx
			}
			_, err := w.store.Put(c, object.PutRequest{Bucket: "b", Name: fmt.Sprint(i), Size: 2, Body: bytes.NewReader([]byte("ab"))})
			if i%2 == 0 && errors.Is(err, context.Canceled) {
				err = nil
			}
			errs <- err
		}()
	}
	cancel()
	for range 1000 {
		w.fleet.Gate <- struct{}{}
	}
	for range 8 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	for i := 1; i < 8; i += 2 {
		info, err := w.store.Lookup(t.Context(), "b", fmt.Sprint(i))
		if err != nil {
			t.Fatal(err)
		}
		w.mustRead(info.ID, []byte("ab"))
	}
}

// TestPackCrashPoints crashes at each shard of a pack that reaches a miner: the
// name reads as it was, or as what was acknowledged, and no shard stays that no
// record names.
func TestPackCrashPoints(t *testing.T) {
	w := newWorld(t, 6)
	old := w.put("f", []byte("old"))
	w.eventually("old shards stored", func() bool { return w.fleet.Stored() == 6 })
	w.fleet.Set(refuses, 2)
	take, cut := w.film()
	fresh := w.put("f", []byte("fresh"))
	take("acknowledged")
	images := cut()
	if len(images) < 5 {
		t.Fatalf("%d crash points: the hook was not called", len(images))
	}
	for name, im := range images {
		t.Run(name, func(t *testing.T) {
			after := im.restore(t)
			defer after.close()
			info, err := after.store.Lookup(t.Context(), "b", "f")
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case info.ID == fresh.ID:
				after.mustRead(info.ID, []byte("fresh"))
			case info.ID == old.ID && name != "acknowledged":
				after.mustRead(info.ID, []byte("old"))
			default:
				t.Fatalf("the name means %s", info.ID)
			}
			defer after.run()()
			after.eventually("no shard without a record", func() bool { return after.fleet.Stored() <= after.packed(old.ID, fresh.ID) })
		})
	}
}

// packed counts the shards of the packs of objects.
func (w *world) packed(ids ...strata.ObjectID) (n int) {
	w.t.Helper()
	for _, id := range ids {
		sl, err := w.db.Slice(w.t.Context(), id)
		if err != nil {
			w.t.Fatal(err)
		}
		if sl.Pack == (strata.ObjectID{}) {
			continue
		}
		segs, err := w.db.Segments(w.t.Context(), sl.Pack)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, s := range segs {
			n += len(s.Shards)
		}
	}
	return n
}
