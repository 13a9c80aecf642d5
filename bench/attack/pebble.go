package attack

import "math/bits"

// bitset is a set of nodes, or of lines of them.
type bitset []uint64

func newBitset(n int) bitset { return make(bitset, (n+63)/64) }

func (b bitset) has(n node) bool { return b[n/64]>>(n%64)&1 == 1 }
func (b bitset) set(n node)      { b[n/64] |= 1 << (n % 64) }

func (b bitset) count() (n int) {
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}

// targets is the number of missing blocks that one scan follows, a bit of a
// word for each.
const targets = 64

// needed finds, for up to 64 missing outputs at once, every step that must be
// made again: bit i of the answer's word n says that target i needs step n. What
// is kept stops the search; memory is unlimited, so no step is made twice. A
// cheater with the sector's memory can do no better with what it kept.
func (g Graph) needed(k *kept, want []node) []uint64 {
	need := make([]uint64, g.nodes())
	last := node(0)
	for i, n := range want {
		need[n] |= 1 << i
		last = max(last, n)
	}
	var in inputs
	for n := int(last); n >= 0; n-- { // inputs come before the steps that need them
		mask := need[n]
		if mask == 0 {
			continue
		}
		g.inputs(node(n), &in)
		for _, m := range in.whole[:in.n] {
			k.mark(g, need, mask, node(n), m)
		}
		for _, m := range in.lines[:in.m] {
			k.mark(g, need, mask, node(n), m)
		}
	}
	return need
}

func (k *kept) mark(g Graph, need []uint64, mask uint64, from, to node) {
	if !k.blocks.has(to) && !k.crosses(g, from, to) {
		need[to] |= mask
	}
}

// cost counts the steps that each of the first n targets needs.
func cost(need []uint64, n int) []int {
	steps := make([]int, n)
	for _, mask := range need {
		for ; mask != 0; mask &= mask - 1 {
			steps[bits.TrailingZeros64(mask)]++
		}
	}
	return steps
}

// depth returns the longest chain among the steps that a target needs: the
// time of a cheater with as many cores as it likes, in steps.
func (g Graph) depth(k *kept, need []uint64, target int, scratch []uint32) uint32 {
	var in inputs
	var deepest uint32
	for n := range need {
		scratch[n] = 0
		if need[n]>>target&1 == 0 {
			continue
		}
		g.inputs(node(n), &in)
		var d uint32
		for _, m := range in.whole[:in.n] {
			if !k.crosses(g, node(n), m) {
				d = max(d, scratch[m]) // 0 where it is kept or not needed
			}
		}
		for _, m := range in.lines[:in.m] {
			if !k.crosses(g, node(n), m) {
				d = max(d, scratch[m])
			}
		}
		scratch[n] = d + 1
		deepest = max(deepest, d+1)
	}
	return deepest
}

// bytes returns what a cheater stores: the kept blocks, and the lines and
// blocks that cross into the windows which are refilled from them, each once.
func (g Graph) bytes(k *kept) (all, crossing int) {
	if k.window > 0 {
		crossing = g.crossing(k)
	}
	return k.blocks.count()*blockBytes + crossing, crossing
}

func (g Graph) crossing(k *kept) int {
	lines, whole := newBitset(g.nodes()*Lines), newBitset(g.nodes())
	var in inputs
	for n := range node(g.nodes()) {
		if _, j := g.step(n); j >= k.window && !k.many {
			continue
		}
		g.inputs(n, &in)
		for _, m := range in.whole[:in.n] {
			if k.crosses(g, n, m) && !k.blocks.has(m) {
				whole.set(m)
			}
		}
		for i, m := range in.lines[:in.m] { // gather i reads line (i+5) mod 16: equal i, equal line
			if k.crosses(g, n, m) && !k.blocks.has(m) && !whole.has(m) {
				lines.set(m*Lines + node(i))
			}
		}
	}
	return lines.count()*lineBytes + whole.count()*blockBytes
}
