package roster

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"strata"
	"strata/catalog"
	"strata/placement"
)

func hotkey(i int) strata.Hotkey { return strata.Hotkey{byte(i)} }

// TestOrder: what is known of a shard counts first, then of its miner; a parity
// shard is read in a data shard's place when it comes much sooner.
func TestOrder(t *testing.T) {
	now := time.Unix(1000, 0)
	r := New(Fixed(nil), func() time.Time { return now })
	shard := func(i int, s catalog.ShardState) catalog.Shard {
		return catalog.Shard{Index: i, Miner: hotkey(i), State: s}
	}
	shards := []catalog.Shard{shard(0, catalog.Lost), shard(1, catalog.Sending), shard(2, catalog.Stored), shard(3, catalog.Stored), shard(4, catalog.Stored), shard(5, catalog.Stored)}
	look := func(what string, want ...int) {
		t.Helper()
		var got []int
		for _, h := range r.Order(shards, 4) {
			got = append(got, h.Index)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: read in order %v, want %v", what, got, want)
		}
	}
	look("nothing is known of the miners", 2, 3, 4, 5, 1, 0)
	for i, d := range map[int]time.Duration{2: 15 * time.Millisecond, 3: 30 * time.Millisecond, 4: time.Millisecond, 5: 5 * time.Millisecond} {
		r.Answered(hotkey(i), d)
	}
	look("they answered", 2, 4, 5, 3, 1, 0)
	r.Failed(hotkey(2))
	look("one failed", 4, 5, 3, 2, 1, 0)
	now = now.Add(shunFor)
	look("a while ago", 2, 4, 5, 3, 1, 0)
	r.Failed(hotkey(2))
	r.Answered(hotkey(2), 15*time.Millisecond)
	look("it answered again", 2, 4, 5, 3, 1, 0)
}

// TestChoose: who failed lately is chosen last; who has a shard or no room, never.
func TestChoose(t *testing.T) {
	now := time.Unix(1000, 0)
	r := New(Fixed(nil), func() time.Time { return now })
	var miners []Candidate
	for i := range 40 {
		miners = append(miners, Candidate{Candidate: placement.Candidate{
			Hotkey: hotkey(i + 1), Coldkey: strata.Coldkey{byte(i + 1)}, Addr: netip.AddrFrom4([4]byte{10, byte(i), 0, 1}), Free: strata.MiB, Score: 1_000_000,
		}})
	}
	miners[0].Free = 99
	miners[1].Addr = netip.Addr{}
	held := miners[2:4]
	if n := CountRoom(miners, 100); n != 38 {
		t.Errorf("%d have room, want 38", n)
	}
	got, err := r.Choose(miners, 36, 100, held)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[strata.Hotkey]bool{}
	for _, c := range got {
		seen[c.Hotkey] = true
	}
	for i, c := range miners {
		if seen[c.Hotkey] != (i >= 4) {
			t.Errorf("miner %d chosen: %v", i, seen[c.Hotkey])
		}
	}
	if _, err := r.Choose(miners, 37, 100, held); strata.CodeOf(err) != strata.NoSpace {
		t.Errorf("one more than there are: %v", err)
	}
	for _, c := range miners[4:39] {
		r.Failed(c.Hotkey)
	}
	const draws = 200
	good := 0
	for range draws {
		got, err := r.Choose(miners, 1, 100, held)
		if err != nil {
			t.Fatal(err)
		}
		if got[0].Hotkey == miners[39].Hotkey {
			good++
		}
	}
	if good < draws/4 { // one in 36 were it no better than the others
		t.Errorf("the only one that did not fail was chosen %d times of %d", good, draws)
	}
}
