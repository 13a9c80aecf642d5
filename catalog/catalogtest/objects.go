package catalogtest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"strata"
	"strata/catalog"
)

func buckets(s *suite) {
	meta := map[string]string{"acl": `{"owner":"me"}`}
	s.ok(s.c.CreateBucket(s.Context(), catalog.Bucket{Name: "a", Created: at(2), Versioned: true, Meta: meta}))
	b, err := s.c.Bucket(s.Context(), "a")
	s.ok(err)
	if b.Name != "a" || !b.Created.Equal(at(2)) || !b.Versioned || !maps.Equal(b.Meta, meta) {
		s.Fatalf("bucket %+v", b)
	}
	s.ok(s.c.UpdateBucket(s.Context(), catalog.Bucket{Name: "a", Meta: map[string]string{"x": "y"}}))
	all, err := s.c.Buckets(s.Context())
	s.ok(err)
	if len(all) != 2 || all[0].Name != "a" || all[0].Versioned || all[0].Meta["x"] != "y" || !all[0].Created.Equal(at(2)) || all[1].Name != "b" {
		s.Fatalf("buckets %+v", all)
	}
	s.ok(s.c.DeleteBucket(s.Context(), "a"))
	_, err = s.c.Bucket(s.Context(), "a")
	s.code(strata.NotFound, err)
}

func bucketMisuse(s *suite) {
	big := map[string]string{"k": strings.Repeat("x", catalog.MaxMeta)}
	s.code(strata.Conflict, s.c.CreateBucket(s.Context(), catalog.Bucket{Name: "b"}))
	s.code(strata.Invalid, s.c.CreateBucket(s.Context(), catalog.Bucket{Name: ""}))
	s.code(strata.Invalid, s.c.CreateBucket(s.Context(), catalog.Bucket{Name: "c", Meta: big}))
	s.code(strata.Invalid, s.c.UpdateBucket(s.Context(), catalog.Bucket{Name: "b", Meta: big}))
	s.code(strata.NotFound, s.c.UpdateBucket(s.Context(), catalog.Bucket{Name: "c"}))
	s.code(strata.NotFound, s.c.DeleteBucket(s.Context(), "c"))
	id := s.put("k", 1)
	s.code(strata.Conflict, s.c.DeleteBucket(s.Context(), "b"))
	s.ok(s.c.Delete(s.Context(), id, at(1)))
	s.ok(s.c.CreateUpload(s.Context(), catalog.Upload{ID: s.id(), Bucket: "b", Key: "u"}))
	s.code(strata.Conflict, s.c.DeleteBucket(s.Context(), "b"))
}

func objectLife(s *suite) {
	id := s.id()
	o := catalog.Object{ID: id, Bucket: "b", Key: "dir/\xff\x00.txt", ContentType: "text/plain", Meta: map[string]string{"a": "1"}, Created: at(3)}
	s.ok(s.c.Begin(s.Context(), o))
	_, err := s.c.Lookup(s.Context(), "b", o.Key)
	s.code(strata.NotFound, err)
	seg := segment(id, 0, 4)
	s.ok(s.c.AddSegment(s.Context(), id, 0, seg))
	o.Size, o.Digest, o.Modified, o.Meta = 1000, [32]byte{7}, at(4), map[string]string{"a": "1", "etag": "e"}
	s.ok(s.c.Commit(s.Context(), o, catalog.Condition{}))

	got, err := s.c.Lookup(s.Context(), "b", o.Key)
	s.ok(err)
	o.State = catalog.Committed
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", o) {
		s.Fatalf("object\n%+v, want\n%+v", got, o)
	}
	if segs := s.segments(id); fmt.Sprint(segs) != fmt.Sprint([]catalog.Segment{seg}) {
		s.Fatalf("segments\n%v, want\n%v", segs, seg)
	}

	s.ok(s.c.Delete(s.Context(), id, at(5)))
	_, err = s.c.Object(s.Context(), id)
	s.code(strata.NotFound, err)
	s.code(strata.NotFound, s.c.Delete(s.Context(), id, at(5)))
	s.wantQueue(4)
	s.drain()
	s.wantQueue(0)
	if n, err := s.c.ForgetDeleted(s.Context(), at(6), 10); err != nil || n != 1 {
		s.Fatalf("%d forgotten, %v; want the object", n, err)
	}
	if segs := s.segments(id); len(segs) != 0 {
		s.Fatalf("%d segments are left after the object was forgotten", len(segs))
	}
	s.ok(s.c.Begin(s.Context(), o)) // the row is gone, so its id is free
}

func objectMisuse(s *suite) {
	ctx := s.Context()
	s.code(strata.NotFound, s.c.Begin(ctx, catalog.Object{ID: s.id(), Bucket: "none", Key: "k"}))
	s.code(strata.Invalid, s.c.Begin(ctx, catalog.Object{ID: s.id(), Bucket: "b"}))
	s.code(strata.Invalid, s.c.Begin(ctx, catalog.Object{ID: s.id(), Bucket: "b", Key: strings.Repeat("k", catalog.MaxKey+1)}))
	s.code(strata.Conflict, s.c.Commit(ctx, catalog.Object{ID: s.id()}, catalog.Condition{}))
	s.code(strata.NotFound, s.c.Delete(ctx, s.id(), at(1)))
	_, err := s.c.Lookup(ctx, "none", "k")
	s.code(strata.NotFound, err)
	_, err = s.c.ListObjects(ctx, catalog.List{Bucket: "none"})
	s.code(strata.NotFound, err)
	_, err = s.c.ListObjects(ctx, catalog.List{Bucket: "b", Limit: catalog.MaxListPage + 1})
	s.code(strata.Invalid, err)

	id := s.begin("k", 1)
	s.code(strata.Conflict, s.c.Begin(ctx, catalog.Object{ID: id, Bucket: "b", Key: "k"}))
	s.code(strata.Conflict, s.c.AddSegment(ctx, id, 1, segment(id, 0, 4)))
	s.code(strata.Conflict, s.c.AddSegment(ctx, s.id(), 0, segment(s.id(), 0, 4)))
	s.code(strata.NotFound, s.c.UpdateShards(ctx, id, 0, []catalog.ShardUpdate{{Index: 9, State: catalog.Stored}}))
	s.ok(s.c.Commit(ctx, catalog.Object{ID: id}, catalog.Condition{}))
	s.code(strata.Conflict, s.c.Commit(ctx, catalog.Object{ID: id}, catalog.Condition{}))
	s.code(strata.Conflict, s.c.AddSegment(ctx, id, 1, segment(id, 1, 4)))
}

func supersede(s *suite) {
	first := s.put("k", 2)
	pending := s.begin("k", 1)
	if o, err := s.c.Lookup(s.Context(), "b", "k"); err != nil || o.ID != first {
		s.Fatalf("%+v, %v while a new version is pending", o, err)
	}
	s.wantQueue(0)
	s.ok(s.c.Commit(s.Context(), catalog.Object{ID: pending}, catalog.Condition{}))
	if o, err := s.c.Lookup(s.Context(), "b", "k"); err != nil || o.ID != pending {
		s.Fatalf("%+v, %v after a new version", o, err)
	}
	s.wantQueue(8)
	_, err := s.c.Object(s.Context(), first)
	s.code(strata.NotFound, err)

	empty := s.put("e", 0) // without shards nothing waits
	s.put("e", 0)
	s.wantQueue(8)
	_, err = s.c.Object(s.Context(), empty)
	s.code(strata.NotFound, err)
}

func versions(s *suite) {
	s.ok(s.c.UpdateBucket(s.Context(), catalog.Bucket{Name: "b", Versioned: true}))
	a, b, c := s.put("k", 1), s.put("k", 1), s.put("k", 1)
	s.wantQueue(0)
	s.wantVersions(c, b, a)
	s.ok(s.c.Delete(s.Context(), b, at(1)))
	s.wantVersions(c, a)
	s.ok(s.c.Delete(s.Context(), c, at(1)))
	s.wantVersions(a)
	s.wantQueue(8)
	d := s.put("k", 1)
	s.wantVersions(d, a)
	// A bucket that is no longer versioned replaces the current version only.
	s.ok(s.c.UpdateBucket(s.Context(), catalog.Bucket{Name: "b"}))
	e := s.put("k", 1)
	s.wantVersions(e, a)
	s.ok(s.c.Delete(s.Context(), e, at(1)))
	s.ok(s.c.Delete(s.Context(), a, at(1)))
	if keys := s.keys(catalog.List{Bucket: "b"}); len(keys) != 0 {
		s.Fatalf("%q are listed after the last version was deleted", keys)
	}
}

// wantVersions checks a key's versions, and that the first is what it names.
func (s *suite) wantVersions(ids ...strata.ObjectID) {
	s.Helper()
	objects, err := s.c.Versions(s.Context(), "b", "k")
	s.ok(err)
	var got []strata.ObjectID
	for _, o := range objects {
		got = append(got, o.ID)
	}
	if !slices.Equal(got, ids) {
		s.Fatalf("versions %v, want %v", got, ids)
	}
	if o, err := s.c.Lookup(s.Context(), "b", "k"); err != nil || o.ID != ids[0] {
		s.Fatalf("the key names %v (%v), want %v", o.ID, err, ids[0])
	}
}

func listPages(s *suite) {
	for _, k := range []string{"b", "a", "a/", "a/\xff", "a/\xff\xff", "a0", "\xff", "\xff\xffz", "A", "é"} {
		s.put(k, 0)
	}
	s.begin("aaa", 0)
	for _, c := range []struct {
		prefix, after string
		limit         int
		want          []string
	}{
		{want: []string{"A", "a", "a/", "a/\xff", "a/\xff\xff", "a0", "b", "é", "\xff", "\xff\xffz"}},
		{limit: 2, want: []string{"A", "a"}},
		{limit: 2, after: "a", want: []string{"a/", "a/\xff"}},
		{prefix: "a/", want: []string{"a/", "a/\xff", "a/\xff\xff"}},
		{prefix: "a/", after: "a/\xff", want: []string{"a/\xff\xff"}},
		{prefix: "a/", after: "a0"},
		{prefix: "a", after: "A", limit: 1, want: []string{"a"}},
		{prefix: "\xff", want: []string{"\xff", "\xff\xffz"}},
		{prefix: "\xff\xff", want: []string{"\xff\xffz"}},
		{prefix: "aa"},
	} {
		got := s.keys(catalog.List{Bucket: "b", Prefix: c.prefix, After: c.after, Limit: c.limit})
		if !slices.Equal(got, c.want) {
			s.Errorf("prefix %q after %q limit %d: %q, want %q", c.prefix, c.after, c.limit, got, c.want)
		}
	}
}

// listOracle compares pages of random keys with a sorted slice.
func listOracle(s *suite) {
	key := rapid.Custom(func(t *rapid.T) string {
		b := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 'a', 'b', '/', 0xfe, 0xff}), 1, 5).Draw(t, "key")
		return string(b)
	})
	have := map[string]bool{}
	n := 0
	rapid.Check(s.T, func(t *rapid.T) {
		for range rapid.IntRange(0, 3).Draw(t, "new") {
			k := key.Draw(t, "key")
			n++
			id := strata.ObjectID{0: byte(n), 1: byte(n >> 8), 2: byte(n >> 16), 3: 1}
			s.ok(s.c.Begin(s.Context(), catalog.Object{ID: id, Bucket: "b", Key: k}))
			s.ok(s.c.Commit(s.Context(), catalog.Object{ID: id}, catalog.Condition{}))
			have[k] = true
		}
		l := catalog.List{Bucket: "b", Limit: rapid.IntRange(1, 6).Draw(t, "limit")}
		if rapid.Bool().Draw(t, "prefixed") {
			l.Prefix = key.Draw(t, "prefix")
		}
		if rapid.Bool().Draw(t, "continued") {
			l.After = key.Draw(t, "after")
		}
		var want []string
		for _, k := range slices.Sorted(maps.Keys(have)) {
			if strings.HasPrefix(k, l.Prefix) && k > l.After && len(want) < l.Limit {
				want = append(want, k)
			}
		}
		if got := s.keys(l); !slices.Equal(got, want) {
			t.Fatalf("%+v: %q, want %q", l, got, want)
		}
	})
}

func segmentsKeepOrder(s *suite) {
	id := s.begin("k", 0)
	for _, i := range []uint64{2, 0, 11, 1} {
		s.ok(s.c.AddSegment(s.Context(), id, i, segment(id, i, 12)))
	}
	var numbers []uint64
	for _, seg := range s.segments(id) {
		numbers = append(numbers, seg.Number)
		for i, h := range seg.Shards {
			if h.Index != i {
				s.Fatalf("shard %d at place %d", h.Index, i)
			}
		}
	}
	if !slices.Equal(numbers, []uint64{0, 1, 2, 11}) {
		s.Fatalf("segments in order %v", numbers)
	}
}
