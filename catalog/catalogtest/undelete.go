package catalogtest

import (
	"strata"
	"strata/catalog"
)

func undelete(s *suite) {
	ctx := s.Context()
	id := s.put("k", 2)
	s.settle(id)
	s.ok(s.c.UpdateShards(ctx, id, 1, []catalog.ShardUpdate{{Index: 3, State: catalog.Lost}}))
	s.code(strata.Conflict, s.c.Undelete(ctx, id, at(0)))
	s.ok(s.c.Delete(ctx, id, at(10)))
	q := s.queue()
	s.ok(s.c.Deleted(ctx, q[0])) // one miner has confirmed already
	s.code(strata.NotFound, s.c.Undelete(ctx, id, at(11)))
	s.code(strata.NotFound, s.c.Undelete(ctx, s.id(), at(0)))
	s.ok(s.c.Undelete(ctx, id, at(10)))
	o, err := s.c.Lookup(ctx, "b", "k")
	s.ok(err)
	if o.ID != id || o.State != catalog.Committed || o.Size != 2000 {
		s.Fatalf("object %+v after it came back", o)
	}
	s.wantQueue(0)
	for _, seg := range s.segments(id) {
		for _, h := range seg.Shards {
			want := catalog.Sending
			if seg.Number == 1 && h.Index == 3 {
				want = catalog.Lost
			}
			if h.State != want {
				s.Fatalf("shard %d of segment %d is %s, want %s", h.Index, seg.Number, h.State, want)
			}
		}
	}
	s.code(strata.Conflict, s.c.Undelete(ctx, id, at(0)))
	// It is an object like others.
	s.settle(id)
	s.ok(s.c.Delete(ctx, id, at(20)))
	s.wantQueue(8)
}

func undeleteAfterConfirmed(s *suite) {
	ctx := s.Context()
	id := s.put("k", 1)
	s.ok(s.c.Delete(ctx, id, at(10)))
	s.drain()
	n, err := s.c.ForgetDeleted(ctx, at(10), 100)
	s.ok(err)
	if n != 0 {
		s.Fatalf("%d forgotten before their time", n)
	}
	s.ok(s.c.Undelete(ctx, id, at(0)))
	if n := len(s.segments(id)); n != 1 {
		s.Fatalf("%d segments came back, want 1", n)
	}
}

func forgetDeleted(s *suite) {
	ctx := s.Context()
	a, b, c := s.put("a", 1), s.put("b", 1), s.put("c", 0)
	for _, id := range []strata.ObjectID{a, b, c} {
		s.ok(s.c.Delete(ctx, id, at(10)))
	}
	for _, d := range s.queue() { // b is confirmed, a waits
		if d.Root[0] == b[0] {
			s.ok(s.c.Deleted(ctx, d))
		}
	}
	n, err := s.c.ForgetDeleted(ctx, at(11), 100)
	s.ok(err)
	if n != 2 {
		s.Fatalf("%d forgotten, want 2", n)
	}
	s.code(strata.NotFound, s.c.Undelete(ctx, b, at(0)))
	s.ok(s.c.Undelete(ctx, a, at(0)))
	if n, err := s.c.ForgetDeleted(ctx, at(99), 100); err != nil || n != 0 {
		s.Fatalf("%d forgotten (%v): the object has come back", n, err)
	}
}

// undeleteTaken: a name that means another object by now.
func undeleteTaken(s *suite) {
	ctx := s.Context()
	old := s.put("k", 1)
	fresh := s.put("k", 1) // supersedes
	s.code(strata.Conflict, s.c.Undelete(ctx, old, at(0)))
	s.ok(s.c.Delete(ctx, fresh, at(50)))
	s.ok(s.c.Undelete(ctx, old, at(0)))
	if o, err := s.c.Lookup(ctx, "b", "k"); err != nil || o.ID != old {
		s.Fatalf("%+v, %v: want the old object", o, err)
	}

	s.ok(s.c.CreateBucket(ctx, catalog.Bucket{Name: "v", Created: at(1), Versioned: true}))
	put := func() strata.ObjectID {
		id := s.id()
		s.ok(s.c.Begin(ctx, catalog.Object{ID: id, Bucket: "v", Key: "k", Created: at(1)}))
		s.ok(s.c.Commit(ctx, catalog.Object{ID: id, Modified: at(2)}, catalog.Condition{}))
		return id
	}
	first, second := put(), put()
	s.ok(s.c.Delete(ctx, first, at(60)))
	s.ok(s.c.Undelete(ctx, first, at(0)))
	if o, err := s.c.Lookup(ctx, "v", "k"); err != nil || o.ID != first {
		s.Fatalf("%+v, %v: want the version that came back", o, err)
	}
	if vs, err := s.c.Versions(ctx, "v", "k"); err != nil || len(vs) != 2 || vs[0].ID != second {
		s.Fatalf("%+v, %v: want both versions", vs, err)
	}
}
