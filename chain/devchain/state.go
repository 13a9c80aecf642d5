package devchain

import (
	"bytes"
	"slices"
	"sort"
	"strings"

	"golang.org/x/crypto/blake2b"

	"strata/chain/scale"
)

// reader is a state to read: now, while a block is made, or at an old block.
// A nil value means that the key is absent. Values are not to be modified.
type reader interface {
	get(key string) []byte
	// keys returns the keys that begin with prefix, in order.
	keys(prefix string) []string
}

// table is a whole state in memory: values by key, and the keys in order.
// Not safe for concurrent use.
type table struct {
	values map[string][]byte
	sorted []string
}

func newTable() *table { return &table{values: map[string][]byte{}} }

func (t *table) get(key string) []byte { return t.values[key] }

func (t *table) keys(prefix string) []string {
	from := sort.SearchStrings(t.sorted, prefix)
	to := from
	for to < len(t.sorted) && strings.HasPrefix(t.sorted[to], prefix) {
		to++
	}
	return slices.Clone(t.sorted[from:to])
}

func (t *table) put(key string, value []byte) {
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

// root is BLAKE2b-256 over every key and value, each with its length, in
// order. Real chains have a trie here; nobody asks a local one for proofs.
func (t *table) root() [32]byte {
	h, _ := blake2b.New256(nil) // cannot fail without a key
	for _, k := range t.sorted {
		var e scale.Encoder
		e.Blob([]byte(k))
		e.Blob(t.values[k])
		h.Write(e.Bytes())
	}
	return [32]byte(h.Sum(nil))
}

// changes maps keys to values, nil meaning absent: what a block writes, or
// what undoes it.
type changes map[string][]byte

// apply writes c and returns what undoes it.
func (t *table) apply(c changes) (undo changes) {
	undo = make(changes, len(c))
	for k, v := range c {
		undo[k] = t.values[k]
		t.put(k, v)
	}
	return undo
}

// layer is a state under construction: changes over a base that is not
// touched. Not safe for concurrent use.
type layer struct {
	base reader
	diff changes
}

func newLayer(base reader) *layer { return &layer{base: base, diff: changes{}} }

func (l *layer) get(key string) []byte {
	if v, ok := l.diff[key]; ok {
		return v
	}
	return l.base.get(key)
}

func (l *layer) keys(prefix string) []string {
	base := l.base.keys(prefix)
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

func (l *layer) put(key string, value []byte) { l.diff[key] = value }

// commit moves the changes down into the layer below.
func (l *layer) commit(below *layer) {
	for k, v := range l.diff {
		below.diff[k] = v
	}
}

// effective returns the changes that change something.
func (l *layer) effective() changes {
	out := changes{}
	for k, v := range l.diff {
		old := l.base.get(k)
		if !bytes.Equal(old, v) || (old == nil) != (v == nil) {
			out[k] = v
		}
	}
	return out
}
