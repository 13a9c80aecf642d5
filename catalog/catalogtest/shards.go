package catalogtest

import (
	"fmt"
	"slices"

	"strata"
	"strata/catalog"
)

func moveShard(s *suite) {
	id := s.put("k", 2)
	s.ok(s.c.UpdateShards(s.Context(), id, 1, []catalog.ShardUpdate{
		{Index: 0, State: catalog.Stored},
		{Index: 1, State: catalog.Sending, Miner: miner(7)},
		{Index: 2, State: catalog.Lost},
		{Index: 3, State: catalog.Stored, Miner: miner(4)}, // where it is already
	}))
	segs := s.segments(id)
	want := segment(id, 1, 4)
	want.Shards[0].State, want.Shards[2].State, want.Shards[3].State = catalog.Stored, catalog.Lost, catalog.Stored
	want.Shards[1].Miner = miner(7)
	if fmt.Sprint(segs[1]) != fmt.Sprint(want) || fmt.Sprint(segs[0]) != fmt.Sprint(segment(id, 0, 4)) {
		s.Fatalf("segments\n%v, want the second\n%v", segs, want)
	}
	q := s.queue()
	if len(q) != 1 || q[0].Miner != miner(2) || q[0].Root != want.Shards[1].Root {
		s.Fatalf("queue %v, want the old place of shard 1", q)
	}
	// Confirming it must not take a living object's rows.
	s.drain()
	if n := len(s.segments(id)); n != 2 {
		s.Fatalf("%d segments after an old place was deleted, want 2", n)
	}
	s.ok(s.c.Delete(s.Context(), id, at(9)))
	if !slices.ContainsFunc(s.queue(), func(d catalog.Deletion) bool { return d.Miner == miner(7) }) {
		s.Fatal("the new place is not in the queue after the object's deletion")
	}
	s.wantQueue(8)
}

// moveShardBack: a shard that returns to a miner must not be deleted there by
// what was queued before.
func moveShardBack(s *suite) {
	id := s.put("k", 1)
	for _, to := range []byte{7, 1} {
		s.ok(s.c.UpdateShards(s.Context(), id, 0, []catalog.ShardUpdate{{Index: 0, State: catalog.Stored, Miner: miner(to)}}))
	}
	q := s.queue()
	if len(q) != 1 || q[0].Miner != miner(7) {
		s.Fatalf("queue %v, want miner 7 only", q)
	}
}

func updateDeleted(s *suite) {
	id := s.put("k", 1)
	s.ok(s.c.Delete(s.Context(), id, at(1)))
	move := []catalog.ShardUpdate{{Index: 0, State: catalog.Sending, Miner: miner(9)}}
	s.code(strata.Conflict, s.c.UpdateShards(s.Context(), id, 0, move))
	s.code(strata.Conflict, s.c.UpdateShards(s.Context(), s.id(), 0, move))
	for _, d := range s.queue() {
		if d.Miner == miner(9) {
			s.Fatal("a deleted object's shard moved")
		}
	}
	s.wantQueue(4)
}

func abortPending(s *suite) {
	old := s.begin("k", 2)     // begun at 1
	kept := s.put("kept", 1)   // at 2
	young := s.begin("y", 1)   // at 3
	nothing := s.begin("n", 0) // at 4
	n, err := s.c.AbortPending(s.Context(), at(3), at(9))
	s.ok(err)
	if n != 1 {
		s.Fatalf("%d aborted, want 1", n)
	}
	_, err = s.c.Object(s.Context(), old)
	s.code(strata.NotFound, err)
	s.wantQueue(8)
	for _, id := range []strata.ObjectID{kept, young, nothing} {
		if _, err := s.c.Object(s.Context(), id); err != nil {
			s.Fatal(err)
		}
	}
	n, err = s.c.AbortPending(s.Context(), at(99), at(99))
	s.ok(err)
	if n != 2 {
		s.Fatalf("%d aborted, want 2", n)
	}
	s.wantQueue(12)
}

func deletionQueue(s *suite) {
	id := s.put("k", 1)
	s.ok(s.c.Delete(s.Context(), id, at(10)))
	if d, err := s.c.DueDeletions(s.Context(), at(9), 10); err != nil || len(d) != 0 {
		s.Fatalf("%v, %v before the time", d, err)
	}
	d, err := s.c.DueDeletions(s.Context(), at(10), 3)
	s.ok(err)
	if len(d) != 3 || d[0].Attempts != 0 || !d[0].Next.Equal(at(10)) {
		s.Fatalf("%v, want three of the four", d)
	}
	first := d[0]
	first.Attempts, first.Next = 5, at(50)
	s.ok(s.c.Retry(s.Context(), first))
	due, err := s.c.DueDeletions(s.Context(), at(49), 10)
	s.ok(err)
	if len(due) != 3 {
		s.Fatalf("%d due, want 3", len(due))
	}
	due, err = s.c.DueDeletions(s.Context(), at(50), 10)
	s.ok(err)
	if len(due) != 4 || due[3] != first {
		s.Fatalf("%v, want the retried one last", due)
	}
	s.ok(s.c.Deleted(s.Context(), first))
	s.ok(s.c.Deleted(s.Context(), first)) // again does no harm
	s.wantQueue(3)
}

func deletedBucketKeepsQueue(s *suite) {
	id := s.put("k", 1)
	s.ok(s.c.Delete(s.Context(), id, at(1)))
	s.ok(s.c.DeleteBucket(s.Context(), "b"))
	s.wantQueue(4)
	s.drain()
	s.wantQueue(0)
}

func (s *suite) upload(key string) strata.ObjectID {
	s.Helper()
	id := s.id()
	s.ok(s.c.CreateUpload(s.Context(), catalog.Upload{ID: id, Bucket: "b", Key: key, ContentType: "a/b", Meta: map[string]string{"m": "1"}, Created: at(int64(id[0]))}))
	return id
}

func (s *suite) part(upload strata.ObjectID, number, segments int) strata.ObjectID {
	s.Helper()
	id := s.begin("k", segments)
	s.ok(s.c.CommitPart(s.Context(), upload, number, catalog.Object{ID: id, Size: int64(1000 * segments), Digest: [32]byte{byte(number)}, Meta: map[string]string{"etag": "e"}, Modified: at(20)}))
	return id
}

func uploadComplete(s *suite) {
	old := s.put("k", 1)
	up := s.upload("k")
	s.part(up, 5, 2)
	s.part(up, 2, 1)
	p2 := s.part(up, 2, 3) // replaces
	s.wantQueue(4)
	p9 := s.part(up, 9, 1)
	s.part(up, 7, 0)

	parts, err := s.c.Parts(s.Context(), up)
	s.ok(err)
	if len(parts) != 4 || parts[0].Number != 2 || parts[0].Object != p2 || parts[0].Size != 3000 || parts[0].Digest != [32]byte{2} ||
		parts[0].Meta["etag"] != "e" || !parts[0].Modified.Equal(at(20)) || parts[3].Number != 9 {
		s.Fatalf("parts %+v", parts)
	}
	if o, err := s.c.Lookup(s.Context(), "b", "k"); err != nil || o.ID != old {
		s.Fatalf("%+v, %v while the upload is under way", o, err)
	}
	s.ok(s.c.CompleteUpload(s.Context(), up, []int{2, 5, 7}, catalog.Object{Meta: map[string]string{"etag": "all"}, Modified: at(30)}, catalog.Condition{}))

	o, err := s.c.Lookup(s.Context(), "b", "k")
	s.ok(err)
	if o.ID != up || o.Size != 5000 || o.ContentType != "a/b" || o.Meta["etag"] != "all" || o.State != catalog.Committed || !o.Modified.Equal(at(30)) || o.Digest != [32]byte{} {
		s.Fatalf("completed object %+v", o)
	}
	segs := s.segments(up)
	if len(segs) != 5 || segs[0].Origin != p2 || segs[2].Number != 2 || segs[3].Origin == p2 || segs[3].Number != 0 || len(segs[4].Shards) != 4 {
		s.Fatalf("segments %v", segs)
	}
	_, err = s.c.Object(s.Context(), p9)
	s.code(strata.NotFound, err)
	s.wantQueue(4 + 4 + 4) // the part replaced, the part left out, the old object
	s.drain()
	if n := len(s.segments(up)); n != 5 {
		s.Fatalf("%d segments are left, want 5", n)
	}
	s.ok(s.c.UpdateShards(s.Context(), p2, 1, []catalog.ShardUpdate{{Index: 0, State: catalog.Stored}}))
	s.ok(s.c.Delete(s.Context(), up, at(40)))
	s.wantQueue(20)
}

func uploadMisuse(s *suite) {
	ctx := s.Context()
	up := s.upload("k")
	s.code(strata.NotFound, s.c.CreateUpload(ctx, catalog.Upload{ID: s.id(), Bucket: "none", Key: "k"}))
	_, err := s.c.Object(ctx, up)
	s.code(strata.NotFound, err)
	s.code(strata.NotFound, s.c.Delete(ctx, up, at(1)))
	id := s.begin("k", 1)
	s.code(strata.Invalid, s.c.CommitPart(ctx, up, 0, catalog.Object{ID: id}))
	s.code(strata.Invalid, s.c.CommitPart(ctx, up, catalog.MaxParts+1, catalog.Object{ID: id}))
	s.code(strata.NotFound, s.c.CommitPart(ctx, id, 1, catalog.Object{ID: id}))
	s.code(strata.Conflict, s.c.CommitPart(ctx, up, 1, catalog.Object{ID: s.id()}))
	s.ok(s.c.CommitPart(ctx, up, 1, catalog.Object{ID: id}))
	s.part(up, 2, 1)
	for _, numbers := range [][]int{nil, {3}, {1, 3}, {2, 1}, {1, 1}} {
		s.code(strata.Invalid, s.c.CompleteUpload(ctx, up, numbers, catalog.Object{}, catalog.Condition{}))
	}
	s.code(strata.NotFound, s.c.CompleteUpload(ctx, id, []int{1}, catalog.Object{}, catalog.Condition{}))
	s.ok(s.c.CompleteUpload(ctx, up, []int{1, 2}, catalog.Object{}, catalog.Condition{}))
	s.code(strata.NotFound, s.c.CompleteUpload(ctx, up, []int{1}, catalog.Object{}, catalog.Condition{}))
	_, err = s.c.Upload(ctx, up)
	s.code(strata.NotFound, err)
	_, err = s.c.Parts(ctx, up)
	s.code(strata.NotFound, err)
	_, err = s.c.Uploads(ctx, "none")
	s.code(strata.NotFound, err)
}

func uploadAbort(s *suite) {
	ctx := s.Context()
	up, other, third := s.upload("k"), s.upload("k"), s.upload("a")
	s.part(up, 1, 2)
	s.part(other, 1, 1)
	u, err := s.c.Upload(ctx, up)
	s.ok(err)
	if u.ID != up || u.Key != "k" || u.Bucket != "b" || u.ContentType != "a/b" || u.Meta["m"] != "1" || !u.Created.Equal(at(int64(up[0]))) {
		s.Fatalf("upload %+v", u)
	}
	list, err := s.c.Uploads(ctx, "b")
	s.ok(err)
	if len(list) != 3 || list[0].ID != third || list[1].ID != up || list[2].ID != other {
		s.Fatalf("uploads %+v", list)
	}
	s.ok(s.c.AbortUpload(ctx, up, at(1)))
	s.code(strata.NotFound, s.c.AbortUpload(ctx, up, at(1)))
	s.wantQueue(8)
	if parts, err := s.c.Parts(ctx, other); err != nil || len(parts) != 1 {
		s.Fatalf("%v, %v: the other upload's part is gone", parts, err)
	}
	if n, err := s.c.AbortPending(ctx, at(99), at(99)); err != nil || n != 0 {
		s.Fatalf("%d aborted (%v): uploads and parts are not pending", n, err)
	}
}
