package miner

import (
	"context"
	"sync"
	"time"

	"strata"
	"strata/allocation"
	"strata/chain"
	"strata/wire"
)

// formerAccess is how long a validator that lost its permit may still read,
// delete, audit and recover while it has live shards here.
const formerAccess = 30 * 24 * time.Hour

// access knows which validators are permitted. It is safe for concurrent use.
// It is kept in memory: after a restart the time of a former validator begins
// anew, which errs on the side of the data.
type access struct {
	self strata.Hotkey
	now  func() time.Time
	live func(v strata.Hotkey) bool // has live shards here

	mu        sync.Mutex // guards what follows
	permitted map[strata.Hotkey]bool
	lost      map[strata.Hotkey]time.Time // when a permit was first seen gone
}

func newAccess(self strata.Hotkey, now func() time.Time, live func(strata.Hotkey) bool) *access {
	return &access{self: self, now: now, live: live, lost: map[strata.Hotkey]time.Time{}}
}

// update takes over who is permitted now.
func (a *access) update(m *chain.Metagraph) {
	permitted := map[strata.Hotkey]bool{}
	for _, v := range allocation.Eligible(neurons(m, nil), a.self) {
		permitted[v.Hotkey] = true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for v := range a.permitted {
		if !permitted[v] {
			a.lost[v] = a.now()
		}
	}
	for v := range permitted {
		delete(a.lost, v)
	}
	a.permitted = permitted
}

// authorize answers peer.Miner's Authorize.
func (a *access) authorize(_ context.Context, caller strata.Hotkey, what wire.Action, partition strata.Hotkey) error {
	open := what == wire.ActionManifest || what == wire.ActionAudit
	if !open && caller != partition {
		return strata.E(strata.Forbidden, "%s may not %s in the partition of %s", caller, what, partition)
	}
	a.mu.Lock()
	permitted := a.permitted[caller]
	since, former := a.lost[caller]
	a.mu.Unlock()
	switch {
	case permitted:
		return nil
	case what == wire.ActionPut || what == wire.ActionPutSuperblock:
		return strata.E(strata.Forbidden, "%s has no validator permit on this subnet: it may not %s", caller, what)
	case a.live(caller) && (!former || a.now().Sub(since) < formerAccess):
		return nil
	default:
		return strata.E(strata.Forbidden, "%s has no validator permit on this subnet: it may not %s", caller, what)
	}
}

// neurons turns a metagraph into what the allocation rule reads. before is the
// metagraph a smoothing window ago, nil where the profile smooths nothing.
func neurons(m, before *chain.Metagraph) []allocation.Neuron {
	out := make([]allocation.Neuron, len(m.Neurons))
	for i, n := range m.Neurons {
		out[i] = allocation.Neuron{Hotkey: n.Hotkey, Permit: n.Permit, Stake: n.Stake, StakeBefore: n.Stake}
		if before != nil {
			old, _ := before.Neuron(n.Hotkey) // not registered then: no stake
			out[i].StakeBefore = old.Stake
		}
	}
	return out
}
