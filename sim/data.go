package sim

import (
	"encoding/binary"
	"errors"
	"slices"

	"strata"
	"strata/health"
	"strata/placement"
	"strata/score"
)

// segment is a part of a user's file. It stands for as many as have the same
// miners and the same fate: its shards are as large as all of theirs.
type segment struct {
	owner  int // validator whose users' it is
	codec  health.Codec
	shards []shard
	lost   bool
}

// shard is one shard of a segment: what the catalog says of it, and what is true.
type shard struct {
	miner  *miner // on record; nil: missing
	disk   uint8  // of that miner's
	exists bool   // the bytes are there
}

// upload stores this hour's segments, each through a validator drawn by stake.
func (s *sim) upload() error {
	due := s.c.Segments * (s.hour - warmup + 1) / max(1, s.hours()-warmup)
	for ; s.hour >= warmup && s.uploaded < due; s.uploaded++ {
		if err := s.store(); err != nil {
			return err
		}
	}
	return nil
}

// warmup is how many hours pass before users come: nobody has proven anything yet.
const warmup = 48

func (s *sim) store() error {
	owner := s.drawOwner()
	k, _, success, total := placement.Scale(len(s.candidates(owner, 0)))
	if total == 0 {
		s.report.Refused++
		return nil
	}
	g := &segment{owner: owner, codec: health.Codec{K: k, Success: success, Total: total}, shards: make([]shard, total)}
	missing := make([]int, total)
	for i := range missing {
		missing[i] = i
	}
	stored, err := s.place(g, missing)
	if err == nil && stored < total { // once more for those that were refused
		_, err = s.place(g, g.without())
	}
	if err != nil {
		return err
	}
	if total-len(g.without()) < success {
		s.report.Refused++
		s.release(g)
		return nil
	}
	s.report.Segments++
	s.segments = append(s.segments, g)
	return nil
}

// without lists a segment's shards that nobody has on record.
func (g *segment) without() (out []int) {
	for i, h := range g.shards {
		if h.miner == nil {
			out = append(out, i)
		}
	}
	return out
}

// drawOwner draws a validator by its stake.
func (s *sim) drawOwner() int {
	var all uint64
	for _, v := range s.validators {
		all += v.stakes[len(v.stakes)-1] / million
	}
	at := s.users.Uint64N(all)
	for i, v := range s.validators {
		n := v.stakes[len(v.stakes)-1] / million
		if at < n {
			return i
		}
		at -= n
	}
	return 0
}

// shardSize is that of a segment's shards.
func (s *sim) shardSize(c health.Codec) uint64 { return s.segmentSize / uint64(c.K) }

// candidates are the miners that a validator would give a shard to.
func (s *sim) candidates(owner int, need uint64) []placement.Candidate {
	var out []placement.Candidate
	v, sector := s.validators[owner], uint64(s.profile.SectorSize())
	for slot, m := range s.miners {
		if m == nil || m.silent > 0 || v.views[slot].score.Standing != score.Good || len(v.views[slot].score.Cohorts) == 0 {
			continue
		}
		p := m.parts[owner]
		free := p.sectors*sector - min(p.data, p.sectors*sector)
		if free == 0 || free < need {
			continue
		}
		l := v.views[slot].score.Leaves(s.rules, s.block())
		c := m.who
		c.Free, c.Score = strata.ByteSize(free), uint32(score.LCB(l.Passed, l.Passed+l.Failed))
		out = append(out, c)
		s.byKey[c.Hotkey] = m
	}
	return out
}

// place sends shards of a segment to miners that have none of it, and returns
// how many were taken. Where the network has room for fewer, fewer are sent.
func (s *sim) place(g *segment, which []int) (taken int, err error) {
	size := s.shardSize(g.codec)
	all := s.candidates(g.owner, size)
	held := map[strata.Hotkey]bool{}
	var holders []placement.Candidate
	for i, h := range g.shards {
		if h.miner != nil && !slices.Contains(which, i) {
			holders, held[h.miner.who.Hotkey] = append(holders, h.miner.who), true
		}
	}
	all = slices.DeleteFunc(all, func(c placement.Candidate) bool { return held[c.Hotkey] })
	n := min(len(which), len(all))
	if n == 0 {
		return 0, nil
	}
	choice, err := placement.Choose(placement.Request{Seed: s.seed(), Total: n, Shard: strata.ByteSize(size), Candidates: all, Held: holders})
	if err != nil {
		return 0, err
	}
	for i, c := range choice.Miners {
		m := s.byKey[c.Hotkey]
		if m.strategy == Refuses {
			s.refused(g, m)
			continue
		}
		s.drop(g, &g.shards[which[i]])
		g.shards[which[i]] = shard{miner: m, disk: uint8(s.users.Uint64N(disks)), exists: m.strategy != Drops && m.strategy != Unlists}
		m.data += size
		m.parts[g.owner].data += size
		taken++
	}
	return taken, nil
}

func (s *sim) seed() (out [32]byte) {
	for i := 0; i < len(out); i += 8 {
		binary.LittleEndian.PutUint64(out[i:], s.users.Uint64())
	}
	return out
}

// drop takes a shard off the record.
func (s *sim) drop(g *segment, h *shard) {
	if h.miner == nil {
		return
	}
	size := s.shardSize(g.codec)
	h.miner.data -= size
	h.miner.parts[g.owner].data -= size
	*h = shard{}
}

// release drops all shards of a segment.
func (s *sim) release(g *segment) {
	for i := range g.shards {
		s.drop(g, &g.shards[i])
	}
}

// most is how many refusals a validator counts at one look at a miner.
const most = 300

// refused counts the refusal of all the shards that one stands for.
func (s *sim) refused(g *segment, m *miner) {
	n := max(1, min(most, s.segmentSize/uint64(64*strata.MiB)))
	s.count(&s.validators[g.owner].views[m.slot], score.Leaves{Failed: n * score.LeavesPerAudit})
}

// missing records that a shard is not in its miner's manifest, which costs that
// miner as much as refusing it.
func (s *sim) missing(g *segment, h *shard) {
	s.refused(g, h.miner)
	s.drop(g, h)
	s.report.MissingShards++
}

// Silence, in hours, after which a shard is doubtful, and after which it is
// taken for lost: the validator's ten minutes and four hours.
const (
	doubtful = 1
	goneFor  = 4
)

// condition is what a shard is worth to its owner.
func (s *sim) condition(g *segment, h shard) health.Condition {
	m := h.miner
	switch {
	case m == nil || m.gone || m.silent > goneFor:
		return health.Missing
	}
	l := s.validators[g.owner].views[m.slot].score.Leaves(s.rules, s.block())
	wrong := l.Failed > l.Passed/3
	switch st := s.validators[g.owner].views[m.slot].score.Standing; {
	case st == score.Penalised || st == score.Probation:
		return health.Missing
	case st == score.Suspended, wrong, m.silent >= doubtful:
		return health.Doubtful
	}
	return health.Safe
}

// need is a segment that needs something.
type need struct {
	*segment
	state      health.Segment
	conditions []health.Condition
}

// repair reconciles every segment, and renews the shards of those that need it,
// the most endangered first, within an hour's budget.
func (s *sim) repair() error {
	var queue []need
	for _, g := range s.segments {
		if g.lost {
			continue
		}
		s.reconcile(g)
		conditions := make([]health.Condition, len(g.shards))
		for i, h := range g.shards {
			conditions[i] = s.condition(g, h)
		}
		state := health.Count(g.codec, conditions)
		if g.truly() < g.codec.K {
			g.lost = true
			s.report.Lost++
			s.release(g)
			continue
		}
		if state.Need() >= health.Repair {
			queue = append(queue, need{g, state, conditions})
		}
	}
	slices.SortStableFunc(queue, func(a, b need) int { return health.Compare(a.state, b.state) })
	budget := s.c.Budget * 3600
	for _, n := range queue {
		if budget == 0 {
			break
		}
		moved, err := s.renew(n)
		if err != nil {
			return err
		}
		budget -= min(budget, moved)
	}
	return nil
}

// reconcile takes off the record what manifests do not list.
func (s *sim) reconcile(g *segment) {
	for i := range g.shards {
		h := &g.shards[i]
		if h.miner != nil && !h.miner.gone && h.miner.silent == 0 && !h.exists && h.miner.strategy == Unlists {
			s.missing(g, h)
		}
	}
}

// truly counts the shards that are somewhere, be it at a miner that is silent.
func (g *segment) truly() (n int) {
	for _, h := range g.shards {
		if h.miner != nil && h.exists && !h.miner.gone {
			n++
		}
	}
	return n
}

// renew reads k shards and makes those again that are due. It returns the bytes
// moved.
func (s *sim) renew(n need) (moved uint64, err error) {
	size := s.shardSize(n.codec)
	read := 0
	for i := range n.shards {
		h := &n.shards[i]
		if h.miner == nil || h.miner.gone || h.miner.silent > 0 || read == n.codec.K {
			continue
		}
		if !h.exists { // the read tells
			s.missing(n.segment, h)
			n.conditions[i] = health.Missing
			continue
		}
		read++
	}
	s.report.RepairRead += uint64(read) * size
	if read < n.codec.K {
		return uint64(read) * size, nil // some may come back
	}
	var due []int
	for i, c := range n.conditions {
		if n.state.Renew(c) {
			due = append(due, i)
		}
	}
	taken, err := s.place(n.segment, due)
	if strata.CodeOf(err) == strata.NoSpace {
		err = nil
	}
	s.report.Repairs++
	s.report.RepairWritten += uint64(taken) * size
	return uint64(read+taken) * size, errors.Join(err)
}
