package object_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"strata"
	"strata/catalog"
	"strata/object"
	"strata/object/objecttest"
)

// image is what a crash leaves at a moment: the catalog's files and the miners.
type image struct {
	files  map[string][]byte // by suffix
	shards []map[strata.Root][]byte
}

// snap takes an image. No shard is stored or deleted meanwhile, so every shard
// in it was sent before the files were read.
func (w *world) snap() image {
	im := image{files: map[string][]byte{}}
	w.fleet.Mu.Lock()
	defer w.fleet.Mu.Unlock()
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(w.path + suffix)
		if err != nil {
			w.t.Error(err)
		}
		im.files[suffix] = b
	}
	for _, m := range w.fleet.Miners {
		im.shards = append(im.shards, maps.Clone(m.Shards))
	}
	return im
}

// film takes an image at each shard that reaches a miner, and whenever take is
// called, until cut is, which returns what there is by name. A send that is late
// may still take one: cut's is a copy.
func (w *world) film() (take func(name string), cut func() map[string]image) {
	var mu sync.Mutex
	images := map[string]image{}
	take = func(name string) {
		im := w.snap()
		mu.Lock()
		defer mu.Unlock()
		images[name] = im
	}
	hook := func(fn func(int)) {
		w.fleet.Mu.Lock()
		defer w.fleet.Mu.Unlock()
		w.fleet.OnPut = fn
	}
	hook(func(n int) { take(fmt.Sprint("put ", n)) })
	return take, func() map[string]image {
		hook(nil)
		mu.Lock()
		defer mu.Unlock()
		return maps.Clone(images)
	}
}

// restore starts a world from an image.
func (im image) restore(t *testing.T) *world {
	w := &world{t: t, path: filepath.Join(t.TempDir(), "strata.db"), fleet: objecttest.New(len(im.shards)), timing: patient}
	for i, shards := range im.shards {
		w.fleet.Miners[i].Shards = maps.Clone(shards)
	}
	for suffix, b := range im.files {
		if err := os.WriteFile(w.path+suffix, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.open()
	return w
}

// check is the whole-state invariant: what a name means is readable, and once
// the queue is worked off the miners hold what the catalog names and no more.
func (w *world) check(old, fresh []byte, committed bool) {
	w.t.Helper()
	info, err := w.store.Lookup(w.t.Context(), "b", "f")
	if err != nil {
		w.t.Fatal(err)
	}
	got, err := w.read(info.ID)
	if err != nil {
		w.t.Fatalf("an acknowledged object cannot be read: %v", err)
	}
	if isOld := bytes.Equal(got, old); !isOld && !bytes.Equal(got, fresh) || isOld && committed {
		w.t.Fatalf("%d bytes, want the version acknowledged last", len(got))
	}
	defer w.run()()
	segs, err := w.db.Segments(w.t.Context(), info.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	named := map[strata.Root]bool{}
	for _, s := range segs {
		for _, h := range s.Shards {
			named[h.Root] = true
		}
	}
	w.eventually("no shard without an object", func() bool {
		w.fleet.Mu.Lock()
		defer w.fleet.Mu.Unlock()
		for _, m := range w.fleet.Miners {
			for root := range m.Shards {
				if !named[root] {
					return false
				}
			}
		}
		return true
	})
	w.mustRead(info.ID, got)
}

// TestCrashPoints crashes at each shard that reaches a miner while a file is
// overwritten, one miner of six refusing, and after the acknowledgement.
func TestCrashPoints(t *testing.T) {
	w := newWorld(t, 6)
	old, fresh := noise(1, row), noise(2, segment+row)
	w.put("f", old)
	w.eventually("old shards stored", func() bool { return w.fleet.Stored() == 6 })

	w.fleet.Set(refuses, 2)
	take, cut := w.film()
	w.put("f", fresh)
	take("acknowledged")
	stop := w.run()
	w.eventually("old shards deleted where miners answer", func() bool {
		due, err := w.db.DueDeletions(t.Context(), time.Now().Add(1e15), 100)
		return err == nil && len(due) == 1
	})
	take("deleting")
	stop()

	images := cut()
	if len(images) < 10 {
		t.Fatalf("%d crash points: the hook was not called", len(images))
	}
	for name, im := range images {
		t.Run(name, func(t *testing.T) {
			after := im.restore(t)
			defer after.close()
			after.check(old, fresh, !strings.HasPrefix(name, "put"))
		})
	}
}

func TestDelete(t *testing.T) { synctest.Test(t, testDelete) }

func testDelete(t *testing.T) {
	w, info, _ := storedWith(t, 2*segment, production)
	w.fleet.Set(refuses, 1)
	w.fleet.Set(hangs, 4)
	if err := w.store.Delete(t.Context(), info.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.Lookup(t.Context(), "b", "f"); strata.CodeOf(err) != strata.NotFound {
		t.Fatalf("%v, want code not_found", err)
	}
	stop := w.run()
	w.eventually("four miners' shards deleted", func() bool { return w.fleet.Stored() == 4 })
	stop()
	w.restart() // the queue survives
	w.fleet.Set(honest, 1, 4)
	w.fleet.Mu.Lock()
	clear(w.fleet.Miners[1].Shards) // a shard that is not there counts as deleted
	w.fleet.Mu.Unlock()
	defer w.run()()
	w.eventually("the queue is empty", func() bool {
		due, err := w.db.DueDeletions(t.Context(), time.Now().Add(1e15), 100)
		return err == nil && len(due) == 0 && w.fleet.Stored() == 0
	})
}

// TestDeleteWhileSending: an object deleted while some of its shards are still
// on their way leaves none behind.
func TestDeleteWhileSending(t *testing.T) {
	w := newWorld(t, 6)
	w.fleet.Gate = make(chan struct{}, 6)
	for range 4 {
		w.fleet.Gate <- struct{}{}
	}
	defer w.run()()
	info := w.put("f", noise(1, 100_000)) // two sends wait at the gate
	if err := w.store.Delete(t.Context(), info.ID); err != nil {
		t.Fatal(err)
	}
	w.eventually("the stored shards deleted", func() bool { return w.fleet.Stored() == 0 })
	mark := time.Now()
	w.eventually("the others looked at, too", func() bool {
		due, err := w.db.DueDeletions(t.Context(), mark.Add(time.Hour), 100)
		return err == nil && !slices.ContainsFunc(due, func(d catalog.Deletion) bool { return d.Next.Before(mark) })
	})
	w.fleet.Gate <- struct{}{}
	w.fleet.Gate <- struct{}{}
	w.eventually("the late sends arrived", func() bool {
		w.fleet.Mu.Lock()
		defer w.fleet.Mu.Unlock()
		return w.fleet.Puts == 6
	})
	w.eventually("nothing is left", func() bool {
		due, err := w.db.DueDeletions(t.Context(), time.Now().Add(1e15), 100)
		return err == nil && len(due) == 0 && w.fleet.Stored() == 0
	})
}

func TestUpload(t *testing.T) {
	w := newWorld(t, 6)
	up, err := w.store.CreateUpload(t.Context(), object.UploadRequest{Bucket: "b", Name: "big", ContentType: "a/b", Meta: map[string]string{"m": "1"}})
	if err != nil {
		t.Fatal(err)
	}
	part := func(n int, data []byte) {
		t.Helper()
		_, err := w.store.PutPart(t.Context(), object.PartRequest{Upload: up.ID, Number: n, Size: int64(len(data)), Body: bytes.NewReader(data)})
		if err != nil {
			t.Fatal(err)
		}
	}
	one, two, three := noise(1, segment+5), noise(2, row), noise(3, 1)
	part(3, three)
	part(1, noise(9, 100)) // replaced below
	part(2, two)
	w.eventually("all shards stored", func() bool { return w.fleet.Stored() == 3*6 }) // a restart ends the sends
	w.restart()
	part(1, one)
	part(4, noise(8, 10)) // left out
	if _, err := w.store.Open(t.Context(), up.ID); strata.CodeOf(err) != strata.NotFound {
		t.Fatalf("%v: an upload under way can be read", err)
	}
	if parts, err := w.store.Parts(t.Context(), up.ID); err != nil || len(parts) != 4 {
		t.Fatalf("%v, %v", parts, err)
	}
	info, err := w.store.Complete(t.Context(), up.ID, []int{1, 2, 3}, map[string]string{"etag": "x-3"}, catalog.Condition{})
	if err != nil {
		t.Fatal(err)
	}
	all := bytes.Join([][]byte{one, two, three}, nil)
	if info.Size != int64(len(all)) || info.Meta["etag"] != "x-3" || info.Meta["m"] != "1" || info.ContentType != "a/b" {
		t.Fatalf("%+v", info)
	}
	w.mustRead(info.ID, all)
	stop := w.run()
	w.eventually("only the object's shards are left", func() bool { return w.fleet.Stored() == 4*6 })
	stop()
	w.mustRead(info.ID, all)

	other, err := w.store.CreateUpload(t.Context(), object.UploadRequest{Bucket: "b", Name: "c"})
	if err != nil {
		t.Fatal(err)
	}
	up = other
	part(1, one)
	if list, err := w.store.Uploads(t.Context(), "b"); err != nil || len(list) != 1 || list[0].Key != "c" {
		t.Fatalf("%v, %v", list, err)
	}
	if err := w.store.Abort(t.Context(), up.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.store.Upload(t.Context(), up.ID); strata.CodeOf(err) != strata.NotFound {
		t.Fatalf("%v, want code not_found", err)
	}
	if err := w.store.Delete(t.Context(), info.ID); err != nil {
		t.Fatal(err)
	}
	w.leftNothing()
}

func TestVersions(t *testing.T) {
	w := newWorld(t, 6)
	if err := w.db.UpdateBucket(t.Context(), catalog.Bucket{Name: "b", Versioned: true}); err != nil {
		t.Fatal(err)
	}
	first, second := w.put("f", []byte("one")), w.put("f", []byte("two"))
	v, err := w.store.Versions(t.Context(), "b", "f")
	if err != nil || len(v) != 2 || v[0].ID != second.ID || v[1].ID != first.ID {
		t.Fatalf("%+v, %v", v, err)
	}
	w.mustRead(first.ID, []byte("one"))
	w.mustRead(second.ID, []byte("two"))
}
