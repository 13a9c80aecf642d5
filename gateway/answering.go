package gateway

import (
	"context"
	"time"
)

// Quiet is how long ago a miner may have answered and still count as there.
// Validators ask every minute.
const Quiet = 5 * time.Minute

// temper corrects the health of objects by who answers now. What Objects counts
// is what was signed for and not found missing since: with most miners gone it
// still says healthy, while nothing can be read. The shards of a segment lie on
// distinct miners, so no more of them can be had than miners answer. Without a
// view of the network the counts stand.
func (s *Server) temper(ctx context.Context, objects []Object) {
	answer, ok := s.answering(ctx)
	if !ok {
		return
	}
	for i := range objects {
		o := &objects[i]
		if o.Health != nil {
			o.Health = o.Health.atMost(answer)
		}
		for j := range o.Segments {
			o.Segments[j].Health = *o.Segments[j].Health.atMost(answer)
		}
	}
}

// answering counts the miners that answer; false if that is not known.
func (s *Server) answering(ctx context.Context) (n int, ok bool) {
	if s.cfg.Network == nil {
		return 0, false
	}
	status, err := s.cfg.Network.Status(ctx)
	if err != nil || len(status.Miners) == 0 {
		return 0, false
	}
	for _, m := range status.Miners {
		if m.LastError == "" && s.cfg.Now().Sub(m.LastSeen) < Quiet {
			n++
		}
	}
	return n, true
}

// atMost returns the health when no more than n shards can be had.
func (h Health) atMost(n int) *Health {
	if n < h.Live {
		h = NewHealth(h.Needed, n, h.Total)
	}
	return &h
}
