package allocation

import (
	"math/big"
	"math/bits"
	"sort"
)

// stakeFloor is added to every stake, in rao: one TAO, so that a permit without
// stake counts for something.
const stakeFloor = 1_000_000_000

// idealize sets each part's ideal. Live data of validators that are no longer
// eligible is not there to be divided. parts are in stake order.
func idealize(parts []*part, usable uint64) {
	var eligible []*part
	for _, p := range parts {
		if p.eligible {
			eligible = append(eligible, p)
		} else {
			usable -= p.live // usable ≥ all live sectors
		}
	}
	weights := make([]*big.Int, len(eligible))
	for i, p := range eligible {
		w := new(big.Int).SetUint64(uint64(p.stake))
		weights[i] = w.Add(w, big.NewInt(stakeFloor))
	}
	for i, n := range atLeastOne(usable, weights, hotkeyOrder(eligible)) {
		eligible[i].ideal = n
	}
}

// hotkeyOrder ranks parts by hotkey, for ties of the largest remainder.
func hotkeyOrder(parts []*part) []int {
	idx := make([]int, len(parts))
	for i := range idx {
		idx[i] = i
	}
	sort.Slice(idx, func(i, j int) bool {
		return string(parts[idx[i]].validator[:]) < string(parts[idx[j]].validator[:])
	})
	rank := make([]int, len(parts))
	for r, i := range idx {
		rank[i] = r
	}
	return rank
}

// atLeastOne divides n by largest remainder with at least one each while there
// is room: first come those at the front of the slice. Whoever would get
// nothing gets one, and the rest is divided among the others anew.
func atLeastOne(n uint64, weights []*big.Int, rank []int) []uint64 {
	out := make([]uint64, len(weights))
	if n < uint64(len(weights)) {
		for i := range n {
			out[i] = 1
		}
		return out
	}
	rest := make([]int, len(weights)) // indices not yet settled at one
	for i := range rest {
		rest[i] = i
	}
	for {
		got := largestRemainder(n, pick(weights, rest), pick(rank, rest))
		var more []int
		for j, i := range rest {
			out[i] = got[j]
			if got[j] == 0 {
				out[i] = 1
				n--
			} else {
				more = append(more, i)
			}
		}
		if len(more) == len(rest) {
			return out
		}
		rest = more
	}
}

func pick[T any](from []T, indices []int) []T {
	out := make([]T, len(indices))
	for j, i := range indices {
		out[j] = from[i]
	}
	return out
}

// largestRemainder divides n in proportion to weights: each gets its quota
// rounded down, and what is left goes one by one to the largest remainders,
// ties to the lower rank. Nobody gets more than its quota rounded up. Weights
// that sum to zero get nothing.
func largestRemainder(n uint64, weights []*big.Int, rank []int) []uint64 {
	out := make([]uint64, len(weights))
	sum := new(big.Int)
	for _, w := range weights {
		sum.Add(sum, w)
	}
	if sum.Sign() == 0 {
		return out
	}
	left, total := n, new(big.Int).SetUint64(n)
	rem := make([]*big.Int, len(weights))
	order := make([]int, len(weights))
	for i, w := range weights {
		q, r := new(big.Int).QuoRem(new(big.Int).Mul(total, w), sum, new(big.Int))
		out[i], rem[i], order[i] = q.Uint64(), r, i
		left -= out[i]
	}
	sort.Slice(order, func(a, b int) bool {
		if c := rem[order[a]].Cmp(rem[order[b]]); c != 0 {
			return c > 0
		}
		return rank[order[a]] < rank[order[b]]
	})
	for _, i := range order[:left] { // left < the number of non-zero remainders
		out[i]++
	}
	return out
}

// settle sets each part's final size: what is off shrinks or grows to its
// ideal, within limits and room.
func settle(parts []*part, usable uint64, l limits) {
	for _, p := range parts {
		p.final = p.current
		if l.off(p) && p.current > p.goal() {
			p.final = max(p.goal(), l.least(p))
		}
	}
	// Capacity shrank: it binds before hysteresis and limit do.
	take(parts, over(parts, usable), (*part).goal)
	take(parts, over(parts, usable), func(p *part) uint64 { return p.live })

	want := make([]uint64, len(parts))
	var wanted uint64
	for i, p := range parts {
		if l.off(p) && p.final < p.ideal {
			want[i] = p.ideal - p.final
			wanted += want[i]
		}
	}
	if room := usable - sumFinal(parts); wanted > room {
		take(parts, wanted-room, func(p *part) uint64 { return max(p.goal(), l.least(p)) })
	}
	grow(parts, want, min(wanted, usable-sumFinal(parts)))
}

func sumFinal(parts []*part) (n uint64) {
	for _, p := range parts {
		n += p.final
	}
	return n
}

// over returns by how much the parts exceed what is usable.
func over(parts []*part, usable uint64) uint64 {
	return max(sumFinal(parts), usable) - usable
}

// take shrinks parts by n sectors together, or as many as there are, in
// proportion to what each has above its least.
func take(parts []*part, n uint64, least func(*part) uint64) {
	excess := make([]uint64, len(parts))
	var sum uint64
	for i, p := range parts {
		excess[i] = max(p.final, least(p)) - least(p)
		sum += excess[i]
	}
	for i, t := range largestRemainder(min(n, sum), bigs(excess), hotkeyOrder(parts)) {
		parts[i].final -= t
	}
}

// grow gives room, at most the sum of want, to the parts that want it: first
// one sector to each that has none, in stake order, then in proportion.
func grow(parts []*part, want []uint64, room uint64) {
	for i, p := range parts {
		if room > 0 && want[i] > 0 && p.final == 0 {
			p.final, want[i], room = 1, want[i]-1, room-1
		}
	}
	for i, g := range largestRemainder(room, bigs(want), hotkeyOrder(parts)) {
		parts[i].final += g
	}
}

func bigs(ns []uint64) []*big.Int {
	out := make([]*big.Int, len(ns))
	for i, n := range ns {
		out[i] = new(big.Int).SetUint64(n)
	}
	return out
}

// mulAbove says whether a×b > c×d, in 128 bits.
func mulAbove(a, b, c, d uint64) bool {
	h1, l1 := bits.Mul64(a, b)
	h2, l2 := bits.Mul64(c, d)
	return h1 > h2 || h1 == h2 && l1 > l2
}

// percentUp returns n × pct / 100 rounded up, for n < 2⁴⁶ and a 32-bit pct,
// never more than n.
func percentUp(n, pct uint64) uint64 {
	if pct >= 100 {
		return n
	}
	return (n*pct + 99) / 100
}
