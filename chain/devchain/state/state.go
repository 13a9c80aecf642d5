package state

import (
	"bytes"
	"slices"
	"sort"
	"strings"

	"golang.org/x/crypto/blake2b"

	"strata/chain/scale"
)

// Reader is a state to read: now, while a block is made, or at an old block.
// A nil value means that the key is absent. Values are not to be modified.
type Reader interface {
	Get(key string) []byte
	// Keys returns the keys that begin with prefix, in order.
	Keys(prefix string) []string
}

// Table is a whole state in memory: values by key, and the keys in order.
// Not safe for concurrent use.
type Table struct {
	values map[string][]byte
	sorted []string
}

// NewTable returns an empty state.
func NewTable() *Table { return &Table{values: map[string][]byte{}} }

// Get implements Reader.
func (t *Table) Get(key string) []byte { return t.values[key] }

// Keys implements Reader.
func (t *Table) Keys(prefix string) []string {
	from := sort.SearchStrings(t.sorted, prefix)
	to := from
	for to < len(t.sorted) && strings.HasPrefix(t.sorted[to], prefix) {
		to++
	}
	return slices.Clone(t.sorted[from:to])
}

// Empty says whether nothing is stored.
func (t *Table) Empty() bool { return len(t.values) == 0 }

// Put sets a value, or removes it with nil.
func (t *Table) Put(key string, value []byte) {
	at, found := slices.BinarySearch(t.sorted, key)
	switch {
	case value == nil && found:
		t.sorted = slices.Delete(t.sorted, at, at+1)
		delete(t.values, key)
	case value != nil:
		if !found {
			t.sorted = slices.Insert(t.sorted, at, key)
		}
		t.values[key] = value
	}
}

// Root is BLAKE2b-256 over every key and value, each with its length, in
// order. Real chains have a trie here; nobody asks a local one for proofs.
func (t *Table) Root() [32]byte {
	h, _ := blake2b.New256(nil) // cannot fail without a key
	for _, k := range t.sorted {
		var e scale.Encoder
		e.Blob([]byte(k))
		e.Blob(t.values[k])
		h.Write(e.Bytes())
	}
	return [32]byte(h.Sum(nil))
}

// Changes maps keys to values, nil meaning absent: what a block writes, or
// what undoes it.
type Changes map[string][]byte

// Apply writes c and returns what undoes it.
func (t *Table) Apply(c Changes) (undo Changes) {
	undo = make(Changes, len(c))
	for k, v := range c {
		undo[k] = t.values[k]
		t.Put(k, v)
	}
	return undo
}

// Layer is a state under construction: changes over a base that is not
// touched. Not safe for concurrent use.
type Layer struct {
	base Reader
	diff Changes
}

// NewLayer returns a state that is as base until it is written to.
func NewLayer(base Reader) *Layer { return &Layer{base: base, diff: Changes{}} }

// Get implements Reader.
func (l *Layer) Get(key string) []byte {
	if v, ok := l.diff[key]; ok {
		return v
	}
	return l.base.Get(key)
}

// Keys implements Reader.
func (l *Layer) Keys(prefix string) []string {
	base := l.base.Keys(prefix)
	out := make([]string, 0, len(base))
	for _, k := range base {
		if _, changed := l.diff[k]; !changed {
			out = append(out, k)
		}
	}
	for k, v := range l.diff {
		if v != nil && strings.HasPrefix(k, prefix) {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}

// Put sets a value, or removes it with nil.
func (l *Layer) Put(key string, value []byte) { l.diff[key] = value }

// Commit moves the changes down into the layer below.
func (l *Layer) Commit(below *Layer) {
	for k, v := range l.diff {
		below.diff[k] = v
	}
}

// Effective returns the changes that change something.
func (l *Layer) Effective() Changes {
	out := Changes{}
	for k, v := range l.diff {
		old := l.base.Get(k)
		if !bytes.Equal(old, v) || (old == nil) != (v == nil) {
			out[k] = v
		}
	}
	return out
}
