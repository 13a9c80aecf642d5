package placement

import (
	"math/bits"
	"net/netip"

	"strata"
)

const (
	// A weight counts KiB and stops at 2⁴⁷ of them (128 PiB), so that the
	// weights of MaxCandidates miners add up in 64 bits.
	weightUnit = strata.KiB
	maxWeight  = 1 << 47

	ppm = 1_000_000
)

// weight is what a candidate's chance of being drawn next is proportional to:
// 1 + free KiB × record. The 1 keeps a miner without a record in the draw.
func weight(c Candidate) uint64 {
	free := min(uint64(c.Free/weightUnit), maxWeight)
	hi, lo := bits.Mul64(free, uint64(min(c.Score, ppm)))
	w, _ := bits.Div64(hi, lo, ppm) // hi < ppm, because free < 2⁶⁴
	return 1 + w
}

// picker builds one choice. Coldkeys and prefixes are the two sides of a graph
// whose edges are the candidates; miners with nothing in common are a matching.
type picker struct {
	pool   []Candidate
	prefix []netip.Prefix // of each pool entry
	order  []int          // pool indices in the order drawn
	total  int

	chosen map[int]bool
	// loads count chosen and held miners.
	coldLoad   map[strata.Coldkey]int
	prefixLoad map[netip.Prefix]int

	// The matching among chosen miners: pool index by either side.
	byCold   map[strata.Coldkey]int
	byPrefix map[netip.Prefix]int
}

func newPicker(pool, held []Candidate, total int) *picker {
	p := &picker{
		pool: pool, total: total, prefix: make([]netip.Prefix, len(pool)),
		chosen:   map[int]bool{},
		coldLoad: map[strata.Coldkey]int{}, prefixLoad: map[netip.Prefix]int{},
		byCold: map[strata.Coldkey]int{}, byPrefix: map[netip.Prefix]int{},
	}
	for i, c := range pool {
		p.prefix[i] = prefixOf(c.Addr)
	}
	for _, h := range held {
		p.coldLoad[h.Coldkey]++
		p.prefixLoad[prefixOf(h.Addr)]++
	}
	return p
}

// draw takes candidates in weighted random order and chooses each that shares
// nothing with those before it, until there are enough or all are drawn.
func (p *picker) draw(s *stream) {
	left := make([]int, len(p.pool))
	weights := make([]uint64, len(p.pool))
	var sum uint64
	for i, c := range p.pool {
		left[i], weights[i] = i, weight(c)
		sum += weights[i]
	}
	for len(left) > 0 && len(p.chosen) < p.total {
		at, mark := 0, s.below(sum)
		for ; mark >= weights[left[at]]; at++ {
			mark -= weights[left[at]]
		}
		i := left[at]
		left = append(left[:at], left[at+1:]...)
		sum -= weights[i]
		p.order = append(p.order, i)
		if p.coldLoad[p.pool[i].Coldkey] == 0 && p.prefixLoad[p.prefix[i]] == 0 {
			p.match(i)
		}
	}
}

// match chooses a candidate that shares nothing.
func (p *picker) match(i int) {
	p.byCold[p.pool[i].Coldkey], p.byPrefix[p.prefix[i]] = i, i
	p.choose(i)
}

func (p *picker) choose(i int) {
	p.chosen[i] = true
	p.coldLoad[p.pool[i].Coldkey]++
	p.prefixLoad[p.prefix[i]]++
}

// augment makes the matching as large as it can be, up to the total: what was
// drawn first may block two that were drawn later, so a chosen miner is
// exchanged for another of its coldkey where that frees a prefix (augmenting
// paths, breadth first).
func (p *picker) augment() {
	byCold := map[strata.Coldkey][]int{}
	for _, i := range p.order {
		byCold[p.pool[i].Coldkey] = append(byCold[p.pool[i].Coldkey], i)
	}
	for _, i := range p.order {
		if len(p.chosen) == p.total {
			return
		}
		if c := p.pool[i].Coldkey; p.coldLoad[c] == 0 {
			p.extend(c, byCold)
		}
	}
}

// extend looks for an augmenting path from an unmatched coldkey to a free
// prefix and applies it if there is one.
func (p *picker) extend(start strata.Coldkey, byCold map[strata.Coldkey][]int) {
	from := map[netip.Prefix]int{} // the candidate by which the search reached a prefix
	queue := []strata.Coldkey{start}
	for len(queue) > 0 {
		c := queue[0]
		queue = queue[1:]
		for _, i := range byCold[c] {
			pre := p.prefix[i]
			if _, seen := from[pre]; seen {
				continue
			}
			from[pre] = i
			holder, matched := p.byPrefix[pre]
			if matched {
				queue = append(queue, p.pool[holder].Coldkey)
			} else if p.prefixLoad[pre] == 0 {
				p.apply(pre, from)
				return
			}
		}
	}
}

// apply walks an augmenting path back to its start: each coldkey on it takes
// the prefix that the next one gives up.
func (p *picker) apply(pre netip.Prefix, from map[netip.Prefix]int) {
	for {
		i := from[pre]
		c := p.pool[i].Coldkey
		old, had := p.byCold[c]
		p.match(i)
		if !had { // the path's start
			return
		}
		pre = p.prefix[old]
		p.drop(old)
	}
}

// drop takes back a choice. The matching's entries are overwritten by the
// caller's next match.
func (p *picker) drop(i int) {
	delete(p.chosen, i)
	p.coldLoad[p.pool[i].Coldkey]--
	p.prefixLoad[p.prefix[i]]--
}

// fill completes the choice where no more miners without anything in common
// exist: the least loaded coldkey first, then the least loaded prefix, then the
// order drawn.
func (p *picker) fill() {
	for len(p.chosen) < p.total {
		best := -1
		for _, i := range p.order {
			if !p.chosen[i] && (best < 0 || p.lighter(i, best)) {
				best = i
			}
		}
		p.choose(best) // len(pool) ≥ total, and all of pool was drawn
	}
}

func (p *picker) lighter(i, j int) bool {
	ci, cj := p.coldLoad[p.pool[i].Coldkey], p.coldLoad[p.pool[j].Coldkey]
	if ci != cj {
		return ci < cj
	}
	return p.prefixLoad[p.prefix[i]] < p.prefixLoad[p.prefix[j]]
}

// choice lists the chosen miners in the order drawn.
func (p *picker) choice(held []Candidate) Choice {
	var c Choice
	for _, i := range p.order {
		if p.chosen[i] {
			c.Miners = append(c.Miners, p.pool[i])
		}
	}
	c.Spread = SpreadOf(append(append([]Candidate{}, held...), c.Miners...))
	return c
}
