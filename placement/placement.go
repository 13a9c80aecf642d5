// Package placement chooses the miners that hold a segment's shards, and how
// many shards a network of a given size gets.
//
// The rule: miners are drawn at random without replacement, with a weight that
// grows with the free space they have proven and with their record; no two
// chosen ones share a coldkey, an IPv4 /24 or an IPv6 /48 where the candidates
// allow that, and otherwise the spread is the best there is. The same request
// gives the same choice on every machine, whatever the candidates' order: there
// is no clock, no floating point and no other randomness than the seed.
package placement

import (
	"bytes"
	"net/netip"
	"sort"

	"strata"
)

// MaxCandidates bounds a request: a subnet has at most 65,536 neurons.
const MaxCandidates = 1 << 16

// Bits of an address that count as one place.
const (
	prefixBits4 = 24
	prefixBits6 = 48
)

// Candidate is a miner that could hold a shard.
type Candidate struct {
	Hotkey  strata.Hotkey
	Coldkey strata.Coldkey
	Addr    netip.Addr      // where it serves; an invalid address is never chosen
	Free    strata.ByteSize // filler it has proven in the placer's partition, and could turn into data
	Score   uint32          // its record in parts per million; above one million counts as one million
}

// Request is what Choose decides on.
type Request struct {
	Seed       [32]byte        // all the randomness; fresh for each segment
	Total      int             // miners wanted, at least 1
	Shard      strata.ByteSize // a candidate with less free space is passed over
	Candidates []Candidate     // at most MaxCandidates, hotkeys distinct
	Held       []Candidate     // miners that hold a shard of the segment already: never chosen, and they count in the spread
}

// Spread says how far the chosen and the held miners are from independent.
// The zero value is the best: none shares anything.
type Spread struct {
	SharedColdkey int // miners beyond the first on a coldkey, summed over coldkeys
	SharedPrefix  int // miners beyond the first in a /24 or /48, summed over prefixes
}

// Choice is the answer: as many distinct miners as were asked for.
type Choice struct {
	Miners []Candidate
	Spread Spread
}

// Choose picks r.Total miners. Spread comes before weight: first as many
// miners as possible with neither coldkey nor prefix in common, then coldkeys
// as evenly loaded as possible, then prefixes. Loopback and private addresses
// follow the same rule. Fewer candidates with room than asked for give code
// NoSpace; a malformed request gives code Invalid.
func Choose(r Request) (Choice, error) {
	if err := r.validate(); err != nil {
		return Choice{}, err
	}
	pool := eligible(r)
	if len(pool) < r.Total {
		return Choice{}, strata.E(strata.NoSpace,
			"%d miners have room for a shard of %s and %d are needed: wait for miners, free space or lower the redundancy",
			len(pool), r.Shard, r.Total)
	}
	p := newPicker(pool, r.Held, r.Total)
	p.draw(newStream(r.Seed))
	p.augment()
	p.fill()
	return p.choice(r.Held), nil
}

func (r Request) validate() error {
	if r.Total < 1 {
		return strata.E(strata.Invalid, "placement of %d shards: ask for at least one", r.Total)
	}
	if len(r.Candidates) > MaxCandidates || len(r.Held) > MaxCandidates {
		return strata.E(strata.Invalid, "placement among %d candidates: at most %d are allowed",
			max(len(r.Candidates), len(r.Held)), MaxCandidates)
	}
	seen := make(map[strata.Hotkey]bool, len(r.Candidates))
	for _, c := range r.Candidates {
		if seen[c.Hotkey] {
			return strata.E(strata.Invalid, "placement candidate %s is listed twice", c.Hotkey)
		}
		seen[c.Hotkey] = true
	}
	return nil
}

// eligible returns the candidates that may be drawn, in hotkey order, so that
// the caller's order has no influence.
func eligible(r Request) []Candidate {
	held := make(map[strata.Hotkey]bool, len(r.Held))
	for _, h := range r.Held {
		held[h.Hotkey] = true
	}
	var pool []Candidate
	for _, c := range r.Candidates {
		if c.Addr.IsValid() && c.Free >= r.Shard && !held[c.Hotkey] {
			pool = append(pool, c)
		}
	}
	sort.Slice(pool, func(i, j int) bool { return bytes.Compare(pool[i].Hotkey[:], pool[j].Hotkey[:]) < 0 })
	return pool
}

// prefixOf returns the network that counts as one place. An invalid address
// gives the zero prefix.
func prefixOf(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := prefixBits6
	if a.Is4() {
		bits = prefixBits4
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// SpreadOf counts what a set of miners shares.
func SpreadOf(miners []Candidate) Spread {
	cold, prefix := map[strata.Coldkey]bool{}, map[netip.Prefix]bool{}
	for _, m := range miners {
		cold[m.Coldkey] = true
		prefix[prefixOf(m.Addr)] = true
	}
	return Spread{SharedColdkey: len(miners) - len(cold), SharedPrefix: len(miners) - len(prefix)}
}
