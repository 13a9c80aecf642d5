package catalogtest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"strata"
	"strata/catalog"
)

// export returns what a backup writes, and its mark.
func (s *suite) export(whole bool) (string, uint64) {
	s.Helper()
	var b bytes.Buffer
	upTo, err := s.c.Export(s.Context(), &b, whole)
	s.ok(err)
	return b.String(), upTo
}

// copyInto opens a new catalog and applies backups to it.
func (s *suite) copyInto(backups ...string) *suite {
	s.Helper()
	n := &suite{T: s.T, open: s.open, dir: s.TempDir(), lastID: 100}
	n.c = s.open(s.T, n.dir)
	s.Cleanup(func() { s.ok(n.c.Close()) })
	s.ok(n.c.Import(s.Context(), strings.NewReader(strings.Join(backups, ""))))
	return n
}

// sameObjects compares the current objects and their segments.
func (s *suite) sameObjects(n *suite) {
	s.Helper()
	list := func(s *suite) (out []string) {
		objects, err := s.c.ListObjects(s.Context(), catalog.List{Bucket: "b"})
		s.ok(err)
		for _, o := range objects {
			out = append(out, fmt.Sprintf("%+v %+v", o, s.segments(o.ID)))
		}
		return out
	}
	if have, want := list(n), list(s); !slices.Equal(have, want) {
		s.Fatalf("the copy has\n%s\nwant\n%s", strings.Join(have, "\n"), strings.Join(want, "\n"))
	}
}

func backupWhole(s *suite) {
	ctx := s.Context()
	s.ok(s.c.AddGatewayKey(ctx, catalog.GatewayKey{ID: "k1", Created: at(1), Check: []byte{1, 0, 255}}))
	s.ok(s.c.CreateBucket(ctx, catalog.Bucket{Name: "v", Created: at(1), Versioned: true, Meta: map[string]string{"a": "ü\n\""}}))
	s.put("one", 2)
	s.put("two \x00\xff", 0)
	gone := s.put("gone", 1)
	s.ok(s.c.Delete(ctx, gone, at(9)))
	s.begin("pending", 1)
	up := s.upload("u")
	s.part(up, 3, 2)
	s.ok(s.c.CreateBucket(ctx, catalog.Bucket{Name: catalog.BackupBucket, Created: at(1)}))
	own := s.id()
	s.ok(s.c.Begin(ctx, catalog.Object{ID: own, Bucket: catalog.BackupBucket, Key: "index", Created: at(1)}))
	s.ok(s.c.AddSegment(ctx, own, 0, segment(own, 0, 4)))
	s.ok(s.c.Commit(ctx, catalog.Object{ID: own, Size: 9, Modified: at(2)}, catalog.Condition{}))

	doc, _ := s.export(true)
	n := s.copyInto(doc)
	s.sameObjects(n)
	keys, err := n.c.GatewayKeys(ctx)
	s.ok(err)
	if len(keys) != 1 || keys[0].ID != "k1" || !bytes.Equal(keys[0].Check, []byte{1, 0, 255}) {
		s.Fatalf("keys %+v", keys)
	}
	if b, err := n.c.Bucket(ctx, "v"); err != nil || !b.Versioned || b.Meta["a"] != "ü\n\"" {
		s.Fatalf("bucket %+v, %v", b, err)
	}
	if _, err := n.c.Object(ctx, own); strata.CodeOf(err) != strata.NotFound {
		s.Fatalf("the backup has itself: %v", err)
	}
	parts, err := n.c.Parts(ctx, up)
	s.ok(err)
	if len(parts) != 1 || parts[0].Number != 3 {
		s.Fatalf("parts %+v", parts)
	}
	s.ok(n.c.Undelete(ctx, gone, at(0))) // what may come back may still
	s.ok(n.c.CompleteUpload(ctx, up, []int{3}, catalog.Object{Modified: at(40)}, catalog.Condition{}))
}

func backupChanges(s *suite) {
	ctx := s.Context()
	count := func() int {
		n, err := s.c.Changed(ctx)
		s.ok(err)
		return n
	}
	is := func(id strata.ObjectID, want bool) {
		s.Helper()
		if got, err := s.c.BackedUp(ctx, id); err != nil || got != want {
			s.Fatalf("backed up: %v, %v; want %v", got, err, want)
		}
	}
	a, b := s.put("a", 2), s.put("b", 1)
	is(a, false)
	docs := make([]string, 0, 8)
	save := func(version uint64) {
		s.Helper()
		doc, upTo := s.export(len(docs) == 0)
		docs = append(docs, doc)
		s.ok(s.c.SaveBackup(ctx, catalog.BackupState{Version: version, Data: []byte("state")}, upTo))
		s.sameObjects(s.copyInto(docs...))
	}
	save(1)
	is(a, true)
	s.begin("pending", 1)
	s.settle(a) // a shard's arrival is no change
	if n := count(); n != 0 {
		s.Fatalf("%d changes, want none", n)
	}
	doc, _ := s.export(false)
	for _, l := range strings.Split(doc, "\n") {
		if strings.Contains(l, `"x"`) {
			s.Fatalf("a change without a change: %s", l)
		}
	}
	// A moved shard, a lost one, an object gone, one that is new.
	s.ok(s.c.UpdateShards(ctx, a, 1, []catalog.ShardUpdate{{Index: 1, State: catalog.Stored, Miner: miner(9)}}))
	is(a, false)
	is(b, true)
	if n := count(); n != 1 {
		s.Fatalf("%d changes, want the segment", n)
	}
	s.ok(s.c.UpdateShards(ctx, a, 0, []catalog.ShardUpdate{{Index: 2, State: catalog.Lost}}))
	s.ok(s.c.Delete(ctx, b, at(20)))
	s.put("c", 3)
	save(2)
	is(a, true)
	up := s.upload("m")
	part := s.part(up, 1, 2)
	save(3)
	s.ok(s.c.CompleteUpload(ctx, up, []int{1}, catalog.Object{Modified: at(40)}, catalog.Condition{}))
	save(4)
	s.put("a", 1) // supersedes
	s.drain()
	_, err := s.c.ForgetDeleted(ctx, at(1000), 10)
	s.ok(err)
	save(5)
	extra := catalog.Shard{Index: 9, Miner: miner(9), Root: strata.Root{7}, Length: 516, State: catalog.Stored}
	s.ok(s.c.PlaceShard(ctx, catalog.SegmentRef{Origin: part}, extra))
	is(up, false)
	save(6)
}

func backupState(s *suite) {
	ctx := s.Context()
	if st, err := s.c.BackupState(ctx); err != nil || st.Version != 0 || st.Recovered || len(st.Data) != 0 {
		s.Fatalf("%+v, %v in a new catalog", st, err)
	}
	want := catalog.BackupState{Version: 1 << 40, Recovered: true, Data: []byte{0, 1}}
	s.ok(s.c.SaveBackup(ctx, want, 0))
	s.ok(s.c.Close())
	s.start()
	if st, err := s.c.BackupState(ctx); err != nil || fmt.Sprint(st) != fmt.Sprint(want) {
		s.Fatalf("%+v, %v", st, err)
	}
}

func badBackup(s *suite) {
	for name, doc := range map[string]string{
		"no JSON":         "{",
		"another table":   `{"t":"backup_state","c":["data"]}`,
		"odd column":      `{"t":"buckets","c":["name) VALUES (1); --"]}`,
		"no table":        `{"v":["i1"]}`,
		"too few values":  `{"t":"buckets","c":["name","meta"]}` + "\n" + `{"v":["sx"]}`,
		"a type":          `{"t":"buckets","c":["name"]}` + "\n" + `{"v":["zx"]}`,
		"an empty value":  `{"t":"buckets","c":["name"]}` + "\n" + `{"v":[""]}`,
		"no base64":       `{"t":"buckets","c":["name"]}` + "\n" + `{"v":["b?"]}`,
		"another change":  `{"x":"q"}`,
		"a missing owner": `{"t":"segments","c":["origin","number","object_id","seq","codec","k","total","success","size","wrapped_key","key_id"]}` + "\n" + `{"v":["bAA==","i0","bAA==","i0","srs8","i1","i1","i1","i1","bAA==","sk"]}`,
	} {
		if err := s.c.Import(s.Context(), strings.NewReader(doc+"\n")); err == nil {
			s.Errorf("%s was imported", name)
		}
	}
	if b, err := s.c.Buckets(s.Context()); err != nil || len(b) > 2 {
		s.Fatalf("%+v, %v: a bad backup left something", b, err)
	}
}

func wanted(s *suite) {
	ctx := s.Context()
	want := func(m byte, roots ...strata.Root) {
		s.Helper()
		got, err := s.c.Wanted(ctx, miner(m), at(50))
		s.ok(err)
		if !slices.Equal(got, roots) {
			s.Fatalf("miner %d is to keep %v, want %v", m, got, roots)
		}
	}
	a, b, pending := s.put("a", 1), s.put("b", 1), s.begin("p", 1)
	root := func(id strata.ObjectID, i byte) strata.Root { return strata.Root{0: id[0], 2: i} }
	want(1, root(a, 0), root(b, 0), root(pending, 0))
	s.ok(s.c.Delete(ctx, b, at(9)))
	want(1, root(a, 0), root(pending, 0))
	// A place that is reserved, and an old one until it is deleted.
	ref := catalog.SegmentRef{Origin: a}
	s.ok(s.c.Reserve(ctx, ref, miner(7), root(a, 0), at(99)))
	want(7, root(a, 0))
	moved := s.segments(a)[0].Shards[0]
	moved.Miner = miner(7)
	s.ok(s.c.PlaceShard(ctx, ref, moved))
	want(7, root(a, 0))
	want(1, root(a, 0), root(pending, 0))
	s.drain()
	want(1, root(pending, 0))
	// Orphans, until their time is over.
	needs := func(m byte, want bool) {
		s.Helper()
		if got, err := s.c.NeedsImport(ctx, miner(m)); err != nil || got != want {
			s.Fatalf("miner %d needs an import: %v, %v", m, got, err)
		}
	}
	needs(1, false)
	s.ok(s.c.SaveBackup(ctx, catalog.BackupState{Recovered: true}, 0))
	needs(1, true)
	s.ok(s.c.ImportOrphans(ctx, miner(1), []strata.Root{{1}, {200}}, at(51)))
	s.ok(s.c.ImportOrphans(ctx, miner(2), nil, at(51)))
	needs(1, false)
	needs(2, false)
	needs(3, true)
	want(1, strata.Root{1}, root(pending, 0), strata.Root{200})
	if got, err := s.c.Wanted(ctx, miner(1), at(51)); err != nil || len(got) != 1 {
		s.Fatalf("%v, %v: orphans are kept beyond their time", got, err)
	}
}
