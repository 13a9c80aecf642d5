package validator

import (
	"context"
	"slices"
	"time"

	"strata"
	"strata/health"
	"strata/repair"
	"strata/score"
	"strata/validator/book"
)

// failing is how many leaves must count before too many wrong ones among them
// make a miner's shards doubtful.
const failing = 2 * score.LeavesPerAudit

// Standings returns what the shards on each miner that serves are worth, for
// the repair of segments. A miner that is not listed is gone: it has left the
// metagraph, or has no axon there. Code Unavailable while this validator may not
// store, as then nothing can be moved anywhere.
func (v *Validator) Standings(context.Context) ([]repair.Miner, error) {
	if !v.mayStore() {
		return nil, strata.E(strata.Unavailable, "this validator has no permit, so miners take no shards from it: it needs more stake, or the next epoch; they keep what they have for 30 days")
	}
	serving := v.attend()
	now, floor := v.present()
	rules, block := v.subnet.Clock()
	var out []repair.Miner
	for _, b := range v.books.All() {
		if serving[b.Hotkey] {
			out = append(out, v.standing(b.View(), rules, block, now, floor))
		}
	}
	return out, nil
}

// mayStore says whether miners take shards from this validator.
func (v *Validator) mayStore() bool { return slices.Contains(v.subnet.Eligible(), v.self) }

// present returns the moment by which silence is judged, and the earliest that
// a miner's silence can have begun: a validator that was down does not take its
// own absence for theirs. One that only looks at another's ledger judges by the
// last answer of any miner in it.
func (v *Validator) present() (now, floor time.Time) {
	if !v.onlooker.Load() {
		return v.Now(), v.born
	}
	for _, b := range v.books.All() {
		if seen := b.View().Record.LastSeen; seen.After(now) {
			now = seen
		}
	}
	return now, time.Time{}
}

func (v *Validator) standing(known *book.View, rules score.Rules, block uint64, now, floor time.Time) repair.Miner {
	seen := known.Record.LastSeen
	if seen.Before(floor) {
		seen = floor
	}
	m := repair.Miner{Hotkey: known.Record.Hotkey, Condition: v.condition(known.Record.Score, rules, block, now.Sub(seen))}
	if m.Condition == health.Safe {
		m.Shed = v.shed(known)
	}
	return m
}

// condition says what the miner's shards are worth after so much silence.
func (v *Validator) condition(s score.Miner, rules score.Rules, block uint64, silent time.Duration) health.Condition {
	leaves := s.Leaves(rules, block)
	wrong := leaves.Passed+leaves.Failed >= failing && leaves.Failed > leaves.Passed/3
	switch {
	case s.Standing == score.Penalised || s.Standing == score.Probation, silent > v.Pace.Gone:
		return health.Missing
	case s.Standing == score.Suspended, wrong, silent > v.Pace.Doubt:
		return health.Doubtful
	case s.Leaving:
		return health.Leaving
	}
	return health.Safe
}

// shed returns the bytes of shards that lie in sectors beyond what the miner
// plans for us: it keeps them only because of the shards.
func (v *Validator) shed(known *book.View) strata.ByteSize {
	h, plan := known.Holding(v.self), known.Plan
	if plan.Sealed <= plan.Target {
		return 0
	}
	over := (plan.Sealed - plan.Target) * uint64(v.Profile.SectorSize())
	return strata.ByteSize(min(over, h.Covered-min(h.Covered, h.Free)))
}
