package miner

import (
	"sync"
	"time"

	"strata"
	"strata/allocation"
	"strata/chain"
	"strata/wire"
)

// formerAccess is how long a validator that lost its permit may still read,
// delete, audit and recover its own partition while it has live shards here.
const formerAccess = 30 * 24 * time.Hour

// access knows which validators are permitted. It is safe for concurrent use.
// It is kept in memory: after a restart the time of a former validator begins
// anew, which errs on the side of the data.
type access struct {
	self    strata.Hotkey
	now     func() time.Time
	holders func() map[strata.Hotkey]bool // who has live shards here

	mu        sync.Mutex                  // guards what follows
	permitted map[strata.Hotkey]float64   // to the share of the stake
	former    map[strata.Hotkey]time.Time // not permitted but with live shards, since when
}

func newAccess(self strata.Hotkey, now func() time.Time, holders func() map[strata.Hotkey]bool) *access {
	return &access{self: self, now: now, holders: holders}
}

// update takes over who is permitted now.
func (a *access) update(m *chain.Metagraph) {
	permitted := shares(allocation.Eligible(neurons(m, nil), a.self))
	holders, former := a.holders(), map[strata.Hotkey]time.Time{}
	a.mu.Lock()
	defer a.mu.Unlock()
	for v := range holders {
		if _, is := permitted[v]; is {
			continue
		}
		since, known := a.former[v]
		if !known {
			since = a.now()
		}
		former[v] = since
	}
	a.permitted, a.former = permitted, former
}

// shares returns each validator's share of the stake of all, 0 to 1.
func shares(vs []allocation.Validator) map[strata.Hotkey]float64 {
	var all float64
	for _, v := range vs {
		all += float64(v.Stake)
	}
	out := map[strata.Hotkey]float64{}
	for _, v := range vs {
		out[v.Hotkey] = float64(v.Stake) / max(all, 1)
	}
	return out
}

// share returns a caller's share of the stake of all who are permitted, 0 for
// anyone else.
func (a *access) share(caller strata.Hotkey) float64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.permitted[caller]
}

// authorize decides what a caller may do in a partition. In an audit the zero
// partition is one not known yet: authorize is asked again when it is.
//
//	                          own partition               another's
//	permitted validator       all                         manifest, audit
//	former one, live shards,  all but to store (shards,   nothing
//	at most 30 days           superblocks)
//	anyone else               nothing                     nothing
func (a *access) authorize(caller strata.Hotkey, what wire.Action, partition strata.Hotkey) error {
	own := caller == partition || what == wire.ActionAudit && partition.IsZero()
	read := what == wire.ActionManifest || what == wire.ActionAudit
	store := what == wire.ActionPut || what == wire.ActionPutSuperblock
	permitted, former := a.standing(caller)
	switch {
	case permitted && (own || read), former && own && !store:
		return nil
	case permitted || former && !own:
		return strata.E(strata.Forbidden, "%s may not %s in the partition of %s", caller, what, partition)
	default:
		return strata.E(strata.Forbidden, "%s has no validator permit on this subnet: it may not %s", caller, what)
	}
}

// standing says what a caller is. Only those who had live shards at the last
// update are worth the look whether they still have: a stranger costs nothing.
func (a *access) standing(caller strata.Hotkey) (permitted, former bool) {
	a.mu.Lock()
	_, permitted = a.permitted[caller]
	since, known := a.former[caller]
	a.mu.Unlock()
	return permitted, known && a.now().Sub(since) < formerAccess && a.holders()[caller]
}

// holders returns the validators that have live shards here.
func holders(s Space) map[strata.Hotkey]bool {
	out := map[strata.Hotkey]bool{}
	for _, p := range s.Partitions() {
		for _, h := range p.Holdings {
			if h.Live > 0 {
				out[p.Validator] = true
			}
		}
	}
	return out
}

// neurons turns a metagraph into what the allocation rule reads. before is the
// metagraph a smoothing window ago, nil where the profile smooths nothing.
func neurons(m, before *chain.Metagraph) []allocation.Neuron {
	old := map[strata.Hotkey]strata.Rao{} // not registered then: no stake
	if before != nil {
		for _, n := range before.Neurons {
			old[n.Hotkey] = n.Stake
		}
	}
	out := make([]allocation.Neuron, len(m.Neurons))
	for i, n := range m.Neurons {
		out[i] = allocation.Neuron{Hotkey: n.Hotkey, Permit: n.Permit, Stake: n.Stake, StakeBefore: n.Stake}
		if before != nil {
			out[i].StakeBefore = old[n.Hotkey]
		}
	}
	return out
}
