package validator

import (
	"context"
	"time"

	"strata"
	"strata/health"
	"strata/repair"
	"strata/score"
	"strata/wire"
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
	serving := v.serving()
	now, floor := v.present()
	rules, block := v.clock()
	var out []repair.Miner
	for _, b := range v.all() {
		if serving[b.hotkey] {
			out = append(out, b.standing(rules, block, now, floor))
		}
	}
	return out, nil
}

// mayStore says whether miners take shards from this validator.
func (v *Validator) mayStore() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, e := range v.eligible() {
		if e == v.self {
			return true
		}
	}
	return false
}

// present returns the moment by which silence is judged, and the earliest that
// a miner's silence can have begun: a validator that was down does not take its
// own absence for theirs. One that only looks at another's ledger judges by the
// last answer of any miner in it.
func (v *Validator) present() (now, floor time.Time) {
	v.mu.Lock()
	onlooker := v.onlooker
	v.mu.Unlock()
	if !onlooker {
		return v.Now(), v.born
	}
	for _, b := range v.all() {
		b.mu.Lock()
		if b.rec.LastSeen.After(now) {
			now = b.rec.LastSeen
		}
		b.mu.Unlock()
	}
	return now, time.Time{}
}

func (b *book) standing(rules score.Rules, block uint64, now, floor time.Time) repair.Miner {
	b.mu.Lock()
	defer b.mu.Unlock()
	seen := b.rec.LastSeen
	if seen.Before(floor) {
		seen = floor
	}
	m := repair.Miner{Hotkey: b.hotkey, Condition: b.condition(rules, block, now.Sub(seen))}
	if m.Condition == health.Safe {
		m.Shed = b.shed()
	}
	return m
}

// condition says what the miner's shards are worth after so much silence. The
// caller holds mu.
func (b *book) condition(rules score.Rules, block uint64, silent time.Duration) health.Condition {
	leaves := b.rec.Score.Leaves(rules, block)
	wrong := leaves.Passed+leaves.Failed >= failing && leaves.Failed > leaves.Passed/3
	switch standing := b.rec.Score.Standing; {
	case standing == score.Penalised || standing == score.Probation, silent > b.v.Pace.Gone:
		return health.Missing
	case standing == score.Suspended, wrong, silent > b.v.Pace.Doubt:
		return health.Doubtful
	case b.rec.Score.Leaving:
		return health.Leaving
	}
	return health.Safe
}

// shed returns the bytes of shards that lie in sectors beyond what the miner
// plans for us: it keeps them only because of the shards. The caller holds mu.
func (b *book) shed() strata.ByteSize {
	h := b.holdings[b.v.self]
	if h == nil || b.status.Sealed <= b.status.Target {
		return 0
	}
	over := (b.status.Sealed - b.status.Target) * uint64(b.v.Profile.SectorSize())
	return strata.ByteSize(min(over, h.covered-min(h.covered, h.free)))
}

// noteStatus takes over what a miner says of itself. The caller holds mu.
func (b *book) noteStatus(st wire.Status) {
	b.status = wire.Partition{Validator: b.v.self}
	for _, p := range st.Partitions {
		if p.Validator == b.v.self {
			b.status = p
		}
	}
}
