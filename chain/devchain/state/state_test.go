package state

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestLayersAgreeWithMap drives layers over a table with random writes and
// compares them with a plain map; undoing returns to the start.
func TestLayersAgreeWithMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.StringMatching("[ab]{0,3}")
		base, model := NewTable(), map[string][]byte{}
		write := func(put func(string, []byte)) {
			for range rapid.IntRange(0, 8).Draw(t, "writes") {
				k := key.Draw(t, "key")
				if rapid.Bool().Draw(t, "delete") {
					put(k, nil)
					delete(model, k)
					continue
				}
				v := []byte{rapid.Byte().Draw(t, "value")}
				put(k, v)
				model[k] = v
			}
		}
		compare := func(r Reader) {
			prefix := key.Draw(t, "prefix")
			var want []string
			for k := range model {
				if strings.HasPrefix(k, prefix) {
					want = append(want, k)
				}
			}
			slices.Sort(want)
			got := r.Keys(prefix)
			if !slices.Equal(got, want) {
				t.Fatalf("keys %q under %q, want %q", got, prefix, want)
			}
			for _, k := range got {
				if !bytes.Equal(r.Get(k), model[k]) {
					t.Fatalf("%q = %x, want %x", k, r.Get(k), model[k])
				}
			}
		}
		write(base.Put)
		compare(base)
		before, root := encodeTable(base), base.Root()
		lower := NewLayer(base)
		write(lower.Put)
		upper := NewLayer(lower)
		write(upper.Put)
		compare(upper)
		upper.Commit(lower)
		compare(lower)
		c := lower.Effective()
		undo := base.Apply(c)
		compare(base)
		base.Apply(undo)
		if !bytes.Equal(encodeTable(base), before) || base.Root() != root {
			t.Fatal("undoing does not return to the start")
		}
	})
}

func encodeTable(t *Table) []byte {
	var out []byte
	for _, k := range t.sorted {
		out = append(append(out, k...), t.values[k]...)
	}
	return out
}
