package object_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"strata"
	"strata/catalog"
	"strata/object"
)

// stored makes a world of six miners with one object, all of whose shards are in place.
func stored(t *testing.T, n int) (*world, object.Info, []byte) {
	return storedWith(t, n, func(*world) {})
}

func storedWith(t *testing.T, n int, change func(*world)) (*world, object.Info, []byte) {
	w := newWorldWith(t, 6, change)
	data := noise(3, n)
	info := w.put("f", data)
	w.eventually("all shards stored", func() bool {
		h, err := w.store.Stat(t.Context(), info.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range h.Segments {
			if s.Stored < s.Total {
				return false
			}
		}
		return true
	})
	return w, info, data
}

// TestLoseAny: any total − k miners may fail in any way.
func TestLoseAny(t *testing.T) { synctest.Test(t, testLoseAny) }

func testLoseAny(t *testing.T) {
	w, info, data := storedWith(t, 2*segment+row/2, production)
	defer time.Sleep(time.Minute) // in which the requests that a reader has left end
	for _, m := range []mood{refuses, corrupt, breaks, stalls, hangs} {
		for a := range 6 {
			for b := range a {
				// All but a and b fail. A new store knows nothing of the miners yet.
				w.restart()
				w.fleet.Set(m, 0, 1, 2, 3, 4, 5)
				w.fleet.Set(honest, a, b)
				w.mustRead(info.ID, data)
			}
		}
	}
}

// TestFailMidStream: miners go bad one after the other while a file is read.
func TestFailMidStream(t *testing.T) { synctest.Test(t, testFailMidStream) }

func testFailMidStream(t *testing.T) {
	w, info, data := storedWith(t, 4*segment, production)
	defer time.Sleep(time.Minute) // in which the requests that a reader has left end
	r, err := w.store.Open(t.Context(), info.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var got []byte
	for i, m := range []mood{corrupt, refuses, breaks, stalls} {
		w.fleet.Set(m, i)
		part := make([]byte, segment)
		if _, err := io.ReadFull(r, part); err != nil {
			t.Fatal(err)
		}
		got = append(got, part...)
	}
	if !bytes.Equal(got, data) {
		t.Fatal("other bytes than were stored")
	}
}

// TestDamageIsRecorded: a shard found damaged or missing no longer counts as
// stored. A segment whose data shards lie on the two good miners shows nothing;
// with eight segments that is no matter.
func TestDamageIsRecorded(t *testing.T) {
	w, info, data := stored(t, 8*segment)
	w.fleet.Set(corrupt, 0, 1, 2)
	w.fleet.Mu.Lock()
	clear(w.fleet.Miners[3].Shards)
	w.fleet.Mu.Unlock()
	w.mustRead(info.ID, data)
	h, err := w.store.Stat(t.Context(), info.ID)
	if err != nil {
		t.Fatal(err)
	}
	lost := 0
	for _, s := range h.Segments {
		if lost += s.Lost; s.Stored+s.Lost != 6 || s.Stored < 2 || !s.Readable() {
			t.Errorf("%+v, want at least two stored and the others lost", s)
		}
	}
	if lost == 0 {
		t.Error("no shard is recorded as lost")
	}
}

func TestTooFewLeft(t *testing.T) {
	w, info, _ := stored(t, segment+1)
	for _, m := range []mood{refuses, corrupt, breaks} {
		w.restart()
		w.fleet.Set(m, 0, 1, 2, 3, 4)
		got, err := w.read(info.ID)
		if strata.CodeOf(err) != strata.Unavailable {
			t.Fatalf("mood %d: %d bytes, %v, want code unavailable", m, len(got), err)
		}
	}
}

func TestReadEndsWithItsContext(t *testing.T) {
	w, info, _ := stored(t, segment)
	w.fleet.Set(hangs, 0, 1, 2, 3, 4, 5)
	ctx, cancel := context.WithCancel(t.Context())
	r, err := w.store.Open(ctx, info.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	done := make(chan error, 1)
	go func() { _, err := r.Read(make([]byte, 1)); done <- err }()
	cancel()
	if err := <-done; err == nil || err == io.EOF {
		t.Fatalf("%v, want an error", err)
	}
}

func TestReaderContract(t *testing.T) {
	w, info, data := stored(t, segment+row+100)
	r, err := w.store.Open(t.Context(), info.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := iotest.TestReader(r, data); err != nil {
		t.Fatal(err)
	}
	if r.Info().Size != int64(len(data)) {
		t.Fatalf("%+v", r.Info())
	}
	for _, c := range []struct {
		off    int64
		whence int
	}{{-1, io.SeekStart}, {0, 9}} {
		if _, err := r.Seek(c.off, c.whence); strata.CodeOf(err) != strata.Invalid {
			t.Errorf("seek %+v: %v, want code invalid", c, err)
		}
	}
	if n, err := r.Seek(10, io.SeekEnd); err != nil || n != int64(len(data))+10 {
		t.Fatal(n, err)
	}
	if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Fatalf("beyond the end: %d, %v", n, err)
	}
}

// TestRanges compares ranges, read through miners of all moods, with the bytes.
func TestRanges(t *testing.T) {
	w, info, data := stored(t, 3*segment+5*row+77)
	r, err := w.store.Open(t.Context(), info.ID)
	if err != nil {
		t.Fatal(err)
	}
	edges := []int{0, 1, 65519, 65520, 65521, row - 1, row, segment - 1, segment, 2*segment + row, len(data) - 1, len(data)}
	moods := []mood{honest, honest, honest, refuses, corrupt, breaks}
	rapid.Check(t, func(t *rapid.T) {
		place := rapid.OneOf(rapid.SampledFrom(edges), rapid.IntRange(0, len(data)))
		a, b := place.Draw(t, "a"), place.Draw(t, "b")
		a, b = min(a, b), max(a, b)
		for i, m := range rapid.Permutation(moods).Draw(t, "moods") {
			w.fleet.Set(m, i)
		}
		body, err := r.Range(w.t.Context(), int64(a), int64(b-a))
		if err != nil {
			t.Fatal(err)
		}
		defer body.Close()
		got, err := io.ReadAll(body)
		if err != nil || !bytes.Equal(got, data[a:b]) {
			t.Fatalf("bytes %d to %d: %d bytes, %v", a, b, len(got), err)
		}
	})
	for _, c := range [][2]int64{{-1, 1}, {0, -1}, {0, info.Size + 1}, {info.Size, 1}, {1, info.Size}, {1 << 62, 1 << 62}} {
		if _, err := r.Range(t.Context(), c[0], c[1]); strata.CodeOf(err) != strata.Invalid {
			t.Errorf("range %v: %v, want code invalid", c, err)
		}
	}
}

// TestRangesFetchLittle: a range fetches the chunks that it covers.
func TestRangesFetchLittle(t *testing.T) {
	w, info, data := stored(t, 2*segment)
	r, err := w.store.Open(t.Context(), info.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ off, n, want int64 }{
		{0, 1, 65536},                     // one chunk
		{65519, 2, 2 * 65536},             // both data chunks of a row
		{row + 70000, 100, 65536},         // the second chunk of the second row
		{row - 1, 2, 4 * 65536},           // two rows
		{segment - 10, 20, 2 * 65536},     // the last chunk of a segment, the first of the next
		{segment + 3*row, row, 2 * 65536}, // one row
	} {
		w.fleet.Mu.Lock()
		w.fleet.Served = 0
		w.fleet.Mu.Unlock()
		body, err := r.Range(t.Context(), c.off, c.n)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(body)
		if err != nil || !bytes.Equal(got, data[c.off:c.off+c.n]) {
			t.Fatalf("%+v: %v", c, err)
		}
		body.Close()
		w.fleet.Mu.Lock()
		if w.fleet.Served != c.want {
			t.Errorf("%d bytes from %d: %d were fetched, want %d", c.n, c.off, w.fleet.Served, c.want)
		}
		w.fleet.Mu.Unlock()
	}
}

// otherDigest is a catalog whose objects claim another digest.
type otherDigest struct{ object.Catalog }

func (c otherDigest) Object(ctx context.Context, id strata.ObjectID) (catalog.Object, error) {
	o, err := c.Catalog.Object(ctx, id)
	o.Digest[0] ^= 1
	return o, err
}

func TestDigestIsChecked(t *testing.T) {
	w, info, data := stored(t, 2*row)
	s, err := object.New(t.Context(), object.Options{
		Catalog: otherDigest{w.db}, Transport: w.fleet, Network: w.fleet, Secret: secret("alice"), Profile: strata.LocalProfile,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r, err := s.Open(t.Context(), info.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.Copy(io.Discard, r); strata.CodeOf(err) != strata.Corrupt {
		t.Fatalf("%v, want code corrupt", err)
	}
	body, err := r.Range(t.Context(), 0, 2*row-1) // a part has no digest
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if got, err := io.ReadAll(body); err != nil || !bytes.Equal(got, data[:2*row-1]) {
		t.Fatal(err)
	}
}

func TestOtherHotkeyIsRefused(t *testing.T) {
	w := newWorld(t, 1)
	_, err := object.New(t.Context(), object.Options{Catalog: w.db, Transport: w.fleet, Network: w.fleet, Secret: secret("bob"), Profile: strata.LocalProfile})
	if strata.CodeOf(err) != strata.Conflict {
		t.Fatalf("%v, want code conflict", err)
	}
}

func TestNotThere(t *testing.T) {
	w := newWorld(t, 1)
	id := strata.ObjectID{1}
	_, statErr := w.store.Stat(t.Context(), id)
	_, openErr := w.store.Open(t.Context(), id)
	_, lookErr := w.store.Lookup(t.Context(), "b", "none")
	_, listErr := w.store.List(t.Context(), object.ListRequest{Bucket: "none"})
	for i, err := range []error{statErr, openErr, lookErr, listErr, w.store.Delete(t.Context(), id)} {
		if strata.CodeOf(err) != strata.NotFound {
			t.Errorf("%s: %v, want code not_found", fmt.Sprint([]string{"stat", "open", "lookup", "list", "delete"}[i]), err)
		}
	}
}

// TestReceiptForNothing: miners that sign for what they do not keep are found out
// by the first read, and cost no more than as many that are gone. A segment whose
// data shards lie on the two honest ones shows nothing; with eight it is no matter.
func TestReceiptForNothing(t *testing.T) {
	w := newWorld(t, 6)
	w.fleet.Set(pretends, 0, 1, 2, 3)
	data := noise(1, 7*segment+row)
	id := w.put("f", data).ID
	w.segmentsOf(id)
	w.mustRead(id, data)
	w.mustRead(id, data)
	lost := 0
	for _, seg := range mustSegments(w, id) {
		for _, h := range seg.Shards {
			if h.State == catalog.Lost {
				lost++
			}
		}
	}
	if lost == 0 {
		t.Error("no shard is recorded as lost")
	}
	in, err := w.store.Inspect(t.Context(), id, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range in.Segments {
		if g.Good != 2 {
			t.Errorf("an inspection finds %d good shards, want the 2 that are there", g.Good)
		}
	}
}

// TestLyingMiners: wrong bytes of the right length never reach the reader, as long
// as k miners are honest, and are an error when fewer are.
func TestLyingMiners(t *testing.T) {
	w := newWorld(t, 6)
	data := noise(2, segment+row)
	id := w.put("f", data).ID
	w.segmentsOf(id)
	w.fleet.Set(corrupt, 0, 1, 2, 3)
	w.mustRead(id, data)
	w.fleet.Set(corrupt, 4)
	got, err := w.read(id)
	if strata.CodeOf(err) != strata.Unavailable || len(got) >= len(data) {
		t.Errorf("%d bytes and %v with one honest miner of the 2 needed", len(got), err)
	}
}

// TestFirstBytesComeFromOneMiner: what the first miner gives is given on at
// once, though the others answer nothing.
func TestFirstBytesComeFromOneMiner(t *testing.T) {
	w, info, data := stored(t, segment)
	segs, err := w.db.Segments(t.Context(), info.ID)
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range w.fleet.Miners {
		if m.Hotkey != segs[0].Shards[0].Miner {
			w.fleet.Set(hangs, i)
		}
	}
	r, err := w.store.Open(t.Context(), info.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	first := make([]byte, 64<<10)
	n, err := r.Read(first)
	if err != nil || n < 1000 || !bytes.Equal(first[:n], data[:n]) {
		t.Fatalf("%d bytes, %v", n, err)
	}
}

// TestNoByteOfAFileThatCannotBeRead: where the other miners are known to fail, the
// bytes that one of them has wait for their row, so that the error comes first.
func TestNoByteOfAFileThatCannotBeRead(t *testing.T) {
	w, info, _ := stored(t, segment)
	segs, err := w.db.Segments(t.Context(), info.ID)
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range w.fleet.Miners {
		if m.Hotkey != segs[0].Shards[0].Miner {
			w.fleet.Set(refuses, i)
		}
	}
	_, _ = w.read(info.ID) // finds out
	got, err := w.read(info.ID)
	if len(got) > 0 || strata.CodeOf(err) != strata.Unavailable {
		t.Errorf("%d bytes before %v", len(got), err)
	}
}

// TestReadBeginsSmall: who takes only the first bytes has few read, by requests
// that end by themselves; who takes all pays two requests more for each shard of
// the first segment alone.
func TestReadBeginsSmall(t *testing.T) {
	w, info, data := stored(t, 2*segment)
	r, err := w.store.Open(t.Context(), info.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	const chunk, k = 64 << 10, 2 // of six miners
	first := make([]byte, 1000)
	if _, err := io.ReadFull(r, first); err != nil || !bytes.Equal(first, data[:1000]) {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	w.fleet.Mu.Lock()
	total := uint64(0)
	for _, n := range w.fleet.Asked {
		if total += n; n > 3*chunk {
			t.Errorf("a request of %d bytes for the first thousand of a file", n)
		}
	}
	w.fleet.Mu.Unlock()
	if total > 4*k*chunk {
		t.Errorf("%d bytes were read for the first thousand of a file", total)
	}

	w, info, data = stored(t, 2*segment)
	w.mustRead(info.ID, data)
	w.fleet.Mu.Lock()
	defer w.fleet.Mu.Unlock()
	if got := len(w.fleet.Asked); got != k*(3+1) {
		t.Errorf("%d requests for a file of two segments", got)
	}
}
