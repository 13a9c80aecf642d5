package holding

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"strata"
	"strata/catalog"
	"strata/score"
	"strata/wire"
)

// TestRoom: which begun sectors have room for any shard.
func TestRoom(t *testing.T) {
	p := strata.LocalProfile
	p.Blocks = 256 // four groups
	shards := func(n int) []wire.ShardEntry { return make([]wire.ShardEntry, n) }
	for _, c := range []struct {
		e             wire.Entry
		filler, roomy int
	}{
		{wire.Entry{State: wire.Filler}, 1, 0},
		{wire.Entry{State: wire.Data, Tail: 64, Shards: shards(1)}, 0, 1},
		{wire.Entry{State: wire.Data, Tail: 128, Shards: shards(2)}, 0, 1},
		{wire.Entry{State: wire.Data, Tail: 192, Shards: shards(2)}, 0, 0}, // the largest fits only if it begins there
		{wire.Entry{State: wire.Data, Tail: 256, Shards: shards(2)}, 0, 0},
		{wire.Entry{State: wire.Data, Tail: 64, Shards: shards(wire.MaxShards - underWay)}, 0, 0}, // it lists as many as it may
	} {
		var h Holding
		_, free := cover(p, c.e)
		if h.tally(p, c.e, free, 1); h.filler != c.filler || h.roomy != c.roomy {
			t.Errorf("tail %d, %d shards: %d filler, %d roomy; want %d, %d", c.e.Tail, len(c.e.Shards), h.filler, h.roomy, c.filler, c.roomy)
		}
		if h.tally(p, c.e, free, -1); h.filler != 0 || h.roomy != 0 {
			t.Errorf("tail %d: taken out, it counts still", c.e.Tail)
		}
	}
}

// TestWithout: a holding without a sector is what all the others make.
func TestWithout(t *testing.T) {
	p := strata.LocalProfile
	p.Blocks = 256
	rapid.Check(t, func(t *rapid.T) {
		var sectors []catalog.Sector
		for n := range uint64(rapid.IntRange(1, 12).Draw(t, "sectors")) {
			s := catalog.Sector{Cohort: rapid.Uint64Range(0, 2).Draw(t, "cohort"), Void: rapid.IntRange(0, 5).Draw(t, "void") == 0}
			s.Entry = wire.Entry{Number: 2 * n, State: wire.Filler}
			if rapid.Bool().Draw(t, "data") {
				s.Entry.State, s.Entry.Tail = wire.Data, 64*rapid.Uint32Range(0, 4).Draw(t, "tail")
				s.Entry.Shards = []wire.ShardEntry{{Length: rapid.Uint32Range(1, 64<<10).Draw(t, "length")}}
			}
			sectors = append(sectors, s)
		}
		whole := made(p, sectors)
		before := made(p, sectors)
		out := rapid.IntRange(0, len(sectors)-1).Draw(t, "out")
		if !sectors[out].Listed() {
			return
		}
		got, want := whole.Without(p, sectors[out]), made(p, slices.Delete(slices.Clone(sectors), out, out+1))
		same(t, got, want)
		same(t, whole, before) // who shares it sees nothing
	})
}

func made(p strata.Profile, sectors []catalog.Sector) (h Holding) {
	for _, s := range sectors {
		h.Add(p, s)
	}
	return h
}

func same(t *rapid.T, a, b Holding) {
	var none score.Miner
	for _, pair := range [][2]Numbers{{a.Numbers, b.Numbers}, {a.Pending, b.Pending}, {a.Data, b.Data}} {
		if !slices.Equal(slices.Collect(pair[0].All()), slices.Collect(pair[1].All())) {
			t.Fatalf("sectors %v, want %v", pair[0], pair[1])
		}
	}
	if a.Covered != b.Covered || a.Free != b.Free || a.filler != b.filler || a.roomy != b.roomy || !slices.Equal(none.Fold(a.Batches), none.Fold(b.Batches)) {
		t.Fatalf("%+v, want %+v", a, b)
	}
}
