package seal

import (
	"context"
	"math/bits"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"strata"
	"strata/merkle"
	rules "strata/seal"
)

// core is what one core does without memory. The fastest of many short looks
// counts.
type core struct {
	isa   rules.ISA
	perm  float64 // ns
	clock float64 // GHz
}

// look measures for some tens of milliseconds.
func (c *core) look() error {
	const looks, rounds = 100, 1000
	var block [strata.BlockSize]byte
	for range looks {
		began := time.Now()
		if err := rules.Chain(c.isa, &block, rounds); err != nil {
			return err
		}
		if ns := float64(time.Since(began).Nanoseconds()) / rounds; c.perm == 0 || ns < c.perm {
			c.perm = ns
		}
		c.clock = max(c.clock, clock())
	}
	return nil
}

// clock returns the core's frequency in GHz, from a chain of instructions each
// of which waits for the one before and takes one cycle.
func clock() float64 {
	const rounds, cycles = 5000, 16 // 16 in a round
	began := time.Now()
	x, y := uint64(began.UnixNano()), uint64(began.Unix())
	for range rounds {
		x = bits.RotateLeft64(x, 1) ^ y
		x = bits.RotateLeft64(x, 2) ^ y
		x = bits.RotateLeft64(x, 3) ^ y
		x = bits.RotateLeft64(x, 4) ^ y
		x = bits.RotateLeft64(x, 5) ^ y
		x = bits.RotateLeft64(x, 6) ^ y
		x = bits.RotateLeft64(x, 7) ^ y
		x = bits.RotateLeft64(x, 8) ^ y
	}
	took := time.Since(began)
	if x == 0 { // so that the chain is needed
		took++
	}
	return rounds * cycles / float64(took.Nanoseconds())
}

// latency returns how many nanoseconds one read from anywhere in the sector
// takes: beyond what the caches and the page tables' own caches hold it tells
// why a larger sector fills more slowly. The fastest of some looks counts.
func latency(sector []byte) float64 {
	const looks, reads = 20, 5000
	best := 0.0
	at := uint64(1)
	for range looks {
		began := time.Now()
		for range reads {
			// Where to read next hangs on the byte read, and that on the sector's bytes.
			at = at*6364136223846793005 + uint64(sector[(at>>20)%uint64(len(sector))]) + 1
		}
		took := time.Since(began)
		if at == 0 { // so that the reads are needed
			took++
		}
		if ns := float64(took.Nanoseconds()) / reads; best == 0 || ns < best {
			best = ns
		}
	}
	return best
}

// watch is a context that notes when a fill looks at it, which is after every
// so many blocks.
type watch struct {
	context.Context
	seen []time.Time
}

// Err implements context.Context.
func (w *watch) Err() error {
	w.seen = append(w.seen, time.Now())
	return w.Context.Err()
}

// stretches are the times between a fill's looks at its context, by the part of
// the fill that they lie in: the first pass reads less than the others.
type stretches struct {
	blockPasses float64 // in one fill

	mu sync.Mutex
	ns [parts][]float64 // a block-pass, in each stretch
}

// parts is how many parts of a fill are looked at apart: four in each of six passes.
const parts = 24

// add takes the looks of one fill. After the last of them comes a stretch that
// is not counted.
func (s *stretches) add(seen []time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	blocks := s.blockPasses / float64(len(seen))
	apart := min(parts, max(len(seen)/16, 1)) // a short fill has too few for all
	for i := 1; i < len(seen); i++ {
		part := (i - 1) * apart / (len(seen) - 1)
		s.ns[part] = append(s.ns[part], float64(seen[i].Sub(seen[i-1]).Nanoseconds())/blocks)
	}
}

// calm returns the time of a block-pass on a machine that does nothing else.
func (s *stretches) calm() float64 { return calm(s.ns) }

// calm returns the mean of what a tenth of each part's times keep below: nearly
// that of their medians on a machine that does nothing else, and little more on
// one that does.
func calm(ns [parts][]float64) (mean float64) {
	measured := 0
	for _, part := range ns {
		if len(part) > 0 {
			slices.Sort(part)
			mean += part[len(part)/10]
			measured++
		}
	}
	return mean / float64(max(measured, 1))
}

// gather returns how many nanoseconds the lines of one block take when nothing
// else is done: no fill of this sector on one core takes less. It looks at the
// same parts of a fill as a fill's stretches.
func gather(s rules.Sector, sector []byte) (float64, error) {
	const looks, most = 8, 2048
	blocks := min(most, s.Blocks)
	draw := rand.New(rand.NewPCG(2, 2))
	var ns [parts][]float64
	var lines []uint64
	for part := range uint64(parts) {
		for range looks {
			at := part * uint64(s.Passes) * uint64(s.Blocks) / parts
			at += draw.Uint64N(uint64(s.Passes) * uint64(s.Blocks) / parts)
			pass, from := 1+uint32(at/uint64(s.Blocks)), uint32(at%uint64(s.Blocks))/blocks*blocks
			lines = s.Gathered(lines[:0], pass, from, from+blocks)
			near(sector, int(from), int(blocks))
			began := time.Now()
			if _, err := rules.Gather(sector, lines); err != nil {
				return 0, err
			}
			ns[part] = append(ns[part], float64(time.Since(began).Nanoseconds())/float64(blocks))
		}
	}
	return calm(ns), nil
}

// near reads the blocks that a fill has just written when it comes to these,
// and those that it writes meanwhile: they are in the caches then.
func near(sector []byte, from, blocks int) (sum byte) {
	const before = 16 << 10 // blocks, 16 MiB
	first := max(from-before, 0) * strata.BlockSize
	for at := first; at < (from+blocks)*strata.BlockSize; at += 64 {
		sum += sector[at]
	}
	return sum
}

// Refill fills the sector into buf and returns how long that takes on a machine
// that does nothing else, once it has memory: a cheater has.
func Refill(ctx context.Context, s rules.Sector, buf []byte) (time.Duration, error) {
	touch(buf)
	w := &watch{Context: ctx}
	if err := s.Fill(w, buf); err != nil {
		return 0, err
	}
	m := stretches{blockPasses: float64(s.Blocks) * float64(s.Passes)}
	m.add(w.seen)
	return time.Duration(m.calm() * m.blockPasses), nil
}

// touch writes to every page of a buffer, so that the system hands it out.
func touch(buf []byte) {
	const page = 4096
	for i := 0; i < len(buf); i += page {
		buf[i] = 1
	}
}

// openings measures leaves of a filled sector.
func (r *Row) openings(sector []byte) error {
	const leaves = 200
	tree := merkle.Build(sector) // a sixth of a fill
	draw := rand.New(rand.NewPCG(1, 1))
	var open, verify time.Duration
	for range leaves {
		leaf := draw.Uint64N(uint64(len(sector)) / merkle.LeafSize)
		at := leaf * merkle.LeafSize / merkle.GroupSize * merkle.GroupSize
		group := sector[at:min(at+merkle.GroupSize, uint64(len(sector)))]
		began := time.Now()
		o, err := merkle.Open(tree.Size(), leaf, group, tree)
		if err != nil {
			return err
		}
		opened := time.Now()
		if err := o.Verify(tree.Root(), tree.Size(), leaf); err != nil {
			return err
		}
		open, verify = open+opened.Sub(began), verify+time.Since(opened)
		r.Opening = len(o.Block) + len(o.Path)*len(merkle.Hash{})
	}
	r.Open, r.Verify = micros(open)/leaves, micros(verify)/leaves
	return nil
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
