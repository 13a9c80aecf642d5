package gateway

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"strata"
)

// miners is a Network of given miners.
type miners []Miner

func (m miners) Status(context.Context) (NetworkStatus, error) {
	return NetworkStatus{Miners: m}, nil
}

// TestHealthFollowsWhoAnswers: a file that needs 2 of its 6 shards is no
// healthier than the miners that answer, in the list and by itself.
func TestHealthFollowsWhoAnswers(t *testing.T) {
	there := Miner{LastSeen: testTime}
	broken := Miner{LastSeen: testTime, LastError: "connection refused"}
	silent := Miner{LastSeen: testTime.Add(-time.Hour)}
	never := Miner{}
	for _, c := range []struct {
		name string
		net  Network
		want HealthState
		live int
	}{
		{"no network", nil, Healthy, 6},
		{"no view yet", miners{}, Healthy, 6},
		{"a failing view", fakeNetwork{strata.E(strata.Unavailable, "no block yet")}, Healthy, 6},
		{"more than needed", miners{there, there, there, there, there, there, there}, Healthy, 6},
		{"two away", miners{there, there, there, there, broken, silent}, Reduced, 4},
		{"three away", miners{there, there, there, broken, silent, never}, AtRisk, 3},
		{"one left", miners{there, broken, broken, silent, silent, never}, Lost, 1},
		{"none left", miners{broken}, Lost, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, func(cfg *Config) { cfg.Network = c.net })
			id := b.put("f", "", "x")
			want := Health{State: c.want, Needed: 2, Live: c.live, Total: 6}
			var page ObjectList
			if a := b.get("/api/objects?health=1"); json.Unmarshal(a.body, &page) != nil || len(page.Objects) != 1 || *page.Objects[0].Health != want {
				t.Errorf("in the list: %s", a.body)
			}
			var o Object
			if a := b.get("/api/objects/" + id.String()); json.Unmarshal(a.body, &o) != nil || *o.Health != want || o.Segments[0].Health != want {
				t.Errorf("by itself: %s", a.body)
			}
		})
	}
}
