package gateway

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"strata"
)

// bench is a server under test with everything around it.
type bench struct {
	t       *testing.T
	objects *memory
	token   Token
	now     time.Time
	server  *Server
	url     string
	log     journal
}

func newBench(t *testing.T, change ...func(*Config)) *bench {
	t.Helper()
	b := &bench{t: t, objects: newMemory(), token: NewToken(), now: testTime}
	cfg := Config{
		Token: b.token, Objects: b.objects, Network: fakeNetwork{}, Version: "test",
		Page: fstest.MapFS{"index.html": {Data: []byte("<p>page")}, "assets/a-1.js": {Data: []byte("1")}},
		Now:  func() time.Time { return b.now },
		Log:  slog.New(slog.NewTextHandler(&b.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range change {
		f(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(s.Handler())
	t.Cleanup(web.Close)
	b.server, b.url = s, web.URL
	return b
}

// journal is a log that can be read while the server writes.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.String()
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

// failure decodes the body as a Failure, which must be one line.
func (a answer) failure(t *testing.T) Failure {
	t.Helper()
	var f Failure
	if err := json.Unmarshal(a.body, &f); err != nil || f.Status || f.Error == "" || strings.Contains(f.Error, "\n") {
		t.Fatalf("not a one-line failure: %d %q", a.status, a.body)
	}
	return f
}

func (b *bench) do(req *http.Request) answer {
	b.t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, body}
}

// request makes one with the token; header is key, value, …
func (b *bench) request(method, path string, body io.Reader, header ...string) *http.Request {
	b.t.Helper()
	req, err := http.NewRequest(method, b.url+path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+b.token.Reveal())
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return req
}

func (b *bench) get(path string, header ...string) answer {
	b.t.Helper()
	return b.do(b.request(http.MethodGet, path, nil, header...))
}

type field struct{ name, file, contentType, data string }

// form encodes fields; a field without a file name has none.
func form(t *testing.T, fields ...field) (body []byte, contentType string) {
	t.Helper()
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	for _, f := range fields {
		h := textproto.MIMEHeader{}
		disposition := `form-data; name="` + f.name + `"`
		if f.file != "" {
			disposition += `; filename="` + f.file + `"`
		}
		h.Set("Content-Disposition", disposition)
		if f.contentType != "" {
			h.Set("Content-Type", f.contentType)
		}
		p, err := w.CreatePart(h)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = p.Write([]byte(f.data))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes(), w.FormDataContentType()
}

// put stores a file and returns its hash.
func (b *bench) put(name, contentType, data string) strata.ObjectID {
	b.t.Helper()
	body, ct := form(b.t, field{"file", name, contentType, data})
	a := b.do(b.request(http.MethodPost, "/store/", bytes.NewReader(body), "Content-Type", ct))
	var out Stored
	if err := json.Unmarshal(a.body, &out); err != nil || a.status != 200 || !out.Status {
		b.t.Fatalf("store %q: %d %s", name, a.status, a.body)
	}
	return out.Hash
}

func TestStoreAndRetrieve(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct{ sent, name, contentType, wantType, disposition string }{
		{"a.txt", "a.txt", "text/plain", "text/plain", `attachment; filename="a.txt"`},
		{"dir/sub/b.bin", "b.bin", "", binary, `attachment; filename="b.bin"`},
		{`C:\\Users\\x\\c.txt`, "c.txt", "nonsense", binary, `attachment; filename="c.txt"`},
		{"größe 漢.txt", "größe 漢.txt", "text/html; charset=utf-8", "text/html; charset=utf-8",
			`attachment; filename="gr__e _.txt"; filename*=UTF-8''gr%C3%B6%C3%9Fe%20%E6%BC%A2.txt`},
		{`a\"b%.txt`, `a"b%.txt`, "image/png", "image/png", `attachment; filename="a_b_.txt"; filename*=UTF-8''a%22b%25.txt`},
	} {
		id := b.put(c.sent, c.contentType, "data of "+c.name)
		a := b.get("/retrieve/?hash=" + id.String())
		if a.status != 200 || string(a.body) != "data of "+c.name {
			t.Errorf("%s: %d %q", c.name, a.status, a.body)
		}
		for k, want := range map[string]string{
			"Content-Type": c.wantType, "Content-Disposition": c.disposition, "X-Content-Type-Options": "nosniff",
			"Etag": `"` + id.String() + `"`, "Accept-Ranges": "bytes", "Content-Security-Policy": "sandbox; default-src 'none'",
		} {
			if got := a.header.Get(k); got != want {
				t.Errorf("%s: %s is %q, want %q", c.name, k, got, want)
			}
		}
		if o, _ := b.objects.get(id); o.Name != c.name {
			t.Errorf("stored as %q, want %q", o.Name, c.name)
		}
	}
}

func TestStoreAcceptsFieldsBeforeTheFile(t *testing.T) {
	b := newBench(t)
	body, ct := form(t, field{name: "note", data: "x"}, field{"file", "f", "", "content"})
	a := b.do(b.request(http.MethodPost, "/store", bytes.NewReader(body), "Content-Type", ct))
	if a.status != 200 || b.objects.len() != 1 {
		t.Fatalf("%d %s", a.status, a.body)
	}
}

func TestBadUploads(t *testing.T) {
	ok, okType := form(t, field{"file", "f.txt", "", strings.Repeat("0123456789", 100)})
	many := make([]field, maxFields)
	for i := range many {
		many[i] = field{name: "n", data: "v"}
	}
	for _, c := range []struct {
		name   string
		fields []field
		raw    []byte // instead of fields
		ct     string
		chunk  bool // without a length
		status int
		code   strata.Code
		says   string
	}{
		{name: "no form", raw: []byte("hello"), ct: "text/plain", status: 400, code: strata.Invalid, says: "no file upload"},
		{name: "no boundary", raw: ok, ct: "multipart/form-data", status: 400, code: strata.Invalid, says: "no file upload"},
		{name: "wrong boundary", raw: ok, ct: "multipart/form-data; boundary=zzz", status: 400, code: strata.Invalid, says: "broke off"},
		{name: "empty body", raw: []byte{}, ct: okType, status: 400, code: strata.Invalid, says: "broke off"},
		{name: "no field", fields: []field{{"other", "f", "", "x"}}, status: 400, code: strata.Invalid, says: "no field named file"},
		{name: "too many fields", fields: append(many, field{"file", "f", "", "x"}), status: 400, code: strata.Invalid, says: "no field named file"},
		{name: "large field", fields: []field{{name: "n", data: strings.Repeat("x", maxField+1)}, {"file", "f", "", "x"}}, status: 400, code: strata.Invalid, says: "larger than 4096"},
		{name: "empty file", fields: []field{{"file", "f", "", ""}}, status: 400, code: strata.Invalid, says: "empty"},
		{name: "no name", fields: []field{{"file", "", "", "x"}}, status: 400, code: strata.Invalid, says: "no name"},
		{name: "only a folder", fields: []field{{"file", "dir/", "", "x"}}, status: 400, code: strata.Invalid, says: "no name"},
		{name: "dots", fields: []field{{"file", "..", "", "x"}}, status: 400, code: strata.Invalid, says: "no name"},
		{name: "blank", fields: []field{{"file", "  ", "", "x"}}, status: 400, code: strata.Invalid, says: "no name"},
		{name: "long name", fields: []field{{"file", strings.Repeat("n", MaxName+1), "", "x"}}, status: 400, code: strata.Invalid, says: "1025 bytes"},
		{name: "not UTF-8", fields: []field{{"file", "a\xff", "", "x"}}, status: 400, code: strata.Invalid, says: "UTF-8"},
		{name: "two files", fields: []field{{"file", "a", "", "x"}, {"file", "b", "", "y"}}, status: 400, code: strata.Invalid, says: "goes on after the file"},
		{name: "field after", fields: []field{{"file", "a", "", "x"}, {name: "n", data: "y"}}, status: 400, code: strata.Invalid, says: "goes on after the file"},
		{name: "truncated in the file", raw: ok[:len(ok)/2], ct: okType, status: 400, code: strata.Invalid, says: "broke off"},
		{name: "truncated in the file, chunked", raw: ok[:len(ok)/2], ct: okType, chunk: true, status: 400, code: strata.Invalid, says: "broke off"},
		{name: "truncated in the header", raw: ok[:40], ct: okType, status: 400, code: strata.Invalid, says: "broke off"},
		{name: "truncated before the end mark", raw: ok[:len(ok)-4], ct: okType, status: 400, code: strata.Invalid, says: "broke off"},
		{name: "too large by length", fields: []field{{"file", "a", "", strings.Repeat("x", 70<<10)}}, status: 413, code: strata.TooLarge, says: "larger"},
		{name: "too large by count", fields: []field{{"file", "a", "", strings.Repeat("x", 2001)}}, chunk: true, status: 413, code: strata.TooLarge, says: "larger"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, func(cfg *Config) { cfg.MaxObject = 2000 })
			raw, ct := c.raw, c.ct
			if c.fields != nil {
				raw, ct = form(t, c.fields...)
			}
			var body io.Reader = bytes.NewReader(raw)
			if c.chunk {
				body = struct{ io.Reader }{body}
			}
			a := b.do(b.request(http.MethodPost, "/store/", body, "Content-Type", ct))
			f := a.failure(t)
			if a.status != c.status || f.Code != c.code || !strings.Contains(f.Error, c.says) {
				t.Errorf("%d %s %q, want %d %s …%s…", a.status, f.Code, f.Error, c.status, c.code, c.says)
			}
			if b.objects.len() != 0 {
				t.Error("something was stored")
			}
		})
	}
}

func TestCleanName(t *testing.T) {
	for raw, want := range map[string]string{
		"a": "a", "x/y": "y", `x\y`: "y", "/": "", "a\x00b": "", "a\nb": "", "a\u0085": "", strings.Repeat("é", 512): strings.Repeat("é", 512),
		strings.Repeat("é", 513): "", "...": "...",
	} {
		got, err := cleanName(raw)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("cleanName(%q) = %q, %v; want %q", raw, got, err, want)
		}
	}
}

func TestStatusOfEveryCode(t *testing.T) {
	for code, want := range map[strata.Code]int{
		strata.Invalid: 400, strata.NotFound: 404, strata.Unauthenticated: 401, strata.Forbidden: 403, strata.Conflict: 409,
		strata.TooLarge: 413, strata.NoSpace: 507, strata.Locked: 423, strata.Unavailable: 503, strata.Throttled: 429,
		strata.Corrupt: 502, strata.Internal: 500, "new": 500,
	} {
		b := newBench(t)
		id := b.put("f", "", "x")
		b.objects.fail = strata.E(code, "line one\nline two %s", strings.Repeat("x", 1000))
		body, ct := form(t, field{"file", "f", "", "x"})
		for _, req := range []*http.Request{
			b.request(http.MethodPost, "/store/", bytes.NewReader(body), "Content-Type", ct),
			b.request(http.MethodGet, "/retrieve/?hash="+id.String(), nil),
			b.request(http.MethodGet, "/api/objects", nil),
			b.request(http.MethodGet, "/api/objects/"+id.String(), nil),
			b.request(http.MethodDelete, "/api/objects/"+id.String(), nil),
			b.request(http.MethodPost, "/api/tickets", strings.NewReader(`{"hash":"`+id.String()+`"}`)),
		} {
			a := b.do(req)
			if f := a.failure(t); a.status != want || f.Code != code || len(f.Error) > 410 {
				t.Errorf("%s %s with code %s: %d %s %q", req.Method, req.URL.Path, code, a.status, f.Code, f.Error)
			}
		}
	}
}

func TestBadRequests(t *testing.T) {
	b := newBench(t)
	unknown := strings.Repeat("ab", 16)
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", "/retrieve/?hash=" + unknown, "", 404},
		{"GET", "/retrieve/?hash=xyz", "", 400},
		{"GET", "/retrieve/", "", 400},
		{"GET", "/retrieve/?hash=" + unknown + "00", "", 400},
		{"GET", "/retrieve/sub?hash=" + unknown, "", 404},
		{"PUT", "/retrieve/?hash=" + unknown, "", 405},
		{"GET", "/store/", "", 405},
		{"GET", "/api/objects/" + unknown, "", 404},
		{"GET", "/api/objects/nothex", "", 400},
		{"DELETE", "/api/objects/" + unknown, "", 404},
		{"DELETE", "/api/objects/nothex", "", 400},
		{"POST", "/api/objects", "", 405},
		{"GET", "/api/objects?limit=0", "", 400},
		{"GET", "/api/objects?limit=1001", "", 400},
		{"GET", "/api/objects?limit=x", "", 400},
		{"GET", "/api/objects?health=2", "", 400},
		{"GET", "/api/objects?prefix=" + strings.Repeat("p", maxQuery+1), "", 400},
		{"POST", "/api/tickets", `{"hash":"` + unknown + `"}`, 404},
		{"POST", "/api/tickets", `{}`, 400},
		{"POST", "/api/tickets", `nonsense`, 400},
		{"POST", "/api/tickets", `{"pad":"` + strings.Repeat("p", maxTicketRequest) + `"}`, 400},
		{"GET", "/nothing", "", 404},
		{"POST", "/", "", 405},
	} {
		a := b.do(b.request(c.method, c.path, strings.NewReader(c.body)))
		if a.failure(t); a.status != c.status {
			t.Errorf("%s %s: %d, want %d", c.method, c.path, a.status, c.status)
		}
	}
}
