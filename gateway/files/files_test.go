package files

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"strata"
	"strata/catalog"
	"strata/catalog/sqlite"
	"strata/gateway"
	"strata/object"
	"strata/object/objecttest"
)

// newFiles returns files over a new catalog.
func newFiles(t *testing.T) Objects {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "strata.db"), sqlite.Gateway)
	if err != nil {
		t.Fatal(err)
	}
	h := objecttest.New(6)
	store, err := object.New(t.Context(), object.Options{Catalog: db, Transport: h, Network: h, Secret: objecttest.Secret("gateway"), Profile: strata.LocalProfile})
	if err != nil {
		t.Fatal(errors.Join(err, db.Close()))
	}
	t.Cleanup(func() {
		store.Close()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	for range 2 { // a second start finds the bucket
		if err := EnsureBucket(t.Context(), db); err != nil {
			t.Fatal(err)
		}
	}
	return Objects{Store: store, Backups: db}
}

func (f Objects) mustPut(t *testing.T, name string) gateway.Object {
	t.Helper()
	o, err := f.Put(t.Context(), gateway.PutRequest{Name: name, ContentType: "text/plain", Size: -1, Body: strings.NewReader("of " + name)})
	if err != nil {
		t.Fatalf("a name of %d bytes: %v", len(name), err)
	}
	return o
}

// TestFileNames: a name of any length that the gateway takes comes back whole
// from each call, with its content, though a key has less room than a name.
func TestFileNames(t *testing.T) {
	f := newFiles(t)
	for _, name := range []string{
		"a", strings.Repeat("b", maxKeyName-1), strings.Repeat("c", maxKeyName), strings.Repeat("d", maxKeyName+1),
		strings.Repeat("e", catalog.MaxKey), "f" + strings.Repeat("ü🌍", 170), strings.Repeat("g", gateway.MaxName),
	} {
		o := f.mustPut(t, name)
		stat, err := f.Stat(t.Context(), o.ID)
		if err != nil || o.Name != name || stat.Name != name {
			t.Errorf("%d bytes: put said %q, stat %q, %v", len(name), o.Name, stat.Name, err)
		}
		opened, content, err := f.Open(t.Context(), o.ID)
		if err != nil {
			t.Fatal(err)
		}
		r, err := content.Range(t.Context(), 0, opened.Size)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err = errors.Join(err, r.Close(), content.Close()); err != nil || opened.Name != name || string(got) != "of "+name {
			t.Errorf("%d bytes: opened as %q with %q, %v", len(name), opened.Name, got, err)
		}
	}
}

// TestFileListing: two files of one name are two, pages lead to one another,
// and a prefix longer than what a key has of a name selects like any other.
func TestFileListing(t *testing.T) {
	f := newFiles(t)
	long := strings.Repeat("x", maxKeyName)
	for _, name := range []string{"one", "one", long + "abc", long + "abd", long + "ac"} {
		f.mustPut(t, name)
	}
	for prefix, want := range map[string]int{"": 5, "o": 2, "one": 2, "onex": 0, long: 3, long + "a": 3, long + "ab": 2, long + "abd": 1, long + "b": 0} {
		for _, health := range []bool{false, true} {
			if got := f.names(t, prefix, health); len(got) != want {
				t.Errorf("a prefix of %d bytes selects %d of %d files", len(prefix), len(got), want)
			}
		}
	}
}

// names lists all files with a prefix in pages of two.
func (f Objects) names(t *testing.T, prefix string, health bool) (out []string) {
	t.Helper()
	for r := (gateway.ListRequest{Prefix: prefix, Limit: 2, Health: health}); ; {
		page, err := f.List(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Objects {
			if !strings.HasPrefix(o.Name, prefix) || (o.Health != nil) != health {
				t.Errorf("%.20q is listed for %.20q with health %v", o.Name, prefix, o.Health)
			}
			out = append(out, o.Name)
		}
		if page.Next == "" {
			return out
		}
		r.After = page.Next
	}
}

// TestKeyedFiles: the file of a key replaces the one before, which can come back
// once the key is free; names without a key are not touched.
func TestKeyedFiles(t *testing.T) {
	f := newFiles(t)
	plain := f.mustPut(t, "k")
	put := func(text string, c gateway.Condition) (gateway.Object, error) {
		return f.Put(t.Context(), gateway.PutRequest{Name: "k", ContentType: "text/plain", Size: -1, Body: strings.NewReader(text), Keyed: true, Condition: c})
	}
	named := func(want string) {
		t.Helper()
		o, content, err := f.OpenKey(t.Context(), "k")
		if err != nil {
			t.Fatal(err)
		}
		r, err := content.Range(t.Context(), 0, o.Size)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err = errors.Join(err, r.Close(), content.Close()); err != nil || string(got) != want || o.Name != "k" || !o.Keyed {
			t.Errorf("%+v with %q, %v, want %q", o, got, err, want)
		}
	}
	if _, _, err := f.OpenKey(t.Context(), "k"); strata.CodeOf(err) != strata.NotFound {
		t.Errorf("a name is taken for a key: %v", err)
	}
	one, err := put("one", gateway.Condition{Absent: true})
	if err != nil {
		t.Fatal(err)
	}
	two, err := put(strings.Repeat("two", 100_000), gateway.Condition{Match: one.ID}) // too large for a pack
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []gateway.Condition{{Absent: true}, {Match: one.ID}} {
		if _, err := put("three", c); strata.CodeOf(err) != strata.Conflict {
			t.Errorf("%+v: %v", c, err)
		}
		r := gateway.PutRequest{Name: "k", Size: -1, Body: iotest.ErrReader(errors.New("read")), Keyed: true, Condition: c}
		if _, err := f.Put(t.Context(), r); strata.CodeOf(err) != strata.Conflict {
			t.Errorf("%+v: the body is read although it cannot be stored: %v", c, err)
		}
	}
	absent := gateway.PutRequest{Name: "none", Size: -1, Body: iotest.ErrReader(errors.New("read")), Keyed: true, Condition: gateway.Condition{Match: one.ID}}
	if _, err := f.Put(t.Context(), absent); strata.CodeOf(err) != strata.Conflict {
		t.Errorf("a condition on a key that names nothing: %v", err)
	}
	named(strings.Repeat("two", 100_000))
	if _, err := f.Stat(t.Context(), one.ID); strata.CodeOf(err) != strata.NotFound {
		t.Errorf("the file replaced: %v", err)
	}
	if _, err := f.Undelete(t.Context(), one.ID); strata.CodeOf(err) != strata.Conflict {
		t.Errorf("it came back in place of the other: %v", err)
	}
	if page, err := f.List(t.Context(), gateway.ListRequest{Prefix: "k", Limit: 10}); err != nil || len(page.Objects) != 2 ||
		page.Objects[0].ID != two.ID || !page.Objects[0].Keyed || page.Objects[1].ID != plain.ID || page.Objects[1].Keyed {
		t.Errorf("listed: %+v %v", page, err)
	}
	if _, err := f.DeleteKey(t.Context(), "k", one.ID); strata.CodeOf(err) != strata.Conflict {
		t.Errorf("the file that the key does not name any more was deleted: %v", err)
	}
	if id, err := f.DeleteKey(t.Context(), "k", two.ID); err != nil || id != two.ID {
		t.Fatalf("deleted %s, %v, want %s", id, err, two.ID)
	}
	if _, err := f.DeleteKey(t.Context(), "k", strata.ObjectID{}); strata.CodeOf(err) != strata.NotFound {
		t.Errorf("a key that names nothing, beside a file of that name: %v", err)
	}
	if _, err := f.Undelete(t.Context(), one.ID); err != nil {
		t.Errorf("the key is free: %v", err)
	}
	named("one")
}

// TestOneOfManyTakesAKey: of those who store under a key that is free, all at once
// and on that condition, one succeeds, and of those who replace its file, one.
func TestOneOfManyTakesAKey(t *testing.T) {
	f := newFiles(t)
	race := func(c gateway.Condition) (won gateway.Object) {
		t.Helper()
		type outcome struct {
			o   gateway.Object
			err error
		}
		const n = 8
		out := make(chan outcome, n)
		for i := range n {
			size := []int{100, 200_000}[i%2] // in a pack, and alone
			go func() {
				o, err := f.Put(t.Context(), gateway.PutRequest{Name: "k", Size: -1, Body: bytes.NewReader(bytes.Repeat([]byte{byte(i)}, size)), Keyed: true, Condition: c})
				out <- outcome{o, err}
			}()
		}
		wins := 0
		for range n {
			switch r := <-out; {
			case r.err == nil:
				wins, won = wins+1, r.o
			case strata.CodeOf(r.err) != strata.Conflict:
				t.Errorf("%+v: %v", c, r.err)
			}
		}
		if wins != 1 {
			t.Errorf("%+v: %d of %d were stored", c, wins, n)
		}
		return won
	}
	first := race(gateway.Condition{Absent: true})
	second := race(gateway.Condition{Match: first.ID})
	if o, content, err := f.OpenKey(t.Context(), "k"); err != nil || o.ID != second.ID {
		t.Errorf("the key names %s, want %s (%v)", o.ID, second.ID, err)
	} else {
		content.Close()
	}
	if names := f.names(t, "", false); len(names) != 1 {
		t.Errorf("%d files are listed, want 1", len(names))
	}
}

// TestFileDelete: what is deleted is unknown to every call.
func TestFileDelete(t *testing.T) {
	f := newFiles(t)
	before := time.Now()
	o := f.mustPut(t, "gone")
	if o.Created.Before(before) || o.Created.After(time.Now()) {
		t.Errorf("stored at %s, it says %s", before, o.Created)
	}
	if err := f.Delete(t.Context(), o.ID); err != nil {
		t.Fatal(err)
	}
	_, statErr := f.Stat(t.Context(), o.ID)
	_, _, openErr := f.Open(t.Context(), o.ID)
	for _, err := range []error{statErr, openErr, f.Delete(t.Context(), o.ID)} {
		if strata.CodeOf(err) != strata.NotFound {
			t.Errorf("a deleted file: %v", err)
		}
	}
	if left := f.names(t, "", false); len(left) != 0 {
		t.Errorf("%d files left; made at %s", len(left), o.Created)
	}
}
