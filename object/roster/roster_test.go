package roster

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"strata"
	"strata/wire"
)

type counted struct {
	calls  int
	miners []Candidate
}

func (c *counted) Candidates(context.Context) ([]Candidate, error) {
	c.calls++
	return c.miners, nil
}

// TestAddressesAge: reads that follow each other look at the miners once; one
// that comes is known soon.
func TestAddressesAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &counted{}
		r := New(n, time.Now)
		look := func(want, calls int) {
			t.Helper()
			at, err := r.Endpoints(t.Context())
			if err != nil || len(at) != want || n.calls != calls {
				t.Errorf("%d addresses after %d looks (%v), want %d after %d", len(at), n.calls, err, want, calls)
			}
		}
		look(0, 1)
		look(0, 1)
		n.miners = []Candidate{{Endpoint: wire.Endpoint{Hotkey: strata.Hotkey{1}}}}
		time.Sleep(addressesAge - 1)
		look(0, 1)
		time.Sleep(time.Nanosecond)
		look(1, 2)
	})
}
