package placement

import (
	"fmt"
	"math/big"
	"net/netip"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"strata"
)

const perfect = ppm // the record of a miner that never failed

// miner makes a candidate with the given owner and place.
func miner(n, cold byte, addr string) Candidate {
	return Candidate{
		Hotkey: strata.Hotkey{n, 1}, Coldkey: strata.Coldkey{cold, 2}, Addr: netip.MustParseAddr(addr),
		Free: strata.GiB, Score: perfect,
	}
}

// spreadOut makes n miners that share nothing.
func spreadOut(n int) []Candidate {
	out := make([]Candidate, n)
	for i := range out {
		out[i] = miner(byte(i), byte(i), fmt.Sprintf("10.0.%d.1", i))
	}
	return out
}

func choose(t *testing.T, r Request) Choice {
	t.Helper()
	c, err := Choose(r)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestIndependentWherePossible(t *testing.T) {
	cands := spreadOut(10)
	cands = append(cands, miner(100, 0, "10.1.0.1"), miner(101, 50, "10.0.3.77")) // shares an owner, a /24
	for seed := range byte(50) {
		c := choose(t, Request{Seed: [32]byte{seed}, Total: 10, Shard: strata.MiB, Candidates: cands})
		if len(c.Miners) != 10 || c.Spread != (Spread{}) {
			t.Fatalf("seed %d: %d miners, spread %+v", seed, len(c.Miners), c.Spread)
		}
	}
}

// A greedy draw that begins with the miner that shares its owner with one and
// its network with another would block both.
func TestExchangesWhatBlocks(t *testing.T) {
	cands := []Candidate{
		miner(1, 1, "10.0.2.1"), miner(2, 1, "10.0.1.1"), miner(3, 2, "10.0.2.2"),
		miner(4, 2, "10.0.3.1"), miner(5, 3, "10.0.3.2"),
	}
	cands[0].Free, cands[3].Free = strata.TiB, strata.TiB // drawn first, nearly always
	for seed := range byte(50) {
		c := choose(t, Request{Seed: [32]byte{seed}, Total: 3, Shard: strata.MiB, Candidates: cands})
		if c.Spread != (Spread{}) || distinct(c.Miners) != 3 {
			t.Fatalf("seed %d: %v, spread %+v", seed, hotkeys(c), c.Spread)
		}
	}
}

func TestBestSpreadOtherwise(t *testing.T) {
	loopback := func(n, owners int) []Candidate {
		var out []Candidate
		for i := range n {
			out = append(out, miner(byte(i), byte(i%owners), "127.0.0.1"))
		}
		return out
	}
	v6 := []Candidate{miner(1, 1, "2001:db8:1:2::1"), miner(2, 2, "2001:db8:1:3::1"), miner(3, 3, "2001:db8:2::1")}
	mapped := []Candidate{miner(1, 1, "::ffff:10.0.0.1"), miner(2, 2, "10.0.0.9"), miner(3, 3, "10.0.1.1")}
	for _, c := range []struct {
		name  string
		cands []Candidate
		total int
		want  Spread
	}{
		{"one machine", loopback(6, 6), 6, Spread{SharedPrefix: 5}},
		{"one machine, one owner", loopback(6, 1), 6, Spread{SharedColdkey: 5, SharedPrefix: 5}},
		{"owners first", loopback(6, 3), 3, Spread{SharedPrefix: 2}},
		{"owners evenly", loopback(9, 3), 6, Spread{SharedColdkey: 3, SharedPrefix: 5}},
		{"IPv6 /48", v6, 2, Spread{}},
		{"IPv6 /48, all", v6, 3, Spread{SharedPrefix: 1}},
		{"mapped IPv4", mapped, 2, Spread{}},
		{"mapped IPv4, all", mapped, 3, Spread{SharedPrefix: 1}},
	} {
		for seed := range byte(20) {
			got := choose(t, Request{Seed: [32]byte{seed}, Total: c.total, Shard: strata.MiB, Candidates: c.cands})
			if got.Spread != c.want || distinct(got.Miners) != c.total {
				t.Fatalf("%s, seed %d: %d miners, spread %+v, want %+v", c.name, seed, distinct(got.Miners), got.Spread, c.want)
			}
		}
	}
}

func TestEvenLoadOfOwners(t *testing.T) {
	var cands []Candidate
	for i := range 9 {
		cands = append(cands, miner(byte(i), byte(i%3), fmt.Sprintf("10.0.%d.1", i)))
	}
	c := choose(t, Request{Total: 6, Shard: strata.MiB, Candidates: cands})
	load := map[strata.Coldkey]int{}
	for _, m := range c.Miners {
		load[m.Coldkey]++
	}
	for k, n := range load {
		if n != 2 {
			t.Errorf("owner %s has %d of 6 shards, want 2", k, n)
		}
	}
	if c.Spread != (Spread{SharedColdkey: 3}) {
		t.Errorf("spread %+v", c.Spread)
	}
}

func TestHeldCountAndAreNotChosen(t *testing.T) {
	cands := append(spreadOut(4), miner(10, 0, "10.9.0.1"), miner(11, 9, "10.0.1.7"))
	held := cands[:2] // owners 0 and 1, networks 10.0.0 and 10.0.1
	for seed := range byte(30) {
		c := choose(t, Request{Seed: [32]byte{seed}, Total: 2, Shard: strata.MiB, Candidates: cands, Held: held})
		if c.Spread != (Spread{}) {
			t.Fatalf("seed %d: chose %v beside %v", seed, hotkeys(c), held)
		}
		all := choose(t, Request{Seed: [32]byte{seed}, Total: 4, Shard: strata.MiB, Candidates: cands, Held: held})
		if want := (Spread{SharedColdkey: 1, SharedPrefix: 1}); all.Spread != want {
			t.Fatalf("seed %d: spread %+v, want %+v", seed, all.Spread, want)
		}
	}
}

func TestWhoIsNotDrawn(t *testing.T) {
	cands := spreadOut(4)
	cands[0].Addr = netip.Addr{}
	cands[1].Free = strata.MiB - 1
	cands[2].Score, cands[2].Free = 0, strata.MiB // no record, just enough room: drawn
	c := choose(t, Request{Total: 2, Shard: strata.MiB, Candidates: cands})
	if !reflect.DeepEqual(chosenSet(c), map[strata.Hotkey]bool{cands[2].Hotkey: true, cands[3].Hotkey: true}) {
		t.Errorf("chose %v", hotkeys(c))
	}
	_, err := Choose(Request{Total: 3, Shard: strata.MiB, Candidates: cands})
	if strata.CodeOf(err) != strata.NoSpace {
		t.Errorf("two usable miners for three shards: %v", err)
	}
}

func TestMalformedRequests(t *testing.T) {
	twice := spreadOut(2)
	twice[1].Hotkey = twice[0].Hotkey
	for name, r := range map[string]Request{
		"none wanted":   {Total: 0, Candidates: spreadOut(1)},
		"negative":      {Total: -1, Candidates: spreadOut(1)},
		"listed twice":  {Total: 1, Candidates: twice},
		"too many":      {Total: 1, Candidates: make([]Candidate, MaxCandidates+1)},
		"too many held": {Total: 1, Held: make([]Candidate, MaxCandidates+1)},
	} {
		if _, err := Choose(r); strata.CodeOf(err) != strata.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The weights work: over many seeds a miner is drawn in proportion to free
// space times record.
func TestWeightedDraw(t *testing.T) {
	cands := spreadOut(4)
	cands[1].Free = 3 * strata.GiB
	cands[2].Free, cands[2].Score = 8*strata.GiB, perfect/2
	cands[3].Score = 0
	count := map[strata.Hotkey]int{}
	const draws = 8000
	for i := range draws {
		c := choose(t, Request{Seed: [32]byte{byte(i), byte(i >> 8)}, Total: 1, Shard: strata.MiB, Candidates: cands})
		count[c.Miners[0].Hotkey]++
	}
	for i, want := range []int{1000, 3000, 4000, 0} { // of 1 + 3 + 4 GiB
		if got := count[cands[i].Hotkey]; got < want-150 || got > want+150 {
			t.Errorf("miner %d was drawn %d times of %d, want about %d", i, got, draws, want)
		}
	}
}

// The public vector: another implementation of the rule must choose the same.
func TestVector(t *testing.T) {
	seed := [32]byte{31: 7}
	c := choose(t, Request{Seed: seed, Total: 6, Shard: strata.MiB, Candidates: spreadOut(12)})
	var got []byte
	for _, m := range c.Miners {
		got = append(got, m.Hotkey[0])
	}
	if want := []byte{7, 1, 6, 3, 10, 5}; !reflect.DeepEqual(got, want) {
		t.Errorf("chose %v, want %v", got, want)
	}
}

func TestBelowIsUniform(t *testing.T) {
	s := newStream([32]byte{1})
	for _, n := range []uint64{1, 2, 3, 1<<63 + 1, 1<<64 - 1} {
		for range 100 {
			if v := s.below(n); v >= n {
				t.Fatalf("below(%d) = %d", n, v)
			}
		}
	}
	// Just above 2⁶³ half of all words are refused; without that the lower half
	// of the range would come twice as often.
	low, n := 0, uint64(1<<63+1<<62)
	for range 3000 {
		if s.below(n) < n/3 {
			low++
		}
	}
	if low < 850 || low > 1150 {
		t.Errorf("the lowest third of the range came %d times of 3000", low)
	}
}

func TestWeightsAddUp(t *testing.T) {
	top := Candidate{Free: 1<<64 - 1, Score: 1<<32 - 1}
	sum := new(big.Int).Mul(new(big.Int).SetUint64(weight(top)), big.NewInt(MaxCandidates))
	if !sum.IsUint64() {
		t.Errorf("weights of %d miners overflow: %s", MaxCandidates, sum)
	}
}

// A maximum matching by exhaustion, to hold the rule against.
func mostIndependent(cands []Candidate) int {
	var try func(i int, cold map[strata.Coldkey]bool, pre map[netip.Prefix]bool) int
	try = func(i int, cold map[strata.Coldkey]bool, pre map[netip.Prefix]bool) int {
		if i == len(cands) {
			return 0
		}
		best := try(i+1, cold, pre)
		if c, p := cands[i].Coldkey, prefixOf(cands[i].Addr); !cold[c] && !pre[p] {
			cold[c], pre[p] = true, true
			best = max(best, 1+try(i+1, cold, pre))
			delete(cold, c)
			delete(pre, p)
		}
		return best
	}
	return try(0, map[strata.Coldkey]bool{}, map[netip.Prefix]bool{})
}

func drawCandidates(t *rapid.T) []Candidate {
	n := rapid.IntRange(1, 9).Draw(t, "n")
	out := make([]Candidate, n)
	for i := range out {
		out[i] = miner(byte(i), rapid.ByteRange(0, 4).Draw(t, "owner"),
			fmt.Sprintf("10.0.%d.%d", rapid.IntRange(0, 4).Draw(t, "net"), i))
		out[i].Free = strata.ByteSize(rapid.Uint64Range(0, 1<<40).Draw(t, "free")) + strata.MiB
		out[i].Score = rapid.Uint32().Draw(t, "score")
	}
	return out
}

func TestChoiceProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cands := drawCandidates(t)
		total := rapid.IntRange(1, len(cands)).Draw(t, "total")
		r := Request{Seed: [32]byte{rapid.Byte().Draw(t, "seed")}, Total: total, Shard: strata.MiB, Candidates: cands}
		got, err := Choose(r)
		if err != nil {
			t.Fatal(err)
		}
		if distinct(got.Miners) != total || len(got.Miners) != total {
			t.Fatalf("%d miners, %d distinct, want %d", len(got.Miners), distinct(got.Miners), total)
		}
		if most := mostIndependent(cands); most >= total && got.Spread != (Spread{}) {
			t.Fatalf("%d independent miners exist, %d wanted, spread %+v", most, total, got.Spread)
		}
		owners := map[strata.Coldkey]bool{}
		for _, c := range cands {
			owners[c.Coldkey] = true
		}
		if want := total - min(total, len(owners)); got.Spread.SharedColdkey != want {
			t.Fatalf("%d shared owners, want %d", got.Spread.SharedColdkey, want)
		}
		r.Candidates = rapid.Permutation(cands).Draw(t, "order")
		if again, _ := Choose(r); !reflect.DeepEqual(again, got) {
			t.Fatalf("another order of candidates chooses %v instead of %v", hotkeys(again), hotkeys(got))
		}
	})
}

func TestScale(t *testing.T) {
	for n, want := range map[int][4]int{
		-1: {}, 0: {}, 1: {1, 1, 1, 1}, 2: {1, 2, 2, 2}, 3: {1, 2, 2, 3}, 4: {1, 2, 3, 4}, 5: {1, 2, 3, 5},
		6: {2, 3, 4, 6}, 9: {3, 5, 7, 9}, 12: {4, 7, 9, 12}, 20: {6, 10, 15, 20},
		29: {9, 15, 23, 29}, 30: {10, 16, 24, 30}, 31: {10, 16, 24, 30}, 4096: {10, 16, 24, 30},
	} {
		k, repair, success, total := Scale(n)
		if got := [4]int{k, repair, success, total}; got != want {
			t.Errorf("Scale(%d) = %v, want %v", n, got, want)
		}
	}
	var last [4]int
	for n := 1; n <= 64; n++ {
		k, repair, success, total := Scale(n)
		if k < 1 || k > repair || repair > success || success > total || total > n {
			t.Errorf("Scale(%d) = %d/%d/%d/%d is out of order", n, k, repair, success, total)
		}
		now := [4]int{k, success, success - k, total - k}
		for i := range now {
			if now[i] < last[i] {
				t.Errorf("Scale(%d): k, success, success−k, total−k fall from %v to %v", n, last, now)
			}
		}
		last = now
	}
}

func distinct(ms []Candidate) int {
	seen := map[strata.Hotkey]bool{}
	for _, m := range ms {
		seen[m.Hotkey] = true
	}
	return len(seen)
}

func chosenSet(c Choice) map[strata.Hotkey]bool {
	out := map[strata.Hotkey]bool{}
	for _, m := range c.Miners {
		out[m.Hotkey] = true
	}
	return out
}

func hotkeys(c Choice) (out []byte) {
	for _, m := range c.Miners {
		out = append(out, m.Hotkey[0])
	}
	return out
}

func BenchmarkChoose(b *testing.B) {
	cands := make([]Candidate, 4096)
	for i := range cands {
		cands[i] = miner(byte(i), byte(i), fmt.Sprintf("10.%d.%d.1", i>>8, i&255))
		cands[i].Hotkey[5], cands[i].Coldkey[5] = byte(i>>8), byte(i>>8)
	}
	for b.Loop() {
		if _, err := Choose(Request{Total: 30, Shard: strata.MiB, Candidates: cands}); err != nil {
			b.Fatal(err)
		}
	}
}
