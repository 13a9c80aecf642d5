package ledger

import (
	"testing"

	"pgregory.net/rapid"

	"strata/chain/devchain/state"
)

// FuzzStored: what is read back from a damaged file is an error or encodes to
// what was read, never a panic.
func FuzzStored(f *testing.F) {
	f.Add([]byte{})
	f.Add(header{Number: 70000}.encode())
	f.Add(encodeBody([][]byte{{1, 2}, {}}))
	f.Add(encodeChanges(state.Changes{"a": nil, "b": {1}}))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if h, err := decodeHeader(raw); err == nil {
			if again, err := decodeHeader(h.encode()); err != nil || again != h {
				t.Fatalf("header %+v became %+v, %v", h, again, err)
			}
		}
		if b, err := decodeBody(raw); err == nil && string(encodeBody(b)) != string(raw) {
			t.Fatalf("body %x became %x", raw, encodeBody(b))
		}
		if c, err := decodeChanges(raw); err == nil {
			if again, err := decodeChanges(encodeChanges(c)); err != nil || len(again) != len(c) {
				t.Fatalf("changes %v became %v, %v", c, again, err)
			}
		}
	})
}

// TestChangesRoundTrip: absent and empty values stay apart.
func TestChangesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := state.Changes(rapid.MapOf(rapid.String(), rapid.OneOf(rapid.Just([]byte(nil)), rapid.SliceOf(rapid.Byte()))).Draw(t, "changes"))
		again, err := decodeChanges(encodeChanges(c))
		if err != nil || len(again) != len(c) {
			t.Fatalf("%v became %v, %v", c, again, err)
		}
		for k, v := range c {
			if w, ok := again[k]; !ok || (v == nil) != (w == nil) || string(v) != string(w) {
				t.Fatalf("%q: %v became %v", k, v, w)
			}
		}
	})
}
