// Package health is the rule of repair: how endangered a segment is, which of
// two is to be repaired first, and what is to be done with each of its shards.
// It is pure: what is known of miners comes in as values, and nothing here reads
// a clock, so that a simulation runs the same rule as a validator.
//
// # The rule
//
// A segment has total shards, any k of which give it back. A shard counts as
//
//	safe      stored at a miner that answers and is in good standing
//	leaving   stored at a miner that answers, but wants to be rid of it
//	doubtful  stored at a miner that has been silent for a while, or that a
//	          check has just caught: it may come back
//	missing   all others: never stored, lost, or at a miner that is gone
//
// A segment is repaired when fewer than repair shards are left (safe, leaving
// and doubtful together), or fewer than urgent without the doubtful ones:
//
//	repair = k + ⌈3 (success − k) / 7⌉             16 of 10/24
//	urgent = k + max(1, ⌈(repair − k) / 2⌉)        13 of 10/24, at most repair
//
// so that a miner's restart moves nothing while enough others are there, and
// nothing waits for a miner to be given up when few are. Below k without the
// doubtful ones it cannot be read now; it stays the first in the queue.
//
// A repair re-creates every shard that is missing or leaving, and the doubtful
// ones when the segment is urgent: it reads k shards whatever it writes. Where
// nothing is due but shards are leaving, each is copied from its own miner. One
// that no other miner can take is let go where at least success shards are safe
// without it, as an upload counts with so many.
package health

import "cmp"

// Condition is what is known of one shard. The zero value is Missing.
type Condition uint8

// The conditions.
const (
	Missing Condition = iota
	Doubtful
	Leaving
	Safe
)

// Codec is what a segment's record says of its shards.
type Codec struct {
	K       int // shards that give the segment
	Success int // shards that had to be stored before it counted
	Total   int // shards that it should have
}

// Threshold returns the number of shards below which a segment is repaired. It
// is placement.Scale's, from the two numbers that a record keeps.
func (c Codec) Threshold() int { return c.K + (3*max(0, c.Success-c.K)+6)/7 }

// Urgent returns the number of shards that is too few to wait for doubtful ones.
func (c Codec) Urgent() int {
	t := c.Threshold()
	return min(t, c.K+max(1, (t-c.K+1)/2))
}

// Segment is a segment's codec and its shards counted by condition; the rest of
// Total is missing.
type Segment struct {
	Codec
	Safe, Leaving, Doubtful int
}

// Count returns the segment of a codec and its shards' conditions.
func Count(c Codec, shards []Condition) Segment {
	s := Segment{Codec: c}
	for _, x := range shards {
		switch x {
		case Safe:
			s.Safe++
		case Leaving:
			s.Leaving++
		case Doubtful:
			s.Doubtful++
		}
	}
	return s
}

// Need is what a segment needs. Higher is more.
type Need uint8

// The needs.
const (
	Nothing    Need = iota
	Moving          // its shards at leaving miners are to be copied
	Repair          // it is below the threshold
	Urgent          // the same, and doubtful shards are not waited for
	Unreadable      // too few shards can be read, unless doubtful ones come back
)

var needNames = [...]string{"nothing", "moving", "repair", "urgent", "unreadable"}

// String returns the need in one word.
func (n Need) String() string {
	if int(n) < len(needNames) {
		return needNames[n]
	}
	return "unknown"
}

// Need returns what the segment needs.
func (s Segment) Need() Need {
	now := s.Safe + s.Leaving
	switch {
	case now < s.K:
		return Unreadable
	case now < s.Urgent():
		return Urgent
	case now+s.Doubtful < s.Threshold():
		return Repair
	case s.Leaving > 0:
		return Moving
	}
	return Nothing
}

// Spare is how many more shards may be lost before the segment cannot be read;
// below zero it cannot be now.
func (s Segment) Spare() int { return s.Safe + s.Leaving - s.K }

// Compare orders segments by danger, the more endangered one first: those that
// need repair before those that only move, then by Spare, then the one with more
// shards that could be among the next to go.
func Compare(a, b Segment) int {
	return cmp.Or(
		cmp.Compare(class(b), class(a)),
		cmp.Compare(a.Spare(), b.Spare()),
		cmp.Compare(b.Safe+b.Leaving, a.Safe+a.Leaving),
		cmp.Compare(a.Doubtful, b.Doubtful),
	)
}

// class is 0 where no shard is in danger, 1 where shards move, 2 above.
func class(s Segment) Need { return min(s.Need(), Repair) }

// Renew says whether a shard of that condition is re-created when its segment
// is repaired.
func (s Segment) Renew(c Condition) bool {
	switch c {
	case Missing, Leaving:
		return true
	case Doubtful:
		return s.Need() >= Urgent
	}
	return false
}

// MayLetGo says whether a leaving shard that no other miner can take may be
// given up.
func (s Segment) MayLetGo() bool { return s.Safe >= s.Success }
