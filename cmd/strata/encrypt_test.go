package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"filippo.io/age"

	"strata"
	"strata/gateway"
)

// shelf is a gateway's objects in memory.
type shelf struct {
	mu   sync.Mutex
	by   map[strata.ObjectID]gateway.Object // guarded by mu, as data
	data map[strata.ObjectID][]byte
	keys map[string]strata.ObjectID
	full int // how many it takes, 0: any number
}

func (s *shelf) Put(_ context.Context, r gateway.PutRequest) (gateway.Object, error) {
	b, err := io.ReadAll(r.Body)
	if err == nil && len(b) == 0 {
		err = strata.E(strata.Invalid, "the file is empty: there is nothing to store")
	}
	if err != nil {
		return gateway.Object{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.full > 0 && len(s.by) >= s.full {
		return gateway.Object{}, strata.E(strata.NoSpace, "the network is full")
	}
	o := gateway.Object{ID: strata.ObjectID{1, byte(len(s.by))}, Name: r.Name, ContentType: r.ContentType, Size: int64(len(b))}
	if r.Keyed {
		if c, old := r.Condition, s.keys[r.Name]; c.Absent && old != (strata.ObjectID{}) || c.Match != (strata.ObjectID{}) && c.Match != old {
			return o, strata.E(strata.Conflict, "%q has another file", r.Name)
		}
		o.Keyed, s.keys[r.Name] = true, o.ID
	}
	s.by[o.ID], s.data[o.ID] = o, b
	return o, nil
}

func (s *shelf) Stat(_ context.Context, id strata.ObjectID) (gateway.Object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.by[id]
	if !ok {
		return o, strata.E(strata.NotFound, "there is no object %s", id)
	}
	return o, nil
}

func (s *shelf) Open(ctx context.Context, id strata.ObjectID) (gateway.Object, gateway.Content, error) {
	o, err := s.Stat(ctx, id)
	s.mu.Lock()
	defer s.mu.Unlock()
	return o, memory(s.data[id]), err
}

func (s *shelf) OpenKey(context.Context, string) (gateway.Object, gateway.Content, error) {
	return gateway.Object{}, nil, strata.E(strata.Internal, "files are fetched by id")
}

// List returns what has been stored under keys last, in pages of two.
func (s *shelf) List(_ context.Context, r gateway.ListRequest) (l gateway.ObjectList, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(s.keys)) {
		if !strings.HasPrefix(key, r.Prefix) || key <= r.After {
			continue
		}
		if len(l.Objects) == min(r.Limit, 2) {
			l.Next = l.Objects[len(l.Objects)-1].Name
			break
		}
		l.Objects = append(l.Objects, s.by[s.keys[key]])
	}
	return l, nil
}

func (s *shelf) Delete(_ context.Context, id strata.ObjectID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, of := range s.keys {
		if of == id {
			delete(s.keys, key)
		}
	}
	return nil
}

func (s *shelf) DeleteKey(ctx context.Context, key string, _ strata.ObjectID) (strata.ObjectID, error) {
	s.mu.Lock()
	id, ok := s.keys[key]
	s.mu.Unlock()
	if !ok {
		return id, strata.E(strata.NotFound, "no file has the key %q", key)
	}
	return id, s.Delete(ctx, id)
}

func (s *shelf) Undelete(context.Context, strata.ObjectID) (gateway.Object, error) {
	return gateway.Object{}, nil
}

type memory []byte

func (m memory) Range(_ context.Context, off, n int64) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(m[off : off+n])), nil
}
func (memory) Close() error { return nil }

// user runs commands against a gateway over a shelf, in a directory of its own.
type user struct {
	*testing.T
	shelf *shelf
	dir   string
}

func newUser(t *testing.T) *user { return newUserWith(t, nil) }

func newUserWith(t *testing.T, o gateway.Owner) *user {
	s, token := &shelf{by: map[strata.ObjectID]gateway.Object{}, data: map[strata.ObjectID][]byte{}, keys: map[string]strata.ObjectID{}}, gateway.NewToken()
	g, err := gateway.New(gateway.Config{Token: token, Objects: s, Owner: o})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(g.Handler())
	t.Cleanup(web.Close)
	t.Setenv("STRATA_GATEWAY", web.URL)
	t.Setenv("STRATA_TOKEN", token.Reveal())
	u := &user{T: t, shelf: s, dir: t.TempDir()}
	t.Chdir(u.dir)
	return u
}

// run returns the status and what a command wrote on its two streams.
func (u *user) run(args ...string) (status int, out, errs string) {
	u.Helper()
	var o, e bytes.Buffer
	status = run(args, streams{strings.NewReader(""), &o, &e})
	return status, o.String(), e.String()
}

func (u *user) must(args ...string) string {
	u.Helper()
	status, out, errs := u.run(args...)
	if status != 0 {
		u.Fatalf("strata %s: status %d: %s", strings.Join(args, " "), status, errs)
	}
	return out
}

func (u *user) write(name string, data []byte) {
	u.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		u.Fatal(err)
	}
}

// same checks a file's content.
func (u *user) same(name string, want []byte) {
	u.Helper()
	got, err := os.ReadFile(name)
	if err != nil || !bytes.Equal(got, want) {
		u.Errorf("%s: %d bytes, %v; want the %d stored", name, len(got), err, len(want))
	}
}

func identity(u *user, file string) string {
	u.Helper()
	i, err := age.GenerateX25519Identity()
	if err != nil {
		u.Fatal(err)
	}
	u.write(file, []byte(i.String()+"\n"))
	return i.Recipient().String()
}

func TestEncryptToRecipients(t *testing.T) {
	u := newUser(t)
	plain := bytes.Repeat([]byte("attack at dawn\n"), 20_000)
	u.write("plan.txt", plain)
	alice, bob := identity(u, "alice"), identity(u, "bob")
	identity(u, "eve")
	id := strings.TrimSpace(u.must("put", "plan.txt", "--quiet", "--encrypt-to", alice, "--encrypt-to", bob))
	for _, b := range u.shelf.data {
		if bytes.Contains(b, plain[:15]) || !bytes.HasPrefix(b, []byte("age-encryption.org/v1\n")) {
			t.Error("the gateway was given something else than an age file")
		}
	}
	for _, who := range []string{"alice", "bob"} {
		u.must("get", id, "--quiet", "--identity", who, "-o", who+".txt")
		u.same(who+".txt", plain)
	}
	if out := u.must("get", id, "-i", "alice", "-o", "-"); out != string(plain) {
		t.Errorf("to standard output: %d bytes", len(out))
	}
	for name, c := range map[string]struct {
		args   []string
		status int
		says   string
	}{
		"nothing to decrypt with": {[]string{"-o", "x"}, 4, "give --identity"},
		"another's key":           {[]string{"-o", "x", "-i", "eve"}, 4, "encrypted to another"},
		"another's key, streamed": {[]string{"-o", "-", "-i", "eve"}, 4, "encrypted to another"},
		"a file without keys":     {[]string{"-o", "x", "-i", "plan.txt"}, 2, "no age identities"},
		"no such key file":        {[]string{"-o", "x", "-i", "none"}, 3, "none"},
		"both":                    {[]string{"-o", "x", "-i", "alice", "--passphrase"}, 2, "contradict"},
		"raw with a key":          {[]string{"-o", "x", "-i", "alice", "--raw"}, 2, "--raw"},
	} {
		status, _, errs := u.run(append([]string{"get", id, "--quiet"}, c.args...)...)
		if status != c.status || !strings.Contains(errs, c.says) {
			t.Errorf("%s: status %d %q, want %d and %q", name, status, errs, c.status, c.says)
		}
		if _, err := os.Stat("x"); err == nil {
			t.Errorf("%s: a file was written", name)
		}
	}
	// What came before a wrong key was noticed is used with the right one.
	u.shelf.data = nil
	u.must("get", id, "--quiet", "-i", "bob", "-o", "x")
	u.same("x", plain)
}

func TestEncryptWithPassphrase(t *testing.T) {
	u := newUser(t)
	u.write("f", []byte("secret"))
	if status, _, errs := u.run("put", "f", "--passphrase"); status != 2 || !strings.Contains(errs, passphraseEnv) {
		t.Errorf("without a passphrase: %d %q", status, errs)
	}
	t.Setenv(passphraseEnv, "correct horse")
	id := strings.TrimSpace(u.must("put", "f", "--quiet", "--passphrase"))
	u.must("get", id, "--quiet", "--passphrase", "-o", "g")
	u.same("g", []byte("secret"))
	t.Setenv(passphraseEnv, "wrong")
	if status, _, errs := u.run("get", id, "--quiet", "--passphrase", "-o", "h"); status != 4 || !strings.Contains(errs, "does not open") {
		t.Errorf("a wrong passphrase: %d %q", status, errs)
	}
	if status, _, _ := u.run("put", "f", "--passphrase", "--encrypt-to", "age1x"); status != 2 {
		t.Errorf("passphrase and recipient: %d", status)
	}
	if status, _, errs := u.run("put", "f", "--encrypt-to", "age1nonsense"); status != 2 || !strings.Contains(errs, "not an age recipient") {
		t.Errorf("no recipient: %d %q", status, errs)
	}
}

// TestDamagedCiphertext: a bit flipped, a tail cut off and a body that is no age
// file are errors, and no file is left.
func TestDamagedCiphertext(t *testing.T) {
	u := newUser(t)
	u.write("f", bytes.Repeat([]byte{7}, 200_000))
	to := identity(u, "key")
	var o gateway.Stored
	if err := json.Unmarshal([]byte(u.must("put", "f", "--json", "--quiet", "--encrypt-to", to)), &o); err != nil {
		t.Fatal(err)
	}
	good := u.shelf.data[o.Hash]
	for name, damage := range map[string]func([]byte) []byte{
		"flipped": func(b []byte) []byte { b[150_000] ^= 1; return b },
		"cut":     func(b []byte) []byte { return b[:len(b)-70_000] },
		"no age":  func([]byte) []byte { return []byte("hello") },
	} {
		bad := damage(bytes.Clone(good))
		u.shelf.data[o.Hash] = bad
		info := u.shelf.by[o.Hash]
		info.Size = int64(len(bad))
		u.shelf.by[o.Hash] = info
		status, _, errs := u.run("get", o.Hash.String(), "--quiet", "-i", "key", "-o", name)
		if status != 9 || strings.Count(errs, "\n") != 1 {
			t.Errorf("%s: status %d %q", name, status, errs)
		}
		if _, err := os.Stat(name); err == nil {
			t.Errorf("%s: a file was written", name)
		}
		parts, err := filepath.Glob("*.part*")
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range parts {
			if err := os.Remove(p); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestAnotherImplementation: what get --raw returns is opened by the age command,
// and what that command encrypts is opened here.
func TestAnotherImplementation(t *testing.T) {
	tool, err := exec.LookPath("age")
	if err != nil && os.Getenv("CI") != "" {
		t.Fatal("the age command is not installed: CI installs it")
	}
	if err != nil {
		t.Skip("the age command is not installed (Debian: apt-get install age): another implementation is not tried")
	}
	u := newUser(t)
	plain := bytes.Repeat([]byte("0123456789"), 30_000)
	u.write("f", plain)
	to := identity(u, "key")
	id := strings.TrimSpace(u.must("put", "f", "--quiet", "--encrypt-to", to))
	u.must("get", id, "--quiet", "--raw", "-o", "f.age")
	if out, err := exec.Command(tool, "-d", "-i", "key", "-o", "g", "f.age").CombinedOutput(); err != nil {
		t.Fatalf("age: %v: %s", err, out)
	}
	u.same("g", plain)
	if out, err := exec.Command(tool, "-r", to, "-o", "theirs.age", "f").CombinedOutput(); err != nil {
		t.Fatalf("age: %v: %s", err, out)
	}
	id = strings.TrimSpace(u.must("put", "theirs.age", "--quiet"))
	u.must("get", id, "--quiet", "-i", "key", "-o", "h")
	u.same("h", plain)
}
