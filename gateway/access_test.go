package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"strata"
)

// unread fails the test when somebody reads a body that must not be read.
type unread struct{ read bool }

func (u *unread) Read([]byte) (int, error) { u.read = true; return 0, io.ErrUnexpectedEOF }

func TestTokenIsNeeded(t *testing.T) {
	b := newBench(t)
	id := b.put("f", "", "x").String()
	for _, auth := range []string{"", "Bearer", "Bearer ", "Basic " + b.token.Reveal(), "Bearer " + b.token.Reveal() + "x",
		"Bearer " + b.token.Reveal()[1:], "Bearer " + NewToken().Reveal(), b.token.Reveal()} {
		for _, c := range [][2]string{
			{"POST", "/store/"}, {"POST", "/store"}, {"GET", "/retrieve/?hash=" + id}, {"HEAD", "/retrieve/?hash=" + id}, {"GET", "/retrieve/?hash=" + id + "&ticket=x"},
			{"GET", "/retrieve/?hash=" + id + "&token=" + b.token.Reveal()}, {"GET", "/api/objects"}, {"GET", "/api/objects/" + id},
			{"DELETE", "/api/objects/" + id}, {"POST", "/api/tickets"}, {"GET", "/api/network"},
		} {
			req := b.request(c[0], c[1], nil, "Authorization", auth)
			if auth == "" {
				req.Header.Del("Authorization")
			}
			a := b.do(req)
			if a.status != 401 {
				t.Errorf("%s %s with %q: %d", c[0], c[1], auth, a.status)
			} else if c[0] != "HEAD" && a.failure(t).Code != strata.Unauthenticated {
				t.Errorf("%s %s: %s", c[0], c[1], a.body)
			}
		}
	}
	if b.objects.len() != 1 {
		t.Error("something was stored or deleted")
	}
	if !strings.Contains(b.log.String(), "path=/retrieve/ status=401") {
		t.Error("refused requests are not in the log")
	}
	if strings.Contains(b.log.String(), b.token.Reveal()) || strings.Contains(b.log.String(), "ticket=") {
		t.Errorf("the log tells a secret:\n%s", &b.log)
	}
}

func TestBodyIsNotReadWithoutToken(t *testing.T) {
	b := newBench(t)
	body := &unread{}
	req := b.request(http.MethodPost, "/store/", body, "Authorization", "Bearer wrong",
		"Content-Type", "multipart/form-data; boundary=b", "Expect", "100-continue")
	req.ContentLength = 1 << 40
	client := &http.Client{Transport: &http.Transport{ExpectContinueTimeout: time.Minute}}
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 401 || body.read {
		t.Errorf("status %d, body read: %v", resp.StatusCode, body.read)
	}
}

func TestForeignPagesAreRefused(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Hosts = []string{"files.example"} })
	body, ct := form(t, field{"file", "f", "", "x"})
	own := strings.TrimPrefix(b.url, "http://")
	for _, c := range []struct {
		host, origin, site string
		status             int
	}{
		{own, "", "", 200},
		{own, b.url, "same-origin", 200},
		{"localhost:3000", "http://localhost:3000", "", 200},
		{"LocalHost.", "", "", 200},
		{"[::1]:3000", "", "", 200},
		{"files.example", "https://files.example", "", 200},
		{"Files.Example:443", "", "", 200},
		{"evil.example", "", "", 403},
		{"evil.example:3000", "http://evil.example:3000", "same-origin", 403},
		{"localhost.evil.example", "", "", 403},
		{own, "http://evil.example", "", 403},
		{own, "null", "", 403},
		{own, "http://localhost:1", "", 403},
		{own, "", "cross-site", 403},
		{own, "", "same-site", 403},
	} {
		req := b.request(http.MethodPost, "/store/", bytes.NewReader(body), "Content-Type", ct)
		req.Host = c.host
		if c.origin != "" {
			req.Header.Set("Origin", c.origin)
		}
		if c.site != "" {
			req.Header.Set("Sec-Fetch-Site", c.site)
		}
		before := b.objects.len()
		a := b.do(req)
		if a.status != c.status || (b.objects.len() > before) != (c.status == 200) {
			t.Errorf("%+v: %d %s", c, a.status, a.body)
		}
	}
}

func (b *bench) ticket(id strata.ObjectID) Ticket {
	b.t.Helper()
	a := b.do(b.request(http.MethodPost, "/api/tickets", strings.NewReader(`{"hash":"`+id.String()+`"}`)))
	var out Ticket
	if err := json.Unmarshal(a.body, &out); err != nil || a.status != 200 {
		b.t.Fatalf("ticket: %d %s", a.status, a.body)
	}
	return out
}

func TestTickets(t *testing.T) {
	b := newBench(t)
	id, other := b.put("f", "", "content"), b.put("g", "", "other")
	use := func(method string, id strata.ObjectID, ticket string) int {
		req := b.request(method, "/retrieve/?hash="+id.String()+"&ticket="+ticket, nil)
		req.Header.Del("Authorization")
		return b.do(req).status
	}
	k := b.ticket(id)
	if !k.Expires.Equal(b.now.Add(60 * time.Second)) {
		t.Errorf("expires %s", k.Expires)
	}
	for _, c := range []struct {
		what, method string
		id           strata.ObjectID
		status       int
	}{
		{"for another object", "GET", other, 401},
		{"only asks", "HEAD", id, 401},
		{"first use", "GET", id, 200},
		{"second use", "GET", id, 401},
	} {
		if got := use(c.method, c.id, k.Ticket); got != c.status {
			t.Errorf("%s: %d, want %d", c.what, got, c.status)
		}
	}
	k = b.ticket(id)
	b.now = b.now.Add(59 * time.Second)
	if got := use("GET", id, k.Ticket); got != 200 {
		t.Errorf("in the last second: %d", got)
	}
	k = b.ticket(id)
	b.now = b.now.Add(60 * time.Second)
	if got := use("GET", id, k.Ticket); got != 401 {
		t.Errorf("too late: %d", got)
	}
	if strings.Contains(b.log.String(), k.Ticket) {
		t.Error("the log tells a ticket")
	}
}

func TestTicketsAreBounded(t *testing.T) {
	now := testTime
	k := newTickets(func() time.Time { return now })
	for i := range maxTickets {
		if _, err := k.issue(strata.ObjectID{byte(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := k.issue(strata.ObjectID{}); strata.CodeOf(err) != strata.Throttled {
		t.Fatalf("one more: %v", err)
	}
	now = now.Add(ticketLife)
	if _, err := k.issue(strata.ObjectID{}); err != nil || len(k.open) != 1 {
		t.Fatalf("after they lapsed: %v, %d open", err, len(k.open))
	}
}

func TestLoadToken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "token")
	first, err := LoadToken(path)
	if err != nil {
		t.Fatal(err)
	}
	again, err := LoadToken(path)
	if err != nil || again != first || len(first.Reveal()) != 43 {
		t.Fatalf("%v, %q then %q", err, first.Reveal(), again.Reveal())
	}
	if runtime.GOOS != "windows" {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v %v", info.Mode(), err)
		}
	}
	entries, _ := os.ReadDir(filepath.Dir(path))
	if len(entries) != 1 {
		t.Errorf("left beside the token: %v", entries)
	}
	if text := fmt.Sprintf("%v %+v %#v %s", first, first, first, first); strings.Contains(text, first.Reveal()) {
		t.Errorf("printing tells it: %s", text)
	}

	for _, c := range []struct {
		content string
		mode    os.FileMode
		code    strata.Code
	}{
		{first.Reveal(), 0o644, strata.Forbidden},
		{"", 0o600, strata.Corrupt},
		{first.Reveal()[:42], 0o600, strata.Corrupt},
		{first.Reveal() + "A", 0o600, strata.Corrupt},
		{strings.Repeat("A", 5000), 0o600, strata.Corrupt},
	} {
		path := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(path, []byte(c.content), c.mode); err != nil {
			t.Fatal(err)
		}
		if runtime.GOOS == "windows" && c.code == strata.Forbidden {
			continue
		}
		if _, err := LoadToken(path); strata.CodeOf(err) != c.code {
			t.Errorf("%.50q mode %o: %v", c.content, c.mode, err)
		}
		if b, _ := os.ReadFile(path); string(b) != c.content {
			t.Error("the file was changed")
		}
	}
}
