package roster

import (
	"cmp"
	"crypto/rand"
	"slices"

	"strata"
	"strata/placement"
)

// hasRoom says whether the miner could take a shard of n bytes.
func (c Candidate) hasRoom(n strata.ByteSize) bool { return c.Addr.IsValid() && c.Free >= n }

// CountRoom counts the miners that could take a shard of n bytes.
func CountRoom(miners []Candidate, n strata.ByteSize) (count int) {
	for _, m := range miners {
		if m.hasRoom(n) {
			count++
		}
	}
	return count
}

// SpaceLeft returns how many bytes of plaintext fit when each segment puts one shard
// on `need` distinct miners: k times the largest x with Σ min(free, x) ≥ need · x.
func SpaceLeft(miners []Candidate, k, need int) int64 {
	var free []int64
	for _, m := range miners {
		if m.Addr.IsValid() {
			free = append(free, int64(min(m.Free, 1<<50)))
		}
	}
	if len(free) < need {
		return 0
	}
	slices.SortFunc(free, func(a, b int64) int { return cmp.Compare(b, a) })
	var rest, best int64
	for _, f := range free {
		rest += f
	}
	// With the i largest miners holding a shard of every segment, the others
	// must hold the rest of them.
	for i := range need {
		x := rest / int64(need-i)
		if i == 0 || x < best {
			best = x
		}
		rest -= free[i]
	}
	return best * int64(k)
}

// Choose chooses n miners for shards of one segment by the rule of placement, which
// it gives fresh randomness. Those that failed lately count with the lowest record;
// those in held have a shard of the segment. Code NoSpace if fewer than n have room.
func (r *Roster) Choose(from []Candidate, n int, shard strata.ByteSize, held []Candidate) ([]Candidate, error) {
	q := placement.Request{Total: n, Shard: shard, Candidates: bare(from), Held: bare(held)}
	rand.Read(q.Seed[:]) // never fails: crypto/rand
	for i, c := range q.Candidates {
		if r.Shunned(c.Hotkey) {
			q.Candidates[i].Score = 0
		}
	}
	choice, err := placement.Choose(q)
	if err != nil {
		return nil, err
	}
	out := make([]Candidate, len(choice.Miners))
	for i, m := range choice.Miners {
		out[i] = from[slices.IndexFunc(from, func(c Candidate) bool { return c.Hotkey == m.Hotkey })]
	}
	return out, nil
}

// bare returns what the rule of placement looks at.
func bare(miners []Candidate) []placement.Candidate {
	out := make([]placement.Candidate, len(miners))
	for i, m := range miners {
		out[i] = m.Candidate
	}
	return out
}
