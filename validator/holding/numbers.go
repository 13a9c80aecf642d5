package holding

import (
	"cmp"
	"iter"
	"slices"
)

// Numbers is an ascending set of sector numbers, kept as ranges: a miner's are
// 0…n−1 but for a few, so that millions take little memory. The zero value is
// empty. A set is appended to while it is made and then only copied.
type Numbers struct {
	ranges []span
	count  int
}

// span is the numbers from…to and how many there are before them in the set.
type span struct {
	from, to uint64
	before   int
}

// Add appends a number above all that are there.
func (s *Numbers) Add(n uint64) {
	if k := len(s.ranges); k > 0 && s.ranges[k-1].to+1 == n {
		s.ranges[k-1].to = n
	} else {
		s.ranges = append(s.ranges, span{n, n, s.count})
	}
	s.count++
}

// Count returns how many there are.
func (s Numbers) Count() int { return s.count }

// At returns the i-th number, from 0 on.
func (s Numbers) At(i int) uint64 {
	k, found := slices.BinarySearchFunc(s.ranges, i, func(r span, i int) int { return cmp.Compare(r.before, i) })
	if !found {
		k--
	}
	return s.ranges[k].from + uint64(i-s.ranges[k].before)
}

// Has says whether a number is in the set.
func (s Numbers) Has(n uint64) bool {
	k, found := slices.BinarySearchFunc(s.ranges, n, func(r span, n uint64) int { return cmp.Compare(r.from, n) })
	return found || k > 0 && n <= s.ranges[k-1].to
}

// All yields the numbers in order.
func (s Numbers) All() iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for _, r := range s.ranges {
			for n := r.from; n <= r.to; n++ {
				if !yield(n) {
					return
				}
			}
		}
	}
}

// Without returns the set without n, as a copy.
func (s Numbers) Without(n uint64) Numbers {
	if !s.Has(n) {
		return s
	}
	out := Numbers{ranges: make([]span, 0, len(s.ranges)+1)}
	keep := func(from, to uint64) {
		if from <= to {
			out.ranges = append(out.ranges, span{from, to, out.count})
			out.count += int(to - from + 1)
		}
	}
	for _, r := range s.ranges {
		if n < r.from || n > r.to {
			keep(r.from, r.to)
			continue
		}
		if n > r.from {
			keep(r.from, n-1)
		}
		keep(n+1, r.to)
	}
	return out
}
