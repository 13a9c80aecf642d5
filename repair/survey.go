package repair

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"

	"strata"
	"strata/catalog"
	"strata/envelope"
	"strata/health"
)

const (
	surveyPage = 256  // segments read at once
	maxQueue   = 4096 // segments that wait in memory; a survey finds the others again
)

// standings are the miners of one look.
type standings map[strata.Hotkey]Miner

func newStandings(list []Miner) standings {
	out := make(standings, len(list))
	for _, m := range list {
		out[m.Hotkey] = m
	}
	return out
}

// same says whether no miner's shards have become worth more or less. How much
// a miner is to shed moves with every shard, so that it begins or ends counts.
func (s standings) same(other standings) bool {
	return maps.EqualFunc(s, other, func(a, b Miner) bool {
		return a.Condition == b.Condition && (a.Shed > 0) == (b.Shed > 0)
	})
}

// sound returns the miners all of whose shards may stay.
func (s standings) sound() (out []strata.Hotkey) {
	for h, m := range s {
		if m.Condition == health.Safe && m.Shed == 0 {
			out = append(out, h)
		}
	}
	slices.SortFunc(out, func(a, b strata.Hotkey) int { return bytes.Compare(a[:], b[:]) })
	return out
}

// shedding is how many bytes each miner is still to be rid of.
type shedding map[strata.Hotkey]int64

func (s standings) shedding() shedding {
	out := shedding{}
	for h, m := range s {
		if m.Shed > 0 {
			out[h] = int64(m.Shed)
		}
	}
	return out
}

// conditions says what is known of each shard of a segment, by index. A miner
// that is to shed bytes loses shards until it has; shed counts them.
func (s standings) conditions(seg catalog.Segment, shed shedding) []health.Condition {
	out := make([]health.Condition, seg.Total)
	for _, h := range seg.Shards {
		if h.State != catalog.Stored || h.Index < 0 || h.Index >= len(out) {
			continue
		}
		c := s[h.Miner].Condition // Missing for a miner that is not listed
		if c == health.Safe && shed[h.Miner] > 0 {
			shed[h.Miner] -= h.Length
			c = health.Leaving
		}
		out[h.Index] = c
	}
	return out
}

// job is a segment that needs something.
type job struct {
	ref    catalog.SegmentRef
	health health.Segment
	bytes  uint64 // of shards, to be read and written
}

// judge makes a job of a segment.
func judge(seg catalog.Segment, conditions []health.Condition) job {
	s := health.Count(health.Codec{K: seg.K, Success: seg.Success, Total: seg.Total}, conditions)
	return job{ref: seg.Ref(), health: s, bytes: cost(seg, s, conditions)}
}

// cost estimates the bytes of shards that a repair reads and writes.
func cost(seg catalog.Segment, s health.Segment, conditions []health.Condition) uint64 {
	if seg.K < 1 || seg.Size < 1 {
		return 0
	}
	shard := (uint64(seg.Size)*envelope.ChunkSealed/envelope.ChunkPlain)/uint64(seg.K) + 1
	switch need := s.Need(); {
	case need == health.Moving:
		return 2 * uint64(s.Leaving) * shard
	case need >= health.Repair:
		return (uint64(seg.K) + uint64(len(renewals(s, conditions)))) * shard
	}
	return 0
}

// renewals returns the indices of the shards that a repair re-creates.
func renewals(s health.Segment, conditions []health.Condition) (out []int) {
	for i, c := range conditions {
		if s.Renew(c) {
			out = append(out, i)
		}
	}
	return out
}

// survey looks through the segments that are not whole, counts them and queues
// the most endangered.
func (r *Repairer) survey(ctx context.Context) error {
	now := r.Pace.Now()
	st := r.Status()
	st.Surveyed, st.Endangered, st.Urgent, st.Unreadable, st.Moving, st.Blocked, st.BytesToGo = now, 0, 0, 0, 0, 0, 0
	sound, shed := r.miners.sound(), r.miners.shedding()
	var queue []job
	more := false
	seen := map[catalog.SegmentRef]rest{}
	for after := (catalog.SegmentRef{}); ; {
		page, err := r.Catalog.Unsettled(ctx, after, sound, surveyPage)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		after = page[len(page)-1].Ref()
		for _, seg := range page {
			j := judge(seg, r.miners.conditions(seg, shed))
			st.count(j)
			if j.health.Need() == health.Nothing {
				continue
			}
			if w, rests := r.resting[j.ref]; rests {
				seen[j.ref] = w
				if st.Blocked++; w.until.After(now) {
					continue
				}
			}
			queue = append(queue, j)
		}
		if len(queue) > 2*maxQueue {
			queue, more = shorten(queue), true
		}
	}
	if len(queue) > maxQueue {
		queue, more = shorten(queue), true
	}
	sortJobs(queue)
	r.queue, r.more, r.resting = queue, more, seen // what needs nothing any more rests no more
	r.report(st)
	return nil
}

// shorten keeps the most endangered.
func shorten(queue []job) []job {
	sortJobs(queue)
	return queue[:maxQueue]
}

func sortJobs(queue []job) {
	slices.SortFunc(queue, func(a, b job) int {
		return cmp.Or(health.Compare(a.health, b.health),
			bytes.Compare(a.ref.Origin[:], b.ref.Origin[:]), cmp.Compare(a.ref.Number, b.ref.Number))
	})
}

func (s *Status) count(j job) {
	switch need := j.health.Need(); need {
	case health.Nothing:
	case health.Moving:
		s.Moving++
	default:
		s.Endangered++
		if need >= health.Urgent {
			s.Urgent++
		}
		if need == health.Unreadable {
			s.Unreadable++
		}
	}
	s.BytesToGo += j.bytes
}

// report takes over a survey's numbers and logs them where they changed.
func (r *Repairer) report(st Status) {
	r.mu.Lock()
	was := r.status
	r.status = st
	r.mu.Unlock()
	if was.Endangered != st.Endangered || was.Unreadable != st.Unreadable || was.Moving != st.Moving {
		r.Log.Info("segments surveyed", "endangered", st.Endangered, "urgent", st.Urgent, "unreadable", st.Unreadable,
			"moving", st.Moving, "blocked", st.Blocked, "to_go", strata.ByteSize(st.BytesToGo).String())
	}
}
