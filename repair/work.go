package repair

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"strata"
	"strata/catalog"
	"strata/health"
	"strata/internal/lifecycle"
	"strata/object/renew"
)

// maxRest is the longest that a segment rests between two tries.
const maxRest = time.Hour

// work does what one segment needs as it stands now, and then waits as the
// budget says.
func (r *Repairer) work(ctx context.Context, j job) {
	seg, err := r.Catalog.Segment(ctx, j.ref)
	if strata.CodeOf(err) == strata.NotFound {
		return // deleted meanwhile
	}
	if err != nil {
		r.Log.Warn("a segment was not read for repair", "object", j.ref.Origin, "segment", j.ref.Number, "err", err)
		return
	}
	conditions := r.miners.conditions(seg, r.miners.shedding())
	j = judge(seg, conditions)
	need := j.health.Need()
	if need == health.Nothing {
		return
	}
	began := r.Pace.Now()
	done, err := r.renew(ctx, seg, j, conditions)
	if ctx.Err() != nil {
		return
	}
	r.note(j, done, err)
	rate := r.purse.rate
	switch {
	case need >= health.Urgent:
		rate *= urgentRate
	case r.Store.Busy():
		rate /= busyShare
	}
	_ = lifecycle.Sleep(ctx, r.purse.pay(began, done.Read+done.Written, rate)) // Run looks at ctx
}

// renew repairs a segment, or moves its shards from miners that are leaving.
func (r *Repairer) renew(ctx context.Context, seg catalog.Segment, j job, conditions []health.Condition) (renew.Result, error) {
	if j.health.Need() == health.Moving {
		return r.move(ctx, seg, j.health, conditions)
	}
	list := renewals(j.health, conditions)
	return r.Store.Rebuild(ctx, renew.Request{Segment: seg, Renew: list, Kept: kept(seg, conditions, list)})
}

// move copies the shards of leaving miners, each from its own, and lets those go
// that nobody can take, where the segment does without.
func (r *Repairer) move(ctx context.Context, seg catalog.Segment, s health.Segment, conditions []health.Condition) (renew.Result, error) {
	var leaving []int
	for i, c := range conditions {
		if c == health.Leaving {
			leaving = append(leaving, i)
		}
	}
	done, err := r.Store.Copy(ctx, renew.Request{Segment: seg, Renew: leaving, Kept: kept(seg, conditions, leaving)})
	going := r.going(seg, leaving)
	if strata.CodeOf(err) != strata.NoSpace || len(done.Placed) > 0 || len(going) == 0 || !s.MayLetGo() {
		return done, err
	}
	for _, i := range going {
		if err := r.Catalog.LetGo(ctx, seg.Ref(), i); err != nil {
			return done, err
		}
	}
	r.Log.Info("shards of a leaving miner were let go: no other miner can take them, and enough are safe",
		"object", seg.Origin, "segment", seg.Number, "shards", len(going), "safe", s.Safe, "needed", s.K)
	return done, nil
}

// going returns which of the shards are at miners that go: one that only has too
// many keeps what nobody else takes.
func (r *Repairer) going(seg catalog.Segment, indices []int) (out []int) {
	for _, h := range seg.Shards {
		if slices.Contains(indices, h.Index) && r.miners[h.Miner].Condition == health.Leaving {
			out = append(out, h.Index)
		}
	}
	return out
}

// kept returns the miners of the shards that stay, beside which the new ones are
// to be spread.
func kept(seg catalog.Segment, conditions []health.Condition, renewed []int) (out []strata.Hotkey) {
	again := map[int]bool{}
	for _, i := range renewed {
		again[i] = true
	}
	for _, h := range seg.Shards {
		if h.Index >= 0 && h.Index < len(conditions) && conditions[h.Index] != health.Missing && !again[h.Index] {
			out = append(out, h.Miner)
		}
	}
	return out
}

// note records what became of a segment.
func (r *Repairer) note(j job, done renew.Result, err error) {
	r.mu.Lock()
	moved := uint64(done.Read + done.Written)
	r.status.Bytes += moved
	r.status.BytesToGo -= min(r.status.BytesToGo, moved)
	if err == nil {
		r.status.Repaired++
	}
	r.mu.Unlock()
	log := r.Log.With("object", j.ref.Origin, "segment", j.ref.Number, "need", j.health.Need().String(), "spare", j.health.Spare())
	if err == nil {
		delete(r.resting, j.ref)
		log.Info("segment repaired", "placed", len(done.Placed), "read", strata.ByteSize(done.Read).String(), "written", strata.ByteSize(done.Written).String())
		return
	}
	w := r.resting[j.ref]
	w.waits = min(max(r.Pace.Retry, 2*w.waits), maxRest)
	w.until = r.Pace.Now().Add(w.waits)
	if len(r.resting) < maxQueue {
		r.resting[j.ref] = w
	}
	level := slog.LevelWarn
	if c := strata.CodeOf(err); c == strata.NoSpace || c == strata.Unavailable {
		level = slog.LevelDebug // the survey counts them; there may be thousands
	}
	log.Log(context.Background(), level, "segment not repaired; trying again", "in", w.waits.String(), "err", err)
}

// purse spreads bytes over time.
type purse struct {
	rate float64 // bytes a second
	now  func() time.Time
	free time.Time // until when everything is spent
}

const (
	urgentRate = 4 // how much faster urgent segments may go
	busyShare  = 4 // how much slower others go while users' files move
)

// pay is for bytes that were spent since a moment, and returns how long to wait
// before more are, at a rate.
func (p *purse) pay(since time.Time, bytes int64, rate float64) time.Duration {
	if p.free.Before(since) {
		p.free = since
	}
	p.free = p.free.Add(time.Duration(float64(bytes) / rate * float64(time.Second)))
	return p.free.Sub(p.now())
}
