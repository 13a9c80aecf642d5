package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"strata"
)

func TestRanges(t *testing.T) {
	b := newBench(t)
	id := b.put("f.txt", "text/plain", "0123456789")
	tag := `"` + id.String() + `"`
	for _, c := range []struct {
		name    string
		header  []string
		status  int
		body    string
		content string // Content-Range
		asked   [][2]int64
	}{
		{"all", nil, 200, "0123456789", "", [][2]int64{{0, 10}}},
		{"middle", []string{"Range", "bytes=2-4"}, 206, "234", "bytes 2-4/10", [][2]int64{{2, 3}}},
		{"from", []string{"Range", "bytes=7-"}, 206, "789", "bytes 7-9/10", [][2]int64{{7, 3}}},
		{"last", []string{"Range", "bytes=-2"}, 206, "89", "bytes 8-9/10", [][2]int64{{8, 2}}},
		{"past the end", []string{"Range", "bytes=8-100"}, 206, "89", "bytes 8-9/10", [][2]int64{{8, 2}}},
		{"outside", []string{"Range", "bytes=10-"}, 416, "", "bytes */10", nil},
		{"nonsense", []string{"Range", "bytes=x"}, 416, "", "", nil},
		{"if-range same", []string{"Range", "bytes=2-4", "If-Range", tag}, 206, "234", "bytes 2-4/10", [][2]int64{{2, 3}}},
		{"if-range other", []string{"Range", "bytes=2-4", "If-Range", `"x"`}, 200, "0123456789", "", [][2]int64{{0, 10}}},
		{"not modified", []string{"If-None-Match", tag}, 304, "", "", nil},
		{"failed condition", []string{"If-Match", `"x"`}, 412, "", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			b.objects.ranges = nil
			a := b.get("/retrieve/?hash="+id.String(), c.header...)
			if a.status != c.status || a.header.Get("Content-Range") != c.content {
				t.Fatalf("%d %q", a.status, a.header.Get("Content-Range"))
			}
			if a.status < 300 && string(a.body) != c.body {
				t.Errorf("body %q", a.body)
			}
			if a.status >= 400 {
				a.failure(t)
			}
			if !slices.Equal(b.objects.ranges, c.asked) {
				t.Errorf("asked the store for %v, want %v", b.objects.ranges, c.asked)
			}
		})
	}
	a := b.get("/retrieve/?hash="+id.String(), "Range", "bytes=0-1,5-6")
	if a.status != 206 || !strings.HasPrefix(a.header.Get("Content-Type"), "multipart/byteranges") ||
		!bytes.Contains(a.body, []byte("\r\n01\r\n")) || !bytes.Contains(a.body, []byte("\r\n56\r\n")) {
		t.Errorf("two ranges: %d %q", a.status, a.body)
	}
}

// TestRangesMatchTheFile compares any range with the same slice of the file.
func TestRangesMatchTheFile(t *testing.T) {
	b := newBench(t)
	data := make([]byte, 700_001) // more than two copy buffers
	for i := range data {
		data[i] = byte(i * i >> 8)
	}
	id := b.put("f", "", string(data))
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.IntRange(0, len(data)-1).Draw(t, "from")
		to := rapid.IntRange(from, len(data)-1).Draw(t, "to")
		a := b.get("/retrieve/?hash="+id.String(), "Range", fmt.Sprintf("bytes=%d-%d", from, to))
		if a.status != 206 || !bytes.Equal(a.body, data[from:to+1]) {
			t.Fatalf("%d, %d bytes", a.status, len(a.body))
		}
	})
}

func TestHead(t *testing.T) {
	b := newBench(t)
	id := b.put("f.txt", "text/plain", "0123456789")
	a := b.do(b.request(http.MethodHead, "/retrieve/?hash="+id.String(), nil))
	if a.status != 200 || a.header.Get("Content-Length") != "10" || len(a.body) != 0 || len(b.objects.ranges) != 0 {
		t.Errorf("%d, length %q, ranges %v", a.status, a.header.Get("Content-Length"), b.objects.ranges)
	}
}

func TestBrokenDownloadIsSeen(t *testing.T) {
	b := newBench(t)
	id := b.put("f", "", strings.Repeat("x", 1<<20))
	b.objects.cutAt = 600_000
	resp, err := http.DefaultClient.Do(b.request(http.MethodGet, "/retrieve/?hash="+id.String(), nil))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	if resp.StatusCode != 200 || !errors.Is(err, io.ErrUnexpectedEOF) || n > 600_000 {
		t.Errorf("%d, %d bytes, %v: a broken download must not look whole", resp.StatusCode, n, err)
	}
	if !strings.Contains(b.log.String(), "too few miners answer") {
		t.Error("the cause is not in the log")
	}
}

// odd is a Content that ends in another way than announced.
type odd struct{ body func() io.Reader }

func (o odd) Range(context.Context, int64, int64) (io.ReadCloser, error) {
	return io.NopCloser(o.body()), nil
}
func (odd) Close() error { return nil }

type oddObjects struct {
	*memory
	odd
}

func (o oddObjects) Open(_ context.Context, id strata.ObjectID) (Object, Content, error) {
	object, err := o.get(id)
	return object.Object, o.odd, err
}

// TestWrongContentNeverArrivesWhole: content that is too short, too long or
// fails its final check is an error to the client, here with a status since
// all of it fits into the first step.
func TestWrongContentNeverArrivesWhole(t *testing.T) {
	for name, c := range map[string]struct {
		body   func() io.Reader
		status int
	}{
		"right": {func() io.Reader { return strings.NewReader("0123456789") }, 200},
		"short": {func() io.Reader { return strings.NewReader("") }, 502},
		"long":  {func() io.Reader { return strings.NewReader("0123456789+") }, 502},
		"bad digest": {func() io.Reader {
			return io.MultiReader(strings.NewReader("0123456789"), failing{strata.E(strata.Corrupt, "digest")})
		}, 502},
		"unreachable": {func() io.Reader { return failing{strata.E(strata.Unavailable, "too few miners")} }, 503},
	} {
		b := newBench(t, func(cfg *Config) { cfg.Objects = oddObjects{cfg.Objects.(*memory), odd{c.body}} })
		id := b.put("f", "", "0123456789")
		a := b.get("/retrieve/?hash=" + id.String())
		if a.status != c.status {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		if a.status != 200 {
			a.failure(t)
			if a.header.Get("Content-Disposition") != "" {
				t.Errorf("%s: an error is sent as a file", name)
			}
		}
	}
}

// zeros yields n zero bytes.
type zeros struct{ n int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.n == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), z.n)
	clear(p[:n])
	z.n -= n
	return int(n), nil
}

const large = 256 << 20

type largeContent struct{}

func (largeContent) Range(_ context.Context, _, n int64) (io.ReadCloser, error) {
	return io.NopCloser(&zeros{n}), nil
}
func (largeContent) Close() error { return nil }

type largeObjects struct{ *memory }

func (largeObjects) Open(_ context.Context, id strata.ObjectID) (Object, Content, error) {
	return Object{ID: id, Name: "large", Size: large}, largeContent{}, nil
}

// TestMemoryDoesNotGrowWithTheFile streams 256 MiB each way through a real
// connection and counts what was allocated meanwhile, by both ends.
func TestMemoryDoesNotGrowWithTheFile(t *testing.T) {
	b := newBench(t, func(cfg *Config) {
		cfg.Objects.(*memory).discard = true
		cfg.Objects = largeObjects{cfg.Objects.(*memory)}
	})
	const limit = 16 << 20
	if got := allocated(func() { b.upload(large) }); got > limit {
		t.Errorf("the upload of %d bytes allocated %d", large, got)
	}
	if b.objects.counted != large {
		t.Errorf("%d bytes arrived", b.objects.counted)
	}
	if got := allocated(func() { b.download(large) }); got > limit {
		t.Errorf("the download of %d bytes allocated %d", large, got)
	}
}

func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func (b *bench) upload(n int64) {
	b.t.Helper()
	whole, ct := form(b.t, field{"file", "large", "", "@"})
	head, tail, _ := bytes.Cut(whole, []byte("@"))
	body := io.MultiReader(bytes.NewReader(head), &zeros{n}, bytes.NewReader(tail))
	if a := b.do(b.request(http.MethodPost, "/store/", body, "Content-Type", ct)); a.status != 200 {
		b.t.Fatalf("%d %s", a.status, a.body)
	}
}

func (b *bench) download(want int64) {
	b.t.Helper()
	resp, err := http.DefaultClient.Do(b.request(http.MethodGet, "/retrieve/?hash="+strings.Repeat("ab", 16), nil))
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, resp.Body, make([]byte, 256<<10))
	if n != want || err != nil {
		b.t.Fatalf("%d bytes, %v", n, err)
	}
}

// gated is Objects whose Put waits.
type gated struct {
	*memory
	entered chan struct{}
	leave   chan struct{}
}

func (g gated) Put(ctx context.Context, r PutRequest) (Object, error) {
	g.entered <- struct{}{}
	select {
	case <-g.leave:
		return g.memory.Put(ctx, r)
	case <-ctx.Done():
		return Object{}, ctx.Err()
	}
}

func TestUploadsAreBounded(t *testing.T) {
	gate := gated{newMemory(), make(chan struct{}), make(chan struct{})}
	b := newBench(t, func(cfg *Config) { cfg.Objects, cfg.Uploads = gate, 1 })
	body, ct := form(t, field{"file", "f", "", "x"})
	first := make(chan answer)
	go func() {
		first <- b.do(b.request(http.MethodPost, "/store/", bytes.NewReader(body), "Content-Type", ct))
	}()
	<-gate.entered
	a := b.do(b.request(http.MethodPost, "/store/", bytes.NewReader(body), "Content-Type", ct))
	if a.status != 429 || a.failure(t).Code != strata.Throttled || a.header.Get("Retry-After") == "" {
		t.Errorf("second upload: %d %s", a.status, a.body)
	}
	close(gate.leave)
	if a := <-first; a.status != 200 {
		t.Errorf("first upload: %d %s", a.status, a.body)
	}
}

func TestSilentUploadIsCut(t *testing.T) {
	b := newBench(t, func(cfg *Config) { cfg.Idle = 30 * time.Millisecond })
	whole, ct := form(t, field{"file", "f", "", "some content"})
	pr, pw := io.Pipe()
	defer pw.Close()
	go func() { _, _ = pw.Write(whole[:len(whole)-20]) }() // and then nothing
	a := b.do(b.request(http.MethodPost, "/store/", pr, "Content-Type", ct))
	if f := a.failure(t); a.status != 400 || !strings.Contains(f.Error, "stopped moving") || b.objects.len() != 0 {
		t.Errorf("%d %q", a.status, f.Error)
	}
}

// TestSlowStoreIsNotCut: the idle limit is about the client, not about the time
// that storing takes once the file has arrived.
func TestSlowStoreIsNotCut(t *testing.T) {
	slow := slowStore{newMemory(), 1500 * time.Millisecond}
	b := newBench(t, func(cfg *Config) { cfg.Idle, cfg.Objects = time.Second, slow })
	body, ct := form(t, field{"file", "f", "", "x"})
	a := b.do(b.request(http.MethodPost, "/store/", bytes.NewReader(body), "Content-Type", ct))
	if a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// slowStore takes its time after the body's end, and heeds its context.
type slowStore struct {
	*memory
	takes time.Duration
}

func (s slowStore) Put(ctx context.Context, r PutRequest) (Object, error) {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return Object{}, err
	}
	select {
	case <-time.After(s.takes):
		r.Body = bytes.NewReader(data)
		return s.memory.Put(ctx, r)
	case <-ctx.Done():
		return Object{}, ctx.Err()
	}
}

func TestServeAndClose(t *testing.T) {
	gate := gated{newMemory(), make(chan struct{}), make(chan struct{})}
	s, err := New(Config{Token: NewToken(), Objects: gate, Grace: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(t.Context(), ln.Addr().String()); strata.CodeOf(err) != strata.Conflict {
		t.Errorf("a port in use: %v", err)
	}
	if _, err := Listen(t.Context(), "nowhere"); strata.CodeOf(err) != strata.Invalid {
		t.Errorf("no address: %v", err)
	}
	served := make(chan error)
	go func() { served <- s.Serve(ln) }()

	b := &bench{t: t, url: "http://" + ln.Addr().String(), token: s.cfg.Token}
	var alive AliveStatus
	if a := b.get("/api/health"); json.Unmarshal(a.body, &alive) != nil || !alive.OK {
		t.Errorf("health: %s", a.body)
	}
	body, ct := form(t, field{"file", "f", "", "x"})
	done := make(chan struct{})
	go func() {
		defer close(done)
		resp, err := http.DefaultClient.Do(b.request(http.MethodPost, "/store/", bytes.NewReader(body), "Content-Type", ct))
		if err == nil {
			resp.Body.Close()
		}
	}()
	<-gate.entered                    // an upload hangs, for ever
	if err := s.Close(); err != nil { // and closing does not
		t.Errorf("close: %v", err)
	}
	if err := <-served; err != nil {
		t.Errorf("serve: %v", err)
	}
	<-done
	if gate.len() != 0 {
		t.Error("a cut upload was stored")
	}
	if err := s.Close(); err != nil {
		t.Errorf("close again: %v", err)
	}
}

func TestAddress(t *testing.T) {
	token := NewToken()
	for addr, want := range map[string]string{"127.0.0.1:3000": "http://localhost:3000/", "0.0.0.0:3000": "http://localhost:3000/", "192.0.2.7:80": "http://192.0.2.7:80/"} {
		ap, err := net.ResolveTCPAddr("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if got := Address(fixed{addr: ap}, token); got != want+"#token="+token.Reveal() {
			t.Errorf("%s: %s", addr, got)
		}
	}
}

type fixed struct {
	net.Listener
	addr net.Addr
}

func (f fixed) Addr() net.Addr { return f.addr }
