package attack

// Lines is the number of lines that a step gathers, each from a block of its own.
const Lines = 16

// lineBytes and blockBytes are what a kept line and a kept block cost a cheater.
const (
	lineBytes  = 64
	blockBytes = 1024
)

// Parents names the blocks that step (pass, j) gathers its lines from, in line
// order; pass counts from 1. seal.Parents, bound to a sector's id and size, is one.
type Parents func(pass, j uint32) [Lines]uint32

// Graph is what must be computed before what in a fill. Its nodes are the
// steps (pass, j), one for each block and pass; a step needs the step before
// it, the block's own content and its gathered lines as they stand then.
type Graph struct {
	Blocks  uint32
	Passes  uint32
	Parents Parents
}

// node numbers the steps in the order in which a fill makes them.
type node uint32

func (g Graph) nodes() int { return int(g.Blocks) * int(g.Passes) }

func (g Graph) node(pass, j uint32) node { return node((pass-1)*g.Blocks + j) }

// step is the inverse of node.
func (g Graph) step(n node) (pass, j uint32) { return uint32(n)/g.Blocks + 1, uint32(n) % g.Blocks }

// inputs is what one step needs.
type inputs struct {
	whole [2]node     // the step before and the block's own old content
	lines [Lines]node // one line of each
	n, m  int         // how many of whole and lines there are
}

// inputs returns what step n needs. A block that pass p has not reached yet
// stands as pass p−1 left it; before pass 1 all is zero and needs nothing.
func (g Graph) inputs(n node, in *inputs) {
	pass, j := g.step(n)
	in.n, in.m = 0, 0
	if n > 0 { // the step before: for j = 0 the last block of the pass before
		in.whole[0], in.n = n-1, 1
	}
	if pass > 1 {
		in.whole[in.n] = n - node(g.Blocks)
		in.n++
	}
	if n == 0 {
		return // step (1, 0) gathers nothing
	}
	in.m = Lines
	for k, q := range g.Parents(pass, j) {
		if q < j {
			in.lines[k] = g.node(pass, q)
		} else {
			in.lines[k] = g.node(pass-1, q)
		}
	}
}
