// Package attack measures how hard Seal v1 is to fake: it plays the pebbling
// game on the graph of a real sector for cheaters that keep less than the
// sector, and says what each must recompute for one block that it does not have.
//
// The game: a step (pass, block) may be made once all that it reads is there;
// what is kept is there from the start, everything else must be made, back to
// the zeros before pass 1. Memory during the game is unlimited, so the figures
// are the least that the strategy named must pay; they say nothing of
// strategies that are not named.
//
//	graph.go     what a step reads
//	strategy.go  what cheaters keep
//	pebble.go    what they must make again, and how much of it at once
package attack

import (
	"context"
	"math/rand/v2"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"strata"
	"strata/seal"
)

// Row is what one strategy keeps and pays. All parts are of a whole: storage
// of an honest sector, cost and depth of a fill (Blocks × Passes steps).
type Row struct {
	Attack string `json:"attack"`
	Passes uint32 `json:"passes"`
	Blocks uint32 `json:"blocks"`
	// Storage is what is kept; for a single window, WindowStorage is what is
	// kept instead of that window's own blocks, as a part of them.
	Storage       float64 `json:"storage"`
	WindowStorage float64 `json:"window_storage,omitempty"`
	// Miss is the probability that a random leaf is not there.
	Miss float64 `json:"miss"`
	// Cost is the mean, Least the smallest number of steps made again for one
	// missing leaf; Depth is the mean of their longest chain.
	Cost  float64 `json:"cost"`
	Least float64 `json:"least"`
	Depth float64 `json:"depth"`
}

// Config says what to measure. The answer depends on nothing else.
type Config struct {
	Blocks uint32 // N, a power of two from 1024
	Passes []uint32
	Seed   uint64 // of what is dropped at random and which leaves are asked for
	// Parents returns the parent rule of a sector with that many passes; nil is
	// Seal v1's own. Another shows that the rule is what counts.
	Parents func(blocks, passes uint32) Parents
}

// depths is the number of leaves whose chains are followed; the cost is taken
// over all targets.
const depths = 16

// minBlocks keeps the smallest window (1/64) and checkpoint distance meaningful.
const minBlocks = 1024

// Seal returns Seal v1's parent rule for a sector of that shape: the function
// that fills use, not a copy of it.
func Seal(blocks, passes uint32) Parents {
	id := seal.Sector{Blocks: blocks, Passes: passes}.ID()
	return func(pass, j uint32) [Lines]uint32 { return seal.Parents(id, blocks, pass, j) }
}

// Fewer returns Seal v1's rule with all lines taken from its first n parents:
// what the graph would be worth with less of them. n is from 1 to 16; with 16
// it is Seal's own, with 1 nearly Argon2d's.
func Fewer(n int) func(blocks, passes uint32) Parents {
	return func(blocks, passes uint32) Parents {
		all := Seal(blocks, passes)
		return func(pass, j uint32) (out [Lines]uint32) {
			few := all(pass, j)
			for k := range out {
				out[k] = few[k%n]
			}
			return out
		}
	}
}

// Run plays every strategy at every number of passes, on all cores, and calls
// progress (if not nil, never twice at once) after each. Rows come in order of
// strategy, then passes. Code Invalid for a size or a number of passes that
// cannot be played; ctx's error when it is cancelled, within a second.
func Run(ctx context.Context, c Config, progress func(done, total int)) ([]Row, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	if c.Parents == nil {
		c.Parents = Seal
	}
	list := strategies()
	rows := make([]Row, len(list)*len(c.Passes))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	finished := make(chan struct{}, len(rows))
	for i := range rows {
		g.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			s, passes := list[i/len(c.Passes)], c.Passes[i%len(c.Passes)]
			graph := Graph{Blocks: c.Blocks, Passes: passes, Parents: c.Parents(c.Blocks, passes)}
			rows[i] = play(graph, s, rand.New(rand.NewPCG(c.Seed, uint64(i))))
			finished <- struct{}{}
			return nil
		})
	}
	go func() { _ = g.Wait(); close(finished) }()
	for done := 1; ; done++ {
		if _, ok := <-finished; !ok {
			return rows, g.Wait()
		}
		if progress != nil {
			progress(done, len(rows))
		}
	}
}

func (c Config) validate() error {
	if c.Blocks < minBlocks || c.Blocks&(c.Blocks-1) != 0 || c.Blocks > 1<<22 {
		return strata.E(strata.Invalid, "cannot pebble a sector of %d blocks: the number must be a power of two from %d to %d", c.Blocks, minBlocks, 1<<22)
	}
	for _, p := range c.Passes {
		if p < 2 || p > 16 {
			return strata.E(strata.Invalid, "cannot pebble %d passes: the number must be from 2 to 16", p)
		}
	}
	return nil
}

// play measures one strategy.
func play(g Graph, s strategy, rng *rand.Rand) Row {
	k := &kept{blocks: newBitset(g.nodes())}
	s.keep(g, k, rng)
	honest := float64(g.Blocks) * blockBytes
	all, crossing := g.bytes(k)
	row := Row{Attack: s.name, Passes: g.Passes, Blocks: g.Blocks, Storage: float64(all) / honest}
	if k.window > 0 && !k.many {
		row.WindowStorage = float64(crossing) / (float64(k.window) * blockBytes)
	}
	missing := g.missing(k)
	row.Miss = float64(len(missing)) / float64(g.Blocks)
	if len(missing) == 0 {
		return row
	}
	rng.Shuffle(len(missing), func(a, b int) { missing[a], missing[b] = missing[b], missing[a] })
	want := missing[:min(targets, len(missing))]
	need := g.needed(k, want)
	fill := float64(g.nodes())
	steps := cost(need, len(want))
	for _, n := range steps {
		row.Cost += float64(n) / fill / float64(len(steps))
	}
	row.Least = float64(slices.Min(steps)) / fill
	scratch, chains := make([]uint32, g.nodes()), min(depths, len(want))
	for i := range chains {
		row.Depth += float64(g.depth(k, need, i, scratch)) / fill / float64(chains)
	}
	return row
}

// missing returns the outputs that are not kept.
func (g Graph) missing(k *kept) (list []node) {
	for j := range g.Blocks {
		if n := g.node(g.Passes, j); !k.blocks.has(n) {
			list = append(list, n)
		}
	}
	return list
}

// Bargain is the least storage with which a strategy answers for every leaf
// at a mean cost of at most a given part of a fill.
type Bargain struct {
	Passes  uint32
	Storage float64
	Attack  string
}

// Bargains returns, for each number of passes in rows, the strategy that keeps
// least among those whose missing leaf costs at most that part of a fill.
// Deadlines are below a quarter of the fastest fill, so what it finds for 0.25
// is the best that a cheater gets away with; from 1 on it is no bargain.
func Bargains(rows []Row, atMost float64) (list []Bargain) {
	for _, r := range rows {
		if r.Cost > atMost || r.Miss == 0 {
			continue
		}
		i := slices.IndexFunc(list, func(b Bargain) bool { return b.Passes == r.Passes })
		switch {
		case i < 0:
			list = append(list, Bargain{r.Passes, r.Storage, r.Attack})
		case r.Storage < list[i].Storage:
			list[i] = Bargain{r.Passes, r.Storage, r.Attack}
		}
	}
	slices.SortFunc(list, func(a, b Bargain) int { return int(a.Passes) - int(b.Passes) })
	return list
}
