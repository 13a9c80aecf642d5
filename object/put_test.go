package object_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"strata"
	"strata/internal/leaks"
	"strata/object"
)

func TestMain(m *testing.M) { leaks.Main(m) }

// With six miners k is 2 and success 4 of 6: a row is 131,040 bytes, a segment
// 16 rows.
const (
	row     = 2 * 65520
	segment = 16 * row
)

func TestPutGetSizes(t *testing.T) {
	w := newWorld(t, 6)
	for i, n := range []int{1, 2, 3, 65519, 65520, 65521, row - 1, row, row + 1, 3*row + 7, segment - 1, segment, segment + 1, 3*segment + row + 5} {
		data := noise(uint64(i), n)
		info := w.put("known", data)
		w.mustRead(info.ID, data)
		info, err := w.store.Put(t.Context(), object.PutRequest{Bucket: "b", Name: "unknown", Size: -1, Body: iotest.HalfReader(bytes.NewReader(data))})
		if err != nil || info.Size != int64(n) {
			t.Fatalf("%d bytes of unknown size: %+v, %v", n, info, err)
		}
		w.mustRead(info.ID, data)
	}
}

func TestNetworkSizes(t *testing.T) {
	for _, miners := range []int{1, 2, 3, 4, 9, 31} {
		t.Run(fmt.Sprint(miners), func(t *testing.T) {
			w := newWorld(t, miners)
			data := noise(1, 3<<20)
			w.mustRead(w.put("f", data).ID, data)
		})
	}
}

func TestSameFileTwiceSharesNoShard(t *testing.T) {
	w := newWorld(t, 6)
	data := noise(1, 2*segment)
	w.put("a", data)
	w.put("b", data)
	w.eventually("all shards stored", func() bool { return w.fleet.Stored() == 24 })
	seen := map[strata.Root]bool{}
	for _, m := range w.fleet.Miners {
		for root, body := range m.Shards {
			if seen[root] || bytes.Contains(data, body[:32]) {
				t.Fatal("a shard is stored twice or holds plaintext")
			}
			seen[root] = true
		}
	}
}

func TestInfoAndMeta(t *testing.T) {
	w := newWorld(t, 6)
	put, err := w.store.Put(t.Context(), object.PutRequest{
		Bucket: "b", Name: "n", ContentType: "text/plain", Meta: map[string]string{"a": "1"}, Size: 5, Body: strings.NewReader("hello"),
		Finish: func(size int64, digest [32]byte) (map[string]string, error) {
			return map[string]string{"size": fmt.Sprint(size), "first": fmt.Sprintf("%x", digest[:4])}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := w.store.Lookup(t.Context(), "b", "n")
	if err != nil || fmt.Sprint(got.Meta) != "map[a:1 first:ea8f163d size:5]" || got.ContentType != "text/plain" || got.ID != put.ID || got.Modified.IsZero() {
		t.Fatalf("%+v, %v", got, err)
	}
}

func TestPutRefused(t *testing.T) {
	w := newWorld(t, 6)
	boom := errors.New("boom")
	data := noise(1, segment+5)
	for name, c := range map[string]struct {
		request object.PutRequest
		code    strata.Code
		text    string
	}{
		"no name":          {object.PutRequest{Bucket: "b", Size: 1, Body: strings.NewReader("x")}, strata.Invalid, "needs a name"},
		"long name":        {object.PutRequest{Bucket: "b", Name: strings.Repeat("n", 1025), Size: 1, Body: strings.NewReader("x")}, strata.Invalid, "1024"},
		"no body":          {object.PutRequest{Bucket: "b", Name: "n", Size: 1}, strata.Invalid, "body"},
		"bad size":         {object.PutRequest{Bucket: "b", Name: "n", Size: -2, Body: strings.NewReader("x")}, strata.Invalid, "size"},
		"empty":            {object.PutRequest{Bucket: "b", Name: "n", Body: strings.NewReader("")}, strata.Invalid, "empty file: nothing to store"},
		"empty, unknown":   {object.PutRequest{Bucket: "b", Name: "n", Size: -1, Body: strings.NewReader("")}, strata.Invalid, "empty file: nothing to store"},
		"no bucket":        {object.PutRequest{Bucket: "x", Name: "n", Size: 1, Body: strings.NewReader("x")}, strata.NotFound, "bucket"},
		"short":            {object.PutRequest{Bucket: "b", Name: "n", Size: segment + 6, Body: bytes.NewReader(data)}, strata.Invalid, "ended after"},
		"long":             {object.PutRequest{Bucket: "b", Name: "n", Size: segment + 4, Body: bytes.NewReader(data)}, strata.Invalid, "larger than"},
		"broken body":      {object.PutRequest{Bucket: "b", Name: "n", Size: -1, Body: io.MultiReader(bytes.NewReader(data), iotest.ErrReader(boom))}, strata.Internal, "boom"},
		"broken off":       {object.PutRequest{Bucket: "b", Name: "n", Size: -1, Body: io.MultiReader(bytes.NewReader(data), iotest.ErrReader(io.ErrUnexpectedEOF))}, strata.Internal, "unexpected EOF"},
		"checksum differs": {object.PutRequest{Bucket: "b", Name: "n", Size: -1, Body: bytes.NewReader(data), Finish: func(int64, [32]byte) (map[string]string, error) { return nil, boom }}, strata.Internal, "boom"},
		"beyond space":     {object.PutRequest{Bucket: "b", Name: "n", Size: 1 << 40, Body: iotest.ErrReader(errors.New("was read"))}, strata.NoSpace, "room for"},
	} {
		_, err := w.store.Put(t.Context(), c.request)
		if strata.CodeOf(err) != c.code || !strings.Contains(fmt.Sprint(err), c.text) {
			t.Errorf("%s: %v (code %s), want %q (code %s)", name, err, strata.CodeOf(err), c.text, c.code)
		}
	}
	w.leftNothing()
}

// leftNothing checks that neither listing nor miners, once the queue is worked
// off, hold anything.
func (w *world) leftNothing() {
	w.t.Helper()
	page, err := w.store.List(w.t.Context(), object.ListRequest{Bucket: "b"})
	if err != nil || len(page.Objects) != 0 {
		w.t.Fatalf("%+v is listed (%v), want nothing", page.Objects, err)
	}
	defer w.run()()
	w.eventually("no shards left", func() bool { return w.fleet.Stored() == 0 })
}

func TestEmptyAllowed(t *testing.T) {
	w := newWorld(t, 6)
	for _, size := range []int64{0, -1} {
		info, err := w.store.Put(t.Context(), object.PutRequest{Bucket: "b", Name: "n", Size: size, Body: strings.NewReader(""), AllowEmpty: true})
		if err != nil {
			t.Fatal(err)
		}
		w.mustRead(info.ID, nil)
	}
}

func TestNoMiners(t *testing.T) {
	w := newWorld(t, 0)
	_, err := w.store.Put(t.Context(), object.PutRequest{Bucket: "b", Name: "n", Size: 1, Body: strings.NewReader("x")})
	if strata.CodeOf(err) != strata.Unavailable {
		t.Fatalf("%v, want code unavailable", err)
	}
}

func TestCancelledPut(t *testing.T) {
	w := newWorld(t, 6)
	w.fleet.Set(hangs, 0, 1, 2, 3, 4, 5)
	ctx, cancel := context.WithCancel(t.Context())
	body := iotest.DataErrReader(bytes.NewReader(noise(1, segment)))
	done := make(chan error, 1)
	go func() {
		_, err := w.store.Put(ctx, object.PutRequest{Bucket: "b", Name: "n", Size: -1, Body: body})
		done <- err
	}()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatalf("%v, want context canceled", err)
	}
	w.fleet.Set(honest, 0, 1, 2, 3, 4, 5)
	w.leftNothing()
}

// TestSuccessThreshold: the object counts with exactly `success` receipts and
// not with one fewer, however the others fail.
func TestSuccessThreshold(t *testing.T) {
	for _, m := range []mood{refuses, hangs, full} {
		t.Run(fmt.Sprint(m), func(t *testing.T) { synctest.Test(t, func(t *testing.T) { testSuccessThreshold(t, m) }) })
	}
}

func testSuccessThreshold(t *testing.T, m mood) {
	w := newWorldWith(t, 6, production)
	data := noise(1, segment/2)
	w.fleet.Set(m, 1, 4)
	info := w.put("f", data)
	w.mustRead(info.ID, data)
	w.fleet.Set(m, 2)
	_, err := w.store.Put(t.Context(), object.PutRequest{Bucket: "b", Name: "g", Size: -1, Body: bytes.NewReader(data)})
	want := strata.Unavailable
	if m == full {
		want = strata.NoSpace
	}
	if strata.CodeOf(err) != want || strings.Contains(err.Error(), "\n") {
		t.Fatalf("%v (code %s), want code %s in one line", err, strata.CodeOf(err), want)
	}
	if err := w.store.Delete(t.Context(), info.ID); err != nil {
		t.Fatal(err)
	}
	w.fleet.Set(honest, 1, 2, 4)
	w.leftNothing()
}

// TestReplaced: while candidates are left, a segment gets all its shards.
func TestReplaced(t *testing.T) {
	for _, m := range []mood{refuses, hangs, full} {
		t.Run(fmt.Sprint(m), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorldWith(t, 36, func(w *world) {
					w.timing = object.Timing{SendTail: time.Minute} // replacements may hang too
				})
				w.fleet.Set(m, 3, 9, 20, 21, 30, 35)
				data := noise(1, 1<<20)
				info := w.put("f", data)
				w.eventually("all 30 shards stored", func() bool {
					h, err := w.store.Stat(t.Context(), info.ID)
					return err == nil && len(h.Segments) == 1 && h.Segments[0].Stored == 30 && h.Segments[0].Readable()
				})
				w.mustRead(info.ID, data)
			})
		})
	}
}

// TestMemoryBound: while miners take nothing, no more of the body is read than
// fits into memory.
func TestMemoryBound(t *testing.T) { synctest.Test(t, testMemoryBound) }

func testMemoryBound(t *testing.T) {
	w := newWorldWith(t, 6, func(w *world) {
		production(w)
		w.memory = 8 * strata.MiB
	})
	w.fleet.Gate = make(chan struct{})
	var read atomic.Int64
	body := countReader{bytes.NewReader(noise(1, 40<<20)), &read}
	done := make(chan error, 1)
	go func() {
		_, err := w.store.Put(t.Context(), object.PutRequest{Bucket: "b", Name: "n", Size: -1, Body: body})
		done <- err
	}()
	synctest.Wait() // the reader has stopped
	// Six shards for two of plaintext, and a few rows read ahead.
	if n, limit := read.Load(), int64(8<<20)/3+4*row; n < segment || n > limit {
		t.Fatalf("%d bytes were read while nothing was sent, want at most %d", n, limit)
	}
	close(w.fleet.Gate)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

type countReader struct {
	r io.Reader
	n *atomic.Int64
}

func (c countReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}

func TestConcurrentPuts(t *testing.T) {
	w := newWorld(t, 9)
	w.memory = 8 * strata.MiB
	w.restart()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			data := noise(uint64(i), 1000+i*700_000)
			for _, name := range []string{fmt.Sprint("own", i), "shared"} {
				_, err := w.store.Put(t.Context(), object.PutRequest{Bucket: "b", Name: name, Size: -1, Body: bytes.NewReader(data)})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	page, err := w.store.List(t.Context(), object.ListRequest{Bucket: "b"})
	if err != nil || len(page.Objects) != 9 {
		t.Fatalf("%d objects (%v), want 9", len(page.Objects), err)
	}
	for i, o := range page.Objects[:8] {
		w.mustRead(o.ID, noise(uint64(i), 1000+i*700_000))
	}
	if b, err := w.read(page.Objects[8].ID); err != nil || int64(len(b)) != page.Objects[8].Size {
		t.Fatalf("the name written 8 times: %d bytes, %v", len(b), err)
	}
}
