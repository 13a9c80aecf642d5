package object

import (
	"context"
	"sync"
	"time"

	"strata"
	"strata/wire"
)

// addressesAge is how long the list of miners' addresses is used. Making it costs
// a look at every miner, which is more than reading a small object should.
const addressesAge = 200 * time.Millisecond

// addresses remembers where miners serve. Its zero value is ready; it is safe for
// concurrent use.
type addresses struct {
	mu   sync.Mutex // guards what follows
	made time.Time
	at   map[strata.Hotkey]wire.Endpoint
}

// endpoints returns where each miner serves, as of addressesAge ago at most. The
// map is others' too: it is not changed.
func (s *Store) endpoints(ctx context.Context) (map[strata.Hotkey]wire.Endpoint, error) {
	a := &s.addresses
	a.mu.Lock()
	at, made := a.at, a.made
	a.mu.Unlock()
	if at != nil && time.Since(made) < addressesAge {
		return at, nil
	}
	made = time.Now()
	miners, err := s.net.Candidates(ctx)
	if err != nil {
		return nil, err
	}
	at = make(map[strata.Hotkey]wire.Endpoint, len(miners))
	for _, m := range miners {
		at[m.Hotkey] = m.Endpoint
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at, a.made = at, made
	return at, nil
}
