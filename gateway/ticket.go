package gateway

import (
	"crypto/rand"
	"sync"
	"time"

	"strata"
)

const (
	ticketLife = 60 * time.Second
	maxTickets = 1024 // outstanding ones; each is some 100 bytes
)

// tickets are the outstanding download tickets: an unguessable text for one
// object, good once and for ticketLife. They live in memory only, so a restart
// voids them. Safe for concurrent use.
type tickets struct {
	now func() time.Time

	mu   sync.Mutex // guards what follows
	open map[string]ticket
}

type ticket struct {
	id      strata.ObjectID
	expires time.Time
}

func newTickets(now func() time.Time) *tickets {
	return &tickets{now: now, open: map[string]ticket{}}
}

// issue makes a ticket; code Throttled when too many are outstanding.
func (t *tickets) issue(id strata.ObjectID) (Ticket, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	for text, k := range t.open {
		if !now.Before(k.expires) {
			delete(t.open, text)
		}
	}
	if len(t.open) >= maxTickets {
		return Ticket{}, strata.E(strata.Throttled, "%d downloads wait to begin: try again in a minute", maxTickets)
	}
	out := Ticket{Ticket: rand.Text(), Expires: now.Add(ticketLife)}
	t.open[out.Ticket] = ticket{id, out.Expires}
	return out, nil
}

// redeem says whether text is a live ticket for id, and voids it.
func (t *tickets) redeem(text string, id strata.ObjectID) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	k, ok := t.open[text]
	if !ok || k.id != id {
		return false
	}
	delete(t.open, text)
	return t.now().Before(k.expires)
}
