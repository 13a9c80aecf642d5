package gateway

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"strata"
)

// putKey stores under a key; header is key, value, …
func (b *bench) putKey(key string, body io.Reader, header ...string) (answer, strata.ObjectID) {
	b.t.Helper()
	a := b.do(b.request(http.MethodPut, "/api/files/"+key, body, header...))
	var out Stored
	if a.status == http.StatusOK {
		if err := json.Unmarshal(a.body, &out); err != nil || !out.Status || a.header.Get("Etag") != `"`+out.Hash.String()+`"` {
			b.t.Fatalf("%s: %s %v", key, a.body, err)
		}
	} else {
		a.failure(b.t)
	}
	return a, out.Hash
}

// TestKeyedFilesAreReplaced: one key has one file, the last.
func TestKeyedFilesAreReplaced(t *testing.T) {
	b := newBench(t)
	b.put("k", "", "a file of that name without a key")
	if a := b.get("/api/files/k"); a.status != 404 {
		t.Errorf("before it is stored: %d", a.status)
	}
	_, first := b.putKey("k", strings.NewReader("one"), "Content-Type", "text/plain")
	_, second := b.putKey("k", io.MultiReader(strings.NewReader("two")), "Content-Type", "text/html") // of unknown length
	a := b.get("/api/files/k", "Range", "bytes=1-")
	if a.status != 206 || string(a.body) != "wo" || a.header.Get("Etag") != `"`+second.String()+`"` || !strings.Contains(a.header.Get("Content-Disposition"), `"k"`) {
		t.Errorf("%d %q %v", a.status, a.body, a.header)
	}
	if a := b.get("/retrieve/?hash=" + first.String()); a.status != 404 {
		t.Errorf("the file replaced: %d", a.status)
	}
	if b.objects.len() != 2 {
		t.Errorf("%d files, want the one with the key and the one without", b.objects.len())
	}
	if a, id := b.putKey("gr%C3%B6%C3%9Fe%20%25%3F.txt", strings.NewReader("x")); a.status != 200 || b.objects.objects[id].Name != "größe %?.txt" {
		t.Errorf("%d, stored as %q", a.status, b.objects.objects[id].Name)
	}
}

func TestConditionsOnKeys(t *testing.T) {
	b := newBench(t)
	tag := func(id strata.ObjectID) string { return `"` + id.String() + `"` }
	_, first := b.putKey("k", strings.NewReader("one"), "If-None-Match", "*")
	for _, c := range []struct {
		header, value string
		status        int
	}{
		{"If-None-Match", "*", 412},
		{"If-Match", tag(strata.ObjectID{1}), 412},
		{"If-Match", "*", 400},
		{"If-Match", "W/" + tag(first), 400},
		{"If-Match", tag(first) + ", " + tag(first), 400},
		{"If-Match", `"`, 400},
		{"If-Match", `"x"`, 400},
		{"If-None-Match", tag(first), 400},
		{"If-Match", tag(first), 200},
		{"If-Match", tag(first), 412}, // it has been replaced by the line before
	} {
		if a, _ := b.putKey("k", strings.NewReader("two"), c.header, c.value); a.status != c.status {
			t.Errorf("%s: %s: %d %s", c.header, c.value, a.status, a.body)
		} else if a.status == 412 && a.failure(t).Code != strata.Conflict {
			t.Errorf("%s", a.body)
		}
	}
	if a, _ := b.putKey("k", strings.NewReader("x"), "If-Match", tag(first), "If-None-Match", "*"); a.status != 400 {
		t.Errorf("two conditions: %d", a.status)
	}
}

// TestDeleteKey: the file that a key names goes, on a condition, and its id is told.
func TestDeleteKey(t *testing.T) {
	b := newBench(t)
	tag := func(id strata.ObjectID) string { return `"` + id.String() + `"` }
	b.put("a/b", "", "one of that name without a key")
	_, first := b.putKey("a/b", strings.NewReader("one"))
	_, second := b.putKey("a/b", strings.NewReader("two"))
	for _, c := range []struct {
		key    string
		header []string
		status int
	}{
		{"a/c", nil, 404},
		{"a", nil, 404},
		{"a%2F%2Fb", nil, 400},
		{"a/b", []string{"Authorization", "Bearer wrong"}, 401},
		{"a/b", []string{"If-None-Match", "*"}, 400},
		{"a/b", []string{"If-Match", "*"}, 400},
		{"a/b", []string{"If-Match", tag(first)}, 412},
		{"a/c", []string{"If-Match", tag(first)}, 404},
		{"a/b", []string{"If-Match", tag(second)}, 204},
		{"a/b", []string{"If-Match", tag(second)}, 404},
	} {
		a := b.do(b.request(http.MethodDelete, "/api/files/"+c.key, nil, c.header...))
		if a.status != c.status {
			t.Errorf("%s %v: %d %s, want %d", c.key, c.header, a.status, a.body, c.status)
		}
		switch {
		case a.status == 204 && (len(a.body) > 0 || a.header.Get("Etag") != tag(second)):
			t.Errorf("%s: %q %v", c.key, a.body, a.header)
		case a.status != 204:
			a.failure(t)
		}
	}
	if a := b.get("/api/files/a/b"); a.status != 404 || b.objects.len() != 1 {
		t.Errorf("%d; %d files are left, want the one without a key", a.status, b.objects.len())
	}
}

func TestBadKeys(t *testing.T) {
	b := newBench(t, func(c *Config) { c.MaxObject = 10 })
	for key, status := range map[string]int{
		"a%2Fb": 200, "a%5Cb": 200, "a/b": 200, "%2E%2E%2E": 200, "%20": 400, "a/%20/b": 400, "a%00b": 400, "a%0Ab": 400, "%FF": 400,
		"a%2F%2Fb": 400, "a%2F": 400, "%2Fa": 400, "a%2F..%2Fb": 400, "%2E": 400, "": 400,
		strings.Repeat("k", MaxKey): 200, strings.Repeat("k", MaxKey+1): 400,
	} {
		if a := b.do(b.request(http.MethodPut, "/api/files/"+key, strings.NewReader("x"))); a.status != status {
			t.Errorf("%.20q: %d %s", key, a.status, a.body)
		}
	}
	for name, c := range map[string]struct {
		body   io.Reader
		status int
	}{
		"just fits":         {strings.NewReader("0123456789"), 200},
		"just fits, chunks": {io.MultiReader(strings.NewReader("01234"), strings.NewReader("56789")), 200},
		"too large":         {strings.NewReader("0123456789+"), 413},
		"too large, chunks": {io.MultiReader(strings.NewReader("0123456789"), strings.NewReader("+")), 413},
	} {
		if a, _ := b.putKey("k", c.body); a.status != c.status {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	body := &unread{}
	req := b.request(http.MethodPut, "/api/files/k", body, "Authorization", "Bearer wrong", "Expect", "100-continue")
	if a := b.do(req); a.status != 401 || body.read {
		t.Errorf("without a token: %d, read %v", a.status, body.read)
	}
	if a := b.do(b.request(http.MethodGet, "/api/files/k", nil, "Authorization", "Bearer wrong")); a.status != 401 {
		t.Errorf("read without a token: %d", a.status)
	}
}

// TestKeyedUploadThatBreaksOff leaves the key with what it named.
func TestKeyedUploadThatBreaksOff(t *testing.T) {
	b := newBench(t)
	_, before := b.putKey("k", strings.NewReader("whole"))
	req := b.request(http.MethodPut, "/api/files/k", io.MultiReader(strings.NewReader("ha"), failing{io.ErrUnexpectedEOF}))
	req.ContentLength = 4
	if resp, err := http.DefaultClient.Do(req); err == nil {
		resp.Body.Close()
	}
	if a := b.get("/api/files/k"); string(a.body) != "whole" || a.header.Get("Etag") != `"`+before.String()+`"` {
		t.Errorf("%d %q", a.status, a.body)
	}
}

// A file is saved under the last part of its key.
func TestAttachmentOfAKey(t *testing.T) {
	for key, want := range map[string]string{
		"photos/sea.jpg": `attachment; filename="sea.jpg"`,
		`photos\sea.jpg`: `attachment; filename="sea.jpg"`,
		`photos\`:        `attachment; filename="file"`,
	} {
		if got := attachment(key); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
}
