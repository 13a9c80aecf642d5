package catalogtest

import (
	"time"

	"strata"
	"strata/catalog"
)

// pack commits a pack with one object for each key and returns their ids.
func (s *suite) pack(keys ...string) (pack strata.ObjectID, ids []strata.ObjectID) {
	s.Helper()
	pack = s.id()
	s.ok(s.c.BeginPack(s.Context(), pack, at(1), segment(pack, 0, 3)))
	var packed []catalog.Packed
	for i, k := range keys {
		ids = append(ids, s.id())
		packed = append(packed, slice(ids[i], k, i))
	}
	errs, err := s.c.CommitPack(s.Context(), catalog.Pack{ID: pack, Size: 1000, At: at(2), Objects: packed})
	s.ok(err)
	for _, err := range errs {
		s.ok(err)
	}
	return pack, ids
}

func slice(id strata.ObjectID, key string, i int) catalog.Packed {
	return catalog.Packed{
		Object: catalog.Object{ID: id, Bucket: "b", Key: key, Size: 10, Created: at(1), Modified: at(2)},
		Slice:  catalog.Slice{Off: int64(26 * i), Length: 26, Wrapped: []byte{byte(i)}, KeyID: "k"},
	}
}

// packs: a pack is seen by nobody, and goes with its last object.
func packs(s *suite) {
	ctx := s.Context()
	pack, ids := s.pack("x", "y")
	for i, id := range ids {
		o, err := s.c.Object(ctx, id)
		s.ok(err)
		got, err := s.c.Slice(ctx, id)
		s.ok(err)
		if o.Size != 10 || got.Pack != pack || got.Off != int64(26*i) || got.Length != 26 || got.KeyID != "k" || len(got.Wrapped) != 1 {
			s.Fatalf("object %+v, slice %+v", o, got)
		}
	}
	s.code(strata.NotFound, second(s.c.Object(ctx, pack)))
	s.code(strata.NotFound, s.c.Delete(ctx, pack, at(3)))
	s.code(strata.NotFound, s.c.Undelete(ctx, pack, at(0)))
	b, err := s.c.Buckets(ctx)
	s.ok(err)
	if len(b) != 1 {
		s.Fatalf("%d buckets: that of packs shows", len(b))
	}
	s.code(strata.NotFound, second(s.c.Bucket(ctx, "")))
	s.code(strata.NotFound, s.c.DeleteBucket(ctx, ""))
	s.code(strata.NotFound, s.c.UpdateBucket(ctx, catalog.Bucket{}))
	s.code(strata.NotFound, s.c.Begin(ctx, catalog.Object{ID: s.id(), Key: "k"}))
	segs, err := s.c.Segments(ctx, pack)
	s.ok(err)
	if len(segs) != 1 || len(segs[0].Shards) != 3 {
		s.Fatalf("segments of the pack: %+v", segs)
	}

	// One deleted for good leaves the pack, the other takes it along.
	s.ok(s.c.Delete(ctx, ids[0], at(10)))
	s.forget(at(11), 1)
	s.wantQueue(0)
	s.ok(s.c.Delete(ctx, ids[1], at(12)))
	s.wantQueue(0) // it can come back
	s.ok(s.c.Undelete(ctx, ids[1], at(12)))
	if got, err := s.c.Slice(ctx, ids[1]); err != nil || got.Pack != pack {
		s.Fatalf("%+v, %v", got, err)
	}
	s.ok(s.c.Delete(ctx, ids[1], at(13)))
	s.forget(at(14), 1)
	s.wantQueue(3)
	s.drain()
	s.forget(at(14), 1)
	if segs, err = s.c.Segments(ctx, pack); err != nil || len(segs) != 0 {
		s.Fatalf("%d segments left, %v", len(segs), err)
	}
}

// forget removes what was deleted before a moment, and checks how many it was.
func (s *suite) forget(before time.Time, want int) {
	s.Helper()
	n, err := s.c.ForgetDeleted(s.Context(), before, 100)
	s.ok(err)
	if n != want {
		s.Fatalf("%d forgotten, want %d", n, want)
	}
}

func second[T any](_ T, err error) error { return err }

// packAlone: each object of a pack succeeds or fails alone.
func packAlone(s *suite) {
	ctx := s.Context()
	_, ids := s.pack("x")
	p := s.id()
	s.ok(s.c.BeginPack(ctx, p, at(1), segment(p, 0, 3)))
	nowhere, taken, twice := slice(s.id(), "y", 0), slice(s.id(), "x", 1), slice(s.id(), "z", 2)
	nowhere.Object.Bucket = "none"
	taken.Condition.Absent = true
	again := slice(s.id(), "z", 3)
	again.Condition.Absent = true
	errs, err := s.c.CommitPack(ctx, catalog.Pack{ID: p, Size: 1, At: at(2), Objects: []catalog.Packed{nowhere, taken, twice, again}})
	s.ok(err)
	s.code(strata.NotFound, errs[0])
	s.code(strata.Conflict, errs[1])
	s.ok(errs[2])
	s.code(strata.Conflict, errs[3])
	for _, id := range []strata.ObjectID{nowhere.Object.ID, taken.Object.ID, again.Object.ID} {
		s.code(strata.NotFound, second(s.c.Object(ctx, id)))
	}
	if o, err := s.c.Lookup(ctx, "b", "x"); err != nil || o.ID != ids[0] {
		s.Fatalf("%+v, %v", o, err)
	}

	// Where all fail, the pack goes.
	p = s.id()
	s.ok(s.c.BeginPack(ctx, p, at(1), segment(p, 0, 3)))
	errs, err = s.c.CommitPack(ctx, catalog.Pack{ID: p, Size: 1, At: at(2), Objects: []catalog.Packed{nowhere}})
	s.ok(err)
	s.code(strata.NotFound, errs[0])
	s.wantQueue(3)
	if _, err := s.c.CommitPack(ctx, catalog.Pack{ID: p, Size: 1, At: at(2), Objects: []catalog.Packed{twice}}); strata.CodeOf(err) != strata.Conflict {
		s.Fatalf("%v: a pack that is gone was committed", err)
	}
}

// conditions: a commit asks what its key is at that moment.
func conditions(s *suite) {
	ctx := s.Context()
	absent := catalog.Condition{Absent: true}
	first, second := s.begin("k", 0), s.begin("k", 0)
	s.ok(s.c.Commit(ctx, catalog.Object{ID: first, Modified: at(1)}, absent))
	s.code(strata.Conflict, s.c.Commit(ctx, catalog.Object{ID: second, Modified: at(2)}, absent))
	s.code(strata.Conflict, s.c.Commit(ctx, catalog.Object{ID: second, Modified: at(2)}, catalog.Condition{Match: second}))
	s.code(strata.Conflict, s.c.Commit(ctx, catalog.Object{ID: s.begin("none", 0), Modified: at(2)}, catalog.Condition{Match: first}))
	if o, err := s.c.Lookup(ctx, "b", "k"); err != nil || o.ID != first {
		s.Fatalf("%+v, %v: a refused commit changed the key", o, err)
	}
	// What was refused is pending as before.
	s.ok(s.c.Commit(ctx, catalog.Object{ID: second, Modified: at(2)}, catalog.Condition{Match: first}))
	if o, err := s.c.Lookup(ctx, "b", "k"); err != nil || o.ID != second {
		s.Fatalf("%+v, %v", o, err)
	}
	up := s.upload("k")
	s.part(up, 1, 1)
	s.code(strata.Conflict, s.c.CompleteUpload(ctx, up, []int{1}, catalog.Object{Modified: at(3)}, absent))
	s.ok(s.c.CompleteUpload(ctx, up, []int{1}, catalog.Object{Modified: at(3)}, catalog.Condition{Match: second}))
}
