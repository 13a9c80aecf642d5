package subtensor

import (
	"encoding/json"
	"testing"

	"strata"
)

// FuzzNodeMessages: whatever a node sends as a status or a header is read or
// refused, and a block is only named when all of its hash was there.
func FuzzNodeMessages(f *testing.F) {
	f.Fuzz(func(t *testing.T, raw []byte) {
		block, included, err := readStatus(raw, false)
		if included && err != nil || !included && block != (strata.BlockHash{}) {
			t.Fatalf("%s: block %s, included %v, %v", raw, block, included, err)
		}
		var h header
		if json.Unmarshal(raw, &h) != nil {
			return
		}
		_, numberErr := h.number()
		if _, err := h.hash(); (err == nil) != (numberErr == nil) {
			t.Fatalf("%s: number %v, hash %v", raw, numberErr, err)
		}
	})
}
