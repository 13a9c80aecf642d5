package book

import "slices"

// sampleSize is how many sectors of a cohort wait in memory for their arrival
// checks, of which there are thirty.
const sampleSize = 64

// sample is a uniform choice of the sectors of a cohort that were not checked
// yet, in secret. When it is used up it is drawn anew from the ledger.
type sample struct {
	places []Place
	seen   int // of which they were chosen
}

// add considers one more sector.
func (s *sample) add(p Place, draw func(int) int) {
	s.seen++
	if len(s.places) < sampleSize {
		s.places = append(s.places, p)
	} else if i := draw(s.seen); i < sampleSize {
		s.places[i] = p
	}
}

// remove takes out a sector and says whether it was there.
func (s *sample) remove(p Place) bool {
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
