package seal

import (
	"bytes"
	"context"
	"testing"

	"pgregory.net/rapid"

	"strata"
)

// allFar makes every sector of a test a far one.
func allFar(t *testing.T) {
	was := farBlocks
	farBlocks = 0
	t.Cleanup(func() { farBlocks = was })
}

// What prefetches in bunches computes the same.
func TestFarFillsAgree(t *testing.T) {
	allFar(t)
	TestLongFillsAgree(t)
	rapid.Check(t, func(t *rapid.T) {
		s := Sector{
			Number: rapid.Uint64().Draw(t, "number"), Miner: strata.Hotkey{rapid.Byte().Draw(t, "miner")},
			Blocks: minBlocks << rapid.IntRange(0, 4).Draw(t, "log blocks"), Passes: rapid.Uint32Range(minPasses, 6).Draw(t, "passes"),
		}
		want := make([]byte, s.Size())
		if err := s.FillWith(context.Background(), Portable, want); err != nil {
			t.Fatal(err)
		}
		for _, isa := range ISAs() {
			got, err := fillWithin(s, isa, rapid.IntRange(0, 70).Draw(t, "skew"), 1)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s differs from plain Go in %+v", isa, s)
			}
		}
	})
}
