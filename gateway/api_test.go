package gateway

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"strata"
)

func TestListPages(t *testing.T) {
	b := newBench(t)
	for _, name := range []string{"b1", "a1", "a2", "a3", "a4"} {
		b.put(name, "", name)
	}
	var names []string
	for after := ""; ; {
		var page ObjectList
		a := b.get("/api/objects?prefix=a&limit=3&after=" + url.QueryEscape(after))
		if err := json.Unmarshal(a.body, &page); err != nil || a.status != 200 {
			t.Fatalf("%d %s", a.status, a.body)
		}
		for _, o := range page.Objects {
			names = append(names, o.Name)
			if o.Health != nil {
				t.Error("health without being asked")
			}
		}
		if after = page.Next; after == "" {
			break
		}
	}
	if diff := cmp.Diff([]string{"a1", "a2", "a3", "a4"}, names); diff != "" {
		t.Error(diff)
	}
	if a := b.get("/api/objects?prefix=zzz"); string(a.body) != `{"objects":[]}`+"\n" {
		t.Errorf("no objects: %s", a.body)
	}
	if a := b.get("/api/objects?health=1"); strings.Count(string(a.body), `"state":"healthy"`) != 5 {
		t.Errorf("health: %s", a.body)
	}
}

// TestShapes fixes the JSON that programs read; docs/gateway.md shows the same.
func TestShapes(t *testing.T) {
	b := newBench(t)
	id := b.put("f.txt", "text/plain", "0123456789")
	for _, c := range []struct{ path, want string }{
		{"/api/objects?health=1", `{"objects":[{"hash":"` + id.String() + `","name":"f.txt","content_type":"text/plain","size":10,` +
			`"created":"2026-11-05T12:00:00Z","health":{"state":"healthy","needed":2,"live":6,"total":6}}]}`},
		{"/api/objects/" + id.String(), `{"hash":"` + id.String() + `","name":"f.txt","content_type":"text/plain","size":10,` +
			`"created":"2026-11-05T12:00:00Z","health":{"state":"healthy","needed":2,"live":6,"total":6},` +
			`"segments":[{"size":10,"health":{"state":"healthy","needed":2,"live":6,"total":6},"spread":{"shared_coldkey":0,"shared_prefix":0}}]}`},
		{"/api/health", `{"ok":true,"version":"test"}`},
	} {
		if a := b.get(c.path); strings.TrimSpace(string(a.body)) != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.path, a.body, c.want)
		}
	}
	var got NetworkStatus
	a := b.get("/api/network")
	if err := json.Unmarshal(a.body, &got); err != nil {
		t.Fatal(err)
	}
	want, _ := fakeNetwork{}.Status(t.Context())
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, key := range []string{"profile", "netuid", "block", "block_time", "sector_size", "objects", "object_bytes", "miners", "hotkey", "uid",
		"address", "sealed", "target", "proven_bytes", "audits_passed", "audits_failed", "weight", "last_seen", "last_error"} {
		if !strings.Contains(string(a.body), `"`+key+`":`) {
			t.Errorf("/api/network has no %s", key)
		}
	}
}

func TestDelete(t *testing.T) {
	b := newBench(t)
	id := b.put("f", "", "x")
	if a := b.do(b.request(http.MethodDelete, "/api/objects/"+id.String(), nil)); a.status != 204 || len(a.body) != 0 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := b.get("/retrieve/?hash=" + id.String()); a.status != 404 {
		t.Errorf("after: %d", a.status)
	}
	if a := b.do(b.request(http.MethodPost, "/api/objects/"+id.String()+"/undelete", nil)); a.status != 200 || !strings.Contains(string(a.body), id.String()) {
		t.Errorf("undelete: %d %s", a.status, a.body)
	}
	if a := b.get("/retrieve/?hash=" + id.String()); a.status != 200 || string(a.body) != "x" {
		t.Errorf("after it came back: %d", a.status)
	}
	if a := b.do(b.request(http.MethodPost, "/api/objects/00/undelete", nil)); a.status != 400 {
		t.Errorf("undelete of a bad id: %d", a.status)
	}
	other := strata.ObjectID{9}
	if a := b.do(b.request(http.MethodPost, "/api/objects/"+other.String()+"/undelete", nil)); a.status != 404 {
		t.Errorf("undelete of an unknown object: %d", a.status)
	}
}

func TestNetworkFailures(t *testing.T) {
	for _, n := range []Network{nil, fakeNetwork{strata.E(strata.Unavailable, "no block yet")}} {
		b := newBench(t, func(c *Config) { c.Network = n })
		if a := b.get("/api/network"); a.status != 503 || a.failure(t).Code != strata.Unavailable {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
}

func TestHealthStates(t *testing.T) {
	for _, c := range []struct {
		needed, live, total int
		want                HealthState
	}{
		{10, 30, 30, Healthy}, {10, 31, 30, Healthy}, {10, 29, 30, Reduced}, {10, 16, 30, Reduced}, {10, 15, 30, AtRisk}, {10, 10, 30, AtRisk},
		{10, 9, 30, Lost}, {1, 1, 1, Healthy}, {1, 0, 1, Lost}, {2, 3, 6, AtRisk}, {2, 4, 6, Reduced},
	} {
		if got := NewHealth(c.needed, c.live, c.total).State; got != c.want {
			t.Errorf("%d of %d, %d needed: %s, want %s", c.live, c.total, c.needed, got, c.want)
		}
	}
}

func TestPageFiles(t *testing.T) {
	b := newBench(t)
	for path, want := range map[string][2]string{ // content type, caching
		"/":              {"text/html; charset=utf-8", "no-cache"},
		"/assets/a-1.js": {"text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
	} {
		req := b.request(http.MethodGet, path, nil)
		req.Header.Del("Authorization") // the page itself holds no secret
		a := b.do(req)
		csp := a.header.Get("Content-Security-Policy")
		if a.status != 200 || a.header.Get("Content-Type") != want[0] || a.header.Get("Cache-Control") != want[1] ||
			!strings.Contains(csp, "script-src 'self';") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: %d %v", path, a.status, a.header)
		}
		if again := b.get(path, "If-None-Match", a.header.Get("Etag")); again.status != 304 {
			t.Errorf("%s again: %d", path, again.status)
		}
	}
	for _, path := range []string{"/assets/", "/assets/none.js", "/../etc/passwd", "/index.html"} {
		if a := b.get(path); a.status != 404 {
			t.Errorf("%s: %d", path, a.status)
		}
	}
}

func TestNewRefusesHalfAGateway(t *testing.T) {
	for name, cfg := range map[string]Config{
		"no token":   {Objects: newMemory()},
		"no objects": {Token: NewToken()},
		"no index":   {Token: NewToken(), Objects: newMemory(), Page: fstest.MapFS{"x": {}}},
	} {
		if _, err := New(cfg); strata.CodeOf(err) != strata.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
