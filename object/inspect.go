package object

import (
	"context"
	"math/rand/v2"

	"golang.org/x/sync/errgroup"

	"strata"
	"strata/catalog"
	"strata/health"
	"strata/object/roster"
	"strata/placement"
)

// inspectors is how many shards are asked for at once.
const inspectors = 16

// Finding is what asking its miner has shown of a shard.
type Finding string

// The findings.
const (
	Good        Finding = "good"        // it gave bytes that fit the root
	Missing     Finding = "missing"     // it has no such shard
	Damaged     Finding = "damaged"     // it gave other bytes
	Unreachable Finding = "unreachable" // it does not serve, or failed
)

// InspectedShard is one shard of an Inspection.
type InspectedShard struct {
	Index   int
	Miner   strata.Hotkey
	Finding Finding
	Audited bool // the miner has a record of audits passed
	Err     error
}

// InspectedSegment is one segment of an Inspection.
type InspectedSegment struct {
	Size   int64 // bytes of plaintext
	K      int   // shards needed to read it
	Repair int   // below so many it is repaired
	Total  int   // shards it should have
	Good   int
	Spread placement.Spread // of the good ones
	Shards []InspectedShard
}

// Inspection is an object's health as its miners show it, whatever the catalog
// believes.
type Inspection struct {
	Info
	Segments []InspectedSegment
}

// Inspect asks the miner of every shard for a random piece of it, or with deep
// for all of it, and checks what comes against the shard's root. It changes
// nothing. Code NotFound if there is no such object.
func (s *Store) Inspect(ctx context.Context, id strata.ObjectID, deep bool) (Inspection, error) {
	o, segments, _, err := s.load(ctx, id)
	if err != nil {
		return Inspection{}, err
	}
	miners, err := s.miners.ByHotkey(ctx)
	if err != nil {
		return Inspection{}, err
	}
	out := Inspection{Info: infoOf(o), Segments: make([]InspectedSegment, len(segments))}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(inspectors)
	for i, seg := range segments {
		out.Segments[i] = InspectedSegment{
			Size: seg.Size, K: seg.K, Total: seg.Total, Shards: make([]InspectedShard, len(seg.Shards)),
			Repair: health.Codec{K: seg.K, Success: seg.Success, Total: seg.Total}.Threshold(),
		}
		for j, h := range seg.Shards {
			g.Go(func() error {
				out.Segments[i].Shards[j] = s.inspect(gctx, h, miners, deep)
				return gctx.Err()
			})
		}
	}
	if err := g.Wait(); err != nil {
		return Inspection{}, err
	}
	for i := range out.Segments {
		out.Segments[i].sum(miners)
	}
	return out, nil
}

// sum counts the good shards and how far their miners are apart.
func (g *InspectedSegment) sum(miners map[strata.Hotkey]roster.Candidate) {
	var at []placement.Candidate
	for _, h := range g.Shards {
		if h.Finding == Good {
			at = append(at, miners[h.Miner].Candidate)
		}
	}
	g.Good, g.Spread = len(at), placement.SpreadOf(at)
}

// inspect asks for one shard.
func (s *Store) inspect(ctx context.Context, h catalog.Shard, miners map[strata.Hotkey]roster.Candidate, deep bool) InspectedShard {
	c, serves := miners[h.Miner]
	out := InspectedShard{Index: h.Index, Miner: h.Miner, Finding: Unreachable, Audited: c.Score > 0}
	if !serves || h.Length < 1 {
		out.Err = strata.E(strata.Unavailable, "the miner does not serve")
		return out
	}
	off, n := rand.Int64N(h.Length), int64(1)
	if deep {
		off, n = 0, h.Length
	}
	out.Err = s.shards.Probe(ctx, c.Endpoint, h, off, n)
	switch strata.CodeOf(out.Err) {
	case "":
		out.Finding = Good
	case strata.NotFound:
		out.Finding = Missing
	case strata.Corrupt:
		out.Finding = Damaged
	}
	return out
}
