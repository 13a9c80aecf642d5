package holding

import (
	"testing"

	"strata"
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
		_, free := Cover(p, c.e)
		if h.tally(p, c.e, free, 1); h.filler != c.filler || h.roomy != c.roomy {
			t.Errorf("tail %d, %d shards: %d filler, %d roomy; want %d, %d", c.e.Tail, len(c.e.Shards), h.filler, h.roomy, c.filler, c.roomy)
		}
		if h.tally(p, c.e, free, -1); h.filler != 0 || h.roomy != 0 {
			t.Errorf("tail %d: taken out, it counts still", c.e.Tail)
		}
	}
}
