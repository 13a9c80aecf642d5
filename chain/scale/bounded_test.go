package scale

import (
	"math/rand/v2"
	"runtime"
	"testing"

	"strata"
)

// allocated returns the bytes that f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestHostileValuesAreBounded: types and counts that promise billions of
// elements cost no more memory than the bytes that are there.
func TestHostileValuesAreBounded(t *testing.T) {
	b := NewBuilder()
	unit, u64 := b.Tuple(), b.Primitive(U64)
	huge := b.Array(1<<32-1, unit)
	nested := b.Sequence(b.Sequence(b.Sequence(unit)))
	selfish := b.Reserve()
	b.Define(selfish, Type{Kind: KindSequence, Elem: selfish})
	many := b.Array(1<<31, u64)
	list := b.Sequence(u64)
	reg, err := b.Registry()
	if err != nil {
		t.Fatal(err)
	}
	count := []byte{0x13, 255, 255, 255, 255, 255, 255, 255, 127} // 2^63 - 1, as a compact
	for name, c := range map[string]struct {
		id  TypeID
		raw []byte
	}{
		"an array of nothing, four billion times": {huge, nil},
		"vectors of vectors of nothing":           {nested, []byte{0xfe, 0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff}},
		"a vector of itself":                      {selfish, []byte{4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4}},
		"sixteen gigabytes":                       {many, make([]byte, 64)},
		"a count of 2^63":                         {list, count},
	} {
		var err error
		got := allocated(func() { _, err = reg.Decode(c.id, c.raw) })
		if strata.CodeOf(err) != strata.Invalid || got > 4<<20 {
			t.Errorf("%s: %d bytes allocated, %v", name, got, err)
		}
	}
}

// TestDamagedRecordingsAreBounded: recorded metadata cut short, or with bytes
// changed, neither panics nor costs much more than the intact one.
func TestDamagedRecordingsAreBounded(t *testing.T) {
	_, raw := recordedMetadata(t, "spec300_metadata_v15.hex", 15)
	whole := allocated(func() { _, _ = DecodeMetadata(raw) })
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range 60 {
		damaged := append([]byte(nil), raw...)
		if i%3 == 0 {
			damaged = damaged[:rng.IntN(len(damaged))]
		}
		for range 1 + rng.IntN(4) {
			damaged[rng.IntN(len(damaged))] = byte(rng.Uint32())
		}
		if got := allocated(func() { _, _ = DecodeMetadata(damaged) }); got > 2*whole+1<<20 {
			t.Errorf("damage %d: %d bytes allocated, %d for the intact metadata", i, got, whole)
		}
	}
}
