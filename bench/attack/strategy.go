package attack

import (
	"fmt"
	"math/rand/v2"
)

// strategy is a way to keep less than the sector, or something else.
type strategy struct {
	name string
	// keep marks what is kept. rng is the strategy's own.
	keep func(g Graph, k *kept, rng *rand.Rand)
}

// kept is what a cheater has on disk.
type kept struct {
	blocks bitset // whole blocks as a step left them
	// window, when not zero, is the length of a run of blocks within which the
	// lines that come from outside are kept too, for every pass: a missing block
	// needs only steps of its own run. many says that all runs are kept so, or
	// else only the first one.
	window uint32
	many   bool
}

// crosses says whether the line or block that step from reads of step to comes
// out of the store of lines, because the two lie in different windows.
func (k *kept) crosses(g Graph, from, to node) bool {
	if k.window == 0 {
		return false
	}
	_, a := g.step(from)
	_, b := g.step(to)
	return a/k.window != b/k.window
}

// strategies lists all of them, as the tables show them.
func strategies() []strategy {
	list := []strategy{
		dropRandom(1), dropRandom(10), dropRandom(50),
		{"keeps every second block", func(g Graph, k *kept, _ *rand.Rand) {
			k.keepOutputs(g, func(j uint32) bool { return j%2 == 0 })
		}},
		dropRange("first", 10), dropRange("first", 50), dropRange("last", 10), dropRange("last", 50),
		keepPassBefore(100), keepPassBefore(90),
		{"keeps half, the pass before of the rest", func(g Graph, k *kept, rng *rand.Rand) {
			for j := range g.Blocks {
				k.blocks.set(g.node(g.Passes-rng.Uint32N(2), j))
			}
		}},
	}
	for _, every := range []uint32{64, 32, 16, 8} {
		list = append(list, checkpoints(every))
	}
	for _, many := range []bool{false, true} {
		for _, w := range [][2]uint32{{7, 8}, {3, 4}, {1, 2}, {1, 4}, {1, 8}, {1, 16}, {1, 64}} {
			if part, of := w[0], w[1]; part == 1 || !many {
				list = append(list, window(part, of, many))
			}
		}
	}
	return list
}

// keepOutputs keeps the blocks of the last pass that which wants.
func (k *kept) keepOutputs(g Graph, which func(j uint32) bool) {
	for j := range g.Blocks {
		if which(j) {
			k.blocks.set(g.node(g.Passes, j))
		}
	}
}

func dropRandom(percent uint32) strategy {
	return strategy{fmt.Sprintf("drops a random %d %%", percent), func(g Graph, k *kept, rng *rand.Rand) {
		k.keepOutputs(g, func(uint32) bool { return rng.Uint32N(100) >= percent })
	}}
}

func dropRange(end string, percent uint32) strategy {
	return strategy{fmt.Sprintf("drops the %s %d %%", end, percent), func(g Graph, k *kept, _ *rand.Rand) {
		n := uint32(uint64(g.Blocks) * uint64(percent) / 100)
		k.keepOutputs(g, func(j uint32) bool {
			if end == "first" {
				return j >= n
			}
			return j < g.Blocks-n
		})
	}}
}

func keepPassBefore(percent uint32) strategy {
	return strategy{fmt.Sprintf("keeps %d %% of the pass before, no output", percent), func(g Graph, k *kept, rng *rand.Rand) {
		for j := range g.Blocks {
			if rng.Uint32N(100) < percent {
				k.blocks.set(g.node(g.Passes-1, j))
			}
		}
	}}
}

func checkpoints(every uint32) strategy {
	return strategy{fmt.Sprintf("checkpoints, 1/%d of every pass", every), func(g Graph, k *kept, _ *rand.Rand) {
		for n := range node(g.nodes()) {
			if uint32(n)%every == 0 {
				k.blocks.set(n)
			}
		}
	}}
}

// window keeps, instead of the blocks of a window, the lines that its steps
// read from outside it: one window and the rest of the sector honestly, or the
// whole sector so. The one window is the first: pass 1 reads nothing from
// behind it, so it is the cheapest.
func window(part, of uint32, many bool) strategy {
	name := fmt.Sprintf("lines into the first %d/%d, the rest", part, of)
	if many {
		name = fmt.Sprintf("lines into every window of %d/%d", part, of)
	}
	return strategy{name, func(g Graph, k *kept, _ *rand.Rand) {
		k.window, k.many = g.Blocks/of*part, many
		if !many {
			k.keepOutputs(g, func(j uint32) bool { return j >= k.window })
		}
	}}
}
