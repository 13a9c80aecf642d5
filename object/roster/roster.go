// Package roster is what a store knows of its miners: where each serves, how soon
// it answers, who failed lately, and which of them get shards.
package roster

import (
	"context"
	"slices"
	"sync"
	"time"

	"strata"
	"strata/placement"
	"strata/wire"
)

// Candidate is a miner that may hold shards.
type Candidate struct {
	placement.Candidate
	Endpoint wire.Endpoint
}

// Network knows the miners.
type Network interface {
	// Candidates returns every miner that serves, with what it has free, be it
	// nothing. It is called for each segment, so it answers from memory. The
	// slice is the caller's.
	Candidates(ctx context.Context) ([]Candidate, error)
}

// Fixed is a Network that does not change.
type Fixed []Candidate

// Candidates implements Network.
func (f Fixed) Candidates(context.Context) ([]Candidate, error) { return slices.Clone(f), nil }

// FixedAt returns the miners that serve at those addresses. Nothing else is known
// of them.
func FixedAt(at map[strata.Hotkey]wire.Endpoint) Fixed {
	var out Fixed
	for h, ep := range at {
		c := Candidate{Endpoint: ep}
		c.Hotkey, c.Addr = h, ep.Addr.Addr()
		out = append(out, c)
	}
	return out
}

// addressesAge is how long the list of miners' addresses is used. Making it costs
// a look at every miner, which is more than reading a small object should.
const addressesAge = 200 * time.Millisecond

// Roster remembers how miners answered, and where they serve. It is safe for
// concurrent use.
type Roster struct {
	net Network
	now func() time.Time

	mu    sync.Mutex // guards what follows
	ranks map[strata.Hotkey]rank
	at    map[strata.Hotkey]wire.Endpoint // as of made; the map itself never changes
	made  time.Time
}

// New returns a Roster that has seen no miner yet.
func New(net Network, now func() time.Time) *Roster {
	return &Roster{net: net, now: now, ranks: map[strata.Hotkey]rank{}}
}

// Candidates returns every miner that serves. The slice is the caller's.
func (r *Roster) Candidates(ctx context.Context) ([]Candidate, error) { return r.net.Candidates(ctx) }

// ByHotkey returns every miner that serves.
func (r *Roster) ByHotkey(ctx context.Context) (map[strata.Hotkey]Candidate, error) {
	list, err := r.net.Candidates(ctx)
	if err != nil {
		return nil, err
	}
	by := make(map[strata.Hotkey]Candidate, len(list))
	for _, c := range list {
		by[c.Hotkey] = c
	}
	return by, nil
}

// Endpoints returns where each miner serves, as of 200 ms ago at most. The map is
// others' too: it is not changed.
func (r *Roster) Endpoints(ctx context.Context) (map[strata.Hotkey]wire.Endpoint, error) {
	r.mu.Lock()
	at, made := r.at, r.made
	r.mu.Unlock()
	if at != nil && time.Since(made) < addressesAge {
		return at, nil
	}
	made = time.Now()
	miners, err := r.net.Candidates(ctx)
	if err != nil {
		return nil, err
	}
	at = make(map[strata.Hotkey]wire.Endpoint, len(miners))
	for _, m := range miners {
		at[m.Hotkey] = m.Endpoint
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at, r.made = at, made
	return at, nil
}
