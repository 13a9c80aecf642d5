package object_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"strata"
	"strata/catalog"
	"strata/object"
)

// TestListMatchesOracle compares walks through all pages with a plain listing.
func TestListMatchesOracle(t *testing.T) {
	w := newWorld(t, 0)
	names := map[string]bool{}
	for i, n := range []string{"a", "a/", "a/b", "a/b/c", "a/b/d", "a/\xff", "a/\xffz", "a0", "b", "b/x", "dir/1", "dir/2", "dir/sub/3", "\xff/", "\xff\xff", "z//", "z//y"} {
		o := catalog.Object{ID: strata.ObjectID{byte(i), 1}, Bucket: "b", Key: n}
		if err := w.db.Begin(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		if err := w.db.Commit(t.Context(), o, catalog.Condition{}); err != nil {
			t.Fatal(err)
		}
		names[n] = true
	}
	rapid.Check(t, func(t *rapid.T) {
		r := object.ListRequest{
			Bucket: "b", Prefix: rapid.SampledFrom([]string{"", "a", "a/", "a/b", "dir/", "\xff", "z/", "none"}).Draw(t, "prefix"),
			Delimiter: rapid.SampledFrom([]string{"", "/", "//", "b"}).Draw(t, "delimiter"), Limit: rapid.IntRange(1, 5).Draw(t, "limit"),
		}
		var got []string
		for {
			page, err := w.store.List(w.t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			n := len(page.Objects) + len(page.Prefixes)
			if n > r.Limit || page.More && n < r.Limit {
				t.Fatalf("%d entries in a page of %d, more: %v", n, r.Limit, page.More)
			}
			for _, o := range page.Objects {
				got = append(got, o.Name)
			}
			got = append(got, page.Prefixes...)
			if !page.More {
				break
			}
			r.After = page.Next
		}
		slices.Sort(got)
		if want := listing(names, r.Prefix, r.Delimiter); !slices.Equal(got, want) {
			t.Fatalf("%+v: %q, want %q", r, got, want)
		}
	})
	if _, err := w.store.List(t.Context(), object.ListRequest{Bucket: "b", Limit: catalog.MaxListPage + 1}); strata.CodeOf(err) != strata.Invalid {
		t.Fatalf("%v, want code invalid", err)
	}
}

func listing(names map[string]bool, prefix, delimiter string) []string {
	out := map[string]bool{}
	for n := range names {
		rest, ok := strings.CutPrefix(n, prefix)
		if !ok {
			continue
		}
		if before, _, found := strings.Cut(rest, delimiter); delimiter != "" && found {
			n = prefix + before + delimiter
		}
		out[n] = true
	}
	return slices.Sorted(maps.Keys(out))
}

func TestLongListing(t *testing.T) {
	w := newWorld(t, 0)
	n := catalog.MaxListPage + 1
	for i := range n {
		o := catalog.Object{ID: strata.ObjectID{byte(i), byte(i >> 8), 1}, Bucket: "b", Key: fmt.Sprintf("%05d", i)}
		if err := w.db.Begin(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		if err := w.db.Commit(t.Context(), o, catalog.Condition{}); err != nil {
			t.Fatal(err)
		}
	}
	page, err := w.store.List(t.Context(), object.ListRequest{Bucket: "b"})
	if err != nil || len(page.Objects) != n-1 || !page.More || page.Next != fmt.Sprintf("%05d", n-2) {
		t.Fatalf("%d objects, more %v, next %q (%v)", len(page.Objects), page.More, page.Next, err)
	}
	page, err = w.store.List(t.Context(), object.ListRequest{Bucket: "b", After: page.Next})
	if err != nil || len(page.Objects) != 1 || page.More {
		t.Fatalf("%d objects, more %v (%v)", len(page.Objects), page.More, err)
	}
}
