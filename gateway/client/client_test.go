package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"strata"
	"strata/gateway"
)

// shelf is gateway.Objects and gateway.Network in memory.
type shelf struct {
	mu    sync.Mutex
	files []gateway.Object // guarded by mu, as data
	data  map[strata.ObjectID][]byte
	gone  []strata.ObjectID
	asked gateway.PutRequest // last
}

func (s *shelf) Put(_ context.Context, r gateway.PutRequest) (gateway.Object, error) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return gateway.Object{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = r
	o := gateway.Object{ID: strata.ObjectID{1, byte(len(s.files))}, Name: r.Name, Size: int64(len(b)), Keyed: r.Keyed}
	s.files = append(s.files, o)
	s.data[o.ID] = b
	return o, nil
}

func (s *shelf) Stat(_ context.Context, id strata.ObjectID) (gateway.Object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.files {
		if o.ID == id {
			return o, nil
		}
	}
	return gateway.Object{}, strata.E(strata.NotFound, "there is no object %s", id)
}

func (s *shelf) List(_ context.Context, r gateway.ListRequest) (gateway.ObjectList, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out gateway.ObjectList
	for _, o := range s.files {
		if !strings.HasPrefix(o.Name, r.Prefix) || o.Name <= r.After {
			continue
		}
		if len(out.Objects) == r.Limit {
			out.Next = out.Objects[r.Limit-1].Name
			break
		}
		if r.Health {
			h := gateway.NewHealth(1, 1, 1)
			o.Health = &h
		}
		out.Objects = append(out.Objects, o)
	}
	return out, nil
}

func (s *shelf) Open(ctx context.Context, id strata.ObjectID) (gateway.Object, gateway.Content, error) {
	o, err := s.Stat(ctx, id)
	return o, content(s.data[id]), err
}

func (s *shelf) OpenKey(ctx context.Context, key string) (gateway.Object, gateway.Content, error) {
	return gateway.Object{}, nil, strata.E(strata.Internal, "the client asks by id")
}

func (s *shelf) DeleteKey(ctx context.Context, key string, match strata.ObjectID) (strata.ObjectID, error) {
	s.mu.Lock()
	var id strata.ObjectID
	for _, o := range s.files {
		if o.Keyed && o.Name == key {
			id = o.ID
		}
	}
	s.mu.Unlock()
	if match != (strata.ObjectID{}) && match != id {
		return id, strata.E(strata.Conflict, "another file")
	}
	return id, s.Delete(ctx, id)
}

func (s *shelf) Delete(ctx context.Context, id strata.ObjectID) error {
	if _, err := s.Stat(ctx, id); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files = slices.DeleteFunc(s.files, func(o gateway.Object) bool { return o.ID == id })
	s.gone = append(s.gone, id)
	return nil
}

func (s *shelf) Undelete(_ context.Context, id strata.ObjectID) (gateway.Object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.gone, id) {
		return gateway.Object{}, strata.E(strata.NotFound, "object %s cannot come back", id)
	}
	s.files = append(s.files, gateway.Object{ID: id})
	return gateway.Object{ID: id}, nil
}

func (s *shelf) Status(context.Context) (gateway.NetworkStatus, error) {
	return gateway.NetworkStatus{Profile: "local", Block: 7}, nil
}

type content []byte

func (c content) Range(_ context.Context, off, n int64) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(c[off : off+n])), nil
}
func (content) Close() error { return nil }

// open serves a real gateway over a shelf; wrap may stand in between.
func open(t *testing.T, wrap func(http.Handler) http.Handler) (*Client, *shelf) {
	t.Helper()
	s, token := &shelf{data: map[strata.ObjectID][]byte{}}, gateway.NewToken()
	g, err := gateway.New(gateway.Config{Token: token, Objects: s, Network: s})
	if err != nil {
		t.Fatal(err)
	}
	h := g.Handler()
	if wrap != nil {
		h = wrap(h)
	}
	web := httptest.NewServer(h)
	t.Cleanup(web.Close)
	return newClient(t, web.URL, token), s
}

func newClient(t *testing.T, url string, token gateway.Token) *Client {
	t.Helper()
	c, err := New(url, token)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestEveryCall(t *testing.T) {
	c, shelf := open(t, nil)
	ctx := t.Context()
	data := bytes.Repeat([]byte("0123456789"), 100_000)
	var told []int64
	id, err := c.Put(ctx, `grüße "x".bin`, int64(len(data)), bytes.NewReader(data), func(n int64) { told = append(told, n) })
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSorted(told) || told[len(told)-1] != int64(len(data)) {
		t.Errorf("progress %v", told)
	}
	if _, err := c.Put(ctx, "unknown size", -1, bytes.NewReader(data), nil); err != nil {
		t.Errorf("unknown size: %v", err)
	}
	o, err := c.Stat(ctx, id)
	if err != nil || o.Name != `grüße "x".bin` || o.Size != int64(len(data)) {
		t.Errorf("stat: %+v %v", o, err)
	}
	list, err := c.List(ctx, gateway.ListRequest{Prefix: "g", Limit: 1, Health: true})
	if err != nil || len(list.Objects) != 1 || list.Objects[0].Health == nil {
		t.Errorf("list: %+v %v", list, err)
	}
	list, err = c.List(ctx, gateway.ListRequest{After: "grüße "})
	if err != nil || len(list.Objects) != 2 || list.Objects[0].Health != nil {
		t.Errorf("list: %+v %v", list, err)
	}
	for _, offset := range []int64{0, 1, 999_999, 1_000_000} {
		var got bytes.Buffer
		n, err := c.Get(ctx, id, &got, offset, nil)
		if err != nil || n != int64(len(data))-offset || !bytes.Equal(got.Bytes(), data[offset:]) {
			t.Errorf("get from %d: %d bytes, %v", offset, n, err)
		}
	}
	if n, err := c.Network(ctx); err != nil || n.Block != 7 {
		t.Errorf("network: %+v %v", n, err)
	}
	if err := c.Delete(ctx, id); err != nil || len(shelf.files) != 1 {
		t.Errorf("delete: %v", err)
	}
	if o, err := c.Undelete(ctx, id); err != nil || o.ID != id || len(shelf.files) != 2 {
		t.Errorf("undelete: %+v, %v", o, err)
	}
}

func TestKeys(t *testing.T) {
	c, shelf := open(t, nil)
	ctx, key := t.Context(), `photos/2026\/100% "größe"?#.bin`
	if _, err := c.Put(ctx, key, -1, strings.NewReader("of that name, without a key"), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Key(ctx, key); strata.CodeOf(err) != strata.NotFound {
		t.Errorf("a name is taken for a key: %v", err)
	}
	shelf.files = nil
	for _, cond := range []gateway.Condition{{}, {Absent: true}, {Match: strata.ObjectID{7}}} {
		id, err := c.PutFile(ctx, File{Name: key, ContentType: "text/plain", Size: 4, Body: strings.NewReader("data"), Keyed: true, Condition: cond}, nil)
		if err != nil {
			t.Fatal(err)
		}
		r := shelf.asked
		if !r.Keyed || r.Name != key || r.Condition != cond || r.Size != 4 || r.ContentType != "text/plain" || string(shelf.data[id]) != "data" {
			t.Errorf("asked for %+v", r)
		}
	}
	if o, err := c.Key(ctx, key); err != nil || o.Name != key || o.Size != 4 {
		t.Errorf("%+v, %v", o, err)
	}
	last := shelf.files[len(shelf.files)-1].ID
	if _, err := c.DeleteKey(ctx, key, strata.ObjectID{7}); strata.CodeOf(err) != strata.Conflict {
		t.Errorf("another file than the one meant: %v", err)
	}
	if id, err := c.DeleteKey(ctx, key, last); err != nil || id != last {
		t.Errorf("deleted %s, %v, want %s", id, err, last)
	}
	if _, err := c.DeleteKey(ctx, key+"x", strata.ObjectID{}); strata.CodeOf(err) != strata.NotFound {
		t.Errorf("a key that names nothing: %v", err)
	}
	if _, err := c.DeleteKey(ctx, "a//b", strata.ObjectID{}); strata.CodeOf(err) != strata.Invalid {
		t.Errorf("no key: %v", err)
	}
	for _, bad := range []string{"", ".", "..", "a//b", "/a", "a/", "a/../b", "a\x00b", "\xff"} {
		if _, err := c.PutFile(ctx, File{Name: bad, Size: 4, Body: neverRead{t}, Keyed: true}, nil); strata.CodeOf(err) != strata.Invalid {
			t.Errorf("key %q: %v", bad, err)
		}
	}
	if _, err := c.PutFile(ctx, File{Name: key, Size: 0, Body: strings.NewReader(""), Keyed: true}, nil); err != nil {
		t.Errorf("the length 0 is not told: %v", err) // the shelf takes it
	}
	if shelf.asked.Size != 0 {
		t.Errorf("size %d, want 0", shelf.asked.Size)
	}
}

func TestErrorsKeepTheirCode(t *testing.T) {
	c, shelf := open(t, nil)
	ctx, none := t.Context(), strata.ObjectID{9}
	stranger := newClient(t, c.base.String(), gateway.NewToken())
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	nowhere := newClient(t, gone.URL, gateway.NewToken())
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }))
	defer other.Close()
	wrong := newClient(t, other.URL, gateway.NewToken())
	teapot := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(418) }))
	defer teapot.Close()
	strange := newClient(t, teapot.URL, gateway.NewToken())
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	for name, c := range map[string]struct {
		call func() error
		code strata.Code
	}{
		"stat unknown":      {func() error { _, err := c.Stat(ctx, none); return err }, strata.NotFound},
		"undelete unknown":  {func() error { _, err := c.Undelete(ctx, none); return err }, strata.NotFound},
		"delete unknown":    {func() error { return c.Delete(ctx, none) }, strata.NotFound},
		"get unknown":       {func() error { _, err := c.Get(ctx, none, io.Discard, 0, nil); return err }, strata.NotFound},
		"get on of unknown": {func() error { _, err := c.Get(ctx, none, io.Discard, 5, nil); return err }, strata.NotFound},
		"bad limit":         {func() error { _, err := c.List(ctx, gateway.ListRequest{Limit: 5000}); return err }, strata.Invalid},
		"empty file":        {func() error { _, err := c.Put(ctx, "f", 0, strings.NewReader(""), nil); return err }, strata.Invalid},
		"grew":              {func() error { _, err := c.Put(ctx, "f", 3, strings.NewReader("longer"), nil); return err }, strata.Invalid},
		"shrank":            {func() error { _, err := c.Put(ctx, "f", 30, strings.NewReader("short"), nil); return err }, strata.Invalid},
		"unreadable": {func() error {
			_, err := c.Put(ctx, "f", 30, iotest.ErrReader(strata.E(strata.Corrupt, "bad disk")), nil)
			return err
		}, strata.Corrupt},
		"wrong token":       {func() error { _, err := stranger.Stat(ctx, none); return err }, strata.Unauthenticated},
		"put, wrong token":  {func() error { _, err := stranger.Put(ctx, "f", 1<<40, neverRead{t}, nil); return err }, strata.Unauthenticated},
		"nobody there":      {func() error { _, err := nowhere.Stat(ctx, none); return err }, strata.Unavailable},
		"get, nobody there": {func() error { _, err := nowhere.Get(ctx, none, io.Discard, 0, nil); return err }, strata.Unavailable},
		"no gateway":        {func() error { _, err := wrong.Stat(ctx, none); return err }, strata.Unavailable},
		"no JSON":           {func() error { _, err := strange.Stat(ctx, none); return err }, strata.Unavailable},
		"bad address":       {func() error { _, err := New("localhost:3000", gateway.Token{}); return err }, strata.Invalid},
	} {
		err := c.call()
		if strata.CodeOf(err) != c.code || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %s %v, want %s", name, strata.CodeOf(err), err, c.code)
		}
	}
	if _, err := c.Stat(cancelled, none); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if len(shelf.files) != 0 {
		t.Errorf("stored %v", shelf.files)
	}
}

// neverRead is a file that must not be read.
type neverRead struct{ t *testing.T }

func (n neverRead) Read([]byte) (int, error) {
	n.t.Error("the file is read although the token is refused")
	return 0, io.ErrUnexpectedEOF
}

// cutter breaks the first cuts answers to /retrieve/ off after so many bytes.
type cutter struct {
	http.ResponseWriter
	left int
}

func (c *cutter) Write(p []byte) (int, error) {
	if len(p) > c.left {
		_, _ = c.ResponseWriter.Write(p[:c.left])
		_ = http.NewResponseController(c.ResponseWriter).Flush()
		panic(http.ErrAbortHandler) // net/http's way to cut the connection
	}
	c.left -= len(p)
	return c.ResponseWriter.Write(p)
}

func (c *cutter) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func cutting(cuts int, after int, asked *[]string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/retrieve/" {
				*asked = append(*asked, r.Header.Get("Range"))
				if cuts > 0 {
					cuts--
					w = &cutter{w, after}
				}
			}
			next.ServeHTTP(w, r)
		})
	}
}

func TestGetGoesOnWhereItBroke(t *testing.T) {
	var asked []string
	c, _ := open(t, cutting(3, 1000, &asked))
	data := bytes.Repeat([]byte("abcdefghij"), 500)
	id, err := c.Put(t.Context(), "f", -1, bytes.NewReader(data), nil)
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	n, err := c.Get(t.Context(), id, &got, 0, nil)
	if err != nil || n != int64(len(data)) || !bytes.Equal(got.Bytes(), data) {
		t.Errorf("%d bytes, %v", n, err)
	}
	if want := []string{"", "bytes=1000-", "bytes=2000-", "bytes=3000-"}; !slices.Equal(asked, want) {
		t.Errorf("asked for %q, want %q", asked, want)
	}
}

func TestGetGivesUpWithoutProgress(t *testing.T) {
	var asked []string
	c, _ := open(t, cutting(1000, 0, &asked))
	id, err := c.Put(t.Context(), "f", -1, strings.NewReader("content"), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	n, err := c.Get(ctx, id, io.Discard, 0, nil)
	if n != 0 || strata.CodeOf(err) != strata.Unavailable || len(asked) > 3 {
		t.Errorf("%d bytes, %v, %d attempts", n, err, len(asked))
	}
}

func TestGetReportsTheWritersFailure(t *testing.T) {
	c, _ := open(t, nil)
	id, err := c.Put(t.Context(), "f", -1, strings.NewReader("content"), nil)
	if err != nil {
		t.Fatal(err)
	}
	full := errors.New("disk full")
	if n, err := c.Get(t.Context(), id, writerFunc(func([]byte) (int, error) { return 3, full }), 0, nil); n != 3 || !errors.Is(err, full) {
		t.Errorf("%d, %v", n, err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// FuzzFailure: whatever a server answers becomes one line with a code.
func FuzzFailure(f *testing.F) {
	for _, seed := range []string{`{"status":false,"code":"not_found","error":"none"}`, `{"code":"x","error":"a\nb"}`, `{}`, ``, `null`, `<html>`, `{"code":"","error":"x"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		req := httptest.NewRequest(http.MethodGet, "http://localhost/", nil)
		err := failureOf(&http.Response{StatusCode: 500, Status: "500 x", Body: io.NopCloser(bytes.NewReader(body)), Request: req})
		if err == nil || strata.CodeOf(err) == "" || strings.Contains(err.Error(), "\n") {
			t.Fatalf("%v", err)
		}
	})
}
