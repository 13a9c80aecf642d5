package storage

import (
	"strings"

	"strata/chain/scale"
)

// Item is one storage item of the runtime, with the hashers and types that
// subtensor's metadata gives it. Not modified once made.
type Item struct {
	Name     string // without the pallet's
	letters  string // one letter for each key: I Identity, B Blake2_128Concat, T Twox64Concat
	KeyTypes string // of a map, comma separated, as metadata writes them
	Type     string // of the value
	Optional bool   // absent reads as nothing instead of as zero

	prefix string // of all its keys: the hashes of the pallet's and the item's names
}

// in makes an item of a pallet.
func in(pallet string, e Item) *Item {
	e.prefix = string(scale.Twox128.Hash([]byte(pallet))) + string(scale.Twox128.Hash([]byte(e.Name)))
	return &e
}

var hasherLetters = map[rune]scale.Hasher{'I': scale.Identity, 'B': scale.Blake2x128Concat, 'T': scale.Twox64Concat}

// Hashers returns the hashers of the keys.
func (e *Item) Hashers() []scale.Hasher {
	var out []scale.Hasher
	for _, h := range e.letters {
		out = append(out, hasherLetters[h])
	}
	return out
}

// Key returns the storage key for SCALE-encoded map keys; with fewer than the
// map has, the prefix that they share.
func (e *Item) Key(parts ...[]byte) string {
	var b strings.Builder
	b.WriteString(e.prefix)
	for i, p := range parts {
		b.Write(hasherLetters[rune(e.letters[i])].Hash(p))
	}
	return b.String()
}

// Tail returns the last n bytes of a key: with every hasher used here a map's
// last key ends it.
func Tail(key string, n int) []byte { return []byte(key[max(0, len(key)-n):]) }
