package auditlog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"strata"
	"strata/wire"
)

var (
	testDomain = wire.Domain{Genesis: strata.GenesisHash{1}, Netuid: 7}
	testKey    = strata.Hotkey{9}
	quiet      = slog.New(slog.DiscardHandler)
)

func open(t testing.TB, dir string) *Log {
	t.Helper()
	l, err := Open(dir, testDomain, testKey, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// entry is a small entry that says n.
func entry(t testing.TB, n int, kind Kind) []byte {
	t.Helper()
	e := Entry{Kind: kind, Block: uint64(n)}
	switch kind {
	case Started:
		e.Start = &Start{Version: "v", Profile: "local"}
	case Weighed:
		e.Weights = []Weight{{UID: 1, Hotkey: strata.Hotkey{4}, Present: true, Credit: 5, Value: 65535}}
	}
	b, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// write appends n entries, each fifth a vector.
func write(t testing.TB, l *Log, n int) {
	t.Helper()
	for range n {
		number, _ := l.Head()
		kind := Started
		if number%5 == 4 {
			kind = Weighed
		}
		if err := l.Append(number+1, [][]byte{entry(t, int(number)+1, kind)}); err != nil {
			t.Fatal(err)
		}
	}
}

// read returns the number of the last entry and the error that reading ends with.
func read(path string) (last uint64, err error) {
	for item, err := range Read(path) {
		if err != nil {
			return last, err
		}
		last = item.Number
	}
	return last, nil
}

func segmentFiles(t testing.TB, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestLogSurvivesReopening(t *testing.T) {
	dir := t.TempDir()
	for total := 0; total < 23; total += 2 {
		l := open(t, dir)
		if number, _ := l.Head(); number != uint64(total) {
			t.Fatalf("reopened at %d, want %d", number, total)
		}
		write(t, l, 2)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if l.Append(1, [][]byte{{1}}) == nil {
			t.Error("a closed log takes entries")
		}
	}
	if last, err := read(dir); last != 24 || err != nil {
		t.Errorf("read up to %d, %v", last, err)
	}
	if got := len(segmentFiles(t, dir)); got != 5 {
		t.Errorf("%d segments, want one after each fifth entry", got)
	}
}

func TestAppendIsRepeatable(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	three := [][]byte{entry(t, 1, Started), entry(t, 2, Started), entry(t, 3, Started)}
	for _, first := range []uint64{1, 1} {
		if err := l.Append(first, three); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Append(3, [][]byte{three[2], entry(t, 4, Started)}); err != nil {
		t.Fatal(err)
	}
	if err := l.Append(6, three); strata.CodeOf(err) != strata.Invalid {
		t.Errorf("a gap gave %v", err)
	}
	if last, err := read(dir); last != 4 || err != nil {
		t.Errorf("read up to %d, %v", last, err)
	}
}

// TestTornTail cuts the log at every byte of its end, as a power cut may leave
// it: what is whole stays, the rest is gone, and the chain goes on.
func TestTornTail(t *testing.T) {
	whole := t.TempDir()
	write(t, open(t, whole), 8)
	files := segmentFiles(t, whole)
	name := files[len(files)-1]
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for cut := 0; cut < len(b); cut++ {
		if first := bytes.IndexByte(b, '\n'); cut > first+3 && cut < len(b)-220 {
			cut += 16 // all of the header's end and of the last line, a part of the others
		} else if cut < first-3 {
			cut += 16
		}
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), b[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		want := uint64(5) + uint64(max(0, bytes.Count(b[:cut], []byte{'\n'})-1))
		l := open(t, dir)
		if number, _ := l.Head(); number != want {
			t.Fatalf("cut at %d of %d: the log ends with %d, want %d", cut, len(b), number, want)
		}
		write(t, l, 3)
		if last, err := read(dir); last != want+3 || err != nil {
			t.Fatalf("cut at %d of %d: read up to %d, want %d: %v", cut, len(b), last, want+3, err)
		}
		l.Close()
	}
}

// TestTampering alters every byte of a log, and takes out, doubles and swaps
// lines and files: it is always seen, and at the right entry.
func TestTampering(t *testing.T) {
	whole := t.TempDir()
	write(t, open(t, whole), 12)
	files := segmentFiles(t, whole)
	forged := func(t *testing.T, name string, b []byte) error {
		t.Helper()
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), b, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := read(dir)
		return err
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		first := bytes.IndexByte(b, '\n') + 1
		lines := bytes.SplitAfter(b[first:], []byte{'\n'})
		lines = lines[:len(lines)-1]
		number, at := 0, first
		for _, l := range lines {
			if number == 0 {
				if _, err := fmt.Sscan(string(l), &number); err != nil {
					t.Fatal(err)
				}
			}
			for i := at; i < at+len(l)-1; i += 11 {
				c := bytes.Clone(b)
				c[i] ^= 1
				err := forged(t, name, c)
				if strata.CodeOf(err) != strata.Corrupt || !strings.Contains(err.Error(), fmt.Sprintf("%d", number)) {
					t.Fatalf("byte %d of entry %d altered gave %v", i-at, number, err)
				}
			}
			number, at = number+1, at+len(l)
		}
		for i := 0; i < first-1; i += 5 {
			c := bytes.Clone(b)
			c[i] ^= 1
			if err := forged(t, name, c); strata.CodeOf(err) != strata.Corrupt {
				t.Fatalf("byte %d of the header of %s altered gave %v", i, filepath.Base(name), err)
			}
		}
		if len(lines) < 2 {
			continue
		}
		head, rest := b[:first:first], lines
		for what, c := range map[string][]byte{
			"the first line taken out": bytes.Join(rest[1:], nil),
			"a line doubled":           bytes.Join(append([][]byte{rest[0]}, rest...), nil),
			"two lines swapped":        bytes.Join(append([][]byte{rest[1], rest[0]}, rest[2:]...), nil),
		} {
			if err := forged(t, name, append(bytes.Clone(head), c...)); strata.CodeOf(err) != strata.Corrupt {
				t.Errorf("%s in %s gave %v", what, filepath.Base(name), err)
			}
		}
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, filepath.Base(files[1]))); err != nil {
		t.Fatal(err)
	}
	if _, err := read(dir); strata.CodeOf(err) != strata.Corrupt || !strings.Contains(err.Error(), "missing") {
		t.Errorf("a segment taken out gave %v", err)
	}
}

func TestOthersLog(t *testing.T) {
	dir := t.TempDir()
	write(t, open(t, dir), 2)
	if _, err := Open(dir, testDomain, strata.Hotkey{8}, quiet); strata.CodeOf(err) != strata.Conflict {
		t.Errorf("another validator's log gave %v", err)
	}
	if _, err := Open(dir, wire.Domain{}, testKey, quiet); strata.CodeOf(err) != strata.Conflict {
		t.Errorf("another network's log gave %v", err)
	}
	if _, err := read(filepath.Join(dir, "none")); strata.CodeOf(err) != strata.NotFound {
		t.Errorf("no log gave %v", err)
	}
	if _, err := read(t.TempDir()); strata.CodeOf(err) != strata.NotFound {
		t.Errorf("an empty directory gave %v", err)
	}
	damaged := t.TempDir()
	write(t, open(t, damaged), 3)
	name := segmentFiles(t, damaged)[0]
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-len(b)/3] ^= 1
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(damaged, testDomain, testKey, quiet); strata.CodeOf(err) != strata.Corrupt {
		t.Errorf("a damaged log gave %v: it must not be cut off silently", err)
	}
}

func TestPublish(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	write(t, l, 12)
	shown := func() int { return len(segmentFiles(t, filepath.Join(dir, Public))) }
	for _, c := range []struct {
		upTo uint64
		want int
	}{{0, 0}, {4, 0}, {5, 1}, {9, 1}, {10, 2}, {12, 2}, {100, 2}} {
		if err := l.Publish(c.upTo); err != nil || shown() != c.want {
			t.Errorf("up to %d: %d are public, want %d: %v", c.upTo, shown(), c.want, err)
		}
	}
	if last, err := read(dir); last != 12 || err != nil {
		t.Errorf("read up to %d, %v", last, err)
	}
	write(t, l, 3)
	if err := l.Publish(15); err != nil || shown() != 3 {
		t.Errorf("%d are public: %v", shown(), err)
	}
	l.Close()
	// All of it is public: the next segment follows from there.
	l = open(t, dir)
	if number, _ := l.Head(); number != 15 {
		t.Errorf("reopened at %d", number)
	}
	write(t, l, 1)
	if last, err := read(dir); last != 16 || err != nil {
		t.Errorf("read up to %d, %v", last, err)
	}
}

// TestPrune: what is public and ended before a block goes, the oldest first, and
// never the last that the next segment follows from. A crash on the way leaves a
// log that can be read and goes on.
func TestPrune(t *testing.T) {
	dir := t.TempDir()
	public := filepath.Join(dir, Public)
	l := open(t, dir)
	write(t, l, 22) // at block n entry n; a segment ends with each fifth
	if err := l.Publish(15); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		before        uint64
		removed, left int
	}{{0, 0, 3}, {6, 0, 3}, {7, 1, 2}, {7, 0, 2}, {11, 0, 2}, {1 << 40, 1, 1}, {1 << 40, 0, 1}} {
		removed, err := l.Prune(c.before)
		if left := len(segmentFiles(t, public)); err != nil || removed != c.removed || left != c.left {
			t.Errorf("before block %d: %d removed, %d left, %v; want %+v", c.before, removed, left, err, c)
		}
	}
	if last, err := read(dir); last != 22 || err != nil {
		t.Errorf("read up to %d, %v", last, err)
	}
	// All of it public, and old: the last one stays, and the log goes on after it.
	write(t, l, 3)
	if err := l.Publish(25); err != nil {
		t.Fatal(err)
	}
	for crashed := range 3 { // after each removal
		files := segmentFiles(t, public)
		if err := os.Remove(files[0]); err != nil {
			t.Fatal(err)
		}
		if len(files) == 2 {
			break
		}
		l.Close()
		l = open(t, dir)
		if number, _ := l.Head(); number != 25 {
			t.Fatalf("reopened at %d after %d removals", number, crashed+1)
		}
		if last, err := read(dir); last != 25 || err != nil {
			t.Errorf("read up to %d, %v", last, err)
		}
	}
	write(t, l, 1)
	if last, err := read(dir); last != 26 || err != nil {
		t.Errorf("read up to %d, %v", last, err)
	}
	// A damaged segment is not a reason to remove the ones before it.
	files := segmentFiles(t, public)
	write(t, l, 4)
	if err := l.Publish(30); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(segmentFiles(t, public)[1], []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if removed, err := l.Prune(1 << 40); err == nil || removed != 0 || segmentFiles(t, public)[0] != files[0] {
		t.Errorf("beside a damaged one: %d removed, %v", removed, err)
	}
}

func TestHandler(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	write(t, l, 12)
	if err := l.Publish(5); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, Frauds), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, Frauds, "abc"+FraudSuffix), []byte("proof"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(Handler(dir))
	defer s.Close()
	get := func(path string) (int, string) {
		t.Helper()
		r, err := http.Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return r.StatusCode, string(b)
	}
	code, body := get("/")
	var list Listing
	if err := json.Unmarshal([]byte(body), &list); code != 200 || err != nil || len(list.Segments) != 1 || len(list.Frauds) != 1 {
		t.Fatalf("GET / = %d %s", code, body)
	}
	for _, f := range append(list.Segments, list.Frauds...) {
		if code, body := get("/" + f.Path); code != 200 || int64(len(body)) != f.Size {
			t.Errorf("GET %s = %d, %d bytes", f.Path, code, len(body))
		}
	}
	for _, path := range []string{
		"/segments/" + segmentName(6), // not public yet
		"/segments/..%2f" + segmentName(6), "/segments/../" + segmentName(6), "/segments/", "/frauds/.hidden" + FraudSuffix, "/frauds/abc", "/x",
	} {
		if code, _ := get(path); code != 404 {
			t.Errorf("GET %s = %d", path, code)
		}
	}
	p := Peer{URL: s.URL, Client: s.Client()}
	names, err := p.List(t.Context())
	if err != nil || len(names) != 1 || names[0] != "abc"+FraudSuffix {
		t.Errorf("a peer lists %v, %v", names, err)
	}
	if b, err := p.Fetch(t.Context(), names[0]); err != nil || string(b) != "proof" {
		t.Errorf("a peer gives %q, %v", b, err)
	}
	if _, err := p.Fetch(t.Context(), "none"+FraudSuffix); strata.CodeOf(err) != strata.Unavailable {
		t.Errorf("a proof that is not there gave %v", err)
	}
	for newest, want := range map[int]int{0: 2, 1: 1, 5: 2} {
		if err := l.Publish(10); err != nil {
			t.Fatal(err)
		}
		to := t.TempDir()
		if err := p.Segments(t.Context(), newest, to); err != nil || len(segmentFiles(t, to)) != want {
			t.Errorf("the newest %d segments: %v, %v", newest, segmentFiles(t, to), err)
		}
		if last, err := read(to); last != 10 || err != nil {
			t.Errorf("fetched up to %d, %v", last, err)
		}
	}
	if r, err := http.Post(s.URL+"/", "", nil); err != nil || r.StatusCode != 405 {
		t.Errorf("POST = %v, %v", r, err)
	}
}

// TestSegmentsOfALiar: who lists what is no segment, or sends less than it lists,
// or has no log, gives an error and no file outside of the directory.
func TestSegmentsOfALiar(t *testing.T) {
	for listing, code := range map[string]strata.Code{
		`{"segments":[]}`: strata.NotFound,
		`<html>`:          strata.Invalid,
		`{"segments":[{"path":"segments/..","size":5}]}`:                          strata.Invalid,
		`{"segments":[{"path":"segments/x.txt","size":5}]}`:                       strata.Invalid,
		`{"segments":[{"path":"../00000000000000000001.log","size":6}]}`:          strata.Unavailable,
		`{"segments":[{"path":"segments/00000000000000000001.log","size":5}]}`:    "",
		`{"segments":[{"path":"segments/00000000000000000001.log","size":3}]}`:    "",
		`{"segments":[{"path":"segments/` + strings.Repeat("0", 300) + `.log"}]}`: strata.Internal,
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/" {
				_, _ = io.WriteString(w, listing)
				return
			}
			_, _ = io.WriteString(w, "12345")
		}))
		dir := filepath.Join(t.TempDir(), "in")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		err := Peer{URL: s.URL, Client: s.Client()}.Segments(t.Context(), 0, dir)
		if strata.CodeOf(err) != code {
			t.Errorf("%s: %v, want code %q", listing, err, code)
		}
		if outside := segmentFiles(t, filepath.Dir(dir)); len(outside) != 0 {
			t.Errorf("%s: wrote %v", listing, outside)
		}
		s.Close()
	}
}

func TestEntries(t *testing.T) {
	key := strata.Hotkey{3}
	for _, e := range []Entry{
		{Kind: Grouped, Block: 3, Miner: &key, Events: []Event{{Kind: "arrived", Block: 3, Cohort: 1, Bytes: 4}}},
		{Kind: Checked, Miner: &key, Check: &Check{Number: 2, Said: strata.Root{1}}},
		{Kind: Audited, Miner: &key, Audit: &Audit{Leaves: [][2]uint64{{1, 2}}}},
		{Kind: Weighed},
	} {
		b, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(b)
		if diff := cmp.Diff(e, got); diff != "" || err != nil {
			t.Errorf("%v\n%s", err, diff)
		}
		if endsSegment(b) != (e.Kind == Weighed) {
			t.Errorf("%s ends a segment: %v", e.Kind, endsSegment(b))
		}
	}
	for _, s := range []string{``, `{}`, `[]`, `{"kind":"check"}`, `{"kind":"audit","audit":{}}`, `{"kind":"other"}`, `{"kind":"state","miner":"x"}`} {
		if _, err := Decode([]byte(s)); strata.CodeOf(err) != strata.Invalid {
			t.Errorf("%s gave %v", s, err)
		}
	}
	if _, err := Decode(make([]byte, MaxEntry+1)); strata.CodeOf(err) != strata.TooLarge {
		t.Errorf("a huge entry gave %v", err)
	}
}
