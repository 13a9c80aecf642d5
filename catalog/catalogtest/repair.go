package catalogtest

import (
	"slices"

	"strata"
	"strata/catalog"
)

// settle marks all shards of an object stored.
func (s *suite) settle(id strata.ObjectID) {
	s.Helper()
	for _, seg := range s.segments(id) {
		var u []catalog.ShardUpdate
		for _, h := range seg.Shards {
			u = append(u, catalog.ShardUpdate{Index: h.Index, State: catalog.Stored})
		}
		s.ok(s.c.UpdateShards(s.Context(), seg.Origin, seg.Number, u))
	}
}

// unsettledRefs returns the names of all unsettled segments, pages of so many.
func (s *suite) unsettledRefs(sound []strata.Hotkey, page int) (refs []catalog.SegmentRef) {
	s.Helper()
	var after catalog.SegmentRef
	for {
		segs, err := s.c.Unsettled(s.Context(), after, sound, page)
		s.ok(err)
		if len(segs) == 0 {
			return refs
		}
		for _, seg := range segs {
			refs = append(refs, seg.Ref())
		}
		after = segs[len(segs)-1].Ref()
	}
}

func unsettled(s *suite) {
	sound := []strata.Hotkey{miner(1), miner(2), miner(3), miner(4)}
	whole := s.put("whole", 2)
	s.settle(whole)
	sending := s.put("sending", 1)
	lost := s.put("lost", 2)
	s.settle(lost)
	s.ok(s.c.UpdateShards(s.Context(), lost, 1, []catalog.ShardUpdate{{Index: 2, State: catalog.Lost}}))
	gone := s.put("gone", 1)
	s.ok(s.c.Delete(s.Context(), gone, at(9)))
	s.begin("pending", 1)
	up := s.upload("up")
	part := s.part(up, 1, 1)

	want := []catalog.SegmentRef{{Origin: sending}, {Origin: lost, Number: 1}, {Origin: part}}
	if got := s.unsettledRefs(sound, 100); !slices.Equal(got, want) {
		s.Fatalf("unsettled %v, want %v", got, want)
	}
	// Without miner 3 every living segment is.
	if got := s.unsettledRefs([]strata.Hotkey{miner(1), miner(2), miner(4)}, 100); len(got) != 6 {
		s.Fatalf("unsettled without a miner: %v, want all 6", got)
	}
	if got := s.unsettledRefs(nil, 100); len(got) != 6 {
		s.Fatalf("unsettled without any miner: %v, want all 6", got)
	}
	segs, err := s.c.Unsettled(s.Context(), catalog.SegmentRef{}, sound, 100)
	s.ok(err)
	if len(segs[1].Shards) != 4 || segs[1].Shards[2].State != catalog.Lost || segs[1].K != 2 {
		s.Fatalf("segment %+v does not come with its shards", segs[1])
	}
	seg, err := s.c.Segment(s.Context(), want[1])
	s.ok(err)
	if len(seg.Shards) != 4 || seg.Ref() != want[1] || seg.Shards[2].State != catalog.Lost {
		s.Fatalf("segment %+v", seg)
	}
	_, err = s.c.Segment(s.Context(), catalog.SegmentRef{Origin: gone})
	s.code(strata.NotFound, err)
}

func unsettledPages(s *suite) {
	s.put("a", 5)
	s.put("b", 3)
	whole := s.unsettledRefs(nil, 100)
	if len(whole) != 8 {
		s.Fatalf("%d segments, want 8", len(whole))
	}
	for page := 1; page <= 8; page++ {
		if got := s.unsettledRefs(nil, page); !slices.Equal(got, whole) {
			s.Fatalf("pages of %d give %v, want %v", page, got, whole)
		}
	}
}

func reserveAndPlace(s *suite) {
	id := s.put("k", 1)
	s.settle(id)
	ref := catalog.SegmentRef{Origin: id}
	h := s.segments(id)[0].Shards[1]
	s.code(strata.Conflict, s.c.Reserve(s.Context(), ref, miner(2), h.Root, at(100))) // where it is
	s.ok(s.c.Reserve(s.Context(), ref, miner(8), h.Root, at(100)))
	s.code(strata.Conflict, s.c.Reserve(s.Context(), ref, miner(8), h.Root, at(200)))
	if q := s.queue(); len(q) != 1 || q[0].Miner != miner(8) || !q[0].Next.Equal(at(100)) {
		s.Fatalf("queue %v, want the reservation", q)
	}
	h.Miner = miner(8)
	s.ok(s.c.PlaceShard(s.Context(), ref, h))
	if q := s.queue(); len(q) != 1 || q[0].Miner != miner(2) || q[0].Root != h.Root {
		s.Fatalf("queue %v, want the old place only", q)
	}
	// A shard that had no record, as the segment was made when there were fewer miners.
	extra := catalog.Shard{Index: 9, Miner: miner(9), Root: strata.Root{7}, Length: 516, State: catalog.Stored}
	s.ok(s.c.Reserve(s.Context(), ref, extra.Miner, extra.Root, at(100)))
	s.ok(s.c.PlaceShard(s.Context(), ref, extra))
	// A shard that is lost where it was may be sent there again.
	s.ok(s.c.UpdateShards(s.Context(), id, 0, []catalog.ShardUpdate{{Index: 9, State: catalog.Lost}}))
	s.ok(s.c.Reserve(s.Context(), ref, extra.Miner, extra.Root, at(100)))
	s.ok(s.c.PlaceShard(s.Context(), ref, extra))
	shards := s.segments(id)[0].Shards
	if len(shards) != 5 || shards[1] != h || shards[4] != extra {
		s.Fatalf("shards %v", shards)
	}
	s.ok(s.c.Delete(s.Context(), id, at(9)))
	s.wantQueue(6)
}

func placeMisuse(s *suite) {
	id := s.put("k", 1)
	s.settle(id)
	ref := catalog.SegmentRef{Origin: id}
	h := s.segments(id)[0].Shards[0]
	h.Miner = miner(8)
	other := h
	other.Root = strata.Root{99}
	s.ok(s.c.Reserve(s.Context(), ref, miner(8), other.Root, at(100)))
	s.code(strata.Conflict, s.c.PlaceShard(s.Context(), ref, other))
	if got := s.segments(id)[0].Shards[0]; got.Miner != miner(1) || got.State != catalog.Stored {
		s.Fatalf("a shard of another root moved the record to %+v", got)
	}
	s.wantQueue(1)
	s.ok(s.c.Reserve(s.Context(), ref, miner(8), h.Root, at(100)))
	s.ok(s.c.Delete(s.Context(), id, at(9)))
	s.code(strata.Conflict, s.c.PlaceShard(s.Context(), ref, h))
	s.code(strata.Conflict, s.c.Reserve(s.Context(), ref, miner(7), h.Root, at(100)))
	s.wantQueue(6) // the four shards and both reservations
	none := catalog.SegmentRef{Origin: s.id()}
	s.code(strata.Conflict, s.c.PlaceShard(s.Context(), none, h))
	s.code(strata.Conflict, s.c.Reserve(s.Context(), none, miner(7), h.Root, at(100)))
}

func letGo(s *suite) {
	id := s.put("k", 1)
	s.settle(id)
	ref := catalog.SegmentRef{Origin: id}
	s.ok(s.c.LetGo(s.Context(), ref, 2))
	if got := s.segments(id)[0].Shards[2]; got.State != catalog.Lost || got.Miner != miner(3) {
		s.Fatalf("shard %+v after it was let go", got)
	}
	if q := s.queue(); len(q) != 1 || q[0].Miner != miner(3) {
		s.Fatalf("queue %v, want its place", q)
	}
	s.code(strata.NotFound, s.c.LetGo(s.Context(), ref, 9))
	s.drain()
	s.ok(s.c.Delete(s.Context(), id, at(9)))
	s.code(strata.Conflict, s.c.LetGo(s.Context(), ref, 1))
}
