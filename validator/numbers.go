package validator

import (
	"cmp"
	"iter"
	"slices"
)

// numbers is an ascending set of sector numbers, kept as ranges: a miner's are
// 0…n−1 but for a few, so that millions take little memory. The zero value is
// empty. A set is appended to while it is made and then only copied.
type numbers struct {
	ranges []span
	count  int
}

// span is the numbers from…to and how many there are before them in the set.
type span struct {
	from, to uint64
	before   int
}

// add appends a number above all that are there.
func (s *numbers) add(n uint64) {
	if k := len(s.ranges); k > 0 && s.ranges[k-1].to+1 == n {
		s.ranges[k-1].to = n
	} else {
		s.ranges = append(s.ranges, span{n, n, s.count})
	}
	s.count++
}

// at returns the i-th number, from 0 on.
func (s numbers) at(i int) uint64 {
	k, found := slices.BinarySearchFunc(s.ranges, i, func(r span, i int) int { return cmp.Compare(r.before, i) })
	if !found {
		k--
	}
	return s.ranges[k].from + uint64(i-s.ranges[k].before)
}

func (s numbers) has(n uint64) bool {
	k, found := slices.BinarySearchFunc(s.ranges, n, func(r span, n uint64) int { return cmp.Compare(r.from, n) })
	return found || k > 0 && n <= s.ranges[k-1].to
}

// all yields the numbers in order.
func (s numbers) all() iter.Seq[uint64] {
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

// without returns the set without n, as a copy.
func (s numbers) without(n uint64) numbers {
	if !s.has(n) {
		return s
	}
	out := numbers{ranges: make([]span, 0, len(s.ranges)+1)}
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

// sampleSize is how many sectors of a cohort wait in memory for their arrival
// checks, of which there are thirty.
const sampleSize = 64

// sample is a uniform choice of the sectors of a cohort that were not checked
// yet, in secret. When it is used up it is drawn anew from the ledger.
type sample struct {
	places []place
	seen   int // of which they were chosen
}

// add considers one more sector.
func (s *sample) add(p place, draw func(int) int) {
	s.seen++
	if len(s.places) < sampleSize {
		s.places = append(s.places, p)
	} else if i := draw(s.seen); i < sampleSize {
		s.places[i] = p
	}
}

// remove takes out a sector and says whether it was there.
func (s *sample) remove(p place) bool {
	i := slices.Index(s.places, p)
	if i < 0 {
		return false
	}
	last := len(s.places) - 1
	s.places[i] = s.places[last]
	s.places = s.places[:last]
	return true
}

// exhausted says that there are sectors left which it does not have.
func (s *sample) exhausted() bool { return len(s.places) == 0 && s.seen > sampleSize }
