package gateway

import (
	"bytes"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzStore: whatever a body holds, the answer is 200 and one object, or 400
// and none.
func FuzzStore(f *testing.F) {
	for _, seed := range []string{
		"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\ndata\r\n--b--\r\n",
		"--b\r\nContent-Disposition: form-data; name=\"file\"; filename*=UTF-8''%C3%A9\r\n\r\ndata\r\n--b--",
		"--b\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\nv\r\n--b\r\nContent-Disposition: form-data; name=file; filename=g\r\n\r\nx\r\n--b--\r\n",
		"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"..\"\r\n\r\ndata\r\n--b--\r\n",
		"--b\r\n\r\n--b--", "--b--", "",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		objects := newMemory()
		s, err := New(Config{Token: NewToken(), Objects: objects})
		if err != nil {
			t.Fatal(err)
		}
		req := httptest.NewRequest(http.MethodPost, "http://localhost/store/", bytes.NewReader(body))
		req.Header.Set("Content-Type", "multipart/form-data; boundary=b")
		req.Header.Set("Authorization", "Bearer "+s.cfg.Token.Reveal())
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, req)
		want := map[int]int{200: 1, 400: 0}
		n, ok := want[w.Code]
		if !ok || objects.len() != n {
			t.Fatalf("status %d, %d objects stored", w.Code, objects.len())
		}
		for _, o := range objects.objects {
			if o.Size == 0 || o.Name == "" || len(o.Name) > MaxName || !utf8.ValidString(o.Name) || strings.ContainsAny(o.Name, "/\\\x00\r\n") {
				t.Fatalf("stored %q with %d bytes", o.Name, o.Size)
			}
		}
	})
}

// FuzzAttachment: every allowed name survives the header that carries it.
func FuzzAttachment(f *testing.F) {
	for _, seed := range []string{"a.txt", "größe.txt", `a"b`, "a;b=c", "%41", " x ", "'", "漢字", "a+b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		name, err := cleanName(raw)
		if err != nil {
			return
		}
		header := attachment(name)
		if strings.ContainsFunc(header, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Fatalf("%q gives a header that is not plain: %q", name, header)
		}
		kind, params, err := mime.ParseMediaType(header)
		if i := strings.Index(header, "; filename*="); i >= 0 {
			kind, params, err = mime.ParseMediaType("attachment" + header[i:]) // ParseMediaType refuses both forms at once
		}
		if err != nil || kind != "attachment" || params["filename"] != path.Base(name) {
			t.Fatalf("%q became %q: %v", name, params["filename"], err)
		}
	})
}

// FuzzKeyed: whatever key and conditions a request has, the answer is 200 and one
// object with that key, or a refusal and none.
func FuzzKeyed(f *testing.F) {
	for _, seed := range [][3]string{
		{"k", "", ""}, {"größe %.txt", "", "*"}, {"a/b", "", ""}, {"..", "", ""}, {"", "", ""}, {"a\x00", "", ""}, {"\xff", "", ""},
		{"k", `"0123456789abcdef0123456789abcdef"`, ""}, {"k", "*", ""}, {"k", `"`, ""}, {"k", `"x"`, "*"}, {"k", "", `"x"`},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, key, match, none string) {
		objects := newMemory()
		s, err := New(Config{Token: NewToken(), Objects: objects})
		if err != nil {
			t.Fatal(err)
		}
		req := httptest.NewRequest(http.MethodPut, "http://localhost/api/files/k", strings.NewReader("data"))
		req.URL.Path, req.URL.RawPath = "/api/files/"+key, "/api/files/"+url.PathEscape(key)
		req.Header = http.Header{"Authorization": {"Bearer " + s.cfg.Token.Reveal()}, "If-Match": {match}, "If-None-Match": {none}}
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, req)
		if w.Code >= 500 || (w.Code == 200) != (objects.len() == 1) || objects.len() > 1 {
			t.Fatalf("status %d, %d objects stored", w.Code, objects.len())
		}
		for _, o := range objects.objects {
			if o.Name != key || !o.Keyed || CheckKey(key) != nil || !utf8.ValidString(key) || strings.ContainsAny(key, "\x00\r\n") || match != "" {
				t.Fatalf("stored %q on %q, %q", o.Name, match, none)
			}
		}
	})
}
