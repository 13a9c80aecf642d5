// Package catalogtest is the conformance suite of package catalog: every
// implementation passes it.
package catalogtest

import (
	"bytes"
	"context"
	"reflect"
	"slices"
	"testing"
	"time"

	"strata"
	"strata/catalog"
)

// Opener opens the catalog that lives in dir; the same dir has the same data.
type Opener func(t *testing.T, dir string) catalog.Catalog

// Run runs the suite.
func Run(t *testing.T, open Opener) {
	for _, c := range []struct {
		name string
		test func(*suite)
	}{
		{"Buckets", buckets},
		{"BucketMisuse", bucketMisuse},
		{"ObjectLife", objectLife},
		{"ObjectMisuse", objectMisuse},
		{"Supersede", supersede},
		{"Versions", versions},
		{"ListPages", listPages},
		{"ListMatchesOracle", listOracle},
		{"SegmentsKeepOrder", segmentsKeepOrder},
		{"MoveShard", moveShard},
		{"MoveShardBack", moveShardBack},
		{"UpdateDeleted", updateDeleted},
		{"Unsettled", unsettled},
		{"UnsettledPages", unsettledPages},
		{"ReserveAndPlace", reserveAndPlace},
		{"PlaceMisuse", placeMisuse},
		{"LetGo", letGo},
		{"Undelete", undelete},
		{"UndeleteAfterConfirmed", undeleteAfterConfirmed},
		{"ForgetDeleted", forgetDeleted},
		{"UndeleteTaken", undeleteTaken},
		{"BackupWhole", backupWhole},
		{"BackupChanges", backupChanges},
		{"BackupState", backupState},
		{"BadBackup", badBackup},
		{"Wanted", wanted},
		{"AbortPending", abortPending},
		{"DeletionQueue", deletionQueue},
		{"DeletedBucketKeepsQueue", deletedBucketKeepsQueue},
		{"UploadComplete", uploadComplete},
		{"UploadMisuse", uploadMisuse},
		{"UploadAbort", uploadAbort},
		{"Conditions", conditions},
		{"Packs", packs},
		{"PackAlone", packAlone},
		{"GatewayKeys", gatewayKeys},
		{"Durable", durable},
		{"CancelledContext", cancelled},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &suite{T: t, open: open, dir: t.TempDir()}
			s.start()
			t.Cleanup(func() { s.ok(s.c.Close()) })
			c.test(s)
		})
	}
}

// suite is one test's catalog, with a bucket "b".
type suite struct {
	*testing.T
	open   Opener
	dir    string
	c      catalog.Catalog
	lastID byte
}

func (s *suite) start() {
	s.c = s.open(s.T, s.dir)
	err := s.c.CreateBucket(s.Context(), catalog.Bucket{Name: "b", Created: at(1)})
	if err != nil && strata.CodeOf(err) != strata.Conflict {
		s.Fatal(err)
	}
}

// at is a moment, so many seconds after another.
func at(sec int64) time.Time { return time.Unix(1_700_000_000+sec, 5).UTC() }

func (s *suite) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *suite) code(want strata.Code, err error) {
	s.Helper()
	if got := strata.CodeOf(err); got != want {
		s.Fatalf("code %q (%v), want %q", got, err, want)
	}
}

func (s *suite) id() strata.ObjectID {
	s.lastID++
	return strata.ObjectID{0: s.lastID, 15: 1}
}

func miner(n byte) strata.Hotkey { return strata.Hotkey{0: n, 31: 9} }

// segment makes the record of a segment whose shards lie on miners 1 to n.
func segment(origin strata.ObjectID, number uint64, n int) catalog.Segment {
	seg := catalog.Segment{
		Origin: origin, Number: number, Codec: "rs8", K: 2, Total: n, Success: 3, Size: 1000 + int64(number),
		Wrapped: []byte{1, 2, 3}, KeyID: "key",
	}
	for i := range n {
		root := strata.Root{0: origin[0], 1: byte(number), 2: byte(i)}
		seg.Shards = append(seg.Shards, catalog.Shard{Index: i, Miner: miner(byte(i + 1)), Root: root, Length: 516, State: catalog.Sending})
	}
	return seg
}

// begin makes a pending object with so many segments.
func (s *suite) begin(key string, segments int) strata.ObjectID {
	s.Helper()
	id := s.id()
	s.ok(s.c.Begin(s.Context(), catalog.Object{ID: id, Bucket: "b", Key: key, Created: at(int64(s.lastID))}))
	for i := range segments {
		s.ok(s.c.AddSegment(s.Context(), id, uint64(i), segment(id, uint64(i), 4)))
	}
	return id
}

// put makes a committed object.
func (s *suite) put(key string, segments int) strata.ObjectID {
	s.Helper()
	id := s.begin(key, segments)
	s.ok(s.c.Commit(s.Context(), catalog.Object{ID: id, Size: int64(segments) * 1000, Modified: at(int64(id[0]))}, catalog.Condition{}))
	return id
}

// queue returns the roots that are due at any time, sorted.
func (s *suite) queue() []catalog.Deletion {
	s.Helper()
	d, err := s.c.DueDeletions(s.Context(), at(1e9), 1e6)
	s.ok(err)
	slices.SortFunc(d, func(a, b catalog.Deletion) int {
		if c := bytes.Compare(a.Root[:], b.Root[:]); c != 0 {
			return c
		}
		return bytes.Compare(a.Miner[:], b.Miner[:])
	})
	return d
}

// wantQueue checks how many deletions wait.
func (s *suite) wantQueue(n int) {
	s.Helper()
	if d := s.queue(); len(d) != n {
		s.Fatalf("%d deletions wait, want %d: %v", len(d), n, d)
	}
}

// drain confirms all deletions.
func (s *suite) drain() {
	s.Helper()
	for _, d := range s.queue() {
		s.ok(s.c.Deleted(s.Context(), d))
	}
}

func (s *suite) segments(id strata.ObjectID) []catalog.Segment {
	s.Helper()
	segs, err := s.c.Segments(s.Context(), id)
	s.ok(err)
	heads, err := s.c.SegmentHeads(s.Context(), id)
	s.ok(err)
	for i := range heads {
		heads[i].Shards, err = s.c.Shards(s.Context(), heads[i].Ref())
		s.ok(err)
	}
	if !reflect.DeepEqual(heads, segs) {
		s.Fatalf("segments in parts are %+v, whole %+v", heads, segs)
	}
	return segs
}

func (s *suite) keys(l catalog.List) (keys []string) {
	s.Helper()
	objects, err := s.c.ListObjects(s.Context(), l)
	s.ok(err)
	for _, o := range objects {
		keys = append(keys, o.Key)
	}
	return keys
}

func gatewayKeys(s *suite) {
	first := catalog.GatewayKey{ID: "k1", Created: at(1), Check: []byte{1}}
	second := catalog.GatewayKey{ID: "k0", Created: at(2), Check: []byte{2}}
	s.ok(s.c.AddGatewayKey(s.Context(), second))
	s.ok(s.c.AddGatewayKey(s.Context(), first))
	s.code(strata.Conflict, s.c.AddGatewayKey(s.Context(), first))
	got, err := s.c.GatewayKeys(s.Context())
	s.ok(err)
	if len(got) != 2 || got[0].ID != "k1" || got[1].ID != "k0" || !got[0].Created.Equal(at(1)) || !bytes.Equal(got[0].Check, []byte{1}) {
		s.Fatalf("keys %+v, want k1 and k0", got)
	}
}

func durable(s *suite) {
	id := s.put("kept", 2)
	gone := s.put("gone", 1)
	s.ok(s.c.Delete(s.Context(), gone, at(9)))
	pending := s.begin("pending", 1)
	s.ok(s.c.Close())
	s.start()
	if o, err := s.c.Lookup(s.Context(), "b", "kept"); err != nil || o.ID != id {
		s.Fatalf("%+v, %v after reopening", o, err)
	}
	if n := len(s.segments(id)); n != 2 {
		s.Fatalf("%d segments after reopening, want 2", n)
	}
	if o, err := s.c.Object(s.Context(), pending); err != nil || o.State != catalog.Pending {
		s.Fatalf("%+v, %v after reopening", o, err)
	}
	s.wantQueue(4)
}

func cancelled(s *suite) {
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	id := s.id()
	if err := s.c.Begin(ctx, catalog.Object{ID: id, Bucket: "b", Key: "k"}); err == nil {
		s.Fatal("a cancelled call succeeded")
	}
	_, err := s.c.Object(s.Context(), id)
	s.code(strata.NotFound, err)
}
